"""The doors of all five services, each over a migrated database, for strangers with and without credentials."""

from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.system import SERVICE_NAMES
from libs.contracts import every_contract
from libs.events.bus import Topic
from libs.events.open_bus import open_bus
from libs.service.service import Service
from libs.service.testing import running
from tests.databases import Databases
from tests.service.strangers.door import ISSUER, Door, jwks

QUICK: dict[str, dict[str, Any]] = {"payments": {"outcome_within": "PT0.1S"}, "shipping": {"wait_for_courier": 0.1}}
"""What would be waited for is not there anyway."""


async def make_topics(url: str) -> None:
    bus = open_bus(url)
    await bus.create_topics([Topic(kind.topic, partitions=2, compacted=kind.compacted) for kind in every_contract()])
    await bus.close()


async def opened(name: str, database: Databases, tmp_path: Path) -> AsyncIterator[Door]:
    """One service's door; nothing limits how often it is knocked at."""
    url, bus_url = await database(name), await database("strangersbus", make_topics)
    (tmp_path / "jwks.json").write_text(jwks())
    settings: dict[str, Any] = {"auth_issuer": ISSUER, "auth_jwks_file": tmp_path / "jwks.json"}
    settings |= {"requests_burst": 1_000_000, "public_burst": 1_000_000, "body_within": "PT1S"} | QUICK.get(name, {})
    service: Service[Any] = import_module(f"services.{name}.__main__").service
    sql = await asyncpg.connect(url)
    async with running(service, url, bus_url, parts=("api",), **settings) as api:
        yield Door(name, api, sql, (await api.get("/openapi.json")).json())
    await sql.close()


@pytest.fixture(params=SERVICE_NAMES)
async def door(request: pytest.FixtureRequest, database: Databases, tmp_path: Path) -> AsyncIterator[Door]:
    """The door of each service in turn."""
    async for each in opened(request.param, database, tmp_path):
        yield each


@pytest.fixture
async def orders(database: Databases, tmp_path: Path) -> AsyncIterator[Door]:
    """Orders' door."""
    async for each in opened("orders", database, tmp_path):
        yield each
