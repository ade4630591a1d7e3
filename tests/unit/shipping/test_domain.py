"""Plans, bookings and cancels as pure rules, in every order that hypothesis thinks of."""

from copy import deepcopy
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.orders import DeliveryKind, OrderSnapshot
from libs.contracts.shipping import ShipmentCancelled, ShipmentKept, ShipmentState
from libs.events.transaction import new_id
from services.shipping.domain import Fulfilment, Said
from services.shipping.shipment import Ask, Means, Shipment, Void
from tests.service.shipping.world import Order, line

MEANS = Means(DeliveryKind.COURIER, "fan", "fan1", book_when_confirmed=True)
TO = "an address"


def new(depot: str, means: Means) -> Shipment:
    return Shipment(new_id(), depot, means.kind, means.courier, means.account, "token")


class Desk:
    """A fulfilment as handlers treat it: newest snapshot kept, couriers answer what they are asked."""

    def __init__(self) -> None:
        self.fulfilment = Fulfilment(new_id(), new_id())
        self.order: OrderSnapshot | None = None
        self.said: list[Said] = []
        self.awbs: dict[UUID, str] = {}
        self.open: list[tuple[Ask, Shipment]] = []
        self.to = TO

    def learn(self, order: OrderSnapshot) -> None:
        if self.order is None or order.version > self.order.version:
            self.order = order
            self.bring()

    def bring(self) -> None:
        assert self.order is not None
        self.said += self.fulfilment.bring(self.order, MEANS, new, self.to)
        self.open += self.fulfilment.asks
        self.fulfilment.asks.clear()

    def courier_answers(self, *, booked: bool = True, gone: bool = True) -> None:
        ask, shipment = self.open.pop(0)
        assert self.order is not None
        if ask is Ask.BOOK and booked:
            self.said += self.fulfilment.booked(shipment, f"awb-{shipment.id}", None)
            self.awbs[shipment.id] = shipment.awb or ""
        elif ask is Ask.BOOK:
            self.said += self.fulfilment.not_booked(shipment, "never had it", again=True)
        else:
            self.said += self.fulfilment.voided(shipment, gone=gone, answering=self.order.cancel_request is not None)
            if gone:
                self.awbs.pop(shipment.id)
        self.bring()

    def settle(self) -> None:
        while self.open:
            self.courier_answers()


def life(lines: Any = None) -> list[OrderSnapshot]:
    order = Order(due=5000, lines=lines or (line(at={"north": "1", "south": "1"}), line("2", depot="north")))
    facts = [order.created(), order.reserved(), order.confirmed(), order.held(), order.released(), order.changed()]
    return [fact.order for fact in facts]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_b10_snapshots_in_any_order_with_duplicates_end_the_same(data: st.DataObject) -> None:
    facts = life()
    told = data.draw(st.permutations([*facts, *data.draw(st.lists(st.sampled_from(facts), max_size=4))]))
    alone, all_of_them = Desk(), Desk()
    alone.learn(facts[-1])
    for order in told:
        all_of_them.learn(order)
        if data.draw(st.booleans()) and all_of_them.open:
            all_of_them.courier_answers()
    alone.settle()
    all_of_them.settle()
    assert essence(all_of_them) == essence(alone)


def essence(desk: Desk) -> list[Any]:
    return sorted(
        (each.depot, each.state, tuple(sorted(each.lines.items())), str(each.cash_on_delivery))
        for each in desk.fulfilment.shipments
        if each.live
    )


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_cancel_is_answered_once_and_only_when_nothing_is_open(data: st.DataObject) -> None:
    order = Order(lines=(line(at={"north": "1", "south": "1"}),))
    desk = Desk()
    facts = [order.created().order, order.confirmed().order, order.cancel_requested().order]
    for fact in facts:
        desk.learn(fact)
        while data.draw(st.booleans()) and desk.open:
            desk.courier_answers(booked=data.draw(st.booleans()), gone=data.draw(st.booleans()))
    while desk.open:
        assert not answers(desk), "answered while a courier was being asked"
        desk.courier_answers(booked=data.draw(st.booleans()), gone=data.draw(st.booleans()))
    (answer,) = answers(desk)
    kept = [each for each in desk.fulfilment.shipments if each.live]
    assert answer is (ShipmentKept if kept else ShipmentCancelled)
    assert set(desk.awbs) == {each.id for each in kept}, "no AWB is left behind, none is lost"
    before = deepcopy(desk.fulfilment)
    desk.learn(facts[-1].model_copy(update={"version": 99, "ready": True}))
    assert desk.fulfilment.shipments == before.shipments, "nothing can be booked afterwards"
    assert len(answers(desk)) == 1


def answers(desk: Desk) -> list[Any]:
    return [kind for kind, _ in desk.said if kind in (ShipmentCancelled, ShipmentKept)]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_cash_is_collected_once(data: st.DataObject) -> None:
    depots = data.draw(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, unique=True))
    order = Order(due=data.draw(st.integers(1, 10**6)), lines=tuple(line(depot=depot) for depot in depots))
    desk = Desk()
    desk.learn(order.confirmed().order)
    assert cash(desk) == order.due
    order.lines = (*order.lines, line(depot=data.draw(st.sampled_from(["a", "z"]))))
    while data.draw(st.booleans()) and desk.open:
        desk.courier_answers(booked=data.draw(st.booleans()))
    desk.learn(order.changed().order)
    desk.settle()
    assert cash(desk) == order.due


def cash(desk: Desk) -> int:
    live = (each for each in desk.fulfilment.shipments if each.live)
    return sum(each.cash_on_delivery.minor for each in live if each.cash_on_delivery)


def test_an_address_that_changes_while_the_courier_is_asked_is_not_lost() -> None:
    order, desk = Order(), Desk()
    desk.learn(order.confirmed().order)
    desk.to = "another address"
    desk.learn(order.changed().order)
    desk.settle()
    first, second = desk.fulfilment.shipments
    assert (first.state, second.state) == (ShipmentState.CANCELLED, ShipmentState.BOOKED)
    assert second.sent_to == "another address"


def test_a_booking_that_never_happens_ends_with_a_person() -> None:
    desk = Desk()
    desk.learn(Order().confirmed().order)
    asked = 0
    while desk.open:
        desk.courier_answers(booked=False)
        asked += 1
    (shipment,) = desk.fulfilment.shipments
    assert (asked, shipment.state, shipment.failure) == (3, ShipmentState.FAILED, "never had it")


def test_a_hold_keeps_what_is_planned_unbooked_and_a_withdrawn_booking_is_asked_again() -> None:
    order = Order()
    desk = Desk()
    desk.learn(order.confirmed().order)
    desk.learn(order.held().order)
    ((_, shipment),) = desk.open
    desk.open.clear()
    desk.said += desk.fulfilment.not_booked(shipment, None, again=True)  # it was withdrawn before the courier was asked
    desk.bring()
    assert (shipment.state, desk.open) == (ShipmentState.PLANNED, [])
    desk.learn(order.released().order)
    desk.settle()
    assert (shipment.state, shipment.void) == (ShipmentState.BOOKED, Void.NO)
