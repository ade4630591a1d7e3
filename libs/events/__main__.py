"""What an operator does to facts: `python -m libs.events dead-letters|resume|outbox|lag|topics|bus ...`.

Databases are taken from `<SERVICE>_DATABASE_URL`, the bus from `EVENTS_BUS`; topics and services from `deploy.system`.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any
from uuid import UUID

import asyncpg

from libs.events import dead_letters, installation
from libs.events.bus import Bus, Topic, TopicPartition
from libs.events.bus_settings import from_environment
from libs.events.consumer import Consumer
from libs.events.open_bus import open_bus
from libs.events.transaction import UnitOfWork

Say = Callable[[str], None]


class UsageError(Exception):
    """The command cannot be carried out as it was given; the message says what is missing."""


def variable(name: str) -> str:
    """An environment variable that must be set."""
    value = os.environ.get(name)
    if not value and (path := os.environ.get(f"{name}_FILE")):
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - one line
            value = file.read().strip()
    if not value:
        raise UsageError(f"{name} is not set: it names what to work on")
    return value


def services() -> tuple[str, ...]:
    """Every service of the system."""
    return tuple(import_module("deploy.system").SERVICE_NAMES)


def database_of(service: str) -> str:
    """Where a service's database is."""
    return variable(f"{service.upper()}_DATABASE_URL")


def topics() -> list[Topic]:
    """Every topic of the system."""
    return [
        Topic(topic.name, topic.partitions, topic.retention, topic.compacted)
        for topic in import_module("deploy.system").TOPICS
    ]


@asynccontextmanager
async def database(service: str) -> AsyncIterator[UnitOfWork]:
    """A service's database."""
    uow = UnitOfWork.open(database_of(service), service, pool_size=2)
    try:
        yield uow
    finally:
        await uow.close()


@asynccontextmanager
async def bus(url: str | None = None) -> AsyncIterator[Bus]:
    """The log."""
    opened = open_bus(url or variable("EVENTS_BUS"), **from_environment())
    try:
        yield opened
    finally:
        await opened.close()


def consumer_of(service: str) -> Consumer:
    """A service's handlers."""
    found = import_module(f"services.{service}.consumers").consumer
    assert isinstance(found, Consumer)  # noqa: S101 - every service has one
    return found


async def letters_list(args: argparse.Namespace, say: Say) -> int:
    """A line for each letter."""
    for service in [args.service] if args.service else services():
        async with database(service) as uow:
            for row in await dead_letters.listed(uow, closed=args.all):
                place = f"{row['topic']}/{row['partition']}@{row['offset']}"
                say(
                    f"{row['id']}  {row['at']:%Y-%m-%d %H:%M:%S}  {service:<13} {place:<34} "
                    f"{row['closed_as'] or 'open':<9} {row['reason']}"
                )
    return 0


async def letters_show(args: argparse.Namespace, say: Say) -> int:
    """One letter whole; its value may hold personal data."""
    async with database(args.service) as uow:
        letter = await dead_letters.shown(uow, args.letter)
    value = bytes(letter.pop("value"))
    say(json.dumps({key: str(v) if v is not None else None for key, v in letter.items()}, indent=2, ensure_ascii=False))
    say(value.decode(errors="replace"))
    return 0


async def letters_redrive(args: argparse.Namespace, say: Say) -> int:
    """Handle stored letters again; those that are refused again stay open."""
    left = 0
    async with database(args.service) as uow:
        ids = args.letters or [row["id"] for row in await dead_letters.listed(uow, limit=100_000)]
        for letter in ids:
            try:
                await dead_letters.redrive(uow, consumer_of(args.service), letter, actor=args.actor)
                say(f"{letter} redriven")
            except Exception as error:  # noqa: BLE001 - said, and the next one tried
                left += 1
                say(f"{letter} stays open: {type(error).__name__}: {error}")
    return 1 if left else 0


async def letters_drop(args: argparse.Namespace, say: Say) -> int:
    """Close letters without handling them."""
    async with database(args.service) as uow:
        for letter in args.letters:
            await dead_letters.drop(uow, letter, actor=args.actor)
            say(f"{letter} dropped")
    return 0


async def resume(args: argparse.Namespace, say: Say) -> int:
    """Read paused partitions again."""
    place = TopicPartition(args.topic, args.partition) if args.topic is not None else None
    async with database(args.service) as uow:
        say(f"{await dead_letters.resume(uow, args.service, place, actor=args.actor)} partitions resumed")
    return 0


