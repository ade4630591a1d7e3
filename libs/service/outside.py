"""Calls to other people's systems: once each, never inside a transaction, and what is not known is found out.

A row says what is due. A loop claims it, calls with no transaction open, and records the outcome under the row's
lock if the claim still is its own, as following from what made the call due. A time-out, and a claim whose owner
died or overslept, is `unknown`: never repeated blindly, settled by a look-up.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import httpx

from libs.events.connection import FEW_ROWS
from libs.events.transaction import Cause, Transaction, UnitOfWork, new_id
from libs.events.work import Stuck, WorkCleared, WorkStuck
from libs.service import telemetry
from libs.service.columns import columns
from libs.service.due import (
    CAUSE_DDL,
    DUE_DDL,
    Absent,
    Answer,
    CallState,
    DueColumns,
    Failed,
    Refused,
    Row,
    Succeeded,
    Unknown,
    Wait,
    cause_of,
    counted,
    following,
    kept_cause,
)
from libs.service.loops import Loop, Wake

__all__ = [
    "CAUSE_DDL",
    "DUE_DDL",
    "Absent",
    "Answer",
    "CallState",
    "DueColumns",
    "Failed",
    "OutsideCalls",
    "Refused",
    "Row",
    "Succeeded",
    "Unknown",
    "Wait",
    "kept_cause",
]

log = logging.getLogger(__name__)
MEASURE_EVERY = 15.0
STUCK = {CallState.UNKNOWN: Stuck.UNKNOWN_CALL, CallState.REFUSED: Stuck.REFUSED_CALL}
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Errors after which not one byte of the request has left."""


class _Call:
    """The row as what emits `work.stuck` and `work.cleared`."""

    __tablename__: Any
    noun: ClassVar[str]

    def __init__(self, row_id: UUID) -> None:
        self.id: Any = row_id


