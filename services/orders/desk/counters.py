"""How many orders have each mark: exact at every instant, and no command waits for another's count."""

from datetime import timedelta
from typing import Any

from libs.events.transaction import Cause, Transaction, UnitOfWork
from libs.service.loops import Loop
from services.orders.desk.read_table import COUNTED

ACTOR = "system:orders"
BATCH = 5_000
_ALONE = "SELECT pg_try_advisory_xact_lock(hashtextextended('counters', 0))"
_FOLD = """
WITH taken AS (
    DELETE FROM counter_change WHERE id IN (SELECT id FROM counter_change ORDER BY id LIMIT $1) RETURNING name, change
), summed AS (
    SELECT name, sum(change)::bigint AS change FROM taken GROUP BY name
), folded AS (
    INSERT INTO counter AS c (name, total) SELECT name, change FROM summed
    ON CONFLICT (name) DO UPDATE SET total = c.total + excluded.total
)
SELECT count(*) FROM taken
"""
KNOWN = """
SELECT name, sum(total)::bigint AS total
FROM (SELECT name, total FROM counter UNION ALL SELECT name, change FROM counter_change) AS each GROUP BY name
"""
# One statement sees one instant: rows and what they change in the counters were committed together.
_RECOUNT = f"""
INSERT INTO counter_change (name, change)
SELECT coalesce(k.name, t.name), coalesce(t.total, 0) - coalesce(k.total, 0)
FROM ({KNOWN}) AS k
FULL JOIN (SELECT mark AS name, count(*) AS total FROM order_list, unnest(marks) AS mark
           WHERE split_part(mark, ':', 1) = ANY($1::text[]) GROUP BY mark) AS t ON t.name = k.name
WHERE coalesce(t.total, 0) <> coalesce(k.total, 0)
"""  # noqa: S608 - constants


def loop(uow: UnitOfWork, every: timedelta) -> Loop:
    """Folds what was counted since the last time; one at a time over all processes."""

    async def run() -> int:
        async with uow(Cause(ACTOR)) as tx:
            return await fold(tx)

    return Loop("counters", every, run, full=BATCH)


async def fold(tx: Transaction, most: int = BATCH) -> int:
    """Add some changes to their counters; how many. None while somebody else is at it."""
    if not await tx.sql.fetchval(_ALONE):
        return 0
    done: int = await tx.sql.fetchval(_FOLD, most)
    return done


async def totals(tx: Transaction) -> dict[str, int]:
    """How many orders have each mark that is counted: what is folded and what is not yet."""
    return {row["name"]: row["total"] for row in await tx.sql.fetch(KNOWN) if row["total"]}


async def recount(tx: Transaction) -> int:
    """Make the counters say what the rows say, while orders move; how many differed."""
    done: Any = await tx.sql.execute(_RECOUNT, COUNTED)
    return int(done.split()[-1])
