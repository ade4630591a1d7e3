"""What strangers left behind: nothing dead, nothing waiting, no error in any log, every process still its first."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg

from deploy.system import SERVICE_NAMES
from libs.service.testing import until
from tests.fuzz.house import House

WITHIN = 120.0
SHOWN = 3
_LOUD = re.compile(r'"level": "(?:error|critical)"')


@dataclass(frozen=True, slots=True)
class Left:
    """What is wrong afterwards, in words; and what the services hold now, by service."""

    wrong: tuple[str, ...]
    rows: dict[str, int]


async def look(house: House) -> Left:
    """Wait until all facts have gone their way, then look at every database and log."""
    wrong, rows = [], {}
    for service in SERVICE_NAMES:
        sql = await asyncpg.connect(house.system.database_url(service))
        try:
            waiting = await _settled(sql)
            letters = await sql.fetch("SELECT topic, reason, count(*) AS n FROM dead_letter GROUP BY 1, 2 LIMIT 20")
            rows[service] = await sql.fetchval("SELECT count(*) FROM outbox_sent")
        finally:
            await sql.close()
        wrong += [f"{service}: {waiting} facts were never sent"] if waiting else []
        wrong += [f"{service}: {row['n']} dead letters of {row['topic']}: {row['reason']}" for row in letters]
        wrong += [f"{service}: {line}" for line in _errors(house, service)]
    return Left(tuple(wrong), rows)


async def _settled(sql: "asyncpg.Connection[asyncpg.Record]") -> int:
    async def empty() -> bool:
        return not await sql.fetchval("SELECT count(*) FROM outbox")

    try:
        await until(empty, WITHIN, every=0.5)
    except AssertionError:
        return int(await sql.fetchval("SELECT count(*) FROM outbox"))
    return 0


def _errors(house: House, service: str) -> Iterator[str]:
    """What a service logged as an error, each kind once."""
    seen: set[str] = set()
    for text in house.system.state.log(service).read_text(encoding="utf-8", errors="replace").splitlines():
        if not _LOUD.search(text):
            continue
        line = json.loads(text)
        kind = f"{line['event']}: {str(line.get('exception', '')).strip().splitlines()[-1:]}"
        if kind not in seen and len(seen) < SHOWN:
            seen.add(kind)
            yield f"logged {kind}\n{line.get('exception', '')}"
