"""Races of deliveries: many processes keep them, each some at once, and every event is kept once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest

from libs.events.transaction import UnitOfWork
from libs.service.testing import until
from services.payments.webhooks.intake import Intake
from services.payments.webhooks.store import Delivery, keep
from tests.databases import Databases
from tests.service.races.stage import at_once, held, rows, waiting

LOCK = "LOCK TABLE webhook_inbox IN SHARE MODE"
ONE = """
INSERT INTO webhook_inbox (id, provider, account_id, event_id, event_type, delivery_id, occurred_at, headers, body)
VALUES (gen_random_uuid(), 'paypal', 'WH-1', 'WH-M', 'X', 'D-1', now(), '{}', '{}')
"""
PROCESSES = 12


@pytest.fixture
async def url(database: Databases) -> str:
    return await database("payments")


@pytest.fixture
async def uow(url: str) -> AsyncIterator[UnitOfWork]:
    opened = UnitOfWork.open(url, "payments", pool_size=PROCESSES)
    yield opened
    await opened.close()


def delivery(event: str) -> Delivery:
    now = datetime.now(UTC)
    return Delivery("paypal", "WH-1", event, "PAYMENT.CAPTURE.COMPLETED", str(uuid4()), now, {"a": "b"}, b"{}")


async def kept(url: str) -> Counter[str]:
    return Counter(row["event_id"] for row in await rows(url, "SELECT event_id FROM webhook_inbox"))


async def test_an_event_that_every_process_is_told_at_once_is_kept_once(url: str, uow: UnitOfWork) -> None:
    """Guards: the unique `webhook_event` with `ON CONFLICT DO NOTHING` of `webhooks.store.keep`."""
    done = await at_once(url, LOCK, acts=[lambda: Intake(uow).keep(delivery("WH-E1"))] * PROCESSES)
    assert Counter(done) == {True: 1, False: PROCESSES - 1}
    assert await kept(url) == {"WH-E1": 1}


async def test_processes_that_keep_the_same_events_in_any_order_do_not_wait_for_each_other_for_ever(
    url: str, uow: UnitOfWork
) -> None:
    """Guards: the ORDER BY of `webhooks.store.keep`, without which the two end in a deadlock."""
    names = ["WH-A", "WH-M", "WH-Z"]
    acts = [lambda some=some: keep(uow, [delivery(name) for name in some]) for some in (names, names[::-1])]
    done = await at_once(url, ONE, acts=acts)
    assert sorted(map(sum, done)) == [0, 2]
    assert await kept(url) == dict.fromkeys(names, 1)


async def test_what_comes_while_one_is_kept_is_kept_together_and_what_is_refused_harms_no_other(
    url: str, uow: UnitOfWork
) -> None:
    """Guards: `Intake` keeps each by itself when the database refuses one of them."""
    intake = Intake(uow)
    wrong = replace(delivery("WH-WRONG"), event_type="\x00")  # no text of PostgreSQL's
    async with held(url, LOCK):
        first = asyncio.create_task(intake.keep(delivery("WH-FIRST")))
        await until(lambda: waiting(url))
        later = [asyncio.create_task(intake.keep(each)) for each in (delivery("WH-A"), wrong, delivery("WH-B"))]
        again = [asyncio.create_task(intake.keep(delivery("WH-A"))) for _ in range(3)]
        await asyncio.sleep(0)
        assert await waiting(url) == 1
    assert await asyncio.gather(first, later[0], later[2], *again) == [True, True, True, False, False, False]
    with pytest.raises(asyncpg.DataError):
        await later[1]
    assert await kept(url) == {"WH-FIRST": 1, "WH-A": 1, "WH-B": 1}
