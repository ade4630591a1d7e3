"""Taking orders in, through HTTP: what is kept, what is refused, what is held, and whom it belongs to."""

import asyncio
from typing import Any

from sqlalchemy import event

from libs.contracts.common import Money
from libs.service.testing import ServiceClient
from tests.service.orders.stage import hear, number_of, outbox, placed, topics, whole
from tests.unit.orders.said import ANA, HOME, Said, delivery_method, lei, payment_method, submitted

EVERYTHING: dict[str, Any] = submitted(
    external_id="full",
    company={
        "name": "Ceramica SRL",
        "vat_id": "RO18547290",
        "registration": "J12/345/2006",
        "fiscal_ids": {
            "cui": "18547290",
            "sdi_code": "ABC1234",
            "pec": "ceramica@pec.example.it",
            "siret": "73282932000074",
        },
    },
    fiscal_ids={"codice_fiscale": "RCCMNL83S18D969H"},
    shipping={**HOME, "name": "Ion Pop", "phone": "0723456789"},
    billing={**HOME, "name": "Ana Pop", "phone": "+40712345678"},
    delivery_method="locker",
    payment_method="cod",
    pickup_point={"id": "L-17", "courier": "own_fleet", "name": "Locker Mănăștur", "address": "Str. Primăverii 2"},
    delivery_note="Vă rog să sunați înainte",
    gift_note="La mulți ani!",
    attributes={f"key{n}": f"value {n}" for n in range(50)},
    referers=[f"site{n}.example" for n in range(10)],
    lines=[
        {
            "sku": "mug",
            "ean": "5941234567899",
            "name": "Cană de ceramică",
            "options": {"colour": "roșu"},
            "category": "Bucătărie / Căni",
            "image_url": "https://shop.example/mug.png",
            "quantity": "1.5",
            "unit": "kg",
            "unit_price": lei("33.33"),
            "discount": lei("0.99"),
            "promotion": "spring",
            "vat_rate": "21",
            "weight_g": 350,
            "unit_cost": {"amount": "3.2100", "currency": "CLF"},
            "components": [
                {"sku": "cup", "name": "Cup", "quantity": "1"},
                {"sku": "lid", "name": None, "quantity": "0.5"},
            ],
            "attributes": {f"a{n}": "b" for n in range(50)},
        },
        {"sku": "wrap", "name": "Ambalaj", "quantity": "1", "unit_price": lei("5.00"), "ships": False},
    ],
    charges=[
        {"kind": "payment_fee", "code": "cod", "name": "Ramburs", "amount": lei("5.00"), "vat_rate": "21"},
        {"kind": "gift_wrap", "code": None, "name": None, "amount": lei("2.50"), "vat_rate": None},
    ],
    discounts=[{"kind": "voucher", "code": "MARTIE", "name": "Martie", "amount": lei("10.00"), "vat_rate": "21"}],
    totals={
        "goods": lei("54.01"),  # 1.5 x 33.33 = 49.995, to the cent 50.00, less 0.99, and 5.00
        "delivery": lei("20.00"),
        "charges": lei("7.50"),
        "discounts": lei("10.00"),
        "total": lei("71.51"),
    },
)
TOO_MANY = {
    "referers": [f"site{n}.example" for n in range(11)],
    "attributes": {f"key{n}": "x" for n in range(51)},
    "lines": [{"sku": "mug", "name": "Cană", "quantity": "1", "unit_price": lei("1.00")}] * 1001,
}


async def refused(api: ServiceClient, **changes: Any) -> dict[str, str]:
    """What an own channel's order is refused for, by field; nothing of it is kept."""
    answer = await api.post("/v1/orders", json=submitted(**changes))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await api.get("/v1/orders")).json()["items"] == []
    return {error["field"]: error["detail"] for error in answer.json()["errors"]}


