"""Statuses as data: invented, changed, archived, put in order; the library; what may follow what."""

from typing import Any

from libs.service.testing import ServiceClient
from services.orders.statuses.domain import MEANING
from tests.bench.statements import Statements

STATUS: dict[str, Any] = {
    "mnemonic": "engraving",
    "track": "order",
    "type": "processing",
    "colour": "#FFcc00",
    "indicator": "workshop",
    "actions": {"publish": True, "mail": True, "sms": True, "invoice": True},
    "texts": {
        "ro": {"name": "Gravăm", "message": "Gravăm comanda {order_number}. {comment}", "sms": "{shop}: gravăm."},
        "pt-BR": {"name": "Gravando", "message": "Gravando {order_number}", "sms": "Gravando"},
    },
}


async def made(api: ServiceClient, **changes: Any) -> dict[str, Any]:
    answer = await api.post("/v1/statuses", json=STATUS | changes)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def listed(api: ServiceClient, **filters: Any) -> list[dict[str, Any]]:
    """Every page of the list."""
    rows: list[dict[str, Any]] = []
    after = None
    while True:
        page = (
            await api.get("/v1/statuses", params={**filters, "limit": 50} | ({"after": after} if after else {}))
        ).json()
        rows += page["items"]
        if (after := page["next"]) is None:
            return rows


async def test_f114_f118_f119_f120_f122_a_status_is_read_back_as_it_was_invented(api: ServiceClient) -> None:
    status = await made(api)
    answer = await api.get(f"/v1/statuses/{status['id']}")
    read = answer.json()
    assert {name: read[name] for name in STATUS if name != "texts"} == {
        name: value for name, value in STATUS.items() if name != "texts"
    } | {"colour": "#ffcc00"}
    assert read["texts"] == STATUS["texts"]
    assert (read["text_colour"], read["archived"], answer.headers["etag"]) == ("#000000", False, '"1"')
    assert status["warnings"] == []


async def test_part_f121_a_mail_or_an_sms_without_its_text_is_warned_about(api: ServiceClient) -> None:
    texts = {"ro": {"name": "Gata"}, "en": {"name": "Done", "sms": "Done {order_number}"}}
    told = (await made(api, texts=texts, actions={"publish": False, "mail": True, "sms": True}))["warnings"]
    assert [each["field"] for each in told] == [
        *("texts.ro.message", "texts.en.message", "actions.mail"),
        *("texts.ro.sms", "actions.sms"),
    ]


async def test_f123_a_public_name_used_twice_in_one_language_is_warned_about(api: ServiceClient) -> None:
    await made(api)
    twin = await made(api, mnemonic="twin", texts={"ro": {"name": "GRAVĂM", "message": "a", "sms": "b"}})
    assert [(each["field"], "engraving" in each["detail"]) for each in twin["warnings"]] == [("texts.ro.name", True)]
    texts = {"ro": {"name": "Gravăm", "message": "a", "sms": "b"}}
    assert (await made(api, mnemonic="elsewhere", track="payment", type="paid", texts=texts))["warnings"] == []


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"texts": {"ro": {"name": "x", "message": "{ordernumber}"}}}, "texts.ro.message", "order_number"),
    ({"texts": {"ro": {"name": "x", "sms": "{"}}}, "texts.ro.sms", "written twice"),
    ({"texts": {"ro": {"name": "x" * 81}}}, "texts.ro.name", "80"),
    ({"texts": {"ro": {"name": "x"}, "RO": {"name": "y"}}}, "texts", "twice"),
    ({"texts": {}}, "texts", "1"),
    ({"colour": "red"}, "colour", "pattern"),
    ({"type": "gone"}, "type", "custom"),
    ({"track": "stock"}, "track", "shipping"),
    ({"mnemonic": "Not one"}, "mnemonic", "pattern"),
    ({"actions": {"fax": True}}, "actions.fax", "permitted"),
]


async def test_a_wrong_status_is_refused_by_its_field_and_told_what_would_be_right(api: ServiceClient) -> None:
    for wrong, field, hint in WRONG:
        error = (await api.post("/v1/statuses", json=STATUS | wrong)).json()["errors"][0]
        assert field in error["field"]
        assert hint.lower() in error["detail"].lower(), error


