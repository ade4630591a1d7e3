"""Transaction search: what moved on the account between two moments."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.datastructures import QueryParams

from tests.standins.paypal.ledger import Account, Row
from tests.standins.paypal.refusals import malformed

LONGEST_WINDOW = timedelta(days=31)
STATUS = {"PENDING": "P", "DECLINED": "D", "FAILED": "D"}


def transactions(account: Account, asked: QueryParams) -> dict[str, Any]:
    """A page of captures (T0006) and refunds (T1107), oldest first; at most 31 days at once."""
    start, end = _moment(asked, "start_date"), _moment(asked, "end_date")
    if not start <= end <= start + LONGEST_WINDOW:
        raise malformed("INVALID_DATE_RANGE", "/end_date", asked.get("end_date"))
    size, page = _number(asked, "page_size", 100, 500), _number(asked, "page", 1, 2**31)
    rows = [_captured(row) for row in account.captures.values()]
    rows += [_refunded(row, account) for row in account.refunds.values()]
    found = sorted(
        (row for row in rows if start <= datetime.fromisoformat(row["transaction_initiation_date"]) <= end),
        key=lambda row: str(row["transaction_initiation_date"]),
    )
    return {
        "transaction_details": [{"transaction_info": row} for row in found[(page - 1) * size : page * size]],
        "account_number": "COMANDA1",
        "start_date": asked["start_date"],
        "end_date": asked["end_date"],
        "page": page,
        "total_items": len(found),
        "total_pages": max(1, -(-len(found) // size)),
    }


def _captured(row: Row) -> Row:
    fee = row.get("seller_receivable_breakdown", {}).get("paypal_fee", {"value": "0"})["value"]
    return {
        "transaction_id": row["id"],
        "paypal_reference_id": row["supplementary_data"]["related_ids"]["order_id"],
        "paypal_reference_id_type": "ODR",
        "transaction_event_code": "T0006",
        "fee_amount": row["amount"] | {"value": str(-Decimal(fee))},
        "transaction_amount": row["amount"],
        "invoice_id": row.get("invoice_id"),
        "custom_field": row.get("custom_id"),
        **_when(row),
    }


def _refunded(row: Row, account: Account) -> Row:
    capture = account.get("captures", row["_capture_id"])
    return {
        "transaction_id": row["id"],
        "paypal_reference_id": row["_capture_id"],
        "paypal_reference_id_type": "TXN",
        "transaction_event_code": "T1107",
        "transaction_amount": row["amount"] | {"value": f"-{row['amount']['value']}"},
        "invoice_id": row.get("invoice_id"),
        "custom_field": capture.get("custom_id"),
        **_when(row),
    }


def _when(row: Row) -> Row:
    return {
        "transaction_initiation_date": row["create_time"],
        "transaction_updated_date": row["update_time"],
        "transaction_status": STATUS.get(row["status"], "S"),
    }


def _moment(asked: QueryParams, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(asked.get(name, ""))
    except ValueError:
        raise malformed("INVALID_PARAMETER_SYNTAX", f"/{name}", asked.get(name)) from None
    if moment.tzinfo is None:
        raise malformed("INVALID_PARAMETER_SYNTAX", f"/{name}", asked.get(name))
    return moment


def _number(asked: QueryParams, name: str, usual: int, most: int) -> int:
    given = asked.get(name, str(usual))
    if not given.isdigit() or not 1 <= int(given) <= most:
        raise malformed("INVALID_PARAMETER_VALUE", f"/{name}", given)
    return int(given)