@dataclass
class OutsideCalls:
    """Works off the rows of one table of calls (see `DueColumns`), in as many processes as you like.

    `call(row)` and `look_up(row)` run with no transaction open and answer one of `Answer`; what they raise counts as
    Unknown (Wait where the connection was never made). `record(tx, row, answer)` runs in a new transaction under the
    row's lock, after its `call_state` is written, for Succeeded, Failed, Refused and Unknown; `row` is the row as it
    was locked, and what it emits follows from whatever made the call due (`kept_cause`). Only `Absent` in two
    look-ups, `grace` apart, closes an unknown call as Failed.

    A table of calls to several others is worked off by one of these for each, with a condition of its own (`only`) and
    a `name` for its loops and measures; none of them waits for another.

    `needed`: the columns that `record` reads and that may have changed since the claim, `fact_sequence` among them, if
    not all; others it finds as they were claimed. `succeeding`: assignments that go with Succeeded, each after a comma.
    """

    uow: UnitOfWork
    rows: type[DueColumns]
    call: Callable[[Row], Awaitable[Answer]]
    record: Callable[[Transaction, Row, Answer], Awaitable[None]]
    look_up: Callable[[Row], Awaitable[Answer]]
    noun: str = ""
    lease: timedelta = timedelta(seconds=30)
    batch: int = 20
    concurrency: int = 8
    look_up_after: timedelta = timedelta(seconds=5)
    grace: timedelta = timedelta(seconds=60)
    every: timedelta = timedelta(seconds=1)
    only: str = "true"
    name: str = ""
    needed: str = ""
    succeeding: str = ""
    wake: Wake = field(default_factory=Wake)
    table: str = field(init=False)
    _measured: float = field(init=False, default=float("-inf"))

    def __post_init__(self) -> None:
        self.table = str(self.rows.__tablename__)
        self.name = self.name or self.table
        self._columns = columns(self.rows, self.table)
        self._aggregate = type("Call", (_Call,), {"__tablename__": self.table, "noun": self.noun or self.table})
        self._slots = asyncio.Semaphore(self.concurrency)

    def loops(self) -> Sequence[Loop]:
        """The loop of due calls, woken by `wake`, and the loop that settles unknown ones; named after the table."""
        return (
            Loop(self.name, self.every, self.due_round, self.wake, full=self.batch),  # fewer: that was all
            Loop(f"{self.name} look-ups", self.every, self.sweep_round),
        )

    async def due_round(self) -> int:
        """Claim a batch of due calls and make them; how many."""
        return await self._round(_CLAIM_DUE, self._make)

    async def sweep_round(self) -> int:
        """Turn overslept claims, of look-ups too, into unknown ones, and look up a batch; how many rows that were."""
        overslept = await self.uow.fetch(self._said(_OVERSLEPT), self.batch)
        for row in overslept:
            await self._expire(row["id"])
        found = await self._round(_CLAIM_UNKNOWN, self._look)
        await self._measure()
        return found + len(overslept)

    async def again(self, tx: Transaction, row_id: UUID) -> bool:
        """A person has mended what was refused: the call is due again. False when the row is not refused."""
        row = await tx.sql.fetchrow(self._said(_LOCKED), row_id)
        if row is None or row["call_state"] != CallState.REFUSED:
            return False
        await self._write(tx, dict(row), CallState.DUE, 0.0, None)
        tx.after_commit(self.wake.set)
        return True

    async def _round(self, claim: str, work: Callable[[Row, float], Awaitable[None]]) -> int:
        began = time.monotonic()  # before the database's clock starts the lease
        rows = await self.uow.fetch(self._said(claim), new_id(), self.lease, self.batch)
        async with asyncio.TaskGroup() as group:
            for row in rows:
                group.create_task(self._one(work, dict(row), began + self.lease.total_seconds() * 0.9))
        return len(rows)

    async def _one(self, work: Callable[[Row, float], Awaitable[None]], row: Row, deadline: float) -> None:
        async with self._slots:
            try:
                await work(row, deadline)
            except Exception:  # the claim stands and runs out: what became of the call is then looked up
                log.exception("an outcome was not recorded", extra={"table": self.table, "row": str(row["id"])})

    async def _make(self, row: Row, deadline: float) -> None:
        if time.monotonic() >= deadline:  # overslept: the lease may be somebody else's by now, so not a byte leaves
            await self._give_back(row)
            return
        answer = await self._asked(self.call, row, deadline)
        await self._settle(row, Unknown("absent is no answer to a call") if isinstance(answer, Absent) else answer)

    async def _look(self, row: Row, deadline: float) -> None:
        if time.monotonic() < deadline:
            await self._settle(row, await self._asked(self.look_up, row, deadline))

    async def _asked(self, ask: Callable[[Row], Awaitable[Answer]], row: Row, deadline: float) -> Answer:
        began = time.monotonic()
        try:
            async with asyncio.timeout(deadline - began):
                answer = await ask(row)
        except NOT_SENT as error:
            answer = Wait(reason=type(error).__name__)
        except (httpx.TransportError, TimeoutError) as error:
            answer = Unknown(type(error).__name__)
        except Exception as error:
            log.exception("an outside call broke", extra={"table": self.table, "row": str(row["id"])})
            answer = Unknown(type(error).__name__)
        telemetry.OUTSIDE_SECONDS.labels(self.uow.service, self.name).observe(time.monotonic() - began)
        telemetry.OUTSIDE_ANSWERS.labels(self.uow.service, self.name, type(answer).__name__.lower()).inc()
        return answer

    async def _settle(self, claimed: Row, answer: Answer) -> None:
        """Record the answer if the claim still is ours; somebody else's claim means that it will be looked up."""
        async with self.uow(self._cause(claimed)) as tx:
            if not await self._apply(tx, claimed, answer):
                log.warning(
                    "overslept: an answer is not recorded", extra={"table": self.table, "row": str(claimed["id"])}
                )

    async def _apply(self, tx: Transaction, row: Row, answer: Answer) -> bool:
        answer, absent = counted(row, answer)
        state, seconds, reason = following(row, answer, self.look_up_after, self.grace)
        also = self.succeeding if isinstance(answer, Succeeded) else ""
        found = await self._write(tx, row, state, seconds, reason, absent, also)
        if found is not None and isinstance(answer, Succeeded | Failed | Refused | Unknown):
            await self.record(tx, found, answer)
        return found is not None

    async def _expire(self, row_id: UUID) -> None:
        """A claim whose owner died or sleeps: nobody knows whether it called."""
        async with self.uow(self._cause({})) as tx:
            found = await tx.sql.fetchrow(self._said(_STILL_OVERSLEPT), row_id)
            if found is not None:
                tx.cause = self._cause(dict(found))
                await self._apply(tx, dict(found), Unknown("whoever made the call did not come back"))

    async def _give_back(self, row: Row) -> None:
        async with self.uow(self._cause(row)) as tx:
            await self._write(tx, row, CallState.DUE, 0.0, "claimed too long ago to call")

    async def _write(
        self,
        tx: Transaction,
        row: Row,
        state: CallState,
        wait: float,
        error: str | None,
        absent: int = 0,
        also: str = "",
    ) -> Row | None:
        """Give up the claim, note the state, and tell the house when work stands still or moves again.

        The row, locked: as it is now, but with the call as it stood before; None where the claim is not ours any more.
        Nobody but who holds a claim writes these columns, so what was claimed is what stood there.
        """
        kind = STUCK.get(state)
        known = STUCK.get(CallState(row["call_state"])) if row["call_since"] else None
        written = await tx.sql.fetchrow(
            self._said(_WRITE, also=also, needed=self.needed or self._columns),
            row["id"],
            state,
            timedelta(seconds=wait),
            error,
            absent,
            kind is not None,
            row["claim"],
        )
        if written is None:
            return None
        found = row | dict(written) | {name: row[name] for name in DueColumns.model_fields}
        told = {"work": row["id"], "version": found["fact_sequence"] + 1, "service": self.uow.service}
        told["order_id"] = found.get("order_id")
        if kind is not None and kind is not known:
            log.warning("an outside call is stuck", extra={"table": self.table, "row": str(row["id"]), "state": state})
            next_try = written["due_at"] if state is CallState.UNKNOWN else None
            what = f"{self.table} is {state}: {error}"
            fact = WorkStuck(**told, kind=kind, what=what, since=written["call_since"], next_try=next_try)
            await tx.emit(self._aggregate(row["id"]), fact)
        elif kind is None and known is not None:
            await tx.emit(self._aggregate(row["id"]), WorkCleared(**told))
        return found

    async def _measure(self) -> None:
        if time.monotonic() - self._measured < MEASURE_EVERY:
            return
        self._measured = time.monotonic()
        counts = {row["call_state"]: row["n"] for row in await self.uow.fetch(self._said(_COUNT))}
        for state in (CallState.DUE, CallState.CLAIMED, CallState.UNKNOWN, CallState.REFUSED):
            telemetry.OUTSIDE_ROWS.labels(self.uow.service, self.name, state).set(counts.get(state, 0))

    def _said(self, statement: str, **more: str) -> str:
        """A statement about this table."""
        return statement.format(table=self.table, only=self.only, columns=self._columns, **more)

    def _cause(self, row: Row) -> Cause:
        """What made the call due; anew where its row does not say."""
        return cause_of(row) or Cause(f"system:{self.uow.service}")


