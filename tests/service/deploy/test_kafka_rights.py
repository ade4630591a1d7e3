"""A real broker with logins and an authorizer: each service writes and reads what is its own, and nothing else."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.acls import apply, differences, grants
from deploy.kafka import MECHANISM, Kafka
from deploy.system import SERVICE_NAMES, TOPICS
from libs.contracts.orders import KeyChanged
from libs.events.bus import Bus, BusUnavailableError, Failed, Outgoing, Sent, Topic
from libs.events.bus_settings import BusSettings
from libs.events.kafka.acls import Acls, Grant
from libs.events.open_bus import open_bus
from libs.events.testing import record_of
from libs.events.transaction import new_id
from libs.service.testing import running, until
from services.inventory.__main__ import service as inventory
from tests.databases import Databases
from tests.kafka import kafka_lib
from tests.scratch import scratch

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
PASSWORDS = {name: f"{name}-secret" for name in ("admin", *SERVICE_NAMES)}


@pytest.fixture(scope="module")
def guarded() -> Iterator[Kafka]:
    """A broker that knows our services' logins, and has granted them nothing yet."""
    kafka = Kafka(scratch() / "guarded", lib=kafka_lib(), users=PASSWORDS).start()
    yield kafka
    kafka.kill()


def login(folder: Path, name: str) -> dict[str, Any]:
    secret = folder / f"{name}.password"
    secret.write_text(PASSWORDS[name])
    return {"sasl_mechanism": MECHANISM, "sasl_username": name, "password_file": secret}


def acls_of(kafka: Kafka, folder: Path) -> Acls:
    return Acls([f"127.0.0.1:{kafka.ports[0].clients}"], BusSettings(**login(folder, "admin")))


async def first_records(bus: Bus, group: str, topics: list[str]) -> int:
    """How many facts a member of the group gets to read."""
    async with asyncio.timeout(30), bus.subscribe(group, topics) as reading:
        while True:
            found = await reading.poll(100, 1)
            if found:
                return sum(map(len, found.values()))


@pytest.mark.slow
async def test_each_service_writes_and_reads_what_is_its_own_and_nothing_else(
    guarded: Kafka, tmp_path: Path, database: Databases
) -> None:
    """One broker start for all of it: nothing before the grants, the own afterwards, the others' never."""
    admin = open_bus(guarded.bus, **login(tmp_path, "admin"))
    buses = {name: open_bus(guarded.bus, **login(tmp_path, name)) for name in SERVICE_NAMES}
    try:
        await admin.create_topics([Topic(topic.name, 1) for topic in TOPICS])
        outcome = (await buses["orders"].publish([Outgoing("order.created", "1", b"{}")]))[0]
        assert isinstance(outcome, Failed), "without a grant nothing may be written"

        acls = acls_of(guarded, tmp_path)
        assert "0 were there" in await apply(acls, grants())
        assert "0 granted" in await apply(acls, grants()), "a second time changes nothing"
        assert await differences(acls, grants()) == []
        extra = Grant("User:shipping", "topic", "payment.received", "write")
        await acls.allow([extra])
        assert await differences(acls, grants()) == ["too much: User:shipping write topic payment.received"]

        await a_whole_service_works(guarded, login(tmp_path, "inventory"), await database("inventory"), buses["orders"])
        await everybody_writes_what_is_its_own(buses)
        await everybody_reads_what_is_its_own(buses)
        assert await admin.unguarded()
        assert [await bus.unguarded() for bus in buses.values()] == [[]] * len(buses)
    finally:
        for bus in (admin, *buses.values()):
            await bus.close()


async def a_whole_service_works(kafka: Kafka, login: dict[str, Any], url: str, orders: Bus) -> None:
    """It learns a key that orders says, and says an item that orders may read."""
    key = KeyChanged(id=new_id(), version=1, name="till", prefix="t", secret_hash="0", role="operator", scopes=())
    record = record_of(key, noun="key")
    assert isinstance((await orders.publish([Outgoing(key.topic, record.key, record.value, record.headers)]))[0], Sent)
    settings = {f"events_{name.removeprefix('events_')}": value for name, value in login.items()}
    async with running(inventory, url, kafka.bus, **settings) as api:
        made = await api.post("/v1/items/bulk", json={"items": [{"sku": "MUG", "name": "A mug"}]})
        assert made.status_code == 200, made.text
        link = await asyncpg.connect(url)
        await until(lambda: link.fetchval("SELECT count(*) FROM known_key WHERE id = $1", key.id))
        await until(lambda: link.fetchval("SELECT count(*) FROM outbox_sent WHERE type = 'item.changed'"))
        assert (await api.get("/health/ready")).status_code == 200
        await link.close()


async def everybody_writes_what_is_its_own(buses: dict[str, Bus]) -> None:
    """All services at once, each one topic after the other."""

    async def writes(name: str) -> None:
        for topic in TOPICS:
            if name == "shipping" and topic.name == "payment.received":
                continue  # granted above, to be found by the check
            own = name in topic.producers
            (outcome,) = await buses[name].publish([Outgoing(topic.name, "1", b"{}")])
            assert isinstance(outcome, Sent if own else Failed), (name, topic.name, outcome)

    await asyncio.gather(*map(writes, buses))


async def everybody_reads_what_is_its_own(buses: dict[str, Bus]) -> None:
    async def reads(name: str) -> None:
        assert await first_records(buses[name], name, [topic.name for topic in TOPICS if name in topic.readers]) > 0

    async def is_refused(name: str, group: str, topic: str) -> None:
        with pytest.raises((BusUnavailableError, TimeoutError)):
            await first_records(buses[name], group, [topic])

    await asyncio.gather(*map(reads, buses))
    await asyncio.gather(
        is_refused("shipping", "shipping", "payment.received"),
        is_refused("shipping", "orders", "order.created"),
    )


async def test_a_cluster_that_keeps_no_acls_is_told(kafka: Kafka) -> None:
    """Production refuses to start on it."""
    bus = open_bus(kafka.bus)
    (why,) = await bus.unguarded()
    await bus.close()
    assert "keeps no ACLs" in why
