"""Notifications running in the test's loop, over a real database and the embedded bus, beside a mail server."""

from collections.abc import AsyncIterator, Iterator

import pytest

from libs.contracts import every_contract
from libs.events.bus import Topic
from libs.events.open_bus import open_bus
from libs.events.transaction import UnitOfWork
from libs.service.testing import running
from services.notifications.__main__ import service
from tests.databases import Databases
from tests.service.notifications.post_office import PostOffice
from tests.standins.sms import SmsStandIn
from tests.standins.smtp.app import SmtpStandIn


async def make_topics(url: str) -> None:
    bus = open_bus(url)
    await bus.create_topics([Topic(kind.topic, partitions=2, compacted=kind.compacted) for kind in every_contract()])
    await bus.close()


@pytest.fixture
def smtp() -> Iterator[SmtpStandIn]:
    with SmtpStandIn(late_ms=1500) as stand_in:
        yield stand_in


@pytest.fixture
async def notifications_url(database: Databases) -> str:
    return await database("notifications")


@pytest.fixture
async def bus_url(database: Databases) -> str:
    return await database("notificationsbus", make_topics)


@pytest.fixture
async def notifications(notifications_url: str) -> AsyncIterator[UnitOfWork]:
    """Only the database: nothing is sent."""
    uow = UnitOfWork.open(notifications_url, "notifications", pool_size=6)
    yield uow
    await uow.close()


@pytest.fixture
def patience() -> float:
    """Seconds after which an answer is given up: more than any machine stalls; fewer where one is late."""
    return 20


@pytest.fixture
async def office(notifications_url: str, bus_url: str, smtp: SmtpStandIn, patience: float) -> AsyncIterator[PostOffice]:
    """Everything runs; what is unknown is sent again soon."""
    async with running(
        service,
        notifications_url,
        bus_url,
        smtp_host=smtp.host,
        smtp_port=smtp.smtp_port,
        smtp_timeout=patience,
        look_up_after=0.2,
        mail_from="mails@pravalia.example",
    ) as api:
        yield PostOffice(api, smtp)


@pytest.fixture
def gateway() -> Iterator[SmsStandIn]:
    with SmsStandIn() as stand_in:
        yield stand_in
