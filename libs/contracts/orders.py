"""What orders says: the order's snapshot and the facts of its life, and the channels and keys it owns for now."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from libs.contracts.common import Money, Person, PickupPoint, Quantity
from libs.events.contract import Event, Part, known


class Lifecycle(StrEnum):
    """How far an order is."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class StockAxis(StrEnum):
    """What inventory has said about an order's goods."""

    PENDING = "pending"
    WAITING = "waiting"
    RESERVED = "reserved"
    REJECTED = "rejected"
    RELEASED = "released"
    DEDUCTED = "deducted"
    NONE = "none"  # historic, or nothing to reserve


class PaymentAxis(StrEnum):
    """What payments has said about an order's money."""

    PENDING = "pending"
    AUTHORIZED = "authorized"
    DUE_ON_DELIVERY = "due_on_delivery"
    RECEIVED = "received"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    DISPUTED = "disputed"


class FulfilmentAxis(StrEnum):
    """Where an order's parcels are."""

    NONE = "none"
    PLANNED = "planned"
    BOOKED = "booked"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    PARTLY_DELIVERED = "partly_delivered"
    DELIVERED = "delivered"
    RETURNED = "returned"
    LOST = "lost"


class HoldKind(StrEnum):
    """Why an order may not go on."""

    LOSS = "loss"
    FRAUD = "fraud"
    IMPORT = "import"
    PAID_LATE = "paid_late"
    UNDELIVERED = "undelivered"
    CONTRADICTION = "contradiction"
    MANUAL = "manual"


class CancelReason(StrEnum):
    """Why an order ended before it reached the customer."""

    CUSTOMER = "customer"
    SHOP = "shop"
    OUT_OF_STOCK = "out_of_stock"
    EXPIRED = "expired"
    PAYMENT_FAILED = "payment_failed"
    FRAUD = "fraud"


class GiveBack(StrEnum):
    """What happens to money of a cancelled order: all goes back by itself, or a person is asked."""

    ALL = "all"
    ASK = "ask"


class OnShortage(StrEnum):
    """What inventory does where goods are short."""

    REJECT = "reject"
    WAIT = "wait"


class PaymentKind(StrEnum):
    """How money moves."""

    PAYPAL = "paypal"
    TRANSFER = "transfer"
    CASH = "cash"
    CASH_ON_DELIVERY = "cash_on_delivery"
    EXTERNAL = "external"  # collected by a marketplace that sold the order


class DeliveryKind(StrEnum):
    """How goods reach the customer."""

    COURIER = "courier"
    LOCKER = "locker"
    PICKUP = "pickup"
    OWN_FLEET = "own_fleet"


class LineSnapshot(Part):
    """A line: cumulative quantities, each only ever growing."""

    id: UUID
    sku: str
    name: str  # at most 80 characters
    unit: str
    unit_price: Money  # VAT included, before discount
    total: Money  # VAT included, after discount
    vat_rate: str | None = None  # percent, decimal text
    weight_g: int | None = None
    ships: bool = True  # False: a service or fee that needs no stock and no parcel
    ordered: Quantity
    cut: Quantity = Quantity(0)
    shipped: Quantity = Quantity(0)
    invoiced: Quantity = Quantity(0)
    returned: Quantity = Quantity(0)
    allocations: dict[str, Quantity] = Field(
        default_factory=dict
    )  # depot code -> reserved there (shipped ones included)
    shipped_from: dict[str, Quantity] = Field(default_factory=dict)  # depot code -> cumulative
    returned_to: dict[str, Quantity] = Field(default_factory=dict)  # depot code -> cumulative


class CancelRequest(Part):
    """A cancel that shipping has not answered yet."""

    id: UUID
    reason: known(CancelReason)  # type: ignore[valid-type]


class Awb(Part):
    """A parcel's number with its courier, and where a customer can follow it."""

    awb: str
    courier: str
    shipment_id: UUID
    link: str | None = None