async def test_f74_f110_f111_statuses_are_changed_archived_and_put_in_order(api: ServiceClient) -> None:
    status = await made(api)
    path = f"/v1/statuses/{status['id']}"
    changed = await api.put(path, json=STATUS | {"colour": "#000080"}, headers={"If-Match": '"1"'})
    assert (changed.json()["colour"], changed.json()["text_colour"], changed.json()["version"]) == (
        *("#000080", "#ffffff"),
        2,
    )
    assert (await api.put(path, json=STATUS, headers={"If-Match": '"1"'})).status_code == 412
    assert (await api.put(path, json=STATUS | {"colour": "#000080"})).json()["version"] == 2, "nothing changed"
    assert (await api.put(path, json=STATUS | {"track": "shipping"})).json()["errors"][0]["field"] == "track"
    assert (await api.post("/v1/statuses", json=STATUS)).status_code == 409
    assert (await api.put(path, json=STATUS | {"mnemonic": "new"})).json()["errors"][0]["field"] == "mnemonic"

    before = [row["id"] for row in await listed(api)]
    assert before[-1] == status["id"], "a new one comes last"
    order = await api.put("/v1/statuses/order", json={"ids": [status["id"], before[3]]})
    expected = [status["id"], before[3], *(each for each in before[:-1] if each != before[3])]
    assert [row["id"] for row in order.json()["items"]] == expected == [row["id"] for row in await listed(api)]
    again = await api.put("/v1/statuses/order", json={"ids": expected})
    assert again.json() == order.json(), "what did not move has no new version"
    assert (await api.put("/v1/statuses/order", json={"ids": [status["id"]] * 2})).json()["errors"][0][
        "field"
    ] == "ids[1]"

    assert (await api.post(f"{path}/archive")).json()["archived"] is True
    assert status["id"] not in [row["id"] for row in await listed(api)]
    assert [row["id"] for row in await listed(api, archived="true")] == [status["id"]]
    assert (await api.get(path)).json()["archived"] is True, "it can still be read"
    assert (await api.put(path, json=STATUS)).json()["archived"] is True, "a change takes nothing out of the archive"
    assert (await api.post(f"{path}/unarchive")).json()["archived"] is False
    assert {row["track"] for row in await listed(api, track="payment")} == {"payment"}
    assert [row["mnemonic"] for row in await listed(api, type="paid")] == ["paid"]


async def test_f112_f113_a_shop_begins_with_the_default_and_takes_more_from_the_library(api: ServiceClient) -> None:
    seeded = await listed(api)
    assert {row["track"] for row in seeded} == {"order", "payment", "shipping"}
    assert all(set(row["texts"]) == {"en", "fr", "it", "ro"} for row in seeded)
    library = {each["code"]: each for each in (await api.get("/v1/statuses/library")).json()}
    assert [row["mnemonic"] for row in seeded] == [each["mnemonic"] for each in library["default"]["statuses"]]

    first = (await api.post("/v1/statuses/library/made-to-order/install")).json()
    again = (await api.post("/v1/statuses/library/made-to-order/install")).json()
    assert first["statuses"] == [each["mnemonic"] for each in library["made-to-order"]["statuses"]]
    assert again == {"statuses": [], "rules": []}
    moves = (await api.get("/v1/statuses/transitions/order")).json()["moves"]
    assert {"from": None, "to": "mto-received"} in moves
    assert (await api.get("/v1/statuses/library/nothing")).status_code == 404

    blank = (await api.get("/v1/statuses/library/blank")).json()
    blank |= {"mnemonic": "own", "texts": {"en": {"name": "Own"}}}
    assert (await api.post("/v1/statuses", json=blank)).status_code == 201


async def test_transitions_are_data_and_name_only_statuses_of_their_track(api: ServiceClient) -> None:
    moves = [{"from": None, "to": "new"}, {"from": "new", "to": "processing"}]
    assert (await api.get("/v1/statuses/transitions/order")).json()["moves"] == []
    answer = await api.put("/v1/statuses/transitions/order", json={"moves": moves})
    assert answer.json() == {"track": "order", "moves": moves}
    assert (await api.get("/v1/statuses/transitions/order")).json()["moves"] == moves
    for wrong, field in (
        ({"from": "new", "to": "paid"}, "moves[0].to"),
        ({"from": "nothing", "to": "new"}, "moves[0].from"),
        ({"from": "new", "to": "new"}, "moves[0]"),
    ):
        refused = await api.put("/v1/statuses/transitions/order", json={"moves": [wrong]})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert (await api.put("/v1/statuses/transitions/order", json={"moves": []})).json()["moves"] == []


async def test_part_f102_f104_f108_statuses_are_switched_off_or_for_one_side_only(api: ServiceClient) -> None:
    answer = await api.get("/v1/statuses/settings")
    assert answer.json()["mode"] == "both"
    assert set(answer.json()["modes"]) == {"off", "internal", "customer", "both"}
    changed = await api.put("/v1/statuses/settings", json={"mode": "internal"}, headers={"If-Match": '"1"'})
    assert (changed.json()["mode"], changed.headers["etag"]) == ("internal", '"2"')
    assert (
        await api.put("/v1/statuses/settings", json={"mode": "off"}, headers={"If-Match": '"1"'})
    ).status_code == 412
    assert (await api.get("/v1/statuses/settings")).json()["mode"] == "internal"


async def test_every_type_is_explained(api: ServiceClient) -> None:
    told = (await api.get("/v1/statuses/types")).json()
    assert {each["type"] for each in told} == {str(kind) for kind in MEANING}
    assert all(each["meaning"] and each["effect"] for each in told)


async def test_part_f74_two_hundred_statuses_take_as_many_statements_as_twelve(
    statements: Statements, api: ServiceClient, orders_url: str
) -> None:
    """The list and its order are the only calls whose work could grow with how many there are."""

    async def counted() -> tuple[int, int]:
        await statements.of(orders_url)
        assert (await api.get("/v1/statuses", params={"limit": 200})).status_code == 200
        read = len(await statements.of(orders_url))
        assert (await api.put("/v1/statuses/order", json={"ids": ids[::-1]})).status_code == 200
        return read, len(await statements.of(orders_url))

    ids = [row["id"] for row in await listed(api)]
    few = await counted()
    assert all(few)
    more = range(200 - len(ids))
    ids += [(await made(api, mnemonic=f"s{n}", texts={"ro": {"name": f"s{n}"}}))["id"] for n in more]
    assert await counted() == few
    assert len(await listed(api)) == 200
