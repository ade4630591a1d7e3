"""The consumer: from a record to one committed effect, once, whatever is delivered twice."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pydantic import ValidationError

from libs.events.bus import Record
from libs.events.connection import FEW_ROWS
from libs.events.contract import Event
from libs.events.envelope import Envelope, UndecodableError, opened
from libs.events.outbox import traceparent
from libs.events.transaction import Cause, Transaction, UnitOfWork

F = TypeVar("F", bound=Event)
Handler = Callable[[Transaction, F], Awaitable[None]]
TOGETHER = 20
tracer = trace.get_tracer("comanda.events")


@dataclass(frozen=True, slots=True)
class Heard(Generic[F]):
    """One of several facts taken at once, its envelope, and the cause of what follows from it alone.

    The cause is for `emit_all(..., causes)` and `tx.acting(cause)`.
    """

    event: F
    fact: Envelope
    cause: Cause


Gatherer = Callable[[Transaction, Sequence[Heard[F]]], Awaitable[None]]


class RefusedFact(Exception):  # noqa: N818 - it says what happened to the fact
    """A rule refuses this fact for good: it becomes a dead letter at once."""


class Consumer:
    """What one service does about the facts of others. `name` is its group on the bus and its name in the inbox."""

    def __init__(self, name: str, *, together: int = TOGETHER) -> None:
        """Handlers are added by `on`.

        `together`: how many facts share a transaction, at most. 1 where handlers lock rows that facts of other keys
        lock as well: each fact locks in sorted order, two batches would not.
        """
        self.name = name
        self.together = together
        self._contracts: dict[str, type[Event]] = {}
        self._handlers: dict[str, list[Handler[Any]]] = {}
        self._gatherers: dict[str, Gatherer[Any]] = {}

    @property
    def topics(self) -> tuple[str, ...]:
        """What it reads, sorted."""
        return tuple(sorted(self._contracts))

    def on(self, *contracts: type[F]) -> Callable[[Handler[F]], Handler[F]]:
        """Register a handler for these facts. Several handlers of one fact run in the order they were registered."""

        def register(handler: Handler[F]) -> Handler[F]:
            for contract in contracts:
                if contract.topic in self._gatherers:
                    raise ValueError(f"{self.name} takes all of {contract.topic} at once")
                self._contracts[contract.topic] = contract
                self._handlers.setdefault(contract.topic, []).append(handler)
            return handler

        return register

    def on_all(self, *contracts: type[F]) -> Callable[[Gatherer[F]], Gatherer[F]]:
        """Register the handler that takes all of these facts of a transaction at once, in the order given.

        It runs before the handlers of single facts, so that it can take the locks of all its facts in one order while
        none is held. A fact has such a handler or single ones, never both: ValueError.
        """

        def register(gatherer: Gatherer[F]) -> Gatherer[F]:
            for contract in contracts:
                if contract.topic in self._contracts:
                    raise ValueError(f"{self.name} takes {contract.topic} already")
                self._contracts[contract.topic] = contract
                self._gatherers[contract.topic] = gatherer
            return gatherer

        return register

    def decoded(self, record: Record) -> tuple[Envelope, Event]:
        """The fact a record holds; UndecodableError when it holds none that we can read."""
        envelope = opened(record)
        contract = self._contracts.get(record.topic)
        if contract is None or envelope.type != record.topic:
            raise UndecodableError(f"{envelope.type} on {record.topic} is none of {self.name}'s facts")
        if envelope.dataschema != contract.dataschema():
            raise UndecodableError(f"{envelope.dataschema} is not {contract.dataschema()}")
        try:
            return envelope, contract.model_validate_json(record.value)
        except ValidationError as error:
            where = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors()[:5])
            raise UndecodableError(f"the data is no {contract.dataschema()}: {where}") from None

    async def deliver(self, uow: UnitOfWork, *records: Record) -> int:
        """Take these records in one transaction, in the order given; how many of them were new."""
        return (await self.taken(uow, records)).total()

    async def taken(self, uow: UnitOfWork, records: Sequence[Record]) -> Counter[str]:
        """Take these records in one transaction, in the order given; how many of each topic were new."""
        facts = [self.decoded(record) for record in records]
        async with uow(Cause(actor=f"system:{self.name}")) as tx:
            fresh = await seen_first(tx, self.name, [envelope.id for envelope, _ in facts])
            new: list[tuple[Envelope, Event]] = []
            for envelope, event in facts:
                if envelope.id in fresh:
                    fresh.discard(envelope.id)  # the same fact twice in one batch is new once
                    new.append((envelope, event))
            for gatherer in dict.fromkeys(self._gatherers.values()):
                if some := [fact for fact in new if self._gatherers.get(fact[0].type) is gatherer]:
                    await self._gather(tx, gatherer, some)
            for envelope, event in new:
                if envelope.type not in self._gatherers:
                    await self.handle(tx, envelope, event)
        return Counter(envelope.type for envelope, _ in new)

    async def handle(self, tx: Transaction, envelope: Envelope, event: Event) -> None:
        """Run the handlers, past the inbox, as a consequence of this fact."""
        if gatherer := self._gatherers.get(envelope.type):
            await self._gather(tx, gatherer, [(envelope, event)])
            return
        with self._span(envelope):
            tx.fact = envelope
            tx.cause = self._cause(envelope)
            for handler in self._handlers[envelope.type]:
                await handler(tx, event)
            await tx.flush()

    async def _gather(self, tx: Transaction, gatherer: Gatherer[Any], facts: Sequence[tuple[Envelope, Event]]) -> None:
        """Run it for these facts, each with a span of its own; the last of them is the cause of what names none."""
        with ExitStack() as spans:
            heard = []
            for envelope, event in facts:
                spans.enter_context(self._span(envelope))
                heard.append(Heard(event, envelope, self._cause(envelope, traceparent())))
            tx.fact, tx.cause = facts[-1][0], heard[-1].cause
            await gatherer(tx, heard)
            await tx.flush()

    def _cause(self, envelope: Envelope, traceparent: str | None = None) -> Cause:
        return Cause(f"system:{self.name}", envelope.correlation_id, envelope.id, envelope.depth, traceparent)

    def _span(self, envelope: Envelope) -> AbstractContextManager[trace.Span]:
        """Taking this fact, in the story that it belongs to; inside, it is the current span."""
        carrier = {"traceparent": envelope.traceparent} if envelope.traceparent else {}
        return tracer.start_as_current_span(
            f"{self.name} {envelope.type}",
            TraceContextTextMapPropagator().extract(carrier),
            kind=trace.SpanKind.CONSUMER,
            attributes={"ce.id": str(envelope.id)},
        )


async def seen_first(tx: Transaction, consumer: str, ids: Sequence[Any]) -> set[Any]:
    """Note these facts in the inbox; which of them it did not hold before.

    Inserted in sorted order, so that two batches never deadlock here.
    """
    rows = await tx.sql.fetch(
        f"""INSERT INTO inbox (consumer, event_id) SELECT $1, id
           FROM (SELECT DISTINCT unnest($2::uuid[]) AS id) u CROSS JOIN (SELECT {FEW_ROWS}) AS planned ORDER BY id
           ON CONFLICT DO NOTHING RETURNING event_id""",  # noqa: S608 - a constant
        consumer,
        list(ids),
    )
    return {row["event_id"] for row in rows}
