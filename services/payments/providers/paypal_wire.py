"""PayPal's JSON: what we send, and what its answers mean. Pure; ValueError where an answer makes no sense."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from libs.contracts.common import Money
from services.payments.domain import Dispute, Kind, State
from services.payments.facts import DisputeNews, Movement, ProviderOrder, Stage
from services.payments.providers import currencies

Json = dict[str, Any]

STAGES = {
    "CREATED": Stage.WAITING,
    "SAVED": Stage.WAITING,
    "PAYER_ACTION_REQUIRED": Stage.WAITING,
    "APPROVED": Stage.APPROVED,
    "COMPLETED": Stage.COMPLETED,
    "VOIDED": Stage.GONE,
}
STATES: dict[Kind, dict[str, State]] = {
    Kind.CAPTURE: {
        "COMPLETED": State.SUCCEEDED,
        "PARTIALLY_REFUNDED": State.SUCCEEDED,
        "REFUNDED": State.SUCCEEDED,
        "PENDING": State.PENDING,
        "DECLINED": State.FAILED,
        "FAILED": State.FAILED,
    },
    Kind.AUTHORIZE: {
        "CREATED": State.SUCCEEDED,
        "CAPTURED": State.SUCCEEDED,
        "PARTIALLY_CAPTURED": State.SUCCEEDED,
        "VOIDED": State.SUCCEEDED,
        "PENDING": State.PENDING,
        "DENIED": State.FAILED,
    },
    Kind.REFUND: {
        "COMPLETED": State.SUCCEEDED,
        "PENDING": State.PENDING,
        "FAILED": State.FAILED,
        "CANCELLED": State.FAILED,
    },
}


def create_body(wanted: Mapping[str, str], return_url: str, cancel_url: str, brand: str) -> Json:
    """The body of POST /v2/checkout/orders; our payment's id and reference come back on captures and in reports."""
    money = Money.parse(wanted["amount"], wanted["currency"])
    context = {
        "return_url": return_url,
        "cancel_url": cancel_url,
        "user_action": "PAY_NOW",
        "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
        "shipping_preference": "NO_SHIPPING",
    }
    if brand:
        context["brand_name"] = brand
    unit = {
        "reference_id": "default",
        "custom_id": wanted["custom_id"],
        "invoice_id": wanted["invoice_id"],
        "description": wanted["number"][:127],
        "amount": currencies.written(money),
    }
    return {
        "intent": wanted["intent"].upper(),
        "purchase_units": [unit],
        "payment_source": {"paypal": {"experience_context": context}},
    }


def refund_body(wanted: Mapping[str, str]) -> Json:
    """The body of a refund; `custom_id` is our operation's id, so that a webhook finds it again."""
    money = Money.parse(wanted["amount"], wanted["currency"])
    return {"amount": currencies.written(money), "custom_id": wanted["custom_id"]}


def authorization_capture_body(wanted: Mapping[str, str]) -> Json:
    """The body that takes what was set aside."""
    money = Money.parse(wanted["amount"], wanted["currency"])
    return {"amount": currencies.written(money), "invoice_id": wanted["invoice_id"], "final_capture": True}


def order(given: Json) -> ProviderOrder:
    """An order as PayPal shows it, with every movement it names."""
    units = given.get("purchase_units") or []
    unit: Json = units[0] if units and isinstance(units[0], dict) else {}
    stage = STAGES.get(str(given.get("status")))
    if stage is None:
        raise ValueError(f"an order of status {given.get('status')!r}")
    ref = text(given, "id")
    made = unit.get("payments") or {}
    return ProviderOrder(
        ref=ref,
        stage=stage,
        amount=currencies.read(unit["amount"]) if unit.get("amount") else None,
        custom_id=unit.get("custom_id"),
        merchant_ref=unit.get("invoice_id"),
        payee=(unit.get("payee") or {}).get("merchant_id"),
        link=link(given, "payer-action") or link(given, "approve"),
        movements=tuple(_movements(made, ref)),
    )


def _movements(made: Json, order_ref: str) -> Iterable[Movement]:
    for given in made.get("authorizations") or ():
        yield from authorization(given, order_ref)
    for given in made.get("captures") or ():
        yield movement(given, Kind.CAPTURE, order_ref)
    for given in made.get("refunds") or ():
        yield movement(given, Kind.REFUND, order_ref)


