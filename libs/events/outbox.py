"""The outbox: facts wait here, in the transaction that made them true, until the relay has published them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from uuid import UUID

import asyncpg
import uuid_utils.compat as uuid_utils
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from libs.events.contract import MAX_FACT_BYTES, Event

if TYPE_CHECKING:
    from libs.events.transaction import Cause

SHARDS = 16


class Aggregate(Protocol):
    """What emits facts: a row with `id uuid` and `fact_sequence bigint`, locked while it emits.

    `noun` is what the world calls it (`order`); it becomes the outbox row's `aggregatetype`.
    """

    __tablename__: ClassVar[Any]
    noun: ClassVar[str]

    @property
    def id(self) -> Any:
        """A UUID."""


class FactTooLargeError(Exception):
    """A fact of more than 900 kB: the edge let in more than it should."""


class UnknownAggregateError(Exception):
    """The aggregate that should emit has no row."""


@dataclass(frozen=True, slots=True)
class Row:
    """An outbox row before it has its places (`seq`, `ce_sequence`), which the database gives."""

    aggregate: UUID
    id: UUID
    type: str
    key: str
    payload: str
    dataschema: str

    @classmethod
    def of(cls, aggregate: Aggregate, event: Event) -> "Row":
        """A new fact's row; FactTooLargeError above 900 kB."""
        payload = event.model_dump_json()
        if len(payload.encode()) > MAX_FACT_BYTES:
            raise FactTooLargeError(f"{event.topic} of {aggregate.id} has {len(payload.encode())} bytes")
        return cls(aggregate.id, uuid_utils.uuid7(), event.topic, event.key, payload, event.dataschema())


# The identity `seq` is drawn while selecting FROM the locking UPDATE, so after the lock: per aggregate, seq follows
# commit order. An INSERT ... VALUES beside the UPDATE would draw first (measured: order broken).
_WRITE = """
WITH given AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[],
                         $9::uuid[], $10::int[], $11::text[])
        WITH ORDINALITY AS g(aggregate, id, type, key, payload, dataschema, actor, correlation, causation, depth,
                             traceparent, n)
), locked AS (
    UPDATE {table} t SET fact_sequence = t.fact_sequence + c.facts
    FROM (SELECT aggregate, count(*) AS facts FROM given GROUP BY aggregate) c
    WHERE t.id = c.aggregate
    RETURNING t.id, t.fact_sequence - c.facts AS before
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, key, shard, payload, ce_source, ce_time, ce_dataschema,
                    ce_sequence, ce_actor, ce_correlationid, ce_causationid, ce_depth, traceparent)
SELECT g.id, $12, g.aggregate, g.type, g.key, mod(abs(hashtext(g.aggregate::text)::bigint), {shards}), g.payload, $13,
       $14, g.dataschema, l.before + row_number() OVER (PARTITION BY g.aggregate ORDER BY g.n), g.actor, g.correlation,
       g.causation, g.depth, g.traceparent
FROM given g JOIN locked l ON l.id = g.aggregate
ORDER BY g.n
"""


async def write(
    sql: "asyncpg.Connection[Any]", service: str, facts: Sequence[tuple[Aggregate, Event]], causes: Sequence["Cause"]
) -> list[UUID]:
    """Write `facts`, each because of its cause, in one statement for each run of aggregates of one table; their ids.

    Use `Transaction.emit`.
    """
    ids: list[UUID] = []
    here = traceparent()
    pairs = zip(facts, causes, strict=True)
    for (table, noun), run in groupby(pairs, lambda pair: (str(pair[0][0].__tablename__), pair[0][0].noun)):
        rows = [(Row.of(*fact), cause) for fact, cause in run]
        columns = zip(*(_columns(row, cause, here) for row, cause in rows), strict=True)
        done = await sql.execute(
            _WRITE.format(table=_quoted(table), shards=SHARDS),
            *(list(column) for column in columns),
            noun,
            f"/comanda/{service}",
            datetime.now(UTC),
        )
        if done != f"INSERT 0 {len(rows)}":
            raise UnknownAggregateError(f"{table}: {done} of {len(rows)} facts; an aggregate has no row")
        ids += [row.id for row, _ in rows]
    return ids


def _columns(row: Row, cause: "Cause", here: str | None) -> tuple[object, ...]:
    told = (row.aggregate, row.id, row.type, row.key, row.payload, row.dataschema)
    return *told, cause.actor, cause.correlation_id, cause.causation_id, cause.depth, cause.traceparent or here


def _quoted(table: str) -> str:
    return '"' + table.replace('"', '""') + '"'


def traceparent() -> str | None:
    """The current span, as the next one that follows from it is told."""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")
