"""The consumer: from a record to one committed effect, once, whatever is delivered twice."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pydantic import ValidationError

from libs.events.bus import Record
from libs.events.connection import FEW_ROWS
from libs.events.contract import Event
from libs.events.envelope import Envelope, UndecodableError, opened
from libs.events.transaction import Cause, Transaction, UnitOfWork

F = TypeVar("F", bound=Event)
Handler = Callable[[Transaction, F], Awaitable[None]]
TOGETHER = 20
tracer = trace.get_tracer("comanda.events")


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

    @property
    def topics(self) -> tuple[str, ...]:
        """What it reads, sorted."""
        return tuple(sorted(self._contracts))

    def on(self, *contracts: type[F]) -> Callable[[Handler[F]], Handler[F]]:
        """Register a handler for these facts. Several handlers of one fact run in the order they were registered."""

        def register(handler: Handler[F]) -> Handler[F]:
            for contract in contracts:
                self._contracts[contract.topic] = contract
                self._handlers.setdefault(contract.topic, []).append(handler)
            return handler

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
            new = Counter[str]()
            for envelope, event in facts:
                if envelope.id in fresh:
                    fresh.discard(envelope.id)  # the same fact twice in one batch is new once
                    await self.handle(tx, envelope, event)
                    new[envelope.type] += 1
        return new

    async def handle(self, tx: Transaction, envelope: Envelope, event: Event) -> None:
        """Run the handlers, past the inbox, as a consequence of this fact."""
        carrier = {"traceparent": envelope.traceparent} if envelope.traceparent else {}
        context = TraceContextTextMapPropagator().extract(carrier)
        with tracer.start_as_current_span(
            f"{self.name} {envelope.type}",
            context,
            kind=trace.SpanKind.CONSUMER,
            attributes={"ce.id": str(envelope.id)},
        ):
            tx.fact = envelope
            tx.cause = Cause(f"system:{self.name}", envelope.correlation_id, envelope.id, envelope.depth)
            for handler in self._handlers[envelope.type]:
                await handler(tx, event)
            await tx.flush()


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
