"""PayPal's event types, and what each is about: which resource has to be read again before anything moves."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.payments.domain import Kind
from services.payments.facts import DisputeNews
from services.payments.providers import paypal_wire as wire


class About(StrEnum):
    """What an event is about."""

    ORDER = "order"
    MOVEMENT = "movement"
    DISPUTE = "dispute"


@dataclass(frozen=True, slots=True)
class Subject:
    """The resource to read again: an order, a movement of a kind, or what is said about a dispute of a capture."""

    about: About
    ref: str
    kind: Kind | None = None
    dispute: DisputeNews | None = None
    parent_ref: str | None = None


MOVEMENTS = {
    "PAYMENT.AUTHORIZATION.CREATED": Kind.AUTHORIZE,
    "PAYMENT.AUTHORIZATION.VOIDED": Kind.AUTHORIZE,
    "PAYMENT.CAPTURE.PENDING": Kind.CAPTURE,
    "PAYMENT.CAPTURE.COMPLETED": Kind.CAPTURE,
    "PAYMENT.CAPTURE.DENIED": Kind.CAPTURE,
    "PAYMENT.CAPTURE.DECLINED": Kind.CAPTURE,
    "PAYMENT.CAPTURE.REFUNDED": Kind.REFUND,
    "PAYMENT.CAPTURE.REVERSED": Kind.CHARGEBACK,
    "PAYMENT.REFUND.PENDING": Kind.REFUND,
    "PAYMENT.REFUND.FAILED": Kind.REFUND,
}
ORDERS = frozenset({"CHECKOUT.ORDER.APPROVED", "CHECKOUT.ORDER.COMPLETED", "CHECKOUT.PAYMENT-APPROVAL.REVERSED"})
DISPUTES = frozenset({"CUSTOMER.DISPUTE.CREATED", "CUSTOMER.DISPUTE.UPDATED", "CUSTOMER.DISPUTE.RESOLVED"})


def subject_of(event: dict[str, Any]) -> Subject | None:
    """What an event is about, None for the types that mean nothing to us; ValueError when it does not say."""
    kind, resource = event.get("event_type"), event.get("resource")
    if kind not in MOVEMENTS and kind not in ORDERS and kind not in DISPUTES:
        return None
    if not isinstance(resource, dict):
        raise ValueError("no resource")  # noqa: TRY004 - one error for one mistake
    if kind in ORDERS:
        return Subject(About.ORDER, wire.text(resource, "id" if "id" in resource else "order_id"))
    if kind in DISPUTES:
        capture, said = wire.dispute(resource)
        return Subject(About.DISPUTE, capture, dispute=said)
    movement = MOVEMENTS[str(kind)]
    return Subject(About.MOVEMENT, wire.text(resource, "id"), movement, parent_ref=wire.parent_ref(resource, movement))
