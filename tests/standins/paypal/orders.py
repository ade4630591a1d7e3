"""Checkout orders v2: create, change, approve, capture, authorize."""

from typing import Any

from tests.standins.paypal import payments
from tests.standins.paypal.ledger import Account, Row, new_id, now, public
from tests.standins.paypal.money import check_sums, positive
from tests.standins.paypal.refusals import malformed, unprocessable

LONGEST = {"custom_id": 127, "invoice_id": 127, "reference_id": 256, "description": 127, "soft_descriptor": 22}
OPEN = ("CREATED", "PAYER_ACTION_REQUIRED")
OUTCOMES = {"declined", "denied", "pending"}


def create(account: Account, body: Any) -> tuple[str, str]:
    """A new order that waits for its buyer."""
    if not isinstance(body, dict) or body.get("intent") not in ("CAPTURE", "AUTHORIZE"):
        raise malformed("MISSING_REQUIRED_PARAMETER", "/intent")
    units = body.get("purchase_units")
    if not isinstance(units, list) or len(units) != 1:  # a shop of ours never sends several
        raise malformed("MISSING_REQUIRED_PARAMETER", "/purchase_units")
    unit = _checked(account, units[0])
    order_id, source = new_id(), body.get("payment_source")
    context = ((source or {}).get("paypal") or {}).get("experience_context") or {}
    row: Row = {
        "id": order_id,
        "intent": body["intent"],
        "status": "PAYER_ACTION_REQUIRED" if source else "CREATED",
        "purchase_units": [unit],
        "create_time": now(),
        "links": [
            account.link("self", f"/v2/checkout/orders/{order_id}"),
            account.link("payer-action" if source else "approve", f"/checkoutnow?token={order_id}"),
        ],
        "_return_url": context.get("return_url"),
        "_cancel_url": context.get("cancel_url"),
    }
    if source:
        row["payment_source"] = {"paypal": {}}
    account.orders[order_id] = row
    account.book.did("order_created", order_id=order_id, intent=body["intent"], **_about(unit))
    return "orders", order_id


def _checked(account: Account, unit: Any) -> Row:
    if not isinstance(unit, dict):
        raise malformed("INVALID_PARAMETER_SYNTAX", "/purchase_units/0")
    for name, longest in LONGEST.items():
        if name in unit and not (isinstance(unit[name], str) and 1 <= len(unit[name]) <= longest):
            raise malformed("INVALID_STRING_LENGTH", f"/purchase_units/0/{name}", unit[name])
    check_sums(unit, "/purchase_units/0")
    if account.invoice_is_taken(unit.get("invoice_id")):
        raise unprocessable("DUPLICATE_INVOICE_ID", field="/purchase_units/0/invoice_id", value=unit["invoice_id"])
    return {
        "reference_id": "default",
        **unit,
        "payee": {"email_address": "shop@example.com", "merchant_id": "COMANDA1"},
    }


def patch(account: Account, order_id: str, body: Any) -> None:
    """JSON Patch of the only purchase unit; the result is checked as a new order would be."""
    row = account.get("orders", order_id)
    if row["status"] not in (*OPEN, "APPROVED"):
        raise unprocessable("ORDER_ALREADY_COMPLETED")
    unit = {name: value for name, value in row["purchase_units"][0].items() if name != "payee"}
    for change in body if isinstance(body, list) else []:
        where = str(change.get("path", "")).split("/")
        if (
            len(where) != 4
            or where[:2] != ["", "purchase_units"]
            or change.get("op") not in ("add", "replace", "remove")
        ):
            raise malformed("INVALID_JSON_POINTER_FORMAT", "/path", change.get("path"))
        unit.pop(where[3], None)
        if change["op"] != "remove":
            unit[where[3]] = change.get("value")
    row["purchase_units"] = [_checked(account, unit)]
    account.orders[order_id] = row
    account.book.did("order_patched", order_id=order_id, **_about(unit))


