"""What payments says: payments as orders must know them, and the payment methods."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from libs.contracts.common import Money
from libs.contracts.orders import PaymentKind
from libs.events.contract import Event, Part, known


class PaymentStatus(StrEnum):
    """How a payment stands; derived from its operations."""

    CREATED = "created"
    AWAITING = "awaiting"  # the customer, the bank, or the delivery
    APPROVED = "approved"  # the buyer said yes, nothing taken yet
    AUTHORIZED = "authorized"
    PARTLY_RECEIVED = "partly_received"
    RECEIVED = "received"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"
    FAILED = "failed"
    EXPIRED = "expired"


class PaymentSnapshot(Part):
    """A payment of an order, as of `version`."""

    id: UUID
    order_id: UUID
    version: int
    round: int  # the order's round it has seen
    order_version: int  # the newest order snapshot it has seen
    method: str
    kind: known(PaymentKind)  # type: ignore[valid-type]
    status: known(PaymentStatus)  # type: ignore[valid-type]
    amount: Money  # what is to be paid
    authorized: Money
    received: Money
    refunded: Money
    disputed: Money
    due_on_delivery: bool = False  # the courier collects it
    provider: str | None = None
    provider_ref: str | None = None  # the provider's own id of the money (a capture), for people to compare
    reference: str | None = None  # what a transfer must quote
    approval_link: str | None = None
    expires_at: datetime | None = None
    received_at: datetime | None = None
    answered_expiring: UUID | None = None  # the order's `expiring` request this answers
    refund_pending: bool = False
    unasked: bool = False  # money is here that the cancelled order did not want, and a person decides


class PaymentFact(Event):
    """A fact about a payment of an order."""

    payment: PaymentSnapshot

    @property
    def key(self) -> str:
        """The order's id."""
        return str(self.payment.order_id)


class PaymentPending(PaymentFact):
    """The payment is open: how and until when it can be paid.

    Also the answer to order.expiring while an outcome is not known.
    """

    topic: ClassVar[str] = "payment.pending"


class PaymentAuthorized(PaymentFact):
    """The money is promised by the provider and can be taken."""

    topic: ClassVar[str] = "payment.authorized"


class PaymentReceived(PaymentFact):
    """Money is here."""

    topic: ClassVar[str] = "payment.received"


class PaymentFailed(PaymentFact):
    """The provider said no, and no other try runs."""

    topic: ClassVar[str] = "payment.failed"


class PaymentExpired(PaymentFact):
    """No operation runs or is unknown, and none can start any more."""

    topic: ClassVar[str] = "payment.expired"


class PaymentVoided(PaymentFact):
    """A promise of money was let go."""

    topic: ClassVar[str] = "payment.voided"


class PaymentRefunded(PaymentFact):
    """Money went back."""

    topic: ClassVar[str] = "payment.refunded"


class PaymentDisputed(PaymentFact):
    """The payer disputes the payment with the provider, or a dispute has ended."""

    topic: ClassVar[str] = "payment.disputed"


class PaymentMethodChanged(Event):
    """A payment method: the full row."""

    topic: ClassVar[str] = "payment_method.changed"
    compacted: ClassVar[bool] = True
    id: UUID
    version: int
    code: str
    kind: known(PaymentKind)  # type: ignore[valid-type]
    names: dict[str, str]  # language -> name
    active: bool
    currencies: tuple[str, ...] = ()  # empty: any
    companies_only: bool = False
    fee: Money | None = None
    reserve_for_minutes: int | None = None  # how long goods stay reserved without money; None: no limit
    delivery_kinds: tuple[str, ...] = ()  # empty: any

    @property
    def key(self) -> str:
        """The row's id."""
        return str(self.id)