async def outbox(args: argparse.Namespace, say: Say) -> int:
    """List what the broker refused, or let the relay try it again."""
    connection = await asyncpg.connect(database_of(args.service))
    try:
        if args.what == "retry":
            done = await connection.execute("UPDATE outbox SET refused = NULL WHERE refused IS NOT NULL")
            say(f"{done.split()[-1]} facts will be tried again")
        else:
            for row in await connection.fetch(
                "SELECT id, type, key, refused FROM outbox WHERE refused IS NOT NULL ORDER BY seq"
            ):
                say(f"{row['id']}  {row['type']:<24} {row['key']}  {row['refused']}")
    finally:
        await connection.close()
    return 0


async def lag(args: argparse.Namespace, say: Say) -> int:
    """How far each consumer is behind, topic by topic."""
    async with bus() as log:
        for service in [args.service] if args.service else services():
            behind: dict[str, int] = {}
            for place, facts in (await log.lag(service)).items():
                behind[place.topic] = behind.get(place.topic, 0) + facts
            say(f"{service}: {sum(behind.values())}")
            for topic, facts in sorted(behind.items()):
                if facts or args.all:
                    say(f"  {topic:<28} {facts}")
    return 0


async def topics_command(args: argparse.Namespace, say: Say) -> int:
    """Create what is missing, or compare what is with what must be."""
    async with bus() as log:
        if args.what == "create":
            made = await log.create_topics(topics())
            say(f"{len(made)} topics created, {len(topics()) - len(made)} were there")
        difference = await log.check_topics(topics())
    for sentence in [*(f"missing: {name}" for name in difference.missing), *difference.wrong]:
        say(sentence)
    return 1 if difference.missing or difference.wrong else 0


async def bus_switch(args: argparse.Namespace, say: Say) -> int:
    """Move the whole installation to another bus, once nothing is on its way on the old one."""
    async with bus(args.old) as old, bus(args.new) as new:
        connections = {service: await asyncpg.connect(database_of(service)) for service in services()}
        try:
            reasons = [r for service, c in connections.items() for r in await installation.undrained(c, old, service)]
            if reasons:
                raise installation.NotDrainedError("; ".join(reasons))
            for connection in connections.values():
                await installation.move(connection, new, args.new)
        finally:
            for connection in connections.values():
                await connection.close()
        say(f"every service now belongs to {await new.identity()}")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(prog="python -m libs.events", description=__doc__)
    commands = root.add_subparsers(required=True, metavar="COMMAND")

    def add(
        parent: Any, name: str, run: Callable[..., Awaitable[int]], *, service: bool = True
    ) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = parent.add_parser(name, help=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("--service", required=service, choices=services(), help="whose")
        command.add_argument("--actor", default=f"user:{os.environ.get('USER', 'operator')}", help="who does it")
        return command

    letters = commands.add_parser("dead-letters", help="facts that a consumer could not take").add_subparsers(
        required=True
    )
    add(letters, "list", letters_list, service=False).add_argument("--all", action="store_true", help="closed ones too")
    add(letters, "show", letters_show).add_argument("letter", type=UUID)
    add(letters, "redrive", letters_redrive).add_argument("letters", type=UUID, nargs="*", help="all open ones without")
    add(letters, "drop", letters_drop).add_argument("letters", type=UUID, nargs="+")
    command = add(commands, "resume", resume)
    command.add_argument("--topic")
    command.add_argument("--partition", type=int, default=0)
    add(commands, "outbox", outbox).add_argument("what", choices=("refused", "retry"))
    add(commands, "lag", lag, service=False).add_argument("--all", action="store_true", help="topics without lag too")
    add(commands, "topics", topics_command, service=False).add_argument("what", choices=("create", "check"))
    moves = commands.add_parser("bus", help="move to another bus").add_subparsers(required=True)
    switch = add(moves, "switch", bus_switch, service=False)
    switch.add_argument("--from", dest="old", required=True)
    switch.add_argument("--to", dest="new", required=True)
    return root


def main(arguments: Sequence[str] | None = None, say: Say = print) -> int:
    """Run one command; 0 when all went well, 1 when something is left to do, 2 when it could not start."""
    args = parser().parse_args(arguments)
    try:
        done: int = asyncio.run(args.run(args, say))

    except (
        UsageError,
        installation.NotDrainedError,
        dead_letters.UnknownLetterError,
        dead_letters.LetterClosedError,
    ) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    return done


if __name__ == "__main__":
    raise SystemExit(main())
