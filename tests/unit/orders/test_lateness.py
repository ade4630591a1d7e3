"""Late or not, whatever comes in whatever order: one alert for each deadline."""

from datetime import timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from libs.contracts.orders import OrderInTime, OrderOverdue, Overdue
from services.orders.lifecycle.clock import Clock, Hours, Rule, Unit
from services.orders.lifecycle.domain import Order
from services.orders.lifecycle.lateness import alert, waited_for
from tests.unit.orders.given import NOW, go_on, opened, part_of, said

RULES = (Rule(Overdue.PAYMENT, None, 1, Unit.DAYS), Rule(Overdue.DELIVERY, None, 2, Unit.WORKING_DAYS))
CLOCK = Clock(Hours("Europe/Bucharest", frozenset({"mon", "tue"}), "09:00", "17:00", frozenset()), RULES)
STEPS = st.lists(
    st.sampled_from(
        [
            *(("stock", "reserved"), ("stock", "deducted"), ("money", "awaiting"), ("money", "received")),
            *(("money", "failed"), ("money", "expired"), ("money", "refunded"), ("parcels", "dispatched")),
            *(("parcels", "delivered"), ("parcels", "returned"), ("timer", "now"), ("timer", "later")),
        ]
    ),
    max_size=14,
)


def taken(order: Order, told: list[Any]) -> None:
    """Put away what the order has said, as emitting does; at no moment is it alerted twice of one thing."""
    told += order.said
    order.said.clear()
    assert len(order.overdue) == len(set(order.overdue))


@settings(max_examples=150, deadline=None)
@example([("timer", "later"), ("money", "received"), ("money", "failed"), ("timer", "later")])
@given(STEPS)
def test_part_f77_any_order_of_facts_and_clock_alerts_each_deadline_once(steps: list[tuple[str, str]]) -> None:
    order, told = opened(), list[Any]()
    order.clock = CLOCK
    order.payment_due_at = CLOCK.due(Overdue.PAYMENT, order.payment_method, order.placed_at)
    speaker = said(order)
    for what, how in steps:
        if what == "timer":
            alert(order, NOW + timedelta(days=0 if how == "now" else 30))
        else:
            order.heard.learn(part_of(getattr(speaker, what)(how)))
        go_on(order)
        taken(order, told)
        for kind in order.overdue:
            assert waited_for(order, kind), "what is cured is taken back at once"
    alerts = [(fact.kind, fact.due_at) for fact in told if isinstance(fact, OrderOverdue)]
    assert len(alerts) == len(set(alerts)), "one alert for each deadline"
    for kind in Overdue:
        mine = [fact for fact in told if isinstance(fact, OrderOverdue | OrderInTime) and fact.kind == kind]
        kinds = [type(fact) for fact in mine]
        assert kinds == [OrderOverdue, OrderInTime] * (len(kinds) // 2) + [OrderOverdue] * (len(kinds) % 2)
        assert (kind in order.overdue) == bool(len(kinds) % 2)


def test_part_f77_a_deadline_that_starts_again_is_alerted_again() -> None:
    order, told = opened(), list[Any]()
    speaker = said(order)
    for n in (1, 2):
        order.payment_due_at = NOW + timedelta(days=n)
        alert(order, NOW + timedelta(days=9))
        alert(order, NOW + timedelta(days=9))
        order.heard.learn(part_of(speaker.money("received")))
        go_on(order)
        order.heard.learn(part_of(speaker.money("awaiting")))
        go_on(order)
        taken(order, told)
    assert [type(fact) for fact in told if isinstance(fact, OrderOverdue | OrderInTime)] == [
        OrderOverdue,
        OrderInTime,
        OrderOverdue,
        OrderInTime,
    ]
