"""PayPal's own list of what moved on the account (Transaction Search); a movement is there within three hours."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from libs.contracts.common import Money
from services.payments.providers import currencies
from services.payments.providers import paypal_wire as wire
from services.payments.providers.paypal import PayPal, understood

REPORT = "/v1/reporting/transactions"
LONGEST = timedelta(days=31)
PAGE = 500
PAYMENTS, REVERSALS = "T00", "T11"
"""The groups of event codes that are about orders; others are fees, conversions, withdrawals."""
DENIED = "D"


@dataclass(frozen=True, slots=True)
class Listed:
    """A movement as the list has it: what it carries of ours, and what it belongs to."""

    reference: str
    kind: str
    amount: Money
    at: datetime
    invoice: str | None = None
    custom: str | None = None
    parent: str | None = None


async def listed(paypal: PayPal, since: datetime, until: datetime) -> AsyncIterator[list[Listed]]:
    """Page by page, what moved between two moments; Unreadable when PayPal does not show it now."""
    while since < until:
        end = min(since + LONGEST, until)
        page = pages = 1
        while page <= pages:
            asked = {"start_date": _said(since), "end_date": _said(end), "page_size": PAGE, "page": page}
            found = await paypal.get(f"{REPORT}?{urlencode(asked)}") or {}
            rows = understood(lambda found=found: [_read(row["transaction_info"]) for row in _rows(found)])
            yield [row for row in rows if row is not None]
            pages = int(found.get("total_pages") or 1)
            page += 1
        since = end


def _rows(found: wire.Json) -> list[wire.Json]:
    rows = found["transaction_details"]
    return list(rows)


def _read(row: wire.Json) -> Listed | None:
    kind = wire.text(row, "transaction_event_code")
    if not kind.startswith((PAYMENTS, REVERSALS)) or row.get("transaction_status") == DENIED:
        return None
    at = wire.moment(row.get("transaction_initiation_date"))
    if at is None:
        raise ValueError("no date")
    return Listed(
        reference=wire.text(row, "transaction_id"),
        kind=kind,
        amount=currencies.read(row.get("transaction_amount")),
        at=at,
        invoice=row.get("invoice_id"),
        custom=row.get("custom_field"),
        parent=row.get("paypal_reference_id"),
    )


def _said(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
