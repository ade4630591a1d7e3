"""Profit without a database: every cent stands somewhere, and nothing that is not known counts as zero."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.orders.lifecycle.domain import Order
from services.orders.profit.costs import Cost, CostKind, Group, in_force
from services.orders.profit.domain import Estimate, Settings, State, TaxMode, report
from services.orders.profit.sale import Adjustment, sale_of
from services.orders.profit.vat import net_of, rounded, spread
from tests.unit.orders.given import hear, opened, said
from tests.unit.orders.said import lei

RATES = ("5.5", "9", "10", "11", "20", "21", "22")
KINDS = st.sampled_from([*CostKind, "something new"])
COSTS = st.builds(
    Cost,
    kind=KINDS,
    source=st.sampled_from(["a", "b"]),
    amount=st.integers(-(10**6), 10**6),
    currency=st.just("RON"),
    vat=st.just(0),
    actual=st.booleans(),
    by_hand=st.booleans(),
)


def amount(minor: int) -> dict[str, str]:
    return lei(f"{minor // 100}.{minor % 100:02}")


@st.composite
def an_order(draw: st.DrawFn) -> tuple[Order, list[Adjustment]]:
    """Any order that adds up, with charges and discounts of a rate of their own or of none."""
    lines: list[dict[str, Any]] = [
        {
            "sku": f"sku-{n}",
            "name": "x",
            "quantity": str(draw(st.integers(1, 9))),
            "unit_price": amount(draw(st.integers(0, 99999))),
            "vat_rate": draw(st.sampled_from(RATES)),
        }
        for n in range(draw(st.integers(1, 6)))
    ]
    goods = sum(int(line["quantity"]) * round(float(line["unit_price"]["amount"]) * 100) for line in lines)
    rates = st.none() | st.sampled_from(RATES)
    charges = [Adjustment(False, draw(st.integers(0, 999)), draw(rates)) for _ in range(draw(st.integers(0, 2)))]
    off = draw(st.integers(0, goods))
    discounts = [Adjustment(True, off)] if off else []
    delivery, more = draw(st.integers(0, 5000)), sum(each.amount for each in charges)
    totals = {"goods": goods, "delivery": delivery, "charges": more, "discounts": off}
    totals["total"] = goods + delivery + more - off
    order = opened(lines=lines, totals={name: amount(minor) for name, minor in totals.items()})
    return order, [*charges, *discounts]


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_what_is_divided_adds_up_and_every_part_is_within_a_cent_of_its_share(whole: int, weights: list[int]) -> None:
    parts = spread(whole, weights)
    assert sum(parts) == whole
    if sum(weights):
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part - Fraction(whole * weight, sum(weights))) < 1


@given(st.integers(-(10**12), 10**12), st.sampled_from(RATES))
def test_the_vat_of_a_price_is_off_by_half_a_cent_at_most(gross: int, rate: str) -> None:
    exact = gross * Fraction(rate) / (100 + Fraction(rate))
    assert abs((gross - net_of(gross, rate)) - exact) <= Fraction(1, 2)


def test_halves_are_rounded_away_from_zero() -> None:
    assert [rounded(Fraction(n, 2)) for n in (-3, -1, 1, 3)] == [-2, -1, 1, 2]


@settings(max_examples=60, deadline=None)
@given(an_order(), st.integers(0, 63))
def test_b6_what_stays_sold_is_what_the_customer_pays_to_the_cent(
    given_order: tuple[Order, list[Adjustment]], back: int
) -> None:
    order, adjustments = given_order
    sale = sale_of(order, adjustments, {})
    assert sum(sale.gross.values()) == order.due == order.total
    s = said(order)
    skus = tuple(line.sku for n, line in enumerate(order.lines) if back >> n & 1)
    rest = tuple(line.sku for line in order.lines if line.sku not in skus)
    if not skus:
        return
    kept = [s.shipment("delivered", "second", rest)] if rest else []
    hear(order, s.stock("reserved"), s.money("received"), s.parcels(s.shipment("returned", "main", skus), *kept))
    after = sale_of(order, adjustments, {})
    if not rest:
        assert sum(after.gross.values()) == 0, "nothing is left: delivery is not sold either"
    else:
        assert sum(after.gross.values()) <= sum(sale.gross.values())
    found = report(after, [], Settings(expected=frozenset()))
    assert found.revenue_net is not None
    assert found.revenue_net + sum(each.vat or 0 for each in found.revenue) == sum(after.gross.values())


def test_part_f71_what_comes_back_takes_its_share_of_the_discount_with_it() -> None:
    order = opened(discounts=[{"kind": "voucher", "amount": lei("9.00")}])
    order.total -= 900
    s = said(order)
    kept, back = s.shipment("delivered", "second", ("mug",)), s.shipment("returned", "main", ("plate",))
    hear(order, s.stock("reserved"), s.parcels(back, kept))
    sale = sale_of(order, [Adjustment(True, 900)], {line.id: (1000, "RON") for line in order.lines})
    assert sale.gross == {"21": 5000 - 500 + 2000}
    assert sale.goods == (("mug", 2000), ("plate", 0))


def test_f71_of_one_source_the_real_cost_counts_and_of_two_real_ones_the_persons() -> None:
    words = {
        "estimate": Cost("delivery", "x", 1, "RON"),
        "guess": Cost("delivery", "x", 2, "RON", by_hand=True),
        "invoice": Cost("delivery", "x", 3, "RON", actual=True),
        "correction": Cost("delivery", "x", 4, "RON", actual=True, by_hand=True),
    }
    said_so: list[Cost] = []
    for word in words.values():
        said_so.insert(0, word)
        assert in_force(said_so) == [word]
    other = Cost("delivery", "y", 5, "RON")
    assert in_force([*said_so, other]) == [words["correction"], other], "another source adds up"


@given(st.lists(COSTS, max_size=8), st.randoms())
def test_f71_whatever_order_costs_are_said_in_the_same_count_and_an_actual_one_replaces_its_estimate(
    costs: list[Cost], random: Any
) -> None:
    mixed = list(costs)
    random.shuffle(mixed)
    count = in_force(costs)
    assert count == in_force(mixed)
    for cost in costs:
        same = [each for each in costs if (each.kind, each.source) == (cost.kind, cost.source)]
        if any(each.actual for each in same) and not cost.actual:
            assert cost not in count
        if not any(each.by_hand or each.actual for each in same):
            assert cost in count


@given(st.lists(COSTS, max_size=8), st.integers(0, 10**4), st.sampled_from(TaxMode))
def test_b6_every_figure_is_the_sum_of_its_items(costs: list[Cost], points: int, mode: TaxMode) -> None:
    order = opened()
    sale = sale_of(order, [], {line.id: (1000, "RON") for line in order.lines})
    found = report(sale, costs, Settings(expected=frozenset(), income_tax=mode, tax_basis_points=points))
    assert found.state is not State.UNKNOWN
    assert found.contribution is not None
    assert found.net_profit is not None
    assert found.contribution == (found.revenue_net or 0) - sum(item.amount for item in found.items)
    assert found.net_profit == found.contribution - (found.income_tax or 0)
    assert (found.income_tax or 0) >= 0


@pytest.mark.parametrize("kind", [CostKind.DELIVERY, CostKind.PAYMENT_FEE])
def test_f71_a_cost_that_is_missing_is_unknown_never_zero(kind: CostKind) -> None:
    order = opened()
    sale = sale_of(order, [], {line.id: (1000, "RON") for line in order.lines})
    every = {CostKind.DELIVERY: 1500, CostKind.PAYMENT_FEE: 300}
    said_so = [Cost(each, "x", cost, "RON") for each, cost in every.items() if each is not kind]
    without = report(sale, said_so, Settings())
    assert (without.state, without.contribution, without.net_profit) == (State.UNKNOWN, None, None)
    assert [each.kind for each in without.missing] == [kind]
    assert report(sale, [*said_so, Cost(kind, "x", 0, "RON")], Settings()).state is State.ESTIMATED
    elsewhere = report(sale, [*said_so, Cost(kind, "x", 100, "EUR")], Settings())
    assert (elsewhere.state, elsewhere.contribution) == (State.UNKNOWN, None), "another currency does not add up"


def test_b6_goods_without_a_cost_and_lines_without_a_rate_are_named() -> None:
    line = {"sku": "mug", "name": "x", "quantity": "1", "unit_price": lei("90.00")}
    order = opened(lines=[line])
    found = report(sale_of(order, [], {}), [], Settings(expected=frozenset()))
    assert {(each.group, each.kind) for each in found.missing} == {(Group.REVENUE, "vat"), (Group.COGS, "goods")}
    assert (found.revenue_net, found.gross_profit) == (None, None)
    plain = report(sale_of(order, [], {}), [], Settings(vat_deductible=False, expected=frozenset()))
    assert plain.revenue_net == 11000


def test_vat_that_may_be_deducted_is_no_cost_and_estimates_give_way_to_what_is_known() -> None:
    order = opened()
    sale = sale_of(order, [], {line.id: (1000, "RON") for line in order.lines})
    packed = Estimate(CostKind.PACKAGING, 220, "RON", 100)
    other = Estimate(CostKind.PACKAGING, 9999, "RON", delivery_method="locker")
    counted = Settings(expected=frozenset(), estimates=(packed, other))
    assert report(sale, [], counted).costs[Group.FULFILMENT] == 220 + 110
    known = [Cost(CostKind.PACKAGING, "x", 121, "RON", vat=21, actual=True)]
    assert report(sale, known, counted).costs[Group.FULFILMENT] == 100
    gross = Settings(vat_deductible=False, expected=frozenset(), estimates=(packed,))
    assert report(sale, known, gross).costs[Group.FULFILMENT] == 121


def test_margins_are_of_the_revenue_and_there_is_none_without_any() -> None:
    order = opened()
    sale = sale_of(order, [], {line.id: (1000, "RON") for line in order.lines})
    found = report(sale, [Cost("other", "x", 20000, "RON")], Settings(expected=frozenset()))
    assert (found.revenue_net, found.contribution, found.margin(found.contribution)) == (9091, -13909, "-153.00")
    found.revenue_net = 0
    assert found.margin(-1) is None
