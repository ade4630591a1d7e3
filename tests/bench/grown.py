"""Databases with many orders in them, made quickly: one real order's rows, copied within the database.

Copies have ids, numbers and times of their own; ids grow with time, as UUIDv7 does. All but one in a hundred are
completed: paid, delivered, their goods gone, as the ledger says too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

_COLUMNS = """
SELECT attname AS name FROM pg_attribute
WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = '' ORDER BY attnum
"""
_ID = """
CREATE OR REPLACE FUNCTION pg_temp.old(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(1700000000000 + n * 1000), 12, '0') || '70008' || kind || lpad(to_hex(n), 12, '0'))::uuid $$
"""
_STEP = 50_000
_AT = "to_timestamp(1700000000 + n)"
_DONE = "n % 100 <> 0"
_ORDER, _LINE, _RESERVATION = "pg_temp.old('001', n)", "pg_temp.old('002', n)", "pg_temp.old('004', n)"


@dataclass(frozen=True, slots=True)
class Copied:
    """Rows of a table that belong to the example (`where`), and what is another in the n-th copy of them."""

    table: str
    where: str
    other: Mapping[str, str]


_STATUS = "(SELECT array_agg(id ORDER BY position) FROM status WHERE track = 'order')"
_STANDING = f"{_STATUS}[1 + n % cardinality({_STATUS})]"
_MARKS = f"""ARRAY[
    CASE WHEN {_DONE} THEN 'lifecycle:completed' ELSE 'lifecycle:open' END,
    CASE WHEN {_DONE} THEN 'stock:deducted' ELSE 'stock:reserved' END,
    CASE WHEN {_DONE} THEN 'payment:received' ELSE 'payment:pending' END,
    CASE WHEN {_DONE} THEN 'fulfilment:delivered' ELSE 'fulfilment:none' END,
    CASE WHEN {_DONE} THEN 'has_awb:yes' ELSE 'has_awb:no' END,
    'channel:web', 'currency:RON', 'delivery_method:courier', 'payment_method:' || (ARRAY['paypal', 'cod'])[1 + n % 2],
    'status:' || {_STANDING}] ||
    CASE WHEN n % 1000 = 0 THEN ARRAY['bucket:on_hold', 'hold:manual'] WHEN n % 500 = 0 THEN
    ARRAY['bucket:overdue', 'overdue:payment'] ELSE '{{}}' END"""
_SITE = "ARRAY['site-' || n % 50]"
_OF_RESERVATION = "reservation_id = (SELECT id FROM reservation WHERE order_id = $1)"
_MOVED = "id = (SELECT id FROM movement WHERE sku = 'mug' AND $1::uuid IS NOT NULL ORDER BY id LIMIT 1)"
ORDERS: tuple[Copied, ...] = (
    Copied(
        "orders",
        "id = $1",
        {
            "id": _ORDER,
            "number": "'OLD-' || n",
            "external_id": "'old-' || n",
            "placed_at": _AT,
            "taken_at": _AT,
            "lifecycle": f"CASE WHEN {_DONE} THEN 'completed' ELSE 'open' END",
            "stock": f"CASE WHEN {_DONE} THEN 'deducted' ELSE 'reserved' END",
            "payment": f"CASE WHEN {_DONE} THEN 'received' ELSE 'pending' END",
            "fulfilment": f"CASE WHEN {_DONE} THEN 'delivered' ELSE 'none' END",
            "reserve_until": "NULL",
            "referers": _SITE,
            "customer_id": "(SELECT array_agg(id) FROM customer)[1 + n % (SELECT count(*) FROM customer)]",
        },
    ),
    Copied("order_line", "order_id = $1", {"id": _LINE, "order_id": _ORDER}),
    Copied("order_event", "order_id = $1", {"event_id": "pg_temp.old('003', n)", "order_id": _ORDER, "at": _AT}),
    Copied(
        "order_list",
        "order_id = $1",
        {
            "order_id": _ORDER,
            "placed_at": _AT,
            "updated_at": f"{_AT} + n % 1000 * interval '1 minute'",
            "total": "1000 + n * 7919 % 100000",
            "due_at": f"CASE WHEN {_DONE} THEN t.due_at ELSE {_AT} + interval '1 day' END",
            "lifecycle": f"CASE WHEN {_DONE} THEN 'completed' ELSE 'open' END",
            "order_status": _STANDING,
            "holds": "CASE WHEN n % 1000 = 0 THEN ARRAY['manual'] ELSE '{}' END",
            "overdue": "CASE WHEN n % 1000 <> 0 AND n % 500 = 0 THEN ARRAY['payment'] ELSE '{}' END",
            "marks": _MARKS,
        },
    ),
    Copied(
        "order_search",
        "order_id = $1",
        {
            "order_id": _ORDER,
            "words": """array_to_tsvector(ARRAY['old-' || n, n::text, 'ana', 'family' || n % 5000, 'example', 'ro',
                        'c' || n || '@example.ro', 'c' || n, lpad(n::text, 9, '7'), 'mug-' || n % 300])""",
            "plain": "ARRAY['old-' || n, n::text, 'mug-' || n % 300]",
            "referers": _SITE,
            "skus": "ARRAY['mug-' || n % 300]",
            "placed_at": _AT,
        },
    ),
)
INVENTORY: tuple[Copied, ...] = (
    Copied("known_order", "id = $1", {"id": _ORDER, "number": "'OLD-' || n", "placed_at": _AT}),
    Copied(
        "reservation",
        "order_id = $1",
        {"id": _RESERVATION, "order_id": _ORDER, "state": f"CASE WHEN {_DONE} THEN 'deducted' ELSE 'reserved' END"},
    ),
    Copied("reservation_line", _OF_RESERVATION, {"reservation_id": _RESERVATION, "line_id": _LINE}),
    Copied(
        "allocation",
        _OF_RESERVATION,
        {
            "reservation_id": _RESERVATION,
            "line_id": _LINE,
            "reserved": f"CASE WHEN {_DONE} THEN 0 ELSE t.reserved END",
            "deducted": f"CASE WHEN {_DONE} THEN t.reserved ELSE 0 END",
        },
    ),
    *(
        Copied(
            "movement",
            _MOVED,
            {"id": f"pg_temp.old('{kind}', n)", "kind": f"'{name}'", "quantity": much, "source": f"'{name}/old-' || n"},
        )
        for kind, name, much in (("005", "receipt", "1000"), ("006", "deduct", "-1000"))
    ),
)


async def grow(url: str, copied: Sequence[Copied], example: UUID, there: int, wanted: int) -> None:
    """Copy the example order (its id) until there are `wanted`; `there` were copied before.

    What a copy refers to is there, so the server need not look row by row: that is the administrator's to say.
    """
    quick = {"synchronous_commit": "off", "jit": "off", "session_replication_role": "replica"}
    connection = await asyncpg.connect(url, user="postgres", server_settings=quick)
    await connection.execute(_ID)
    for first in range(there + 1, wanted + 1, _STEP):
        last = min(first + _STEP - 1, wanted)
        async with connection.transaction():
            for rows in copied:
                await connection.execute(await _statement(connection, rows, first, last), example)
    for table in {rows.table for rows in copied}:
        await connection.execute(f"VACUUM ANALYZE {table}")
    await connection.close()


async def _statement(connection: "asyncpg.Connection[Any]", rows: Copied, first: int, last: int) -> str:
    columns = [row["name"] for row in await connection.fetch(_COLUMNS, rows.table)]
    values = ", ".join(rows.other.get(name, f"t.{name}") for name in columns)
    source = f"(SELECT * FROM {rows.table} WHERE {rows.where}) t, generate_series({first}::bigint, {last}::bigint) n"  # noqa: S608
    return f"INSERT INTO {rows.table} ({', '.join(columns)}) SELECT {values} FROM {source}"  # noqa: S608 - constants


async def balance(url: str) -> None:
    """What the copies hold is reserved at its level too."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        """UPDATE stock_level s SET reserved = held FROM (
               SELECT sku, depot, sum(reserved) AS held FROM allocation WHERE reserved > 0 GROUP BY sku, depot) a
           WHERE s.sku = a.sku AND s.depot = a.depot"""
    )
    await connection.close()
