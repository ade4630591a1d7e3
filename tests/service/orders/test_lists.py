"""Finding orders: what narrows, sorts and pages a list, and the search."""

from typing import Any

from libs.events.transaction import Cause
from libs.service.testing import ServiceClient
from services.orders.desk.read_table import BUCKETS
from tests.service.orders.stage import hear, placed
from tests.unit.orders.said import ANA, Said, lei


async def listed(api: ServiceClient, **asked: Any) -> list[dict[str, Any]]:
    answer = await api.get("/v1/orders", params=asked)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["items"]
    return rows


async def found(api: ServiceClient, **asked: Any) -> list[str]:
    """The external ids that a list shows."""
    return [row["external_id"] for row in await listed(api, **asked)]


async def refused(api: ServiceClient, **asked: Any) -> list[str]:
    """The fields that a list is refused for."""
    answer = await api.get("/v1/orders", params=asked)
    assert answer.status_code == 422, answer.text
    return [error["field"] for error in answer.json()["errors"]]


async def give(api: ServiceClient, order: dict[str, Any], status: str) -> None:
    answer = await api.post(f"/v1/orders/{order['id']}/status", json={"status": status})
    assert answer.status_code == 200, answer.text


async def invented(api: ServiceClient, mnemonic: str, **changes: Any) -> str:
    status = {
        "mnemonic": mnemonic,
        "track": "order",
        "type": "custom",
        "colour": "#ffcc00",
        "indicator": None,
        "actions": {"publish": False, "mail": False, "sms": False, "invoice": False},
        "texts": {"ro": {"name": f"{mnemonic} ro"}, "en": {"name": f"{mnemonic} en"}},
    }
    answer = await api.post("/v1/statuses", json=status | changes)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def held(api: ServiceClient, order: dict[str, Any]) -> None:
    answer = await api.post(f"/v1/orders/{order['id']}/hold", json={"kind": "manual", "reason": "ask first"})
    assert answer.status_code == 200, answer.text


async def counted(api: ServiceClient) -> dict[str, int]:
    """Every counter that is not nought, by its name in one word."""
    answer = (await api.get("/v1/orders/counters")).json()
    assert [bucket["bucket"] for bucket in answer["buckets"]] == list(BUCKETS)
    found = {f"bucket:{each['bucket']}": each["orders"] for each in answer["buckets"]}
    found |= {f"status:{each['mnemonic']}": each["orders"] for each in answer["statuses"]}
    found |= {f"lifecycle:{name}": orders for name, orders in answer["lifecycle"].items()}
    return {name: orders for name, orders in found.items() if orders}


