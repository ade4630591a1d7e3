"""An order: what was agreed, what was said about it, and the snapshot that the others are told. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from libs.contracts.common import Money, Person, PickupPoint, Quantity
from libs.contracts.orders import (
    Awb,
    CancelReason,
    CancelRequest,
    DeliveryKind,
    FulfilmentAxis,
    GiveBack,
    HoldKind,
    Lifecycle,
    LineSnapshot,
    OnShortage,
    OrderFact,
    OrderHeld,
    OrderReleased,
    OrderSnapshot,
    Overdue,
    PaymentAxis,
    PaymentKind,
    StockAxis,
)
from libs.contracts.shipping import ShipmentState
from libs.events.transaction import new_id
from services.orders.lifecycle.axes import MOVED, Heard
from services.orders.lifecycle.clock import Clock
from services.orders.lifecycle.lines import Hold, Line

F = TypeVar("F", bound=OrderFact)
BY = "system:orders"
"""Who acts where no person does."""
NAME_TOLD = 80  # characters of a line's name in a fact
GOODS_ARE_SAFE = frozenset({StockAxis.RESERVED, StockAxis.DEDUCTED, StockAxis.NONE})
MONEY_IS_HERE = frozenset({PaymentAxis.RECEIVED, PaymentAxis.AUTHORIZED})
MONEY_IS_SAFE = MONEY_IS_HERE | {PaymentAxis.DUE_ON_DELIVERY}


class Judged(StrEnum):
    """What profit says of completing an order now; what is not known is no loss."""

    FINE = "fine"
    LOSS = "loss"


@dataclass
class Order:
    """An order under its lock. Each change gives it a new version; what it says waits in `said` until it is emitted."""

    __tablename__: ClassVar[str] = "orders"
    noun: ClassVar[str] = "order"

    id: UUID
    version: int
    events: int
    number: str
    channel: str
    external_id: str | None
    language: str
    placed_at: datetime
    historic: bool
    on_shortage: OnShortage
    lifecycle: Lifecycle
    stock: StockAxis
    payment: PaymentAxis
    fulfilment: FulfilmentAxis
    currency: str
    goods: int
    delivery: int
    charges: int
    discounts: int
    total: int
    delivery_method: str | None = None
    delivery_kind: DeliveryKind | None = None
    payment_method: str | None = None
    payment_kind: PaymentKind | None = None
    reserve_minutes: int | None = None
    customer_id: UUID | None = None
    person: Person | None = None
    pickup_point: PickupPoint | None = None
    round: int = 1
    reserved_once: bool = False
    ready: bool = False
    cancel_request: UUID | None = None
    cancel_wanted: CancelReason | None = None
    expiring: UUID | None = None
    reserve_until: datetime | None = None
    cancel_reason: CancelReason | None = None
    give_back: GiveBack | None = None
    paid_told: bool = False
    delivered_told: bool = False
    shipped_told: list[UUID] = field(default_factory=list)
    returned_told: list[UUID] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    heard: Heard = field(default_factory=Heard)
    said: list[OrderFact] = field(default_factory=list)
    payment_due_at: datetime | None = None
    delivery_due_at: datetime | None = None
    overdue: list[Overdue] = field(default_factory=list)  # what was alerted and is not cured
    clock: Clock | None = None  # counts deadlines while they may start; never stored
    judged: Judged | None = None  # asked anew each time that it could complete; never stored
    stopped_at_loss: bool = False  # just now, instead of completing; never stored
    chain: bytes | None = None  # of the last row of its timeline

    @property
    def wanted(self) -> dict[UUID, int]:
        """What is still to reach the customer, of the lines that are shipped at all."""
        return {line.id: line.wanted for line in self.lines if line.ships and line.wanted > 0}

    @property
    def standing(self) -> list[Hold]:
        """The holds that nobody has lifted."""
        return [hold for hold in self.holds if hold.lifted_at is None]

    @property
    def due(self) -> int:
        """What the customer pays, after what was cut."""
        return self.total - sum(line.cut_value for line in self.lines)

    def held_about(self, kind: HoldKind, about: str) -> bool:
        """Whether it was ever held for this."""
        return any(hold.kind is kind and hold.about == about for hold in self.holds)

    def settle(self) -> None:
        """Read the axes from what was heard."""
        if self.historic:
            return
        self.stock = self.heard.stock(self.round) if any(line.ships for line in self.lines) else StockAxis.NONE
        self.payment = self.heard.money(self.payment_kind, self.total)
        self.fulfilment = self.heard.fulfilment(self.wanted)

    def say(self, kind: type[F], /, **members: Any) -> F:
        """A change is done: a new version, and the fact that tells it."""
        self.version += 1
        fact = kind(order=self.snapshot(), person=self.person, **members)
        self.said.append(fact)
        return fact

    @property
    def may_lose(self) -> bool:
        """Whether a person has said, in this round, that it may complete at a loss."""
        said = [hold for hold in self.holds if hold.kind is HoldKind.LOSS and hold.lifted_by not in {None, BY}]
        return any(hold.about.split(",")[0] == f"round {self.round}" for hold in said)

    def hold(
        self,
        kind: HoldKind,
        about: str,
        reason: str,
        *,
        now: datetime,
        by: str,
        fields: list[dict[str, str]] | None = None,
    ) -> None:
        """Stop it, and say so."""
        self.holds.append(Hold(new_id(), kind, about, reason, now, by, fields or []))
        self.say(OrderHeld, kind=kind, reason=reason)

    def release(self, kind: HoldKind, *, now: datetime, by: str, reason: str | None = None) -> bool:
        """Lift every standing hold of a kind, and say so; whether there was any."""
        return self.lift([hold for hold in self.standing if hold.kind is kind], now=now, by=by, reason=reason)

    def lift(self, holds: list[Hold], *, now: datetime, by: str, reason: str | None = None) -> bool:
        """Lift these holds of one kind, and say so; whether there was any."""
        for hold in holds:
            hold.lifted_at, hold.lifted_by = now, by
        if holds:
            self.say(OrderReleased, kind=holds[0].kind, reason=reason)
        return bool(holds)

    def snapshot(self) -> OrderSnapshot:
        """All that another service may need, as of now."""
        due = self.due
        on_delivery = due if self.payment_kind is PaymentKind.CASH_ON_DELIVERY else 0
        return OrderSnapshot(
            id=self.id,
            number=self.number,
            version=self.version,
            channel=self.channel,
            external_id=self.external_id,
            language=self.language,
            placed_at=self.placed_at,
            historic=self.historic,
            on_shortage=self.on_shortage,
            lifecycle=self.lifecycle,
            stock=self.stock,
            payment=self.payment,
            fulfilment=self.fulfilment,
            holds=tuple(sorted({hold.kind for hold in self.standing})),
            currency=self.currency,
            goods=self._money(self.goods - (self.total - due)),
            delivery=self._money(self.delivery),
            charges=self._money(self.charges),
            discounts=self._money(self.discounts),
            total=self._money(due),
            due_on_delivery=self._money(on_delivery),
            delivery_method=self.delivery_method,
            delivery_kind=self.delivery_kind,
            payment_method=self.payment_method,
            payment_kind=self.payment_kind,
            pickup_point=self.pickup_point,
            customer_id=self.customer_id,
            round=self.round,
            reserved_once=self.reserved_once,
            ready=self.ready,
            cancel_request=CancelRequest(id=self.cancel_request, reason=self.cancel_wanted)
            if self.cancel_request
            else None,
            expiring=self.expiring,
            cancel_reason=self.cancel_reason,
            give_back=self.give_back,
            awbs=self.awbs(),
            lines=self._lines(),
        )

    def awbs(self) -> tuple[Awb, ...]:
        """The parcels' numbers, with the link where a customer can follow each."""
        return tuple(
            Awb(awb=s.awb, courier=s.courier, shipment_id=s.id, link=s.link)
            for s in self.heard.shipments
            if s.awb and s.state != ShipmentState.CANCELLED
        )

    def _money(self, minor: int) -> Money:
        return Money(minor, self.currency)

    def _lines(self) -> tuple[LineSnapshot, ...]:
        reservation = self.heard.reservation(self.round)
        held = {line.line_id: line.allocations for line in reservation.lines} if reservation else {}
        shipped, returned = self.heard.by_depot(MOVED), self.heard.by_depot({ShipmentState.RETURNED})
        return tuple(
            LineSnapshot(
                id=line.id,
                sku=line.sku,
                name=line.name[:NAME_TOLD],
                unit=line.unit,
                unit_price=self._money(line.unit_price),
                total=self._money(line.total - line.cut_value),
                vat_rate=line.vat_rate,
                weight_g=line.weight_g,
                ships=line.ships,
                ordered=Quantity(line.quantity),
                cut=Quantity(line.cut),
                shipped=Quantity(sum(shipped.get(line.id, {}).values())),
                returned=Quantity(sum(returned.get(line.id, {}).values())),
                allocations=held.get(line.id, {}) if self.stock in GOODS_ARE_SAFE else {},
                shipped_from=_told(shipped.get(line.id, {})),
                returned_to=_told(returned.get(line.id, {})),
            )
            for line in self.lines
        )


def _told(depots: dict[str, int]) -> dict[str, Quantity]:
    return {depot: Quantity(quantity) for depot, quantity in depots.items()}
