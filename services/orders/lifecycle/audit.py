"""The chain over an order's timeline: what was written there is not changed unseen, and still may be forgotten. Pure.

Each row carries `chain = sha256(chain of the row before | number | digest of the row)`; the order carries the last one.
Personal values enter a digest only as `sha256(salt | values)`: when values and salt are gone, the chain still holds.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any
from uuid import UUID

from services.orders.lifecycle.timeline import Entry

SALT = 16  # bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """What an entry is chained by; `salt` and `personal_digest` only where it has personal values."""

    salt: bytes | None
    personal_digest: bytes | None
    digest: bytes


def sealed(order_id: UUID, entry: Entry) -> Sealed:
    """An entry before it is written, under a salt of its own."""
    salt = secrets.token_bytes(SALT) if entry.personal else None
    hidden = hidden_digest(salt, entry.personal) if salt and entry.personal else None
    told = (entry.event_id, entry.topic, entry.at, entry.actor, entry.correlation_id, entry.causation_id)
    return Sealed(salt, hidden, digest_of(order_id, told, (entry.detail, entry.before, entry.after), hidden))


def hidden_digest(salt: bytes, personal: Mapping[str, Any]) -> bytes:
    """Of personal values; nobody can guess them from it without the salt."""
    return hashlib.sha256(salt + canonical(personal)).digest()


def digest_of(order_id: UUID, told: tuple[Any, ...], documents: tuple[Any, ...], hidden: bytes | None) -> bytes:
    """Of all else of a row but its number: `told` is event, topic, time, actor, correlation and causation."""
    event, topic, at, actor, correlation, causation = told
    who = (str(event), topic, at.astimezone(UTC).isoformat(), actor, str(correlation), str(causation or ""))
    return hashlib.sha256(canonical([str(order_id), *who, *documents, hidden.hex() if hidden else None])).digest()


def link(previous: bytes | None, number: int, digest: bytes) -> bytes:
    """The chain of a row; `timeline_store.note` has the same in SQL."""
    return hashlib.sha256((previous or b"") + number.to_bytes(8, "big", signed=True) + digest).digest()


def canonical(value: Any) -> bytes:
    """JSON in the one form that is the same before and after PostgreSQL has kept it as jsonb."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


@dataclass(frozen=True, slots=True)
class Break:
    """Where a timeline is not what was written: the number of the row, and what differs."""

    number: int
    what: str


@dataclass
class Walk:
    """Goes along one order's timeline, row by row in the order of numbers; `breaks` is empty where all is well."""

    order_id: UUID
    last: int = 0
    chain: bytes | None = None
    since: int | None = None  # the first number that is chained; rows of an older release before it are not
    breaks: list[Break] = field(default_factory=list)

    def step(self, row: Mapping[str, Any]) -> None:
        """Look at the next row."""
        number: int = row["number"]
        whole = number == self.last + 1
        if not whole:
            self._broken(self.last + 1, f"is missing; the next one is {number}")
        self.last = number
        if row["chain"] is None:
            if self.since is not None:
                self._broken(number, "is not chained: it was added by hand, or by a release before the chain ran")
            return
        expected = link(self.chain, number, _digest(self.order_id, row))
        if whole and expected != row["chain"]:
            self._broken(number, "is not what was written, or what it follows is not")
        self.since, self.chain = self.since or number, row["chain"]
        self._look_at_personal(number, row)

    def _look_at_personal(self, number: int, row: Mapping[str, Any]) -> None:
        personal, salt, hidden = row["personal"], row["salt"], row["personal_digest"]
        if personal is None:
            if salt is not None:
                self._broken(number, "has a salt but no personal values: they were taken out by hand")
        elif salt is None or hidden is None or hidden_digest(salt, personal) != hidden:
            self._broken(number, "has personal values that are not what was written")

    def end(self, events: int, chain: bytes | None) -> None:
        """No row follows; what the order itself says of its timeline."""
        if events != self.last:
            self._broken(min(events, self.last) + 1, f"{events} events were counted, and the last one is {self.last}")
        elif chain != self.chain:
            self._broken(self.last, "is not the end that the order remembers")

    def _broken(self, number: int, what: str) -> None:
        self.breaks.append(Break(number, what))


def _digest(order_id: UUID, row: Mapping[str, Any]) -> bytes:
    told = tuple(row[name] for name in ("event_id", "topic", "at", "actor", "correlation_id", "causation_id"))
    return digest_of(order_id, told, (row["detail"], row["before"], row["after"]), row["personal_digest"])
