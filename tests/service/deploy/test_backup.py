"""A physical backup of a server that runs, and a server put back to it."""

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.backup import Backup, take
from deploy.catching_up import Installation, NotRestoredError, send_again
from deploy.child import CannotStartError
from deploy.postgres import Postgres
from deploy.restore import put_back
from deploy.system import SERVICE_NAMES
from libs.events.open_bus import open_bus
from tests.databases import Databases


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    with Postgres(tmp_path / "postgres", throwaway=True) as running:
        yield running


async def numbers(server: Postgres) -> list[int]:
    link = await asyncpg.connect(server.url())
    found = [row["n"] for row in await link.fetch("SELECT n FROM numbers ORDER BY n")]
    await link.close()
    return found


async def write(server: Postgres, statement: str) -> None:
    link = await asyncpg.connect(server.url())
    await link.execute(statement)
    await link.close()


async def test_a_server_put_back_is_as_it_was_when_the_backup_ended_and_what_came_since_is_kept_aside(
    server: Postgres, tmp_path: Path
) -> None:
    await write(server, "CREATE TABLE numbers AS SELECT 1 AS n")
    backup = take(server.url(), tmp_path / "backup")
    await write(server, "INSERT INTO numbers VALUES (2)")
    server.kill()
    assert Backup.of(tmp_path / "backup") == backup
    for _ in range(2):  # the backup itself stays as it is
        aside = put_back(backup, server)
        assert aside is not None
        assert (aside / "PG_VERSION").exists()
        server.start()
        assert await numbers(server) == [1]
        await write(server, "INSERT INTO numbers VALUES (3)")
        server.kill()


async def test_a_server_that_still_runs_is_ended_before_its_data_is_put_aside(server: Postgres, tmp_path: Path) -> None:
    """A supervisor that was killed leaves it behind; it would go on writing into what was put aside."""
    backup = take(server.url(), tmp_path / "backup")
    aside = put_back(backup, Postgres(server.directory))
    assert not server.alive
    assert aside is not None
    assert not (aside / "postmaster.pid").exists(), "it ended cleanly"


async def test_a_backup_that_is_not_whole_is_not_put_back(server: Postgres, tmp_path: Path) -> None:
    """Guards: the manifest, and the file that is written last."""
    await write(server, "CREATE TABLE numbers AS SELECT 1 AS n")
    folder = tmp_path / "backup"
    backup = take(server.url(), folder)
    with pytest.raises(CannotStartError, match="not empty"):
        take(server.url(), folder)
    victim = next(file for file in (folder / "data" / "base").rglob("1259") if file.stat().st_size)
    victim.write_bytes(victim.read_bytes()[:-100])
    with pytest.raises(CannotStartError, match="pg_verifybackup"):
        put_back(backup, server)
    assert await numbers(server) == [1], "the server still runs on its own data"
    (folder / "backup.json").unlink()
    with pytest.raises(CannotStartError, match="no finished backup"):
        Backup.of(folder)


async def test_the_log_of_services_that_were_not_restored_is_not_emptied(database: Databases) -> None:
    """Guard: the table `restoring` has to stand in each database."""
    url, log = await database("orders"), await database("log", _log_of_one_topic)
    with pytest.raises(NotRestoredError, match=r"python -m services.orders restore"):
        await send_again(Installation(dict.fromkeys(SERVICE_NAMES, url), log), lambda _: None)


async def _log_of_one_topic(url: str) -> None:
    bus = open_bus(url)
    await bus.create_topics([])
    await bus.close()
