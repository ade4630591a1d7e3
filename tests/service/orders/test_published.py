"""The history that a customer reads: what was published, in their language, in colours, and nothing beside it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from libs.service.testing import ServiceClient
from tests.service.orders.followers import apply, customer_of, followed_shop, path_of
from tests.service.orders.stage import hear, placed
from tests.unit.orders.said import Said


@pytest.fixture
async def api(orders_url: str, bus_url: str, tmp_path: Path) -> AsyncIterator[ServiceClient]:
    """The API with a shop that is open, and an issuer whose tokens customers bring."""
    async with followed_shop(orders_url, bus_url, tmp_path) as client:
        yield client


async def invented(api: ServiceClient, mnemonic: str, texts: dict[str, Any], **changes: Any) -> None:
    """A status that is published, unless said otherwise."""
    given = {"mnemonic": mnemonic, "texts": texts, "actions": {"publish": True}, "colour": "#0e7490"}
    answer = await api.post("/v1/statuses", json=given | changes)
    assert answer.status_code == 201, answer.text


async def history(api: ServiceClient, order: dict[str, Any], **asked: Any) -> list[dict[str, Any]]:
    """What the order's customer reads, the newest first."""
    answer = await customer_of(api, order).get(f"/v1/orders/{order['id']}/history", **asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_f118_the_customer_reads_each_published_step_in_their_own_language(api: ServiceClient) -> None:
    await invented(
        api,
        "kiln",
        {
            "ro": {"name": "În cuptor", "message": "{customer_name}, comanda {order_number} de {total} e în cuptor."},
            "it": {"name": "Nel forno", "message": "{comment}"},
            "en": {"name": "In the kiln"},
        },
    )
    order = await placed(api)
    await apply(api, order, "kiln", comment="Smalțul e albastru.")
    (ro,) = await history(api, order)
    assert (ro["name"], ro["message"]) == ("În cuptor", f"Ana, comanda {order['number']} de 110,00\xa0RON e în cuptor.")
    assert (ro["comment"], ro["colour"], ro["text_colour"]) == ("Smalțul e albastru.", "#0e7490", "#ffffff")
    (it,) = await history(api, order, headers={"Accept-Language": "it-CH, ro;q=0.5"})
    assert (it["name"], it["message"], it["comment"]) == ("Nel forno", "Smalțul e albastru.", None), "said once"
    (de,) = await history(api, order, params={"language": "de"}, headers={"Accept-Language": "it"})
    assert (de["name"], de["language"], de["message"]) == ("In the kiln", "en", None)
    customer = customer_of(api, order)
    (listed,) = (await customer.get("/v1/orders", params={"language": "it"})).json()["items"]
    whole = (await customer.get(f"/v1/orders/{order['id']}", params={"language": "it"})).json()
    assert [status["name"] for status in listed["statuses"]] == ["Nel forno"]
    assert [status["name"] for status in whole["statuses"]] == ["Nel forno"]


async def test_f7_f73_what_is_not_published_is_not_there_and_the_step_before_still_stands(api: ServiceClient) -> None:
    for mnemonic, name in (("open", "Primită"), ("secret", "Verificare la bancă"), ("packed", "Împachetată")):
        await invented(api, mnemonic, {"ro": {"name": name}}, actions={"publish": mnemonic != "secret"})
    await invented(api, "paid-up", {"ro": {"name": "Plătită"}}, track="payment")
    order = await placed(api)
    await apply(api, order, "open")
    await apply(api, order, "paid-up")
    hidden = await apply(api, order, "secret", comment="sună banca")
    assert [entry["name"] for entry in await history(api, order)] == ["Plătită", "Primită"]
    customer = customer_of(api, order)
    whole = (await customer.get(f"/v1/orders/{order['id']}")).json()
    assert [status["name"] for status in whole["statuses"]] == ["Primită", "Plătită"], "F75: one a track"
    page = (await api.as_role("").get(await path_of(api, order))).text
    assert "bancă" not in page
    assert "sună" not in page
    await apply(api, order, "packed", actions={"publish": False})
    assert [entry["name"] for entry in await history(api, order)] == ["Plătită", "Primită"], "F124: for one use"
    switch = f"/v1/orders/{order['id']}/status-entries/{hidden['entry']['id']}/publication"
    for published in (True, False):
        assert (await api.post(switch, json={"published": published})).status_code == 200
        names = [entry["name"] for entry in await history(api, order)]
        assert ("Verificare la bancă" in names) is published, "F106: switched later"


async def test_part_f104_f108_with_statuses_off_or_internal_there_is_no_history(api: ServiceClient) -> None:
    await invented(api, "open", {"ro": {"name": "Primită de noi"}})
    order = await placed(api)
    await apply(api, order, "open")
    for mode, seen in (("internal", 0), ("customer", 1), ("off", 0), ("both", 1)):
        answer = await api.put("/v1/statuses/settings", json={"mode": mode})
        assert answer.status_code == 200, answer.text
        assert len(await history(api, order)) == seen
        customer = customer_of(api, order)
        (listed,) = (await customer.get("/v1/orders")).json()["items"]
        whole = (await customer.get(f"/v1/orders/{order['id']}")).json()
        assert (len(listed["statuses"]), len(whole["statuses"])) == (seen, seen)
        page = await api.as_role("").get(await path_of(api, order))
        assert (page.status_code, "Primită de noi" in page.text) == (200, bool(seen))


async def test_f122_f129_the_page_shows_the_history_in_colours_with_names_of_nobody(api: ServiceClient) -> None:
    await invented(
        api, "kiln", {"ro": {"name": "În cuptor", "message": "{customer_name}: {awb} {courier_link} {tracking_link}"}}
    )
    await invented(api, "gone", {"ro": {"name": "<b>Plecată</b>"}}, colour="#fde047", track="shipping")
    order = await placed(api)
    said = Said(order)
    await hear(api, said.stock("reserved"), said.money("received"), said.parcels("dispatched"))
    await apply(api, order, "kiln")
    await apply(api, order, "gone", comment="Mâine <i>la</i> prânz")
    path = await path_of(api, order)
    page = (await api.as_role("").get(path)).text
    assert 'Ana: OWNmain <a href="https://shop.example/track/main"' in page
    assert f'<a href="https://t.example{path}"' in page
    assert "Ana Pop" not in page
    for part in ("background:#fde047;color:#000000", "&lt;b&gt;Plecată", "Mâine &lt;i&gt;la&lt;/i&gt; prânz"):
        assert part in page
    assert page.index("Mâine") < page.index("Ana: OWNmain"), "the newest first"
    assert len(page.encode()) < 30_000


async def test_a_history_is_read_in_pages_that_tell_nothing_of_what_is_between(api: ServiceClient) -> None:
    for n in range(5):
        publish = {"publish": n != 2}
        await invented(api, f"step-{n}", {"ro": {"name": f"Pasul {n}"}}, actions=publish)
    order = await placed(api)
    for n in range(5):
        await apply(api, order, f"step-{n}")
    customer, names, after = customer_of(api, order), [], None
    while True:
        asked = {"limit": 2} | ({"after": after} if after else {})
        answer = (await customer.get(f"/v1/orders/{order['id']}/history", params=asked)).json()
        names.append([entry["name"] for entry in answer["items"]])
        if (after := answer["next"]) is None:
            break
    assert names == [["Pasul 4", "Pasul 3"], ["Pasul 1", "Pasul 0"]]
    assert "number" not in answer["items"][0]
    wrong = await customer.get(f"/v1/orders/{order['id']}/history", params={"after": "x"})
    assert wrong.status_code == 422
    desk = (await api.get(f"/v1/orders/{order['id']}/history")).json()["items"]
    assert [entry["name"] for entry in desk] == names[0] + names[1], "the desk reads what the customer reads"
