"""An upgrade under way: old processes on a new schema, a migration beside traffic, old code's migration come late."""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from libs.service import migrations
from libs.service.migrations import migrate
from libs.service.testing import running, until
from tests.databases import Databases
from tests.service.kit.sample.service import sample

NEXT = """from alembic import op
revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE mug ADD COLUMN colour text")
"""


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The history of the next release."""
    folder = tmp_path / "migrations"
    shutil.copytree(sample.migrations, folder)
    (folder / "versions" / "0002_colours.py").write_text(NEXT)
    return folder


async def ready(database_url: str, bus_url: str) -> tuple[int, str]:
    async with running(sample, database_url, bus_url, parts=("api",)) as api:
        answer = await api.get("/health/ready")
        return answer.status_code, answer.json()["checks"]["database"]


async def version(url: str) -> list[str]:
    link = await asyncpg.connect(url)
    found = [row[0] for row in await link.fetch("SELECT version_num FROM alembic_version")]
    await link.close()
    return found


async def test_a_process_of_before_the_upgrade_stays_ready_on_the_new_schema(
    sample_url: str, bus_url: str, newer: Path
) -> None:
    """Otherwise the migration would take every running process out of service before its successor is there."""
    assert await ready(sample_url, bus_url) == (200, "ok")
    await migrate(sample_url, newer)
    assert await version(sample_url) == ["0002"]
    assert await ready(sample_url, bus_url) == (200, "ok")
    async with running(sample, sample_url, bus_url, parts=("api",)) as api:
        assert (await api.post("/v1/mugs", json={"name": "blue"})).status_code == 201


async def test_a_process_of_after_the_upgrade_is_not_ready_on_the_old_schema(sample_url: str, newer: Path) -> None:
    engine = create_async_engine(sample_url.replace("postgresql", "postgresql+asyncpg", 1))
    assert not await migrations.is_current(engine, newer)
    await migrate(sample_url, newer)
    assert await migrations.is_current(engine, newer)
    await engine.dispose()


async def test_the_old_release_s_migration_leaves_a_newer_database_as_it_is(sample_url: str, newer: Path) -> None:
    """Going back to the old code does not ask for the old schema."""
    await migrate(sample_url, newer)
    await migrate(sample_url, sample.migrations)
    assert await version(sample_url) == ["0002"]


async def test_a_migration_that_waits_for_a_table_lets_the_traffic_pass(
    sample_url: str, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long report holds the table; the migration's ALTER must not make everybody else wait behind it."""
    monkeypatch.setattr(migrations, "LOCK_WITHIN", timedelta(milliseconds=300))
    long, traffic = await asyncpg.connect(sample_url), await asyncpg.connect(sample_url)
    reading = long.transaction()
    await reading.start()
    await long.fetchval("SELECT count(*) FROM mug")
    migrating = asyncio.create_task(migrate(sample_url, newer))
    await until(
        lambda: traffic.fetchval(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'mug'::regclass::oid AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    )
    for _ in range(5):
        await traffic.execute("INSERT INTO mug (id, version, name) VALUES (gen_random_uuid(), 1, 'blue')", timeout=20)
    assert not migrating.done()
    await reading.rollback()
    await asyncio.wait_for(migrating, 60)
    assert await traffic.fetchval("SELECT count(*) FROM mug WHERE colour IS NULL") == 5
    assert await version(sample_url) == ["0002"]
    await long.close()
    await traffic.close()


async def test_a_migration_that_never_gets_its_table_fails_and_leaves_nothing(
    sample_url: str, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_WITHIN", timedelta(milliseconds=50))
    monkeypatch.setattr(migrations, "TRIES", 2)
    long = await asyncpg.connect(sample_url)
    async with long.transaction():
        await long.fetchval("SELECT count(*) FROM mug")
        with pytest.raises(DBAPIError, match="lock timeout"):
            await migrate(sample_url, newer)
    await long.close()
    assert await version(sample_url) == ["0001"]
    await migrate(sample_url, newer)  # nobody holds the migrations' own lock


async def test_a_process_told_to_stop_is_not_ready_and_answers_once_more_on_each_connection(
    sample_url: str, bus_url: str, database: Databases
) -> None:
    async with running(sample, sample_url, bus_url, parts=("api",)) as api:
        assert "connection" not in (await api.get("/v1/mugs")).headers
        api.context.leaving = True
        assert (await api.get("/health/ready")).status_code == 503
        assert (await api.get("/health/live")).status_code == 200
        made = await api.post("/v1/mugs", json={"name": "blue"})
        assert (made.status_code, made.headers["connection"]) == (201, "close")
