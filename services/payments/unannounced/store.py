"""Every statement about money that no row here knows of."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from libs.events.transaction import Transaction, new_id
from libs.service.columns import columns
from services.payments.domain import PAYPAL
from services.payments.providers.paypal_reports import Listed
from services.payments.tables import UnannouncedRow

Row = Mapping[str, Any]
_WHOLE = columns(UnannouncedRow)


async def unknown(tx: Transaction, listed: Sequence[Listed]) -> list[Listed]:
    """Those of these transactions that are no operation of ours."""
    rows = await tx.sql.fetch(
        "SELECT provider_ref FROM payment_operation WHERE provider = $1 AND provider_ref = ANY($2::text[])",
        PAYPAL,
        [each.reference for each in listed],
    )
    known = {row["provider_ref"] for row in rows}
    return [each for each in listed if each.reference not in known]


async def payment_of(tx: Transaction, listed: Listed) -> UUID | None:
    """The payment that a transaction names by our id, our reference, the provider's order or what it gives back."""
    found: UUID | None = await tx.sql.fetchval(
        """SELECT p.id FROM payment p WHERE p.id::text = $1 OR p.merchant_ref = $2
               OR (p.provider = $4 AND p.provider_payment_id = $3)
           UNION ALL
           SELECT o.payment_id FROM payment_operation o WHERE o.provider = $4 AND o.provider_ref = $3 LIMIT 1""",
        listed.custom,
        listed.invoice,
        listed.parent,
        PAYPAL,
    )
    return found


async def add(tx: Transaction, listed: Listed) -> bool:
    """List a transaction; False where it stands there already."""
    return bool(
        await tx.sql.fetchval(
            """INSERT INTO unannounced (id, provider, reference, kind, amount_minor, currency, invoice, occurred_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (provider, reference) DO NOTHING RETURNING true""",
            new_id(),
            PAYPAL,
            listed.reference,
            listed.kind,
            listed.amount.minor,
            listed.amount.currency,
            listed.invoice,
            listed.at,
        )
    )


async def page(tx: Transaction, after: UUID | None, limit: int, *, closed: bool) -> list[Row]:
    """What is open, or all of it, oldest first."""
    rows: list[Row] = await tx.sql.fetch(
        f"""SELECT {_WHOLE} FROM unannounced WHERE ($1::uuid IS NULL OR id > $1) AND ($2 OR closed_at IS NULL)
           ORDER BY id LIMIT $3""",  # noqa: S608 - columns
        after,
        closed,
        limit,
    )
    return rows


async def close(tx: Transaction, row_id: UUID, by: str, note: str) -> Row | None:
    """A person has dealt with it; the row, None when there is none. Closed twice it stays as it was."""
    await tx.sql.execute(
        """UPDATE unannounced SET closed_at = now(), closed_by = $2, note = $3, version = version + 1
           WHERE id = $1 AND closed_at IS NULL""",
        row_id,
        by,
        note,
    )
    row: Row | None = await tx.sql.fetchrow(f"SELECT {_WHOLE} FROM unannounced WHERE id = $1", row_id)  # noqa: S608 - columns
    return row


async def stands_for(tx: Transaction, number: str) -> bool:
    """Whether open money carries a reference of this order: it may have been paid under a payment that was lost."""
    return bool(
        await tx.sql.fetchval(
            """SELECT EXISTS (SELECT FROM unannounced WHERE closed_at IS NULL AND amount_minor > 0
               AND invoice = $1 || '-' || right(invoice, 6))""",
            number,
        )
    )


async def let_go(tx: Transaction, invoice: str | None) -> None:
    """What waited for this money may be asked now."""
    await tx.sql.execute(
        """UPDATE payment_call c SET due_at = now() FROM payment p
           WHERE p.id = c.payment_id AND c.kind = 'create' AND c.call_state = 'due'
           AND $1 = p.number || '-' || right($1, 6)""",
        invoice,
    )


async def count_open(tx: Transaction) -> int:
    """How much of it nobody has dealt with."""
    found: int = await tx.sql.fetchval("SELECT count(*) FROM unannounced WHERE closed_at IS NULL")
    return found
