"""Which faults strike whom, when and how long: data that follows from a seed, so that a run can be repeated."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from deploy.system import SERVICE_NAMES, TOPICS
from tests.chaos.points import POINTS

KINDS = ("api", "worker", "relay")
VICTIMS = tuple(f"{service}-{kind}" for service in SERVICE_NAMES for kind in KINDS)
HOUR = 3600


class Kind(StrEnum):
    """What can happen."""

    KILL = "kill -9 at a random moment"
    KILL_AT = "kill -9 at an instant"
    FREEZE = "frozen for longer than every lease, then woken"
    FREEZE_AT = "frozen at an instant of its work for longer than every lease, then woken"
    CLOCK = "clock wrong by an hour"
    LATE = "the courier carries a booking out long after its caller gave up"
    REFUSED_FOR_GOOD = "the broker refuses records of a topic for good"
    REFUSED_FOR_NOW = "the broker refuses records of a topic for now"
    POSTGRES = "PostgreSQL ended hard, and started"
    BUS = "every broker stopped, and started"
    BUS_LONG = "every broker stopped for longer than the reservation deadline"
    BROKER = "one of three brokers lost, and returned"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to somebody; `rest` seconds pass before it."""

    kind: Kind
    victim: str
    rest: float
    lasts: float = 0.0
    point: str = ""
    nth: int = 1
    clock: int = 0

    def __str__(self) -> str:
        words = f"{self.kind.value}: {self.victim}"
        words += f", {POINTS[self.point].words} (time {self.nth})" if self.point else ""
        words += f", {self.clock:+d} s" if self.clock else ""
        return words + (f", {self.lasts:.0f} s" if self.lasts else "")


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it: kills at least, for how many seconds who is away, and how long killers rest at most."""

    kills: int
    freezes: int
    freeze: float
    bus: float
    rounds: int  # of each fault of the servers
    brokers: int = 1
    long: bool = False
    rest: float = 1.5


Tracks = dict[str, list[Fault]]


def schedule(seed: int, size: Size) -> Tracks:
    """Four tracks that run at the same time, each one fault after the other."""
    return {
        "kills": kills(random.Random(f"{seed} kills"), size),
        "freezes": freezes(random.Random(f"{seed} freezes"), size),
        "servers": servers(random.Random(f"{seed} servers"), size),
        "clocks": clocks(random.Random(f"{seed} clocks"), size),
    }


def instants(victim: str) -> tuple[str, ...]:
    """Where a process can be struck on purpose."""
    service, kind = victim.split("-")
    if kind == "relay":
        return ("publish.before", "publish.after")
    if kind == "api":
        return () if service in ("notifications", "inventory") else ("commit.before", "commit.after")
    own = {"payments": "capture", "shipping": "booking", "notifications": "mail"}.get(service)
    calls = (f"{own}.before", f"{own}.after") if own else ()
    return ("commit.before", "commit.after", "offsets.before", "offsets.after", *calls)


def kills(dice: random.Random, size: Size) -> list[Fault]:
    """At least so many: everybody in turn, as often at an instant of its work as at a random moment."""
    found: list[Fault] = []
    struck = 0
    for number, victim in enumerate(_in_turn(dice)):
        if struck >= size.kills and number >= len(VICTIMS):
            return found
        points = instants(victim)
        if points and number % 2 == 0:
            point = dice.choice(points)
            nth = dice.randint(1, POINTS[point].most)
            found.append(Fault(Kind.KILL_AT, victim, dice.uniform(0, size.rest), point=point, nth=nth))
            struck += 2  # to start it anew with the trap set, it is killed as well
        else:
            found.append(Fault(Kind.KILL, victim, dice.uniform(0, size.rest)))
            struck += 1
    return found


ZOMBIES = (
    ("shipping-worker", "booking.before"),
    ("orders-relay", "publish.before"),
    ("notifications-worker", "mail.before"),
    ("payments-worker", "capture.before"),
    ("inventory-worker", "commit.before"),
)


def freezes(dice: random.Random, size: Size) -> list[Fault]:
    """Somebody just before what must not happen twice, and of each kind of process somebody at any moment."""
    found: list[Fault] = []
    for number in range(size.freezes):
        victim, point = ZOMBIES[number % len(ZOMBIES)]
        found.append(Fault(Kind.FREEZE_AT, victim, 1, size.freeze, point, dice.randint(1, 2)))
        found.append(Fault(Kind.LATE, "fan", 0, 2 * size.freeze))
        victim = f"{dice.choice(SERVICE_NAMES)}-{KINDS[(number + 1) % len(KINDS)]}"
        found.append(Fault(Kind.FREEZE, victim, dice.uniform(0, 3), size.freeze))
    return found


def servers(dice: random.Random, size: Size) -> list[Fault]:
    """What everybody stands on."""
    found: list[Fault] = []
    topics = [topic.name for topic in TOPICS if topic.name in ("order.reserved", "payment.received", "order.confirmed")]
    for number in range(size.rounds):
        found.append(Fault(Kind.REFUSED_FOR_GOOD, dice.choice(topics), dice.uniform(0, 2), 6))
        found.append(Fault(Kind.REFUSED_FOR_NOW, dice.choice(topics), dice.uniform(0, 2), 12))
        found.append(Fault(Kind.POSTGRES, "postgres", dice.uniform(0, 3), dice.uniform(0, 4)))
        if size.brokers > 1:
            found.append(Fault(Kind.BROKER, f"kafka{dice.randint(1, size.brokers)}", dice.uniform(0, 3), 20))
        long = size.long and number == size.rounds - 1
        found.append(Fault(Kind.BUS_LONG if long else Kind.BUS, "kafka", dice.uniform(0, 3), size.bus))
    return found


def clocks(dice: random.Random, size: Size) -> list[Fault]:
    """One an hour early, another an hour late."""
    found: list[Fault] = []
    for _ in range(size.rounds):
        for clock, kind in zip(dice.sample((-HOUR, HOUR), 2), ("worker", "api"), strict=True):
            victim = f"{dice.choice(SERVICE_NAMES)}-{kind}"
            found.append(Fault(Kind.CLOCK, victim, dice.uniform(0, 3), 30, clock=clock))
    return found


def _in_turn(dice: random.Random) -> Iterator[str]:
    while True:
        yield from dice.sample(VICTIMS, len(VICTIMS))
