"""The roles and databases that system.py names, made on a server when they are not there yet.

`python -m deploy.databases`: on the server of POSTGRES_URL (an administrator's), with the passwords which stand in
EVENTS_BUS and in each `<SERVICE>_DATABASE_URL`; passwords that changed are set anew.
"""

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping
from urllib.parse import unquote, urlsplit

import asyncpg

from deploy.child import CannotStartError
from deploy.roles import grants
from deploy.system import DATABASES, EVENTS, EXTENSIONS, PROCESSES, Database


async def create(admin_url: str, passwords: Mapping[str, str], databases: Iterable[Database] = DATABASES) -> None:
    """Make roles and databases; each role reaches its own database and those it is named a user of, no other."""
    admin = await _connect(admin_url)
    try:
        await _require_extensions(admin)
        for role in (database.role for database in databases):
            exists = await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
            verb = "ALTER" if exists else "CREATE"
            await admin.execute(f"{verb} ROLE \"{role}\" LOGIN PASSWORD '{_quoted(passwords[role])}'")
        for database in databases:
            if not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", database.name):
                await _create_database(admin, database)
    finally:
        await admin.close()
    for database in databases:
        await _grant(admin_url, database)


def wanted(environment: Mapping[str, str]) -> dict[Database, str]:
    """The databases that the environment names, each with its role's password; an error names what is missing."""
    found = {}
    for process in PROCESSES:
        found[process.database] = _password(environment, f"{process.prefix}DATABASE_URL")
    if environment.get("EVENTS_BUS", "").startswith("postgresql://"):
        found[EVENTS] = _password(environment, "EVENTS_BUS")
    return found


def _password(environment: Mapping[str, str], name: str) -> str:
    password = urlsplit(environment.get(name, "")).password
    if not password:
        raise CannotStartError(f"{name} must be set, with a password in it: postgresql://role:password@host/database")
    return unquote(password)


async def _create_database(admin: asyncpg.Connection, database: Database) -> None:
    # a server of somebody else's may have another default locale; sorting must be the same everywhere
    await admin.execute(f"CREATE DATABASE \"{database.name}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")


async def _grant(admin_url: str, database: Database) -> None:
    connection = await _connect(f"{admin_url.rsplit('/', 1)[0]}/{database.name}")
    try:
        for statement in grants(database):
            await connection.execute(statement)
    finally:
        await connection.close()


async def _require_extensions(admin: asyncpg.Connection) -> None:
    rows = await admin.fetch("SELECT name FROM pg_available_extensions WHERE name = ANY($1)", list(EXTENSIONS))
    if absent := sorted(set(EXTENSIONS) - {row["name"] for row in rows}):
        raise CannotStartError(
            f"This PostgreSQL lacks the extensions {', '.join(absent)}. On Debian: apt-get install postgresql-contrib"
        )


async def _connect(url: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(url, timeout=10)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise CannotStartError(f"PostgreSQL cannot be reached as POSTGRES_URL says: {error}") from error


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def main() -> int:
    """Make them; 2 when something is missing."""
    try:
        server = os.environ.get("POSTGRES_URL", "")
        _password(os.environ, "POSTGRES_URL")
        named = wanted(os.environ)
        asyncio.run(create(server, {each.role: text for each, text in named.items()}, named))
    except CannotStartError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"there: {', '.join(database.name for database in named)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
