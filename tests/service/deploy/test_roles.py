"""On a real server: each service's login reaches its own database and no other, and production asks for that."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from deploy import databases, roles
from deploy.ports import free_port
from deploy.system import EVENTS, PROCESSES, SERVICE_NAMES, Database
from libs.service.testing import until
from tests.databases import ROOT, migrate
from tests.service.kit.conftest import make_topics


@dataclass
class Server:
    """An installation of its own on the test's server: names that nobody else has."""

    admin: str
    databases: tuple[Database, ...]

    def url(self, role: str, database: str) -> str:
        return f"postgresql://{role}:secret@{self.admin.rsplit('/', 1)[0].split('@')[1]}/{database}"


@pytest.fixture
async def server(postgres: str) -> AsyncIterator[Server]:
    mark = uuid4().hex[:8]
    names = [*(process.database for process in PROCESSES), EVENTS]
    users = tuple(f"{name}_{mark}" for name in SERVICE_NAMES)
    made = tuple(
        Database(f"c{mark}_{each.role}", f"{each.role}_{mark}", users if each is EVENTS else ()) for each in names
    )
    await databases.create(postgres, {each.role: "secret" for each in made}, made)
    yield Server(postgres, made)
    admin = await asyncpg.connect(postgres)
    for each in made:
        await admin.execute(f'DROP DATABASE "{each.name}" WITH (FORCE)')
    for each in made:
        await admin.execute(f'DROP ROLE "{each.role}"')
    await admin.close()


async def differences(server: Server) -> list[str]:
    admin = await asyncpg.connect(server.admin)
    found = await roles.differences(admin, server.databases)
    await admin.close()
    return found


async def test_each_role_reaches_its_own_database_and_no_other(server: Server) -> None:
    for role in (each.role for each in server.databases):
        for database in server.databases:
            if role in (database.role, *database.users):
                link = await asyncpg.connect(server.url(role, database.name))
                assert await link.fetchval("SELECT current_user") == role
                await link.close()
            else:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await asyncpg.connect(server.url(role, database.name))
    assert await differences(server) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('GRANT CONNECT ON DATABASE "{other}" TO "{role}"', "{role} may open {other}"),
        ('GRANT CONNECT ON DATABASE "{own}" TO PUBLIC', "public may open {own}"),
        ('ALTER ROLE "{role}" CREATEDB', "the role {role} has rolcreatedb"),
        ('REVOKE ALL ON DATABASE "{own}" FROM "{role}"', "{role} may not open {own}"),
    ],
)
async def test_what_is_not_as_it_must_be_is_said(server: Server, change: str, said: str) -> None:
    first, second = server.databases[:2]
    names = {"own": first.name, "role": first.role, "other": second.name}
    admin = await asyncpg.connect(server.admin)
    await admin.execute(change.format(**names))
    await admin.close()
    assert said.format(**names) in await differences(server)


def test_the_script_for_an_administrator_is_what_the_command_does() -> None:
    text = roles.script([process.database for process in PROCESSES])
    for process in PROCESSES:
        assert f'CREATE ROLE "{process.database.role}" LOGIN NOSUPERUSER' in text
        assert f'REVOKE ALL ON DATABASE "{process.database.name}" FROM PUBLIC;' in text
        assert f'\\password "{process.database.role}"' in text
    assert "secret" not in text.lower()


async def production(server: Server, role: str, at: str | None = None) -> tuple[asyncio.subprocess.Process, int]:
    """Inventory as production starts it, with a role of that server; `at` is another way to its database."""
    own, bus, port = server.databases[1], server.databases[-1], free_port()
    env = os.environ | {
        "COMANDA_MODE": "production",
        "INVENTORY_DATABASE_URL": at or server.url(role, own.name),
        "INVENTORY_EVENTS_BUS": server.url(own.role, bus.name),
        "INVENTORY_PORT": str(port),
        "INVENTORY_LAME_DUCK": "PT0S",
    }
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.inventory", "api"),
        cwd=ROOT,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    return running, port


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode, output.decode()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ('ALTER ROLE "{role}" SUPERUSER', "the role {role} is a superuser"),
        ('GRANT CONNECT ON DATABASE "{other}" TO "{role}"', "the role {role} may open {other}"),
        ('GRANT CONNECT ON DATABASE "{own}" TO PUBLIC', "every role may open {own}"),
        (None, ""),
    ],
)
async def test_production_starts_only_with_a_role_of_its_own_rights(
    server: Server, change: str | None, why: str
) -> None:
    own, other = server.databases[1], server.databases[0]
    names = {"own": own.name, "role": own.role, "other": other.name}
    await asyncio.to_thread(migrate("inventory"), server.url(own.role, own.name))
    await make_topics(server.url(server.databases[-1].role, server.databases[-1].name))
    admin = await asyncpg.connect(server.admin)
    if change:
        await admin.execute(change.format(**names))
    process, port = await production(server, own.role)
    if change:
        code, log = await ended(process)
        assert code == 2, log
        assert why.format(**names) in log
        assert "Traceback" not in log
    else:
        await until(lambda: _answers(port), 60)
        process.terminate()
        assert (await ended(process))[0] == 0
    await admin.execute(f'ALTER ROLE "{own.role}" NOSUPERUSER')
    await admin.close()


async def test_a_database_that_was_away_at_the_start_is_asked_when_it_is_back(server: Server) -> None:
    """An API is not kept from starting by what cannot be asked now; what is found out later ends it all the same."""
    own, port = server.databases[1], free_port()
    await asyncio.to_thread(migrate("inventory"), server.url(own.role, own.name))
    await make_topics(server.url(server.databases[-1].role, server.databases[-1].name))
    admin = await asyncpg.connect(server.admin)
    await admin.execute(f'ALTER ROLE "{own.role}" SUPERUSER')
    address = urlsplit(server.admin)
    process, http = await production(server, own.role, f"postgresql://{own.role}:secret@127.0.0.1:{port}/{own.name}")
    await until(lambda: _answers(http), 60)
    way = Passing(address.hostname or "127.0.0.1", address.port or 5432)
    async with await asyncio.start_server(way.connected, "127.0.0.1", port):
        code, log = await ended(process)
        assert code == 1, log
        assert f"the role {own.role} is a superuser" in log
    await admin.execute(f'ALTER ROLE "{own.role}" NOSUPERUSER')
    await admin.close()


@dataclass
class Passing:
    """Passes every connection on."""

    host: str
    port: int

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(self.host, self.port)
        await asyncio.gather(self._pump(reader, there[1]), self._pump(there[0], writer))

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while some := await reader.read(65536):
                writer.write(some)
        writer.close()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