def approve(account: Account, order_id: str) -> Row:
    """The buyer says yes; nothing is taken yet. A second yes changes nothing."""
    row = account.get("orders", order_id)
    if row["status"] not in OPEN:
        return row
    payer = {"name": {"given_name": "Ana", "surname": "Pop"}, "email_address": "buyer@example.com",
             "payer_id": "QYR5Z8XDVJNXQ", "address": {"country_code": "RO"}}  # fmt: skip
    row |= {"status": "APPROVED", "payer": payer}
    act = "capture" if row["intent"] == "CAPTURE" else "authorize"
    row["links"] = [*row["links"][:1], account.link(act, f"/v2/checkout/orders/{order_id}/{act}", "POST")]
    account.orders[order_id] = row
    account.book.did("order_approved", order_id=order_id)
    told = public(row)
    unit = dict(told["purchase_units"][0])
    unit["amount"] = unit["amount"] | {"breakdown": {}}  # PayPal's own oddity: re-serialised, it breaks signatures
    account.tell("CHECKOUT.ORDER.APPROVED", "checkout-order", told | {"purchase_units": [unit]})
    return row


def capture(account: Account, order_id: str) -> tuple[str, str]:
    """Take the money of an approved order, once."""
    row = _approved(account, order_id, "CAPTURE")
    rule = account.mischief.take("capture", OUTCOMES)
    if rule is not None and rule.how == "declined":
        row["status"] = "PAYER_ACTION_REQUIRED"
        account.orders[order_id] = row
        raise unprocessable(rule.extra.get("issue", "INSTRUMENT_DECLINED"))
    unit = row["purchase_units"][0]
    value, currency = positive(unit["amount"], "/amount")
    made = payments.new_capture(account, order_id, unit, value, currency, rule)
    _complete(account, row, "captures", made)
    payments.tell_capture(account, made)
    return "orders", order_id


def authorize(account: Account, order_id: str) -> tuple[str, str]:
    """Set the money of an approved order aside."""
    row = _approved(account, order_id, "AUTHORIZE")
    made = payments.new_authorization(account, order_id, row["purchase_units"][0])
    _complete(account, row, "authorizations", made)
    account.tell("PAYMENT.AUTHORIZATION.CREATED", "authorization", public(made))
    return "orders", order_id


def _approved(account: Account, order_id: str, intent: str) -> Row:
    row = account.get("orders", order_id)
    if row["intent"] != intent:
        raise unprocessable("ACTION_DOES_NOT_MATCH_INTENT")
    if row["status"] == "COMPLETED":
        raise unprocessable("ORDER_ALREADY_CAPTURED" if intent == "CAPTURE" else "ORDER_ALREADY_AUTHORIZED")
    if row["status"] != "APPROVED":
        raise unprocessable("ORDER_NOT_APPROVED")
    unit = row["purchase_units"][0]
    if account.invoice_is_taken(unit.get("invoice_id")):
        raise unprocessable("DUPLICATE_INVOICE_ID", field="/purchase_units/0/invoice_id", value=unit["invoice_id"])
    return row


def _complete(account: Account, row: Row, kind: str, made: Row) -> None:
    unit = row["purchase_units"][0] | {"payments": {kind: [{"id": made["id"]}]}}
    row |= {"status": "COMPLETED", "update_time": now(), "purchase_units": [unit], "links": row["links"][:1]}
    account.orders[row["id"]] = row
    account.tell("CHECKOUT.ORDER.COMPLETED", "checkout-order", shown(account, row["id"]))


def expire(account: Account, order_id: str) -> None:
    """The window closes: an approved order gives the buyer's money back, another is no longer there."""
    row = account.get("orders", order_id)
    if row["status"] == "COMPLETED":
        raise unprocessable("ORDER_ALREADY_COMPLETED")
    approved = row["status"] == "APPROVED"
    account.book.did("order_expired", order_id=order_id, approved=approved)
    if not approved:
        del account.orders[order_id]
        return
    row["status"] = "VOIDED"
    account.orders[order_id] = row
    told = {"order_id": order_id, "purchase_units": row["purchase_units"]}
    account.tell("CHECKOUT.PAYMENT-APPROVAL.REVERSED", "checkout-order", told)


def shown(account: Account, order_id: str) -> Row:
    """The order with its payments as they are now."""
    row = public(account.get("orders", order_id))
    unit = row["purchase_units"][0]
    if "payments" in unit:
        taken = {
            kind: [public(account.get(kind, made["id"])) for made in rows] for kind, rows in unit["payments"].items()
        }
        row["purchase_units"] = [unit | {"payments": taken}]
    return row


def _about(unit: Row) -> Row:
    given = unit["amount"]
    return {
        "value": given["value"], "currency": given["currency_code"],
        "custom_id": unit.get("custom_id"), "invoice_id": unit.get("invoice_id"),
    }  # fmt: skip