class OrderSnapshot(Part):
    """All of an order that another service may need, as of `version`."""

    id: UUID
    number: str
    version: int
    channel: str
    external_id: str | None = None
    language: str  # BCP 47
    placed_at: datetime
    historic: bool = False
    on_shortage: known(OnShortage) = OnShortage.REJECT  # type: ignore[valid-type]
    lifecycle: known(Lifecycle)  # type: ignore[valid-type]
    stock: known(StockAxis)  # type: ignore[valid-type]
    payment: known(PaymentAxis)  # type: ignore[valid-type]
    fulfilment: known(FulfilmentAxis)  # type: ignore[valid-type]
    holds: tuple[known(HoldKind), ...] = ()  # type: ignore[valid-type]
    currency: str
    goods: Money
    delivery: Money
    charges: Money
    discounts: Money  # as a positive amount
    total: Money
    due_on_delivery: Money
    delivery_method: str | None = None
    delivery_kind: known(DeliveryKind) | None = None  # type: ignore[valid-type]
    payment_method: str | None = None
    payment_kind: known(PaymentKind) | None = None  # type: ignore[valid-type]
    pickup_point: PickupPoint | None = None
    customer_id: UUID | None = None
    round: int = 1  # how often the order was opened: 2 after it was reopened once; a reservation belongs to a round
    reserved_once: bool = (
        False  # its goods were announced reserved in this round, without a hold (order.reserved was said)
    )
    ready: bool = False  # somebody asked for the parcel (order.ready was said)
    cancel_request: CancelRequest | None = None  # standing: shipping has not answered it
    expiring: UUID | None = None  # standing: payments has not answered this request
    cancel_reason: known(CancelReason) | None = None  # type: ignore[valid-type]
    give_back: known(GiveBack) | None = None  # type: ignore[valid-type]
    awbs: tuple[Awb, ...] = ()
    lines: tuple[LineSnapshot, ...]


class OrderFact(Event):
    """A fact about an order: its whole snapshot, and the person where one is known."""

    order: OrderSnapshot
    person: Person | None = None  # None once erased

    @property
    def key(self) -> str:
        """The order's id."""
        return str(self.order.id)


class OrderCreated(OrderFact):
    """An order was taken. Inventory reserves; payments opens the payment and takes nothing yet."""

    topic: ClassVar[str] = "order.created"


class OrderReserved(OrderFact):
    """Its goods are held for it and nothing holds the order: money may be taken."""

    topic: ClassVar[str] = "order.reserved"


class OrderConfirmed(OrderFact):
    """Goods and money are safe: it may be packed and shipped."""

    topic: ClassVar[str] = "order.confirmed"


class OrderReady(OrderFact):
    """Its parcel may be booked now."""

    topic: ClassVar[str] = "order.ready"


class OrderChanged(OrderFact):
    """Lines, address or methods are not what they were; the snapshot says what is true now."""

    topic: ClassVar[str] = "order.changed"


class OrderExpiring(OrderFact):
    """Its reservation deadline has come; payments says whether money is on its way."""

    topic: ClassVar[str] = "order.expiring"


class OrderCancelRequested(OrderFact):
    """Somebody wants it cancelled after it was confirmed; shipping answers."""

    topic: ClassVar[str] = "order.cancel_requested"


class OrderCancelRefused(OrderFact):
    """The parcel could not be stopped: the order goes on."""

    topic: ClassVar[str] = "order.cancel_refused"


class OrderCancelled(OrderFact):
    """It ended before it reached the customer; whoever holds goods or money for it lets go."""

    topic: ClassVar[str] = "order.cancelled"
    reason: known(CancelReason)  # type: ignore[valid-type]
    give_back: known(GiveBack)  # type: ignore[valid-type]


class OrderReopened(OrderFact):
    """Money came after it expired: it is open again in a new round."""

    topic: ClassVar[str] = "order.reopened"