_CLAIM = """
WITH picked AS MATERIALIZED (
    SELECT id FROM {{table}} WHERE {{only}} AND {which} ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE {{table}} SET {state} claim = $1, claimed_until = clock_timestamp() + $2, attempts = attempts + 1
FROM picked WHERE {{table}}.id = picked.id RETURNING {{columns}}
"""
_CLAIM_DUE = _CLAIM.format(which="call_state = 'due' AND due_at <= now()", state="call_state = 'claimed',")
_CLAIM_UNKNOWN = _CLAIM.format(which="call_state = 'unknown' AND due_at <= now() AND claim IS NULL", state="")
_EXPIRED = "call_state IN ('claimed', 'unknown') AND claimed_until < now()"
_OVERSLEPT = f"SELECT id FROM {{table}} WHERE {{only}} AND {_EXPIRED} LIMIT $1"  # noqa: S608 - constants
_LOCKED = "SELECT {columns} FROM {table} WHERE id = $1 FOR UPDATE"
_STILL_OVERSLEPT = f"SELECT {{columns}} FROM {{table}} WHERE id = $1 AND {_EXPIRED} FOR UPDATE"  # noqa: S608 - constants
_WRITE = f"""
UPDATE {{table}} SET call_state = $2, due_at = now() + $3, last_error = $4, absent = $5,
    claim = NULL, claimed_until = NULL, call_since = CASE WHEN $6 THEN coalesce(call_since, now()) END {{also}}
FROM (SELECT {FEW_ROWS}) AS planned
WHERE id = $1 AND claim IS NOT DISTINCT FROM $7 RETURNING {{needed}}, due_at, call_since
"""  # noqa: S608 - constants
_COUNT = """
SELECT call_state, count(*) AS n FROM {table}
WHERE {only} AND call_state IN ('due', 'claimed', 'unknown', 'refused') GROUP BY 1
"""
