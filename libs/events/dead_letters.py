"""Dead letters: facts that a consumer could not take, kept whole, in the transaction that also notes them as seen."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from libs.events.bus import Headers, Record, TopicPartition
from libs.events.consumer import Consumer, seen_first
from libs.events.envelope import name_of
from libs.events.erasing import is_erased, without_person
from libs.events.transaction import Cause, Transaction, UnitOfWork, new_id
from libs.events.work import Stuck, WorkCleared, WorkStuck

IN_A_ROW = 20
"""So many dead letters of one partition in a row pause it: that is no bad fact, that is a broken consumer."""
_WHOLE = """SELECT id, fact_sequence, consumer, event_id, topic, partition, "offset", key, value, headers, reason,
    attempts, at, closed_at, closed_as, closed_by FROM dead_letter"""


class LetterClosedError(Exception):
    """The letter was redriven or dropped before."""


class UnknownLetterError(Exception):
    """There is no such letter."""


@dataclass(frozen=True)
class Letter:
    """A `dead_letter` row as what emits."""

    __tablename__: ClassVar[str] = "dead_letter"
    noun: ClassVar[str] = "dead_letter"
    id: UUID


@dataclass(frozen=True)
class Partition:
    """A `partition_state` row as what emits."""

    __tablename__: ClassVar[str] = "partition_state"
    noun: ClassVar[str] = "partition"
    id: UUID


async def bury(uow: UnitOfWork, consumer: Consumer, record: Record, reason: str, attempts: int) -> bool:
    """Keep a record as a dead letter and note it as seen, in one transaction; True when that pauses its partition."""
    async with uow(Cause(actor=f"system:{consumer.name}")) as tx:
        if not await seen_first(tx, consumer.name, [name_of(record)]):
            return False  # an earlier life of ours buried or took it
        value = record.value
        if await is_erased(tx, _order(record)):
            value, reason = without_person(value), reason.partition(":")[0]
        letter = await _write(tx, consumer.name, record, value, reason, attempts)
        what = f"{consumer.name} could not take {record.topic}: {reason}"[:500]
        await tx.emit(Letter(letter), _stuck(uow, Stuck.DEAD_LETTER, letter, what, _order(record)))
        return await _count(tx, uow, consumer.name, record.place)


async def _write(tx: Transaction, consumer: str, record: Record, value: bytes, reason: str, attempts: int) -> UUID:
    letter = new_id()
    await tx.sql.execute(
        """INSERT INTO dead_letter (id, consumer, event_id, topic, partition, "offset", key, value, headers,
                                    reason, attempts)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        letter,
        consumer,
        name_of(record),
        record.topic,
        record.partition,
        record.offset,
        record.key.replace("\0", ""),
        value,
        json.dumps([[name, value.hex()] for name, value in record.headers]),
        reason.replace("\0", ""),
        attempts,
    )
    return letter


async def _count(tx: Transaction, uow: UnitOfWork, consumer: str, place: TopicPartition) -> bool:
    """One more in a row; the twentieth writes the pause down."""
    row = await tx.sql.fetchrow(
        """INSERT INTO partition_state AS s (id, consumer, topic, partition, letters_in_a_row)
           VALUES ($1, $2, $3, $4, 1)
           ON CONFLICT (consumer, topic, partition) DO UPDATE SET letters_in_a_row = s.letters_in_a_row + 1,
               paused_at = CASE WHEN s.letters_in_a_row + 1 >= $5 THEN coalesce(s.paused_at, now()) END
           RETURNING id, fact_sequence, letters_in_a_row, paused_at""",
        new_id(),
        consumer,
        place.topic,
        place.partition,
        IN_A_ROW,
    )
    assert row is not None  # noqa: S101 - an upsert answers a row
    if row["letters_in_a_row"] == IN_A_ROW:
        what = f"{consumer} stopped reading {place.topic}/{place.partition} after {IN_A_ROW} dead letters in a row"
        stuck = _stuck(uow, Stuck.PAUSED, row["id"], what, None, version=row["fact_sequence"] + 1)
        await tx.emit(Partition(row["id"]), stuck)
    return row["paused_at"] is not None


def _stuck(uow: UnitOfWork, kind: Stuck, work: UUID, what: str, order_id: UUID | None, version: int = 1) -> WorkStuck:
    now = datetime.now(UTC)
    return WorkStuck(
        work=work, version=version, service=uow.service, order_id=order_id, kind=kind, what=what, since=now
    )


def _order(record: Record) -> UUID | None:
    """The order a record is about, going by its key; the ids of reference facts name no order and harm nobody."""
    try:
        return UUID(record.key)
    except ValueError:
        return None


async def calmed(uow: UnitOfWork, consumer: str, place: TopicPartition) -> None:
    """A fact of this partition was taken: its row of letters ends."""
    async with uow(Cause(actor=f"system:{consumer}")) as tx:
        await tx.sql.execute(
            """UPDATE partition_state SET letters_in_a_row = 0
               WHERE consumer = $1 AND topic = $2 AND partition = $3 AND paused_at IS NULL AND letters_in_a_row > 0""",
            consumer,
            place.topic,
            place.partition,
        )


