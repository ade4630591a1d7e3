"""Rows that say which call to another system is due, where it stands, and what the other side can answer."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Enum, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from libs.events.errors import backoff
from libs.events.transaction import Cause, Transaction
from libs.service.personal import GONE, personal

Row = dict[str, Any]


class CallState(StrEnum):
    """Where a call stands."""

    DUE = "due"
    CLAIMED = "claimed"  # somebody is calling right now
    UNKNOWN = "unknown"  # it may have happened: look it up
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # the other side's final no, or it never happened
    REFUSED = "refused"  # our mistake: needs a person


class DueColumns(SQLModel):
    """The columns of a table whose rows are due calls; its migration takes them from `DUE_DDL` and `CAUSE_DDL`."""

    call_state: CallState = Field(
        default=CallState.DUE,
        sa_type=Enum(
            CallState,
            native_enum=False,
            length=9,
            create_constraint=False,
            values_callable=lambda kind: [state.value for state in kind],
        ),
    )
    due_at: datetime = Field(default_factory=lambda: datetime.now(UTC), sa_type=DateTime(timezone=True))
    claimed_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    claim: UUID | None = Field(default=None, sa_type=Uuid)
    attempts: int = 0
    absent: int = 0  # look-ups that found nothing
    last_error: str | None = Field(default=None, sa_column_kwargs=personal(GONE))  # what another system answered
    call_since: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # stuck
    call_cause: dict[str, Any] | None = Field(default=None, sa_type=JSONB)  # see `kept_cause`


DUE_DDL = """
    call_state text NOT NULL DEFAULT 'due'
        CHECK (call_state IN ('due', 'claimed', 'unknown', 'succeeded', 'failed', 'refused')),
    due_at timestamptz NOT NULL DEFAULT now(),
    claimed_until timestamptz,
    claim uuid,
    attempts integer NOT NULL DEFAULT 0,
    absent integer NOT NULL DEFAULT 0,
    last_error text,
    call_since timestamptz
"""
"""The same columns for CREATE TABLE. Add an index: `(due_at) WHERE call_state IN ('due', 'claimed', 'unknown')`."""


CAUSE_DDL = "ADD COLUMN call_cause jsonb"
"""The column of `kept_cause` for ALTER TABLE; a row without it was written by an older release."""


def kept_cause(cause: Cause) -> dict[str, Any]:
    """Under which cause a call was made due: kept in its row as `call_cause`, so that its outcome is told under it."""
    return {
        "actor": cause.actor,
        "correlation_id": str(cause.correlation_id),
        "causation_id": str(cause.causation_id) if cause.causation_id else None,
        "depth": cause.depth,
    }


def cause_of(row: Row) -> Cause | None:
    """The cause that a row keeps; None where it keeps none."""
    if (kept := row.get("call_cause")) is None:
        return None
    causation = UUID(kept["causation_id"]) if kept["causation_id"] else None
    return Cause(kept["actor"], UUID(kept["correlation_id"]), causation, kept["depth"])


async def story_of(tx: Transaction, table: str, column: str, about: UUID) -> Cause:
    """The cause of what another system tells by itself: no fact of ours, in the story of the first call about it."""
    first = f"SELECT call_cause ->> 'correlation_id' FROM {table} WHERE {column} = $1 ORDER BY id LIMIT 1"  # noqa: S608 - ours
    story = await tx.sql.fetchval(first, about)
    return replace(tx.cause, correlation_id=UUID(story)) if story else tx.cause


@dataclass(frozen=True, slots=True)
class Succeeded:
    """It happened; `data` is whatever the adapter read from the answer."""

    data: Any = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Their final no."""

    reason: str
    data: Any = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Our mistake (a 4xx that is none of theirs): an alert, not a retry."""

    reason: str
    data: Any = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have happened: a time-out, a 5xx, an answer that makes no sense."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """It did not happen yet, the same call with the same key is right later. No `seconds`: backing off by itself."""

    seconds: float | None = None
    reason: str = "wait"


@dataclass(frozen=True, slots=True)
class Absent:
    """A look-up found nothing."""


Answer = Succeeded | Failed | Refused | Unknown | Wait | Absent


def counted(row: Row, answer: Answer) -> tuple[Answer, int]:
    """The answer, with the number of look-ups that found nothing; the second one says that it never happened."""
    if not isinstance(answer, Absent):
        return answer, row["absent"]
    absent = row["absent"] + 1
    return (Failed("found in neither of two look-ups"), absent) if absent >= 2 else (answer, absent)  # noqa: PLR2004


def following(
    row: Row, answer: Answer, look_up_after: timedelta, grace: timedelta
) -> tuple[CallState, float, str | None]:
    """What an answer makes of a row: its state, in how many seconds it is due again, and why."""
    match answer:
        case Succeeded():
            return CallState.SUCCEEDED, 0, None
        case Failed(reason):
            return CallState.FAILED, 0, reason
        case Refused(reason):
            return CallState.REFUSED, 0, reason
        case Unknown(reason):
            return CallState.UNKNOWN, look_up_after.total_seconds() * min(60, 1.5 ** min(row["attempts"], 20)), reason
        case Absent():
            return CallState.UNKNOWN, grace.total_seconds(), "not found yet"
        case Wait(seconds, reason):  # a call is due again; a look-up that must wait leaves the call unknown
            pause = backoff(row["attempts"], first=0.5, most=600) if seconds is None else seconds
            return CallState.UNKNOWN if row["call_state"] == CallState.UNKNOWN else CallState.DUE, pause, reason
