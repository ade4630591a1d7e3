"""A member of a group in a process of its own, so that it can be stopped or killed; see `Member` for its other end.

It reads commands from its input and answers each with one line of JSON.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from libs.events.bus import LostAssignmentError, Subscription, TopicPartition
from libs.events.open_bus import open_bus
from tests.contract.bus_world import PATIENCE, World


@dataclass
class Member:
    """The process, seen from the test."""

    process: asyncio.subprocess.Process

    async def ask(self, *command: Any) -> Any:
        """Say a command and wait for the answer."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        return json.loads(await asyncio.wait_for(self.process.stdout.readline(), PATIENCE))

    def signal(self, number: signal.Signals) -> None:
        """Stop it, wake it, kill it."""
        os.kill(self.process.pid, number)


@asynccontextmanager
async def member(world: World, topic: str) -> AsyncIterator[Member]:
    """A member of the world's group, killed at the end."""
    command = [sys.executable, "-m", "tests.contract.bus_member", world.url, world.group, topic]
    process = await asyncio.create_subprocess_exec(
        *command, json.dumps(world.settings), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield Member(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def main(url: str, group: str, topic: str, settings: str) -> None:
    """Do what is asked until the input ends."""
    lines = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    bus = open_bus(url, **json.loads(settings))
    async with bus.subscribe(group, [topic]) as subscription:
        while line := await lines.readline():
            answer = await do(subscription, topic, *json.loads(line))
            print(json.dumps(answer), flush=True)  # noqa: T201 - this is how it answers
    await bus.close()
    transport.close()


async def do(subscription: Subscription, topic: str, what: str, *how: Any) -> Any:
    """One command: `poll` until there are so many records, or `commit` these offsets."""
    if what == "commit":
        try:
            await subscription.commit({TopicPartition(topic, partition): offset for partition, offset in how})
        except LostAssignmentError:
            return "lost"
        return "committed"
    records: list[tuple[int, int]] = []
    while len(records) < how[0]:
        for found in (await subscription.poll(how[0], 0.5)).values():
            records += [(record.partition, record.offset) for record in found]
    return records


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
