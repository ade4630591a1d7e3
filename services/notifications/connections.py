"""Connections to the mail server: each carries one mail at a time, and is kept for the next ones for a short while."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import aiosmtplib

KEPT = 5.0
"""Seconds that a connection waits for another mail; servers end their side after minutes."""
MOST_MAILS = 50
"""Mails over one connection; servers refuse more than some."""


@dataclass(eq=False)
class Line:
    """An open connection, and how many mails it has carried."""

    client: aiosmtplib.SMTP
    mails: int = 0
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)


class Lines:
    """The connections that nobody uses just now."""

    def __init__(self, new: Callable[[], aiosmtplib.SMTP]) -> None:
        """`new` makes a client that is not connected yet."""
        self._new = new
        self._idle: list[Line] = []

    async def opened(self) -> Line:
        """A connection that answers: a kept one, or a new one; what connecting raises where there is none."""
        while self._idle:
            line = self._idle.pop()
            if line.timer is not None:
                line.timer.cancel()
            try:
                await line.client.rset()
            except (aiosmtplib.SMTPException, OSError):
                line.client.close()  # the server was faster: nothing of a mail has been said
            else:
                return line
        line = Line(self._new())
        try:
            await line.client.connect()
        except BaseException:
            line.client.close()
            raise
        return line

    def give_back(self, line: Line) -> None:
        """Keep it for the next mail: the last one was taken."""
        line.mails += 1
        if line.mails >= MOST_MAILS or not line.client.is_connected:
            line.client.close()
            return
        self._idle.append(line)
        line.timer = asyncio.get_running_loop().call_later(KEPT, self._end, line)

    def _end(self, line: Line) -> None:
        if line in self._idle:
            self._idle.remove(line)
            line.client.close()