async def test_f76_f107_lists_narrow_by_one_or_many_statuses_and_by_one_click(api: ServiceClient) -> None:
    kiln = await invented(api, "kiln", indicator="workshop")
    await invented(api, "asked-courier", track="shipping")
    orders = {name: await placed(api, external_id=name) for name in ("a", "b", "c", "d", "e")}
    await give(api, orders["a"], "kiln")
    await give(api, orders["b"], "asked-courier")
    await give(api, orders["c"], "kiln")
    await give(api, orders["c"], "asked-courier")
    assert await found(api, status="kiln") == ["c", "a"]
    assert await found(api, status=kiln) == ["c", "a"]
    assert await found(api, status=["kiln", "asked-courier"]) == ["c", "b", "a"]
    assert await found(api, indicator="workshop") == ["c", "a"]
    assert await refused(api, status=["kiln", "oven"]) == ["status[1]"]
    [shown] = await listed(api, external_id="c", language="ro")
    assert [(each["mnemonic"], each["name"]) for each in shown["statuses"]] == [
        ("kiln", "kiln ro"),
        ("asked-courier", "asked-courier ro"),
    ]
    assert (shown["statuses"][0]["colour"], shown["statuses"][0]["text_colour"]) == ("#ffcc00", "#000000")
    for name in ("b", "c", "d"):
        said = Said(orders[name])
        await hear(api, said.stock("reserved"), said.money("received"))
        if name != "b":
            await hear(api, said.parcels("booked"))
        if name == "d":
            await hear(api, said.parcels("returned"))
    await held(api, orders["a"])
    in_buckets = {bucket: await found(api, bucket=bucket) for bucket in BUCKETS}
    # What came back holds its order, too.
    assert in_buckets == {
        "in_preparation": ["b"],
        "to_ship": ["c"],
        "returns": ["d"],
        "overdue": [],
        "on_hold": ["d", "a"],
    }
    await held(api, orders["b"])
    assert await found(api, bucket="in_preparation") == []
    release = await api.post(f"/v1/orders/{orders['b']['id']}/release-hold", json={"kind": "manual"})
    assert release.status_code == 200, release.text
    assert (await api.post(f"/v1/orders/{orders['b']['id']}/ready", json={})).status_code == 200
    assert await found(api, bucket="to_ship") == ["c", "b"]
    assert await found(api, bucket="to_ship", status="kiln") == ["c"]
    assert await found(api, has_awb=True, status="asked-courier") == ["c"]
    assert await found(api, hold="manual") == ["a"]
    expected = {"lifecycle:open": 2, "lifecycle:confirmed": 3, "status:kiln": 2, "status:asked-courier": 2}
    expected |= {"bucket:to_ship": 2, "bucket:returns": 1, "bucket:on_hold": 2}
    assert await counted(api) == expected
    async with api.context.uow(Cause("system:test")) as tx:  # an order past a deadline, as its timer writes it
        await tx.sql.execute("UPDATE orders SET overdue = '{payment}' WHERE external_id = 'e'")
    await held(api, orders["e"])
    assert await found(api, bucket="overdue") == await found(api, overdue="payment") == ["e"]
    assert (await api.as_role("").get("/v1/orders/counters")).status_code == 401


async def test_f68_f69_b7_lists_narrow_by_referer_any_or_only_within_a_period(api: ServiceClient) -> None:
    ten = [f"site-{n}" for n in range(10)]
    await placed(api, external_id="ten", referers=ten, placed_at="2026-03-01T00:00:00Z")
    await placed(api, external_id="two", referers=["site-3", "blog"], placed_at="2026-03-02T00:00:00Z")
    await placed(api, external_id="one", referers=["blog"], placed_at="2026-03-03T00:00:00Z")
    await placed(api, external_id="none", placed_at="2026-03-04T00:00:00Z")
    assert await found(api, referer="site-3") == ["two", "ten"]
    assert await found(api, referer="blog", referer_match="only") == ["one"]
    assert await found(api, referer=["blog", "site-3"], referer_match="only") == ["one", "two"]
    assert await found(api, referer=["blog", "site-9"], referer_match="any") == ["one", "two", "ten"]
    assert await found(api, referer=ten, referer_match="only") == ["ten"]
    period = {"placed_from": "2026-03-02T00:00:00Z", "placed_until": "2026-03-03T00:00:00Z"}
    assert await found(api, referer="blog", **period) == ["two"]
    assert await found(api, referer=[*ten, "blog"][:10], **period) == ["two"]
    assert (await api.get("/v1/orders", params={"referer": [*ten, "blog"]})).status_code == 422


