"""For tests: a fact as a record, as the relay would have published it."""

from datetime import UTC, datetime
from itertools import count
from uuid import UUID

from libs.events.bus import Record
from libs.events.contract import Event
from libs.events.envelope import Envelope
from libs.events.transaction import new_id

_offsets = count()


def record_of(
    event: Event,
    *,
    noun: str = "order",
    aggregate: UUID | None = None,
    sequence: int = 1,
    actor: str = "system:test",
    depth: int = 0,
    causation: UUID | None = None,
) -> Record:
    """A record that holds `event`; deliver it twice and it is a duplicate, make it twice and they are two facts."""
    envelope = Envelope(
        id=new_id(),
        type=event.topic,
        source="/comanda/test",
        subject=f"{noun}/{aggregate or new_id()}",
        time=datetime.now(UTC),
        dataschema=event.dataschema(),
        sequence=sequence,
        actor=actor,
        correlation_id=new_id(),
        causation_id=causation,
        depth=depth,
    )
    value = event.model_dump_json().encode()
    return Record(event.topic, 0, next(_offsets), event.key, value, envelope.headers(), datetime.now(UTC))
