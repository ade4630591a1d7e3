"""Orders' pure rules: what any sequence of facts may never lead to, what a cut is worth, and who is recognised."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.common import Money
from libs.contracts.inventory import ReservationState
from libs.contracts.orders import Lifecycle, OrderConfirmed, OrderReserved, OrderShipped
from libs.contracts.shipping import ShipmentState
from services.orders.customers.domain import Candidate, Identity, chosen, email_key, phone_key
from services.orders.lifecycle.domain import GOODS_ARE_SAFE, MONEY_IS_SAFE
from services.orders.lifecycle.lines import Line
from services.orders.lifecycle.steps import Step, next_step
from services.orders.placing.body import PlaceOrder
from services.orders.placing.domain import amount_of, delivery_price, line_total
from services.orders.placing.fiscal import vat_well_formed, well_formed
from tests.unit.orders.given import Fact, hear, opened, said
from tests.unit.orders.said import delivery_method, lei, submitted

STOCK = st.sampled_from([s.value for s in ReservationState])
MONEY = st.sampled_from(["awaiting", "authorized", "received", "failed", "expired", "refunded"])
PARCEL = st.sampled_from([s.value for s in ShipmentState])
SAYINGS = st.lists(
    st.one_of(
        st.tuples(st.just("stock"), STOCK), st.tuples(st.just("money"), MONEY), st.tuples(st.just("parcels"), PARCEL)
    ),
    max_size=12,
)
NOBODY = UUID(int=0)


@settings(max_examples=100, deadline=None)
@given(SAYINGS)
def test_whatever_is_said_nothing_goes_on_without_goods_and_money(sayings: list[tuple[str, str]]) -> None:
    order = opened()
    s = said(order)
    for axis, state in sayings:
        fact: Fact = getattr(s, axis)(state)
        hear(order, fact)
        assert next_step(order) is Step.NONE
    for told in order.said:
        if isinstance(told, OrderReserved | OrderConfirmed):
            assert told.order.stock in GOODS_ARE_SAFE
            assert not told.order.holds
        if isinstance(told, OrderConfirmed):
            assert told.order.payment in MONEY_IS_SAFE
            assert told.order.reserved_once
    kinds = [told.topic for told in order.said]
    assert kinds.count("order.confirmed") <= 1
    assert sum(isinstance(told, OrderShipped) for told in order.said) <= 1
    if order.lifecycle is Lifecycle.COMPLETED:
        assert {"order.paid", "order.delivered", "order.completed"} <= set(kinds)


@given(st.integers(0, 10**9), st.integers(1, 10**6), st.data())
def test_what_was_cut_is_worth_its_share_to_the_cent(total: int, quantity: int, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, quantity))
    line = Line(NOBODY, 1, "mug", "Mug", "pcs", 1, total, quantity, cut=cut)
    assert abs(2 * line.cut_value * quantity - 2 * total * cut) <= quantity
    assert line.cut_value == {0: 0, quantity: total}.get(cut, line.cut_value)


@pytest.mark.parametrize(
    ("quantity", "price", "discount", "total"),
    [("3", "0.35", None, 105), ("0.5", "0.01", None, 1), ("0.333", "10.00", None, 333), ("2", "5.00", "12.00", 0)],
)
def test_a_lines_total_is_rounded_half_a_cent_up(quantity: str, price: str, discount: str | None, total: int) -> None:
    line = {"sku": "mug", "name": "Mug", "quantity": quantity, "unit_price": lei(price)}
    given_line = PlaceOrder.model_validate(
        submitted(lines=[line | ({"discount": lei(discount)} if discount else {})])
    ).lines[0]
    assert line_total(given_line) == total
    assert amount_of(given_line) >= total


@pytest.mark.parametrize(
    ("kind", "free_from", "price"),
    [("courier", None, 2000), ("courier", "90.00", 0), ("courier", "90.01", 2000), ("pickup", None, 0)],
)
def test_delivery_is_flat_free_from_a_value_and_nothing_at_the_premises(
    kind: str, free_from: str | None, price: int
) -> None:
    least = Money.parse(free_from, "RON") if free_from else None
    order = PlaceOrder.model_validate(submitted())
    assert delivery_price(order, delivery_method(kind=kind, free_from=least)) == price


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("cui", "RO18547290", "RO18547291"),
        ("codice_fiscale", "RCCMNL83S18D969H", "RCCMNL83S18D969A"),
        ("codice_fiscale", "00743110157", "00743110158"),
        ("sdi_code", "M5UXCR1", "M5-UXCR"),
        ("pec", "a@pec.example.it", "pec"),
        ("siret", "73282932000074", "73282932000075"),
    ],
)
def test_b19_fiscal_ids_are_told_apart_by_their_own_digits(kind: str, right: str, wrong: str) -> None:
    assert (well_formed(kind, right), well_formed(kind, wrong)) == (True, False)


def test_b19_a_vat_id_is_checked_where_its_country_is_known() -> None:
    assert [vat_well_formed(text) for text in ("RO 18547290", "IT00743110157", "RO1", "US-12-3456789")] == [
        *(True, True, False, True)
    ]


def test_f21_f30_whom_an_order_means() -> None:
    one, two, three = (UUID(int=n) for n in (1, 2, 3))
    assert chosen([Candidate(one, "phone"), Candidate(two, "email"), Candidate(three, "channel")]) == three
    assert chosen([Candidate(one, "phone"), Candidate(two, "email")]) == two
    assert chosen([]) is None
    assert Identity("web", email="a@b.ro").keys == []
    assert not Identity("web", name="Ana").known_by


def test_f21_f30_phones_and_emails_are_compared_in_one_form() -> None:
    assert phone_key("0712 345 678", "RO") == phone_key("+40712345678", None) == "+40712345678"
    assert phone_key("call me", "RO") is None
    assert email_key(" Ana@Example.RO ") == "ana@example.ro"