async def troubled(uow: UnitOfWork, consumer: str) -> tuple[set[TopicPartition], set[TopicPartition]]:
    """The partitions this consumer must not read, and those with a row of letters that the next fact taken ends."""
    rows = await uow.fetch(
        """SELECT topic, partition, paused_at IS NOT NULL AS paused FROM partition_state
           WHERE consumer = $1 AND (paused_at IS NOT NULL OR letters_in_a_row > 0)""",
        consumer,
    )
    found: dict[bool, set[TopicPartition]] = {True: set(), False: set()}
    for row in rows:
        found[row["paused"]].add(TopicPartition(row["topic"], row["partition"]))
    return found[True], found[False]


async def paused(uow: UnitOfWork, consumer: str) -> set[TopicPartition]:
    """The partitions this consumer must not read."""
    return (await troubled(uow, consumer))[0]


async def resume(
    uow: UnitOfWork, consumer: str, place: TopicPartition | None = None, *, actor: str = "system:cli"
) -> int:
    """Let a consumer read a paused partition again (all of its, without one); how many were paused."""
    async with uow(Cause(actor=actor)) as tx:
        rows = await tx.sql.fetch(
            """UPDATE partition_state SET paused_at = NULL, letters_in_a_row = 0
               WHERE consumer = $1 AND paused_at IS NOT NULL
                 AND ($2::text IS NULL OR (topic, partition) = ($2, $3::int))
               RETURNING id, fact_sequence""",
            consumer,
            place.topic if place else None,
            place.partition if place else None,
        )
        for row in rows:
            cleared = WorkCleared(work=row["id"], version=row["fact_sequence"] + 1, service=uow.service)
            await tx.emit(Partition(row["id"]), cleared)
    return len(rows)


async def redrive(uow: UnitOfWork, consumer: Consumer, letter: UUID, *, actor: str = "system:cli") -> None:
    """Run the handlers on the stored bytes, past the inbox, in the transaction that closes the letter.

    Nothing is published again: whatever a handler refuses now raises, and the letter stays open.
    """
    async with uow(Cause(actor=actor)) as tx:
        row = await _open(tx, letter)
        envelope, event = consumer.decoded(_record(row))
        await consumer.handle(tx, envelope, event)
        tx.cause = Cause(actor=actor)
        await _close(tx, uow, row, "redriven", actor)


async def drop(uow: UnitOfWork, letter: UUID, *, actor: str = "system:cli") -> None:
    """Close a letter without handling it; its bytes stay until they are cleaned away."""
    async with uow(Cause(actor=actor)) as tx:
        await _close(tx, uow, await _open(tx, letter), "dropped", actor)


async def listed(uow: UnitOfWork, *, closed: bool = False, limit: int = 200) -> list[dict[str, Any]]:
    """The letters, oldest first, without their bytes."""
    async with uow(Cause(actor="system:cli")) as tx:
        rows = await tx.sql.fetch(
            """SELECT id, consumer, topic, partition, "offset", key, reason, attempts, at, closed_as FROM dead_letter
               WHERE closed_at IS NULL OR $1 ORDER BY at, id LIMIT $2""",
            closed,
            limit,
        )
    return [dict(row) for row in rows]


async def shown(uow: UnitOfWork, letter: UUID) -> dict[str, Any]:
    """One letter, whole."""
    async with uow(Cause(actor="system:cli")) as tx:
        row = await tx.sql.fetchrow(f"{_WHOLE} WHERE id = $1", letter)
    if row is None:
        raise UnknownLetterError(str(letter))
    return {**row, "headers": {name: value.decode(errors="replace") for name, value in _headers(row["headers"])}}


async def _open(tx: Transaction, letter: UUID) -> Any:
    row = await tx.sql.fetchrow(f"{_WHOLE} WHERE id = $1 FOR UPDATE", letter)
    if row is None:
        raise UnknownLetterError(str(letter))
    if row["closed_at"] is not None:
        raise LetterClosedError(f"{letter} was {row['closed_as']} at {row['closed_at']}")
    return row


async def _close(tx: Transaction, uow: UnitOfWork, row: Any, how: str, actor: str) -> None:
    await tx.sql.execute(
        "UPDATE dead_letter SET closed_at = now(), closed_as = $2, closed_by = $3 WHERE id = $1", row["id"], how, actor
    )
    order = _order(_record(row))
    cleared = WorkCleared(work=row["id"], version=row["fact_sequence"] + 1, service=uow.service, order_id=order)
    await tx.emit(Letter(row["id"]), cleared)


def _record(row: Any) -> Record:
    return Record(
        row["topic"],
        row["partition"],
        row["offset"],
        row["key"],
        bytes(row["value"]),
        _headers(row["headers"]),
        row["at"],
    )


def _headers(stored: str) -> Headers:
    return tuple((name, bytes.fromhex(value)) for name, value in json.loads(stored))
