"""Payments v2: captures, authorizations, refunds, and what may happen to them later."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.standins.misbehave import Rule
from tests.standins.paypal.ledger import Account, Row, new_id, now, public
from tests.standins.paypal.money import fee, money, positive
from tests.standins.paypal.refusals import unprocessable

TAKEN = ("COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED")
EVENTS = {"COMPLETED": "PAYMENT.CAPTURE.COMPLETED", "PENDING": "PAYMENT.CAPTURE.PENDING",
          "DECLINED": "PAYMENT.CAPTURE.DENIED"}  # fmt: skip


def new_capture(
    account: Account,
    order_id: str,
    unit: Row,
    value: Decimal,
    currency: str,
    rule: Rule | None,
    parent: str | None = None,
) -> Row:
    """Money taken (or pending, or denied, where told to misbehave); the only place where a capture is born."""
    capture_id = new_id()
    status = {"pending": "PENDING", "denied": "DECLINED"}.get(rule.how if rule else "", "COMPLETED")
    up = f"/v2/payments/authorizations/{parent}" if parent else f"/v2/checkout/orders/{order_id}"
    row: Row = {
        "id": capture_id,
        "status": status,
        "amount": money(value, currency),
        "final_capture": True,
        "seller_protection": {"status": "ELIGIBLE", "dispute_categories": ["ITEM_NOT_RECEIVED"]},
        "supplementary_data": {"related_ids": {"order_id": order_id}},
        "create_time": now(),
        "update_time": now(),
        "links": [
            account.link("self", f"/v2/payments/captures/{capture_id}"),
            account.link("refund", f"/v2/payments/captures/{capture_id}/refund", "POST"),
            account.link("up", up),
        ],
        **{name: unit[name] for name in ("custom_id", "invoice_id") if unit.get(name)},
    }
    if status == "PENDING" and rule is not None:
        row["status_details"] = {"reason": rule.extra.get("reason", "PENDING_REVIEW")}
    if status == "COMPLETED":
        row["seller_receivable_breakdown"] = _breakdown(value, currency)
    account.captures[capture_id] = row
    if status != "DECLINED":
        account.take_invoice(unit.get("invoice_id"))
    account.book.did("captured", **_about(row), order_id=order_id, authorization_id=parent)
    return row


def tell_capture(account: Account, row: Row) -> None:
    """The webhook for a capture's present status."""
    account.tell(EVENTS[row["status"]], "capture", public(row))


def settle_capture(account: Account, capture_id: str, status: str) -> Row:
    """A pending capture comes through (COMPLETED) or not (DECLINED)."""
    row = account.get("captures", capture_id)
    if row["status"] != "PENDING":
        raise unprocessable("CAPTURE_NOT_PENDING")
    row |= {"status": status, "update_time": now()}
    row.pop("status_details", None)
    if status == "COMPLETED":
        row["seller_receivable_breakdown"] = _breakdown(*positive(row["amount"], "/amount"))
    account.captures[capture_id] = row
    account.book.did("capture_settled", **_about(row))
    tell_capture(account, row)
    return row


def new_authorization(account: Account, order_id: str, unit: Row) -> Row:
    """Money set aside for 29 days."""
    authorization_id = new_id()
    path = f"/v2/payments/authorizations/{authorization_id}"
    row: Row = {
        "id": authorization_id,
        "status": "CREATED",
        "amount": money(*positive(unit["amount"], "/amount")),
        "seller_protection": {"status": "ELIGIBLE", "dispute_categories": ["ITEM_NOT_RECEIVED"]},
        "supplementary_data": {"related_ids": {"order_id": order_id}},
        "expiration_time": (datetime.now(UTC) + timedelta(days=29)).isoformat(timespec="seconds"),
        "create_time": now(),
        "update_time": now(),
        "links": [
            account.link("self", path),
            account.link("capture", f"{path}/capture", "POST"),
            account.link("void", f"{path}/void", "POST"),
            account.link("up", f"/v2/checkout/orders/{order_id}"),
        ],
        **{name: unit[name] for name in ("custom_id", "invoice_id") if unit.get(name)},
        "_captured": "0",
        "_order_id": order_id,
    }
    account.authorizations[authorization_id] = row
    account.book.did("authorized", **_about(row), order_id=order_id)
    return row


def capture_authorization(account: Account, authorization_id: str, body: Row) -> tuple[str, str]:
    """Take what was set aside, or a part of it."""
    row = account.get("authorizations", authorization_id)
    if row["status"] in ("VOIDED", "CAPTURED", "DENIED"):
        issue = {"VOIDED": "AUTHORIZATION_VOIDED", "CAPTURED": "AUTHORIZATION_ALREADY_CAPTURED"}
        raise unprocessable(issue.get(row["status"], "AUTHORIZATION_DENIED"))
    whole, currency = positive(row["amount"], "/amount")
    left = whole - Decimal(row["_captured"])
    value, asked = positive(body["amount"], "/amount") if "amount" in body else (left, currency)
    if asked != currency:
        raise unprocessable("CURRENCY_MISMATCH", field="/amount/currency_code", value=asked)
    if value > left:
        raise unprocessable("MAX_CAPTURE_AMOUNT_EXCEEDED", field="/amount/value", value=value)
    unit = {"custom_id": row.get("custom_id"), "invoice_id": body.get("invoice_id") or row.get("invoice_id")}
    if account.invoice_is_taken(unit["invoice_id"]):
        raise unprocessable("DUPLICATE_INVOICE_ID", field="/invoice_id", value=unit["invoice_id"])
    rule = account.mischief.take("authorization_capture", {"pending", "denied", "declined"})
    if rule is not None and rule.how == "declined":
        raise unprocessable(rule.extra.get("issue", "INSTRUMENT_DECLINED"))
    made = new_capture(account, row["_order_id"], unit, value, currency, rule, authorization_id)
    if made["status"] != "DECLINED":
        done = value == left or body.get("final_capture") is True
        row |= {"_captured": str(whole - left + value), "status": "CAPTURED" if done else "PARTIALLY_CAPTURED"}
        account.authorizations[authorization_id] = row | {"update_time": now()}
    tell_capture(account, made)
    return "captures", str(made["id"])


def void(account: Account, authorization_id: str) -> tuple[str, str]:
    """Let go of what was set aside."""
    row = account.get("authorizations", authorization_id)
    if row["status"] in ("VOIDED", "CAPTURED"):
        raise unprocessable("PREVIOUSLY_VOIDED" if row["status"] == "VOIDED" else "PREVIOUSLY_CAPTURED")
    row |= {"status": "VOIDED", "update_time": now()}
    account.authorizations[authorization_id] = row
    account.book.did("voided", **_about(row))
    account.tell("PAYMENT.AUTHORIZATION.VOIDED", "authorization", public(row))
    return "authorizations", authorization_id


def _breakdown(value: Decimal, currency: str) -> dict[str, Any]:
    kept = fee(value, currency)
    return {
        "gross_amount": money(value, currency),
        "paypal_fee": money(kept, currency),
        "net_amount": money(value - kept, currency),
    }


def _about(row: Row) -> Row:
    return {
        "id": row["id"], "status": row["status"], "value": row["amount"]["value"],
        "currency": row["amount"]["currency_code"], "custom_id": row.get("custom_id"),
        "invoice_id": row.get("invoice_id"),
    }  # fmt: skip
