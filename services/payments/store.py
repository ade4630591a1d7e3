"""Every statement about payments, operations, calls and the ledger; no business condition."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from libs.contracts.orders import OrderSnapshot
from libs.events.transaction import Cause, Transaction, new_id
from libs.service.due import kept_cause, story_of
from services.payments.domain import Kind, Operation, Payment, State, columns
from services.payments.ledger import Entry

Row = Mapping[str, Any]

_PAYMENT = columns(Payment)
_FIXED = frozenset({"id", "order_id", "number", "created_at"})
_OPERATION = columns(Operation)


def _placeholders(names: Sequence[str]) -> str:
    return ", ".join(f"${place}" for place in range(1, len(names) + 1))


_INSERT_PAYMENT = f"INSERT INTO payment ({', '.join(_PAYMENT)}) VALUES ({_placeholders(_PAYMENT)})"  # noqa: S608 - columns
_CHANGED = [name for name in _PAYMENT if name not in _FIXED]
_UPDATE_PAYMENT = (
    f"UPDATE payment SET {', '.join(f'{name} = ${place}' for place, name in enumerate(_CHANGED, 2))} WHERE id = $1"  # noqa: S608 - columns
)
_SAVE_OPERATION = f"""
INSERT INTO payment_operation ({", ".join(_OPERATION)}) VALUES ({_placeholders(_OPERATION)})
ON CONFLICT (id) DO UPDATE SET status = excluded.status, provider = excluded.provider,
    provider_ref = excluded.provider_ref, fee_minor = excluded.fee_minor, error_code = excluded.error_code,
    resolved_at = excluded.resolved_at
"""  # noqa: S608 - columns
_SELECT_PAYMENT = f"SELECT {', '.join(_PAYMENT)} FROM payment"  # noqa: S608 - columns


async def keep_order(tx: Transaction, order: OrderSnapshot) -> bool:
    """Keep the newest snapshot of an order and its row locked; whether this one is newer than what was known."""
    done = await tx.sql.execute(
        """INSERT INTO known_order (order_id, version, snapshot) VALUES ($1, $2, $3)
           ON CONFLICT (order_id) DO UPDATE SET version = excluded.version, snapshot = excluded.snapshot
           WHERE known_order.version < excluded.version""",
        order.id,
        order.version,
        order.model_dump_json(),
    )
    return bool(done == "INSERT 0 1")


async def known_order(tx: Transaction, order_id: UUID) -> OrderSnapshot:
    """The newest snapshot of an order that has a payment."""
    found = await tx.sql.fetchval("SELECT snapshot::text FROM known_order WHERE order_id = $1", order_id)
    return OrderSnapshot.model_validate_json(found)


async def locked(tx: Transaction, payment_id: UUID) -> Payment | None:
    """A payment, locked until the commit."""
    return _payment(await tx.sql.fetchrow(f"{_SELECT_PAYMENT} WHERE id = $1 FOR NO KEY UPDATE", payment_id))


async def locked_of_order(tx: Transaction, order_id: UUID) -> Payment | None:
    """The payment of an order, locked until the commit."""
    return _payment(await tx.sql.fetchrow(f"{_SELECT_PAYMENT} WHERE order_id = $1 FOR NO KEY UPDATE", order_id))


async def payment(tx: Transaction, payment_id: UUID) -> Payment | None:
    """A payment to read."""
    return _payment(await tx.sql.fetchrow(f"{_SELECT_PAYMENT} WHERE id = $1", payment_id))


async def payments_of_order(tx: Transaction, order_id: UUID) -> list[Payment]:
    """The payments of an order."""
    return [Payment(**row) for row in await tx.sql.fetch(f"{_SELECT_PAYMENT} WHERE order_id = $1", order_id)]


async def page_of_payments(tx: Transaction, after: UUID | None, limit: int, status: str | None) -> list[Payment]:
    """Payments, newest first, after a place in that order."""
    rows = await tx.sql.fetch(
        f"""{_SELECT_PAYMENT} WHERE ($1::uuid IS NULL OR id < $1) AND ($2::text IS NULL OR status = $2)
            ORDER BY id DESC LIMIT $3""",
        after,
        status,
        limit,
    )
    return [Payment(**row) for row in rows]


async def id_by_provider(tx: Transaction, provider: str, provider_payment_id: str) -> UUID | None:
    """The payment that this order at the provider belongs to."""
    found: UUID | None = await tx.sql.fetchval(
        "SELECT id FROM payment WHERE provider = $1 AND provider_payment_id = $2", provider, provider_payment_id
    )
    return found


async def id_by_movement(tx: Transaction, provider: str, provider_ref: str) -> UUID | None:
    """The payment that one of the provider's movements belongs to."""
    found: UUID | None = await tx.sql.fetchval(
        "SELECT payment_id FROM payment_operation WHERE provider = $1 AND provider_ref = $2 LIMIT 1",
        provider,
        provider_ref,
    )
    return found