class OrderHeld(OrderFact):
    """A reason appeared why it may not go on."""

    topic: ClassVar[str] = "order.held"
    kind: known(HoldKind)  # type: ignore[valid-type]
    reason: str


class OrderReleased(OrderFact):
    """A hold was lifted."""

    topic: ClassVar[str] = "order.released"
    kind: known(HoldKind)  # type: ignore[valid-type]
    reason: str | None = None  # why a person lifted it, where one was given


class OrderPaid(OrderFact):
    """All its money was received."""

    topic: ClassVar[str] = "order.paid"


class OrderShipped(OrderFact):
    """Parcels left; the snapshot's cumulative quantities say what has shipped from where."""

    topic: ClassVar[str] = "order.shipped"
    shipment_id: UUID
    depot: str


class OrderDelivered(OrderFact):
    """Everything that shipped has arrived."""

    topic: ClassVar[str] = "order.delivered"


class OrderReturned(OrderFact):
    """A parcel came back; the snapshot's cumulative quantities say what returned where."""

    topic: ClassVar[str] = "order.returned"


class OrderCompleted(OrderFact):
    """Delivered or cut to the last line, and paid."""

    topic: ClassVar[str] = "order.completed"


class Overdue(StrEnum):
    """What an order is late with."""

    PAYMENT = "payment"
    DELIVERY = "delivery"


class OrderOverdue(OrderFact):
    """Payment or delivery is past its deadline: one alert for each kind and deadline. It changes nothing else."""

    topic: ClassVar[str] = "order.overdue"
    kind: known(Overdue)  # type: ignore[valid-type]
    due_at: datetime


class OrderInTime(OrderFact):
    """What was overdue is not any more: cured, or its order has ended."""

    topic: ClassVar[str] = "order.in_time"
    kind: known(Overdue)  # type: ignore[valid-type]


EVERY_ORDER_FACT: tuple[type[OrderFact], ...] = (
    OrderCreated,
    OrderReserved,
    OrderConfirmed,
    OrderReady,
    OrderChanged,
    OrderExpiring,
    OrderCancelRequested,
    OrderCancelRefused,
    OrderCancelled,
    OrderReopened,
    OrderHeld,
    OrderReleased,
    OrderPaid,
    OrderShipped,
    OrderDelivered,
    OrderReturned,
    OrderCompleted,
)
"""All that orders says about an order: whoever acts on orders reads each, since any may come first or alone."""


class ChannelChanged(Event):
    """A configured shop, marketplace, desk or till: the full row."""

    topic: ClassVar[str] = "channel.changed"
    compacted: ClassVar[bool] = True
    id: UUID
    version: int
    code: str
    name: str
    kind: str  # web, desk, marketplace, till
    seller: str
    seller_name: str
    languages: tuple[str, ...]
    currency: str
    time_zone: str
    depots: tuple[str, ...]  # codes, in the order in which they are asked for goods
    merchant_email: str | None = None  # the shop's own address for a mail per new order
    shop_email: str | None = None  # the sender of customer mails
    shop_url: str | None = None
    alert_email: str | None = None  # who is told of deadlines and losses; None: merchant_email
    history_published: bool = True  # customers may follow their orders by link and account
    tracking_url: str | None = None  # where tracking links begin; None: as notifications is set
    sms_sender: str | None = None  # up to 11 letters or a number; None: as the gateway is set

    @property
    def key(self) -> str:
        """The row's id."""
        return str(self.id)


class KeyChanged(Event):
    """An API key as every service checks it: the hash of its secret, never the secret."""

    topic: ClassVar[str] = "key.changed"
    compacted: ClassVar[bool] = True
    id: UUID
    version: int
    name: str
    prefix: str
    secret_hash: str
    role: str
    scopes: tuple[str, ...]
    revoked: bool = False
    expires_at: datetime | None = None

    @property
    def key(self) -> str:
        """The row's id."""
        return str(self.id)