def authorization(given: Json, order_ref: str | None = None) -> Iterable[Movement]:
    """An authorization, and that it was let go where it was."""
    yield movement(given, Kind.AUTHORIZE, order_ref)
    if given.get("status") == "VOIDED":
        held = movement(given, Kind.AUTHORIZE, order_ref)
        yield Movement(Kind.VOID, held.ref, State.SUCCEEDED, held.amount, parent_ref=held.ref, order_ref=held.order_ref)


def movement(given: Json, kind: Kind, order_ref: str | None = None) -> Movement:
    """A capture, an authorization, or a refund (which a reversal looks like too)."""
    state = STATES[Kind.REFUND if kind is Kind.CHARGEBACK else kind].get(str(given.get("status")))
    if state is None:
        raise ValueError(f"a {kind} of status {given.get('status')!r}")
    related = (given.get("supplementary_data") or {}).get("related_ids") or {}
    breakdown = given.get("seller_receivable_breakdown") or {}
    custom = given.get("custom_id")
    return Movement(
        kind=kind,
        ref=text(given, "id"),
        status=state,
        amount=currencies.read(given.get("amount")),
        parent_ref=parent_ref(given, kind),
        operation=_uuid(custom) if kind is Kind.REFUND else None,
        order_ref=order_ref or related.get("order_id"),
        custom_id=custom if kind is not Kind.REFUND else None,
        merchant_ref=given.get("invoice_id") if kind is Kind.CAPTURE else None,
        fee=currencies.read(breakdown["paypal_fee"]) if breakdown.get("paypal_fee") else None,
        reason=(given.get("status_details") or {}).get("reason") or str(given.get("status")),
    )


def parent_ref(given: Json, kind: Kind) -> str | None:
    """What it belongs to, by its link `up`: a refund's capture, a capture's authorization."""
    up = link(given, "up") or ""
    wanted = {Kind.CAPTURE: "/authorizations/", Kind.REFUND: "/captures/", Kind.CHARGEBACK: "/captures/"}.get(kind)
    if wanted and wanted in up:
        return up.rsplit(wanted, 1)[1].split("/")[0].split("?")[0]
    if kind in (Kind.REFUND, Kind.CHARGEBACK):
        related = (given.get("supplementary_data") or {}).get("related_ids") or {}
        return related.get("capture_id")
    return None


def dispute(given: Json) -> tuple[str, DisputeNews]:
    """A dispute: the capture it is about, and what is said."""
    about = (given.get("disputed_transactions") or [{}])[0]
    outcome = (given.get("dispute_outcome") or {}).get("outcome_code")
    standing = Dispute.OPEN
    if given.get("status") == "RESOLVED":
        lost = outcome in ("RESOLVED_BUYER_FAVOUR", "ACCEPTED")
        standing = Dispute.LOST if lost else Dispute.WON
    at = moment(given.get("update_time") or given.get("create_time")) or datetime.now(UTC)
    amount = currencies.read(given["dispute_amount"]) if given.get("dispute_amount") else None
    return text(about, "seller_transaction_id"), DisputeNews(text(given, "dispute_id"), standing, amount, at)


def issues(reply: Json) -> list[str]:
    """The `details[].issue` of a refusal, its `name` where there are none."""
    details = reply.get("details") or []
    found = [str(each["issue"]) for each in details if isinstance(each, dict) and each.get("issue")]
    return found or [str(reply.get("name") or reply.get("error") or "")]


def link(given: Json, rel: str) -> str | None:
    """The address of a link by its relation."""
    links = given.get("links") or []
    return next((str(each["href"]) for each in links if isinstance(each, dict) and each.get("rel") == rel), None)


def text(given: Json, name: str) -> str:
    """A member that must be there."""
    value = given.get(name)
    if not isinstance(value, str) or not value or len(value) > 200:  # noqa: PLR2004 - longer is none of theirs
        raise ValueError(f"no {name}")
    return value


def moment(value: object) -> datetime | None:
    """A time with its zone, None when it is none."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
