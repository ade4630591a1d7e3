"""Counts what PostgreSQL is asked, by whomever in this process, one entry for each round trip."""

import asyncio
import gc
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

_OWN = (  # not part of what is done: the driver's questions about types, once for a connection; the relay's bell
    "typeinfo_tree",
    "current_setting('jit')",
    "set_config('jit'",
    "NOTIFY outbox",
)


@dataclass
class Statements:
    """What was asked so far: the database's name and the statement."""

    asked: list[tuple[str, str]] = field(default_factory=list)

    async def of(self, database: str) -> list[str]:
        """What this database (its URL) was asked; forget it all."""
        await asyncio.sleep(0)  # the driver tells its listeners in the loop's next round
        name = database.rsplit("/", 1)[1]
        found = [query for asked, query in self.asked if asked == name and not any(own in query for own in _OWN)]
        self.asked.clear()
        return found


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Statements:
    """Listens to every connection that is opened from now on; nothing of ours is replaced.

    One that is open already would be asked unheard, or not, as chance has it: so none may be.
    """
    known = [each for each in gc.get_objects() if issubclass(type(each), asyncpg.Connection)]
    unheard = {each._params.database for each in known if not (each.is_closed() or each._loop.is_closed())}
    assert not unheard, f"name `statements` before the fixture that connects to {unheard}"
    seen = Statements()
    connect = asyncpg.connect

    async def heard(*arguments: Any, **options: Any) -> Any:
        connection = await connect(*arguments, **options)
        name = connection._params.database
        connection.add_query_logger(lambda record: seen.asked.append((name, record.query)))
        return connection

    monkeypatch.setattr(asyncpg, "connect", heard)
    return seen
