"""One run: the month is imported while faults strike, then everything is proved."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from demo.api import Api
from demo.checker import Checker
from demo.compare import compare
from demo.invoices import invoices
from demo.proof import Proof
from demo.proofs import all_broken, second_copies, strays
from deploy.environment import free_ports
from deploy.supervisor import System
from deploy.system import SERVICE_NAMES
from tests.chaos import facts
from tests.chaos.broker import records
from tests.chaos.deadline import Deadline
from tests.chaos.driver import book_again, drive
from tests.chaos.schedule import Fault, Size, Tracks, schedule
from tests.chaos.striking import REACHED_WITHIN, Striker
from tests.e2e.importing import STAND_INS, command

PATIENCE = 300.0
NAMED_WITHIN = 120.0  # for instants that a test names; those that the dice chose may never come
NOTHING = Size(kills=0, freezes=0, freeze=0, bus=0, rounds=0)
SHORT_LEASES = {  # so that a freeze longer than all of them is short
    "PAYMENTS_CALL_LEASE": "PT8S",
    "PAYMENTS_PAYPAL_WITHIN": "PT4S",
    "PAYMENTS_LOOK_UP_AFTER": "PT1S",
    "PAYMENTS_LOOK_UP_GRACE": "PT5S",
    "SHIPPING_CALL_LEASE": "PT8S",
    "SHIPPING_COURIER_TIMEOUT": "PT4S",
    "SHIPPING_LOOK_UP_AFTER": "PT1S",
    "SHIPPING_ABSENCE_GRACE": "PT5S",
    "SHIPPING_STRAYS_EVERY": "PT5S",
    "NOTIFICATIONS_CALL_LEASE": "PT8S",
    "NOTIFICATIONS_SMTP_TIMEOUT": "PT4S",
    "NOTIFICATIONS_LOOK_UP_AFTER": "PT1S",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does: invoices of a file, so many orders a second, so large a share of bad calls, and the faults.

    Those of a schedule of this size on Kafka, each part of a service a process; or `faults` on the bus named, each
    service a process.
    """

    seed: int
    file: Path
    rate: float
    size: Size = NOTHING
    share: float = 0.08
    bus: str = "kafka"
    faults: Sequence[Fault] = ()

    @property
    def tracks(self) -> Tracks:
        """The faults."""
        return {"kills": list(self.faults)} if self.faults else schedule(self.seed, self.size)


@dataclass
class Outcome:
    """What a run did, and what was found."""

    plan: Plan
    striker: Striker
    proofs: list[Proof] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def broken(self) -> list[str]:
        """Every broken promise."""
        return all_broken(self.proofs)


async def run(plan: Plan, root: Path, say: Callable[[str], None] = print) -> Outcome:
    """All of it; the system's state stays under `root`."""
    began = time.monotonic()

    def told(text: str) -> None:
        say(f"{time.monotonic() - began:6.0f} s  {text}")

    system = System(
        root, ports=free_ports(), bus=plan.bus, brokers=plan.size.brokers, split=not plan.faults, say=told,
        longest_wait=1.0, env=SHORT_LEASES,
    )  # fmt: skip
    _without_its_own_driver(system)
    async with system, _api(system) as api:
        deadline = Deadline(api, plan.seed, told) if plan.size.long else None
        striker = Striker(system, told, deadline, NAMED_WITHIN if plan.faults else REACHED_WITHIN)
        outcome = Outcome(plan, striker)
        await _misbehave(system, plan.share, plan.seed)
        await _live(system, plan, striker, told)
        await _prove(system, api, outcome, told)
    outcome.seconds = time.monotonic() - began
    return outcome


def _api(system: System) -> Api:
    return Api({name: system.url(name) for name in SERVICE_NAMES}, system.keys)


def _without_its_own_driver(system: System) -> None:
    """The courier would drive every parcel, also those that nobody handed over: our driver takes ours alone."""
    command_line = system.stand_ins["fan"].command
    place = command_line.index("--auto-ms")
    del command_line[place : place + 2]


async def _live(system: System, plan: Plan, striker: Striker, say: Callable[[str], None]) -> None:
    """The month is imported while faults strike; both come to their end."""
    driving, booking = asyncio.create_task(drive(system)), asyncio.create_task(book_again(system, say))
    options = ("--rate", f"{plan.rate:.3f}", "--at-once", "3", "--patience", str(PATIENCE))
    importing = asyncio.create_task(command(system, "demo.month", str(plan.file), *options, within=7200))
    try:
        await _an_order_was_placed(system, importing)
        say("orders come in: the first fault")
        async with asyncio.TaskGroup() as tracks:
            for track in plan.tracks.values():
                tracks.create_task(_strike_all(striker, track))
        await _misbehave(system, 0.0, plan.seed)
        for service in ("orders", "payments"):
            await striker.retry(service)
        say("no more faults: what is under way comes to its end")
        say(await importing)
    finally:
        for task in (driving, booking, importing):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


async def _strike_all(striker: Striker, track: list[Fault]) -> None:
    for fault in track:
        await asyncio.sleep(fault.rest)
        await striker.strike(fault)


async def _an_order_was_placed(system: System, importing: "asyncio.Task[str]") -> None:
    async with _api(system) as api, asyncio.timeout(120):
        while not importing.done() and not (await api.get("orders", "/v1/orders?limit=1"))["items"]:
            await asyncio.sleep(0.2)


async def _misbehave(system: System, share: float, seed: int) -> None:
    """Every stand-in, at random."""
    async with httpx.AsyncClient(timeout=30) as http:
        for name in STAND_INS:
            dice = {"share": share, "seed": seed}
            (await http.post(f"{system.url(name)}/_control/chaos", json=dice)).raise_for_status()


async def _prove(system: System, api: Api, outcome: Outcome, say: Callable[[str], None]) -> None:
    """The one look at the end: databases, others' books, the prediction, the log."""
    driving = asyncio.create_task(drive(system))
    try:
        if (deadline := outcome.striker.deadline) is not None:
            outcome.proofs.append(await deadline.proof())
        say("the checker looks")
        checker = Checker(
            {name: system.database_url(name) for name in SERVICE_NAMES}, {name: system.url(name) for name in STAND_INS}
        )
        outcome.proofs += await checker.settled(PATIENCE)
    finally:
        driving.cancel()
    predicted = Proof("every invoice ended as an independent program predicts, and so did the stock")
    found = await compare(api, outcome.plan.file)
    predicted.tried = sum(1 for _ in invoices(outcome.plan.file))
    predicted.broken += found
    of_facts, said = await facts.proofs(system)
    outcome.proofs += [predicted, *of_facts]
    outcome.counted["invoices imported"] = predicted.tried
    outcome.counted["facts said"] = said
    if system.kafka is not None:
        again = "facts published a second time by a relay that died or froze; taken once"
        outcome.counted[again] = await records(system) - said
    if hasattr(checker, "seen"):
        outcome.counted["mails arrived"] = len(checker.seen.mails)
        outcome.counted["second copies of a mail, under one Message-ID"] = second_copies(checker.seen)
        outcome.counted["AWBs booked"] = len(checker.seen.parcels)
        outcome.counted["AWBs that were nobody's: found, cancelled"] = strays(checker.seen)
    outcome.counted.update(outcome.striker.noted)
