"""Two sweepers of outside calls: a call is made, looked up and given up by one of them."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from libs.events.transaction import Cause, Transaction, UnitOfWork
from libs.service.outside import Answer, OutsideCalls, Row, Succeeded
from tests.databases import Databases
from tests.service.kit.conftest import migrate_sample
from tests.service.kit.sample.service import Errand
from tests.service.races.stage import at_once, rows, value

CAUSE = Cause("system:test")
EVERYBODY_WAITS = "LOCK TABLE errand IN SHARE MODE"
SWEEPERS, ERRANDS = 8, 60


class Sweepers:
    """As many as there are sweepers, over one table, and a book of what they asked."""

    def __init__(self, url: str, uow: UnitOfWork) -> None:
        self.url = url
        self.asked: Counter[UUID] = Counter()
        self.each = [
            OutsideCalls(uow, Errand, self._ask, self._record, self._ask, lease=timedelta(seconds=60), batch=20)
            for _ in range(SWEEPERS)
        ]
        self.uow = uow

    async def _ask(self, row: Row) -> Answer:
        self.asked[row["id"]] += 1
        return Succeeded()

    async def _record(self, tx: Transaction, row: Row, _: Answer) -> None:
        await tx.sql.execute("UPDATE errand SET what = what || ' and recorded' WHERE id = $1", row["id"])

    async def given(self, number: int, state: str = "due") -> list[UUID]:
        async with self.uow(CAUSE) as tx:
            errands = [Errand(what="asked") for _ in range(number)]
            tx.session.add_all(errands)
            await tx.flush()
            await tx.sql.execute("UPDATE errand SET call_state = $1, due_at = now()", state)
        return [errand.id for errand in errands]

    async def once_each(self, errands: list[UUID]) -> None:
        """What was asked was asked once, and recorded once; nothing is claimed any more."""
        assert set(self.asked) <= set(errands)
        assert set(self.asked.values()) == {1}
        told = await rows(self.url, "SELECT DISTINCT what FROM errand WHERE call_state = 'succeeded'")
        assert [row["what"] for row in told] == ["asked and recorded"]
        done = await value(self.url, "SELECT count(*) FROM errand WHERE call_state = 'succeeded'")
        assert done == len(self.asked)


@pytest.fixture
async def sweepers(database: Databases) -> AsyncIterator[Sweepers]:
    url = await database("sample", migrate_sample)
    uow = UnitOfWork.open(url, "sample", pool_size=40)
    yield Sweepers(url, uow)
    await uow.close()


async def test_eight_workers_at_once_make_each_call_once(sweepers: Sweepers) -> None:
    """Guard: `FOR UPDATE SKIP LOCKED` of `outside._CLAIM`: without it each claims what another has just claimed."""
    errands = await sweepers.given(ERRANDS)
    acts = [each.due_round for each in sweepers.each]
    await at_once(sweepers.url, EVERYBODY_WAITS, acts=acts)
    await sweepers.once_each(errands)
    assert len(sweepers.asked) >= ERRANDS // 3


async def test_eight_sweepers_at_once_look_each_unknown_call_up_once(sweepers: Sweepers) -> None:
    """Guard: the same, with `claim IS NULL` of `outside._CLAIM_UNKNOWN`."""
    errands = await sweepers.given(ERRANDS, "unknown")
    await at_once(sweepers.url, EVERYBODY_WAITS, acts=[each.sweep_round for each in sweepers.each])
    await sweepers.once_each(errands)


async def test_eight_sweepers_at_once_give_an_overslept_claim_up_once(sweepers: Sweepers) -> None:
    """Its owner died. All eight have found it and wait for its row; one doubt is written and told.

    Guard: `FOR UPDATE` of `outside._STILL_OVERSLEPT`, which asks again under the lock whether it still is overslept.
    """
    (errand,) = await sweepers.given(1)
    await rows(
        sweepers.url,
        """UPDATE errand SET call_state = 'claimed', claim = gen_random_uuid(), claimed_until = now() - interval '1 s'
           RETURNING id""",
    )
    lock = "SELECT FROM errand WHERE id = $1 FOR UPDATE"
    await at_once(sweepers.url, lock, errand, acts=[each.sweep_round for each in sweepers.each])
    assert await value(sweepers.url, "SELECT count(*) FROM outbox WHERE type = 'work.stuck'") == 1
    assert sweepers.asked[errand] <= 1