async def test_f16_f20_f24_b19_all_that_was_submitted_reads_back(api: ServiceClient) -> None:
    answer = await api.post("/v1/orders", json=EVERYTHING)
    assert answer.status_code == 201, answer.text
    read = await whole(api, answer.json()["id"])
    listed = (await api.get("/v1/orders")).json()["items"]
    assert [(row["id"], row["number"], row["name"]) for row in listed] == [(read["id"], number_of(read, 1), "Ana Pop")]
    lines = [{name: value for name, value in line.items() if name in given} for line, given in _pairs(read)]
    assert lines == EVERYTHING["lines"]
    same = {name: read[name] for name in EVERYTHING if name != "lines"}
    assert same == {name: value for name, value in EVERYTHING.items() if name != "lines"}
    assert read["due_on_delivery"] == lei("71.51")


def _pairs(read: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return list(zip(read["lines"], EVERYTHING["lines"], strict=True))


async def test_f24_later_prices_and_methods_change_no_order_that_was_taken(api: ServiceClient) -> None:
    order = await placed(api)
    dearer = delivery_method(version=2, price=Money.parse("30.00", "RON"), names={"ro": "Altul"}, active=False)
    await hear(api, dearer, payment_method(version=2, fee=Money.parse("9.00", "RON")))
    assert await whole(api, order["id"]) == order
    answer = await api.post("/v1/orders", json=submitted(external_id="later"))
    assert {e["field"] for e in answer.json()["errors"]} == {"delivery_method", "charges"}


async def test_b19_more_than_the_limit_is_refused(api: ServiceClient) -> None:
    for field, too_many in TOO_MANY.items():
        assert any(name.startswith(field) for name in await refused(api, **{field: too_many}))


async def test_b19_fiscal_ids_are_checked_by_their_own_digits(api: ServiceClient) -> None:
    wrong = {"cui": "18547291", "siret": "73282932000075", "sdi_code": "no", "pec": "nobody", "codice_fiscale": "RCC"}
    company = {"name": "Ceramica SRL", "vat_id": "RO18547291", "fiscal_ids": wrong}
    fields = await refused(api, company=company)
    assert set(fields) == {"company.vat_id", *(f"company.fiscal_ids.{name}" for name in wrong)}


async def test_f20_totals_are_verified_to_the_cent(api: ServiceClient) -> None:
    right = submitted()["totals"]
    for name in ("goods", "charges", "discounts", "total"):
        cent_more = {**right, name: lei(f"{float(right[name]['amount']) + 0.01:.2f}")}
        assert await refused(api, totals=cent_more) == {f"totals.{name}": f"expected {right[name]['amount']} RON"}


async def test_part_f23_the_price_of_delivery_and_the_fee_of_payment_are_verified(api: ServiceClient) -> None:
    totals = {**submitted()["totals"], "delivery": lei("19.00"), "total": lei("109.00")}
    assert await refused(api, totals=totals) == {"totals.delivery": "expected 20.00 RON"}
    assert await refused(api, payment_method="cod") == {"charges": "expected a payment_fee of 5.00 RON"}


async def test_part_f23_delivery_is_free_from_a_value_of_goods(api: ServiceClient) -> None:
    lines = [{"sku": "mug", "name": "Cană", "quantity": "20", "unit_price": lei("25.00")}]
    totals = {**submitted()["totals"], "goods": lei("500.00"), "delivery": lei("0.00"), "total": lei("500.00")}
    assert (await placed(api, lines=lines, totals=totals))["due"] == lei("500.00")


NOT_VALID: list[tuple[dict[str, Any], str]] = [
    ({"delivery_method": None}, "delivery_method"),
    ({"delivery_method": "dragon"}, "delivery_method"),
    ({"payment_method": None}, "payment_method"),
    ({"payment_method": "shells"}, "payment_method"),
    ({"payment_method": "transfer"}, "payment_method"),  # for companies only
    ({"delivery_method": "locker"}, "pickup_point"),
    ({"shipping": None}, "shipping"),
    ({"customer": {"name": "Nobody"}}, "customer.email"),
    ({"customer": {"email": "not an address"}}, "customer.email"),
    ({"channel": "nowhere"}, "channel"),
]


async def test_part_f23_what_is_not_valid_for_the_cart_is_refused_and_named(api: ServiceClient) -> None:
    for changes, field in NOT_VALID:
        assert field in await refused(api, **changes)


async def test_part_f92_a_company_with_a_vat_id_may_pay_by_transfer(api: ServiceClient) -> None:
    company = {"name": "Ceramica SRL", "vat_id": "RO18547290"}
    assert (await placed(api, payment_method="transfer", company=company))["payment_kind"] == "transfer"


async def test_unknown_members_and_control_characters_are_refused(api: ServiceClient) -> None:
    assert "colour" in str(await refused(api, colour="red"))
    assert await refused(api, delivery_note="a\u0000b")


async def test_amounts_in_another_currency_are_refused_whoever_sold_it(api: ServiceClient) -> None:
    totals = {**submitted()["totals"], "delivery": {"amount": "20.00", "currency": "EUR"}}
    assert "totals.delivery" in await refused(api, totals=totals)
    assert "totals.delivery" in await refused(api, totals=totals, channel="emag")


async def test_part_f3_f5_an_order_sold_elsewhere_is_always_taken_and_held_for_what_is_wrong(
    api: ServiceClient,
) -> None:
    totals = {**submitted()["totals"], "total": lei("100.00")}
    changes = {"delivery_method": "their own", "payment_method": None, "customer": {"name": "Ion"}, "totals": totals}
    order = await placed(api, channel="emag", **changes)
    held = order["held"][0]
    assert (order["holds"], order["payment"], order["total"]) == (["import"], "received", lei("100.00"))
    assert {field["field"] for field in held["fields"]} == {"delivery_method", "customer.email", "totals.total"}
    assert '"on_shortage":"wait"' in (await outbox(api.context.uow, "order.created"))[0]
    assert await topics(api, order) == ["order.created", "order.held", "order.paid"]


async def test_part_f5_a_person_takes_over_what_was_held_at_import(api: ServiceClient) -> None:
    order = await placed(api, channel="emag", delivery_method="theirs", payment_method="also theirs")
    assert (order["payment_kind"], order["delivery_kind"], order["payment"]) == (None, None, "pending")
    said = Said(order)
    await hear(api, delivery_method("theirs"), said.stock("reserved"))
    assert (await whole(api, order["id"]))["lifecycle"] == "open"
    await api.post(f"/v1/orders/{order['id']}/release-hold", json={"kind": "import"})
    found = await whole(api, order["id"])
    assert (found["payment_kind"], found["delivery_kind"], found["lifecycle"]) == ("external", "courier", "confirmed")


async def test_part_f3_channel_and_external_id_are_unique(api: ServiceClient) -> None:
    first = await api.post("/v1/orders", json=submitted())
    again = await api.post("/v1/orders", json=submitted())
    other = await api.post("/v1/orders", json=submitted(gift_note="another"))
    elsewhere = await api.post("/v1/orders", json=submitted(channel="emag"))
    assert [answer.status_code for answer in (first, again, other, elsewhere)] == [201, 200, 409, 201]
    assert again.json() == first.json()
    assert other.json()["errors"][0]["field"] == "external_id"


async def test_part_f3_the_same_order_submitted_at_once_is_taken_once(api: ServiceClient) -> None:
    answers = await asyncio.gather(*(api.post("/v1/orders", json=submitted()) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await outbox(api.context.uow, "order.created")) == 1


async def test_b9_the_same_key_gets_the_same_answer(api: ServiceClient) -> None:
    body, key = submitted(external_id=None), {"Idempotency-Key": "k-1"}
    first, again = [await api.post("/v1/orders", json=body, headers=key) for _ in range(2)]
    other = await api.post("/v1/orders", json=submitted(external_id=None, gift_note="x"), headers=key)
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len((await api.get("/v1/orders")).json()["items"]) == 1


async def test_b9_two_at_once_with_one_key_place_one_order(api: ServiceClient) -> None:
    body, key = submitted(external_id=None), {"Idempotency-Key": "k-2"}
    answers = await asyncio.gather(*(api.post("/v1/orders", json=body, headers=key) for _ in range(2)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len((await api.get("/v1/orders")).json()["items"]) == 1


async def test_f21_f30_an_order_links_by_channels_id_then_verified_email_then_phone(api: ServiceClient) -> None:
    new = await placed(api, external_id="1")
    by_id = await placed(api, external_id="2", customer={"id": "c-7", "email": "other@example.ro"})
    by_email = await placed(api, external_id="3", customer={"email": "ANA@example.ro", "email_verified": True})
    by_phone = await placed(api, external_id="4", customer={"email": "x@example.ro", "phone": "+40 712 345 678"})
    assert {order["customer_id"] for order in (new, by_id, by_email, by_phone)} == {new["customer_id"]}
    customer = (await api.get(f"/v1/customers/{new['customer_id']}")).json()
    assert (customer["email"], customer["phone"]) == ("ana@example.ro", "+40712345678")
    assert customer["known_as"] == [{"channel": "web", "id": "c-7"}]
    listed = await api.get("/v1/orders", params={"customer_id": new["customer_id"]})
    assert len(listed.json()["items"]) == 4


async def test_f21_f30_an_unverified_email_opens_nobodys_history(api: ServiceClient) -> None:
    known = await placed(api, external_id="1")
    stranger = await placed(api, external_id="2", customer={"email": "ana@example.ro"})
    elsewhere = await placed(api, channel="emag", customer={"id": "c-7", "email": "ana@example.ro"})
    assert len({order["customer_id"] for order in (known, stranger, elsewhere)}) == 3


async def test_f21_f30_a_repeated_import_and_orders_at_once_make_no_duplicate(api: ServiceClient) -> None:
    bodies = [submitted(external_id=str(n)) for n in range(6)]
    for _ in range(2):
        await asyncio.gather(*(api.post("/v1/orders", json=body) for body in bodies))
    found = (await api.get("/v1/customers")).json()["items"]
    assert [customer["name"] for customer in found] == [ANA["name"]]


async def test_b17_a_historic_order_is_kept_without_any_effect(api: ServiceClient) -> None:
    order = await placed(api, historic=True, placed_at="2020-05-01T10:00:00Z", payment_method="long gone")
    assert (order["lifecycle"], order["number"]) == ("completed", "RO-2020-000001")
    assert await topics(api, order) == ["order.created"]
    assert '"historic":true' in (await outbox(api.context.uow, "order.created"))[0]
    shop = api.as_role("storefront")
    assert (await shop.post("/v1/orders", json=submitted(historic=True))).status_code == 403


async def test_part_f25_a_thousand_lines_take_as_many_statements_as_one(api: ServiceClient) -> None:
    line = {"name": "Cană", "quantity": "1", "unit_price": lei("1.00")}
    seen: list[list[str]] = []
    engine = api.context.uow.engine.sync_engine
    listening: set[int] = set()

    def listen(connection: Any, *_: Any) -> None:
        driver = connection.driver_connection
        if id(driver) not in listening:
            listening.add(id(driver))
            driver.add_query_logger(lambda query: seen[-1].append(query.query))

    event.listen(engine, "checkout", listen)
    for many, delivery, total in ((2, "20.00", "22.00"), (1, "20.00", "21.00"), (1000, "0.00", "1000.00")):
        totals = {**submitted()["totals"], "goods": lei(f"{many}.00"), "delivery": lei(delivery), "total": lei(total)}
        lines = [{**line, "sku": f"mug-{n}"} for n in range(many)]
        seen.append([])
        order = await placed(api, external_id=str(many), lines=lines, totals=totals)
        assert len(order["lines"]) == many
    assert len(seen[1]) == len(seen[2]) < 30  # the first warms the connections up
