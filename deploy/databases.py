"""The roles and databases that system.py names, made on a server when they are not there yet."""

from collections.abc import Iterable, Mapping

import asyncpg

from deploy.child import CannotStartError
from deploy.system import DATABASES, EXTENSIONS, ROLES, Database


async def create(admin_url: str, passwords: Mapping[str, str], databases: Iterable[Database] = DATABASES) -> None:
    """Make roles and databases; each role reaches its own database and those it is named a user of, no other."""
    admin = await _connect(admin_url)
    try:
        await _require_extensions(admin)
        for role in ROLES:
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


async def _create_database(admin: asyncpg.Connection, database: Database) -> None:
    # a server of somebody else's may have another default locale; sorting must be the same everywhere
    await admin.execute(f"CREATE DATABASE \"{database.name}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")


async def _grant(admin_url: str, database: Database) -> None:
    """The owner may do everything, a user may use every table; the rest may not even connect."""
    connection = await _connect(f"{admin_url.rsplit('/', 1)[0]}/{database.name}")
    try:
        await connection.execute(f'REVOKE ALL ON DATABASE "{database.name}" FROM PUBLIC')
        await connection.execute(f'GRANT ALL ON DATABASE "{database.name}" TO "{database.role}"')
        await connection.execute(f'GRANT ALL ON SCHEMA public TO "{database.role}"')
        for user in database.users:
            await connection.execute(f'GRANT CONNECT, TEMPORARY ON DATABASE "{database.name}" TO "{user}"')
            for kind in ("TABLES", "SEQUENCES", "FUNCTIONS"):
                await connection.execute(
                    f'ALTER DEFAULT PRIVILEGES FOR ROLE "{database.role}" IN SCHEMA public '
                    f'GRANT ALL ON {kind} TO "{user}"'
                )
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
