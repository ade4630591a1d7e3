"""Refunds, reversals and disputes of captures."""

from decimal import Decimal
from typing import Any

from tests.standins.paypal.ledger import Account, Row, new_id, now, public
from tests.standins.paypal.money import money, positive
from tests.standins.paypal.payments import TAKEN
from tests.standins.paypal.refusals import unprocessable


def refund(account: Account, capture_id: str, body: Row) -> tuple[str, str]:
    """Give back all that is left, or the amount asked."""
    capture = account.get("captures", capture_id)
    if capture["status"] == "PENDING":
        raise unprocessable("PENDING_CAPTURE")
    whole, currency, back = _sums(account, capture)
    if capture["status"] not in TAKEN:
        raise unprocessable("REFUND_NOT_ALLOWED")
    if back >= whole:
        raise unprocessable("CAPTURE_FULLY_REFUNDED")
    value, asked = positive(body["amount"], "/amount") if body.get("amount") else (whole - back, currency)
    if asked != currency:
        raise unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH", field="/amount/currency_code", value=asked)
    if back + value > whole:
        raise unprocessable("REFUND_AMOUNT_EXCEEDED", field="/amount/value", value=value)
    rule = account.mischief.take("refund", {"pending", "declined"})
    if rule is not None and rule.how == "declined":
        raise unprocessable(rule.extra.get("issue", "REFUND_FAILED_INSUFFICIENT_FUNDS"))
    given = {name: body[name] for name in ("custom_id", "invoice_id", "note_to_payer") if body.get(name)}
    made = _new(account, capture, value, "PENDING" if rule else "COMPLETED", given)
    account.book.did("refunded", **_about(made))
    account.tell("PAYMENT.REFUND.PENDING" if rule else "PAYMENT.CAPTURE.REFUNDED", "refund", _told(made))
    return "refunds", str(made["id"])


def settle(account: Account, refund_id: str, status: str) -> Row:
    """A pending refund comes through (COMPLETED) or not (FAILED)."""
    row = account.get("refunds", refund_id)
    if row["status"] != "PENDING":
        raise unprocessable("REFUND_NOT_PENDING")
    row |= {"status": status, "update_time": now()}
    account.refunds[refund_id] = row
    _restate(account, account.get("captures", row["_capture_id"]))
    account.book.did("refund_settled", **_about(row))
    account.tell("PAYMENT.CAPTURE.REFUNDED" if status == "COMPLETED" else "PAYMENT.REFUND.FAILED", "refund", _told(row))
    return row


def reverse(account: Account, capture_id: str, body: Row) -> Row:
    """A chargeback: the bank takes money back without asking."""
    capture = account.get("captures", capture_id)
    whole, _, back = _sums(account, capture)
    if capture["status"] not in TAKEN or back >= whole:
        raise unprocessable("NOTHING_TO_REVERSE")
    value = positive(body["amount"], "/amount")[0] if body.get("amount") else whole - back
    made = _new(account, capture, min(value, whole - back), "COMPLETED", {"note_to_payer": "Chargeback"})
    account.book.did("reversed", **_about(made))
    account.tell("PAYMENT.CAPTURE.REVERSED", "refund", _told(made))
    return made


def dispute(account: Account, capture_id: str, body: Row) -> Row:
    """The buyer complains; ``type``: CREATED, UPDATED or RESOLVED, ``outcome_code`` for the last."""
    capture = account.get("captures", capture_id)
    kind = body.get("type", "CREATED")
    row: dict[str, Any] = {
        "dispute_id": body.get("dispute_id", f"PP-R-{new_id()[:9]}"),
        "create_time": now(),
        "update_time": now(),
        "disputed_transactions": [{
            "seller_transaction_id": capture_id,
            "seller": {"merchant_id": "COMANDA1", "name": "Shop"},
            "seller_protection_eligible": True,
            **({"custom": capture["custom_id"]} if "custom_id" in capture else {}),
            **({"invoice_number": capture["invoice_id"]} if "invoice_id" in capture else {}),
        }],
        "reason": body.get("reason", "MERCHANDISE_OR_SERVICE_NOT_RECEIVED"),
        "status": "RESOLVED" if kind == "RESOLVED" else "OPEN",
        "dispute_amount": capture["amount"],
        "dispute_life_cycle_stage": "INQUIRY",
        "dispute_channel": "INTERNAL",
    }  # fmt: skip
    if kind == "RESOLVED":
        row["dispute_outcome"] = {"outcome_code": body.get("outcome_code", "RESOLVED_SELLER_FAVOUR")}
    account.book.did("disputed", id=row["dispute_id"], capture_id=capture_id, status=row["status"])
    account.tell(f"CUSTOMER.DISPUTE.{kind}", "dispute", row)
    return row


def _new(account: Account, capture: Row, value: Decimal, status: str, given: Row) -> Row:
    refund_id, currency = new_id(), capture["amount"]["currency_code"]
    row: Row = {
        "id": refund_id,
        "status": status,
        "amount": money(value, currency),
        **given,
        "create_time": now(),
        "update_time": now(),
        "links": [
            account.link("self", f"/v2/payments/refunds/{refund_id}"),
            account.link("up", f"/v2/payments/captures/{capture['id']}"),
        ],
        "_capture_id": capture["id"],
    }
    account.refunds[refund_id] = row
    back = _restate(account, capture)
    row["seller_payable_breakdown"] = {
        "gross_amount": money(value, currency), "paypal_fee": money(Decimal(0), currency),
        "net_amount": money(value, currency), "total_refunded_amount": money(back, currency),
    }  # fmt: skip
    account.refunds[refund_id] = row
    return row


def _sums(account: Account, capture: Row) -> tuple[Decimal, str, Decimal]:
    whole, currency = positive(capture["amount"], "/amount")
    mine = [row for row in account.refunds.values() if row["_capture_id"] == capture["id"]]
    return (
        whole,
        currency,
        sum((Decimal(row["amount"]["value"]) for row in mine if row["status"] != "FAILED"), Decimal(0)),
    )


def _restate(account: Account, capture: Row) -> Decimal:
    """The capture's status from its refunds."""
    whole, _, back = _sums(account, capture)
    status = "COMPLETED" if back == 0 else "REFUNDED" if back >= whole else "PARTIALLY_REFUNDED"
    account.captures[capture["id"]] = capture | {"status": status, "update_time": now()}
    return back


def _told(row: Row) -> Row:
    """As in PayPal's webhooks: the times carry an offset, and our own ids are missing."""
    told = {name: value for name, value in public(row).items() if name not in ("custom_id", "invoice_id")}
    return told | {name: row[name].replace("Z", "+00:00") for name in ("create_time", "update_time")}


def _about(row: Row) -> Row:
    return {
        "id": row["id"], "capture_id": row["_capture_id"], "status": row["status"],
        "value": row["amount"]["value"], "currency": row["amount"]["currency_code"],
        "invoice_id": row.get("invoice_id"),
    }  # fmt: skip