async def reference_taken(tx: Transaction, merchant_ref: str) -> bool:
    """Whether a payment already has this reference."""
    return bool(await tx.sql.fetchval("SELECT true FROM payment WHERE merchant_ref = $1", merchant_ref))


async def add(tx: Transaction, new: Payment) -> None:
    """A new payment."""
    await tx.sql.execute(_INSERT_PAYMENT, *(getattr(new, name) for name in _PAYMENT))


async def save(tx: Transaction, changed: Payment) -> None:
    """A payment as it is now."""
    await tx.sql.execute(_UPDATE_PAYMENT, changed.id, *(getattr(changed, name) for name in _CHANGED))


def _payment(row: Row | None) -> Payment | None:
    return Payment(**row) if row is not None else None


async def operations(tx: Transaction, payment_id: UUID) -> list[Operation]:
    """A payment's operations, oldest first."""
    rows = await tx.sql.fetch(
        f"SELECT {', '.join(_OPERATION)} FROM payment_operation WHERE payment_id = $1 ORDER BY id",  # noqa: S608 - columns
        payment_id,
    )
    return [Operation(**{**row, "kind": Kind(row["kind"]), "status": State(row["status"])}) for row in rows]


async def save_operations(tx: Transaction, changed: Iterable[Operation]) -> None:
    """New and changed operations."""
    rows = [tuple(getattr(op, name) for name in _OPERATION) for op in changed]
    if rows:
        await tx.sql.executemany(_SAVE_OPERATION, rows)


async def add_call(
    tx: Transaction,
    of: Payment,
    kind: str,
    *,
    operation: UUID | None = None,
    target: str | None = None,
    body: dict[str, Any] | None = None,
    request: UUID | None = None,
    wait: timedelta = timedelta(),
) -> None:
    """A call that is due; its key is the operation's id, so that one operation never runs under two keys."""
    call = new_id()
    await tx.sql.execute(
        """INSERT INTO payment_call (id, order_id, payment_id, operation_id, kind, target, key, body, request, due_at,
               call_cause)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $10, $11)""",
        call,
        of.order_id,
        of.id,
        operation,
        kind,
        target,
        str(operation or call),
        json.dumps(body or {}),
        request,
        wait,
        json.dumps(kept_cause(tx.cause)),
    )


async def story(tx: Transaction, payment_id: UUID) -> Cause:
    """The cause of what its provider or its buyer brings by themselves."""
    return await story_of(tx, "payment_call", "payment_id", payment_id)


async def look_is_due(tx: Transaction, payment_id: UUID, request: UUID | None) -> bool:
    """Whether a look that nobody has begun waits already, for this request."""
    return bool(
        await tx.sql.fetchval(
            """SELECT true FROM payment_call
               WHERE payment_id = $1 AND kind = 'look' AND call_state IN ('due', 'claimed')
               AND (call_state = 'due' AND attempts = 0 OR request = $2) AND ($2::uuid IS NULL OR request = $2)
               LIMIT 1""",
            payment_id,
            request,
        )
    )


