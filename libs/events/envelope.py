"""The envelope: CloudEvents 1.0 in Kafka's binary mode. Attributes are headers; the value is the JSON data alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid5

from libs.events.bus import Headers, Record

CONTENT_TYPE = "application/json"
ATTRIBUTES = (
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_subject",
    "ce_time",
    "ce_dataschema",
    "ce_sequence",
    "ce_actor",
    "ce_correlationid",
    "ce_causationid",
    "ce_depth",
)
"""Every attribute a fact of ours carries, beside `traceparent` where a trace runs."""
OPTIONAL = frozenset({"ce_causationid"})
PLACES = UUID("6e1de9a5-7c6a-4a83-8e6f-3f0f6f4b9b52")


class UndecodableError(Exception):
    """These bytes are no fact of ours: nobody can ever handle them."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is said about a fact, beside the fact itself."""

    id: UUID
    type: str
    source: str
    subject: str
    time: datetime
    dataschema: str
    sequence: int
    actor: str
    correlation_id: UUID
    causation_id: UUID | None
    depth: int
    traceparent: str | None = None

    def headers(self) -> Headers:
        """The attributes as Kafka headers, UTF-8."""
        pairs = {
            "content-type": CONTENT_TYPE,
            "ce_specversion": "1.0",
            "ce_id": str(self.id),
            "ce_type": self.type,
            "ce_source": self.source,
            "ce_subject": self.subject,
            "ce_time": self.time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "ce_dataschema": self.dataschema,
            "ce_sequence": str(self.sequence),
            "ce_actor": self.actor,
            "ce_correlationid": str(self.correlation_id),
            "ce_depth": str(self.depth),
        }
        if self.causation_id is not None:
            pairs["ce_causationid"] = str(self.causation_id)
        if self.traceparent is not None:
            pairs["traceparent"] = self.traceparent
        return tuple((name, value.encode()) for name, value in pairs.items())


def opened(record: Record) -> Envelope:
    """The envelope of a record as read; UndecodableError names the attribute that is missing or wrong."""
    try:
        given = {name: value.decode() for name, value in record.headers}
    except UnicodeDecodeError as error:
        raise UndecodableError("a header is not UTF-8") from error
    missing = [name for name in ATTRIBUTES if name not in given and name not in OPTIONAL]
    if missing:
        raise UndecodableError(f"missing {', '.join(missing)}")
    try:
        return _parsed(given)
    except ValueError as error:
        raise UndecodableError(f"an attribute is wrong: {error}") from error


def _parsed(given: Mapping[str, str]) -> Envelope:
    return Envelope(
        id=UUID(given["ce_id"]),
        type=given["ce_type"],
        source=given["ce_source"],
        subject=given["ce_subject"],
        time=datetime.fromisoformat(given["ce_time"]),
        dataschema=given["ce_dataschema"],
        sequence=int(given["ce_sequence"]),
        actor=given["ce_actor"],
        correlation_id=UUID(given["ce_correlationid"]),
        causation_id=UUID(given["ce_causationid"]) if "ce_causationid" in given else None,
        depth=int(given["ce_depth"]),
        traceparent=given.get("traceparent"),
    )


def name_of(record: Record) -> UUID:
    """The fact's own id, or, where even that cannot be read, one made from its place in the log."""
    try:
        return UUID(dict(record.headers)["ce_id"].decode())
    except (KeyError, ValueError):
        return uuid5(PLACES, f"{record.topic}/{record.partition}/{record.offset}")