async def test_b12_lists_narrow_by_amount_method_customer_sku_and_channel(api: ServiceClient) -> None:
    small = {"goods": lei("90.00"), "delivery": lei("20.00"), "charges": lei("5.00"), "discounts": lei("0.00")}
    fee = [{"kind": "payment_fee", "amount": lei("5.00")}]
    cod = {"payment_method": "cod", "charges": fee, "totals": small | {"total": lei("115.00")}}
    await placed(api, external_id="a")
    await placed(api, external_id="b", **cod)
    bob = {"id": "c-8", "name": "Bob", "email": "bob@example.ro", "email_verified": True}
    other = await placed(api, external_id="c", channel="emag", customer=bob, payment_method=None)
    assert await found(api, payment_method="cod") == ["b"]
    assert await found(api, delivery_method="courier", channel="web") == ["b", "a"]
    assert await found(api, channel="emag") == ["c"]
    assert await found(api, amount_from="110.01", currency="RON") == ["b"]
    assert await found(api, amount_from="110", amount_until="115.00", currency="RON") == ["c", "a"]
    assert await found(api, customer_id=other["customer_id"]) == ["c"]
    assert await found(api, sku="plate") == ["c", "b", "a"]
    assert await found(api, sku="plat") == []
    assert await found(api, currency="EUR") == []
    assert await refused(api, amount_from="1") == ["currency"]
    assert await refused(api, amount_from="1.001", currency="RON") == ["amount_from"]
    assert await found(api, has_awb=False, payment="due_on_delivery") == ["b"]


async def test_b12_words_find_orders_by_number_name_email_phone_sku_and_awb(api: ServiceClient) -> None:
    ion = {"name": "Ștefănescu Ion-Țuțu", "email": "I.Stefan@Atelier.example", "phone": "+40 712 999 111"}
    one = await placed(api, external_id="one", customer=ion)
    await placed(api, external_id="two", customer=ANA)
    await hear(api, Said(one).parcels("booked"))
    asked = ("stefanescu", "ŞTEFĂNESCU", "ștef", "tutu ion", "i.stefan@atelier.example", "atelier", "0712999111")
    number = one["number"].lower()
    numbers = ("+40712999111", "712 999 111", one["number"], number, "000001", "ownmain", "stefan@atelier")
    for words in (*asked, *numbers):
        assert await found(api, q=words) == ["one"], words
    for words in ("mug", "MU", "plate", number.removesuffix("-000001")):
        assert await found(api, q=words) == ["two", "one"], words
    for words in (
        "stefanescu ana",
        "tefanescu",
        "0712999112",
        "'",
        "\\",
        "a' | 'b",
        ":*",
        "!",
        "&",
        "\u0301",
        "(((",
        "<->",
    ):
        assert await found(api, q=words) == [], words
    assert await found(api, q="  ") == ["two", "one"]
    assert await found(api, q="ana", lifecycle="open") == ["two"]


async def test_b12_every_sort_gives_every_order_once_page_by_page_both_ways(api: ServiceClient) -> None:
    orders = [await placed(api, external_id=str(n)) for n in range(7)]
    await held(api, orders[2])
    await hear(api, Said(orders[4]).stock("reserved"))  # it is reserved until a deadline
    for sort in ("placed", "updated", "total", "due"):
        for direction in ("desc", "asc"):
            way: dict[str, Any] = {"sort": sort, "direction": direction}
            everything = await found(api, **way)
            assert sorted(everything) == [str(n) for n in range(7)]
            pages: list[dict[str, Any]] = []
            cursor: dict[str, str] = {}
            while True:
                page = (await api.get("/v1/orders", params={**way, "limit": 2, **cursor})).json()
                pages.append(page)
                if page["next"] is None:
                    break
                cursor = {"after": page["next"]}
            assert [row["external_id"] for page in pages for row in page["items"]] == everything
            assert pages[0]["previous"] is None
            for before, page in zip(reversed(pages[:-1]), reversed(pages), strict=False):
                back = await api.get("/v1/orders", params={**way, "limit": 2, "before": page["previous"]})
                assert back.json()["items"] == before["items"]
                assert back.json()["next"] == before["next"]
    assert (await found(api, sort="due", direction="asc"))[0] == "4"
    assert set((await found(api, sort="updated"))[:2]) == {"4", "2"}
    assert (await found(api))[:2] == ["6", "5"]
    first = (await api.get("/v1/orders", params={"limit": 2})).json()
    assert await refused(api, after=first["next"], sort="total") == ["after"]
    assert await refused(api, after=first["next"], before=first["next"]) == ["before"]