async def call_states(tx: Transaction, payment_id: UUID) -> dict[UUID, str]:
    """How the calls of a payment's operations stand."""
    rows = await tx.sql.fetch(
        "SELECT operation_id, call_state FROM payment_call WHERE payment_id = $1 AND operation_id IS NOT NULL",
        payment_id,
    )
    return {row["operation_id"]: row["call_state"] for row in rows}


async def post(tx: Transaction, payment_id: UUID, operation_id: UUID, entry: Entry) -> bool:
    """Write an entry with its lines, unless its key has been written before; whether it was new."""
    lines = list(entry.lines)
    written = await tx.sql.fetchval(
        """WITH entry AS (
               INSERT INTO ledger_entry (id, kind, payment_id, operation_id, source, source_key)
               VALUES ($1, $2, $3, $4, 'operation', $5) ON CONFLICT (source, source_key) DO NOTHING RETURNING id
           ), accounts AS (
               INSERT INTO ledger_account (id) SELECT account FROM entry, unnest($6::text[]) AS a(account)
               ON CONFLICT DO NOTHING
           ), lines AS (
               INSERT INTO ledger_line (entry_id, no, account_id, currency, amount_minor)
               SELECT entry.id, l.no, l.account, $7, l.minor
               FROM entry, unnest($8::text[], $9::bigint[]) WITH ORDINALITY AS l(account, minor, no)
           )
           SELECT id FROM entry""",
        new_id(),
        entry.kind,
        payment_id,
        operation_id,
        entry.source_key,
        sorted({account for account, _ in lines}),
        entry.currency,
        [account for account, _ in lines],
        [minor for _, minor in lines],
    )
    return written is not None


async def ledger_of(tx: Transaction, payment_id: UUID) -> list[Row]:
    """The lines of a payment's entries, in the order written."""
    rows: list[Row] = await tx.sql.fetch(
        """SELECT e.id, e.kind, e.operation_id, e.at, l.no, l.account_id, l.currency, l.amount_minor
           FROM ledger_entry e JOIN ledger_line l ON l.entry_id = e.id WHERE e.payment_id = $1 ORDER BY e.id, l.no""",
        payment_id,
    )
    return rows


async def balances(tx: Transaction) -> list[Row]:
    """What stands on every account, by currency."""
    rows: list[Row] = await tx.sql.fetch(
        """SELECT account_id, currency, sum(amount_minor)::bigint AS amount_minor FROM ledger_line
           GROUP BY 1, 2 ORDER BY 1, 2"""
    )
    return rows


async def intent_of(tx: Transaction, method: str) -> str:
    """Whether a method takes money at once or has it promised first."""
    return await tx.sql.fetchval("SELECT intent FROM payment_method WHERE code = $1", method) or "capture"


async def open_at_provider(tx: Transaction) -> list[tuple[UUID, str]]:
    """Payments of the last weeks from which money may still have come or gone, by the provider's name for them."""
    rows = await tx.sql.fetch(
        """SELECT id, provider_payment_id FROM payment p
           WHERE provider_payment_id IS NOT NULL AND created_at > now() - interval '45 days'
           AND (captured_minor = 0 OR EXISTS (SELECT FROM payment_operation o WHERE o.payment_id = p.id
                AND o.status IN ('initiated', 'pending'))) ORDER BY id"""
    )
    return [(row["id"], row["provider_payment_id"]) for row in rows]


async def to_look_at(tx: Transaction, limit: int) -> list[UUID]:
    """Payments whose provider should be asked again by now, locked; those somebody works on are left for later."""
    rows = await tx.sql.fetch(
        """SELECT id FROM payment WHERE next_look_at <= now() ORDER BY next_look_at LIMIT $1
           FOR NO KEY UPDATE SKIP LOCKED""",
        limit,
    )
    return [row["id"] for row in rows]


async def movement_known(tx: Transaction, provider: str, kind: str, provider_ref: str) -> bool:
    """Whether there is an operation of this kind and reference."""
    return bool(
        await tx.sql.fetchval(
            "SELECT true FROM payment_operation WHERE provider = $1 AND kind = $2 AND provider_ref = $3",
            provider,
            kind,
            provider_ref,
        )
    )
