r"""`python -m deploy.roles [show|check]`: each service's login on PostgreSQL and what it may open, from system.py.

`python -m deploy.databases` makes them; `show` prints the same as SQL for psql, where only a database administrator
may: the passwords are set afterwards, by `\password`. `check` asks the server of POSTGRES_URL whether it is so.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterable

import asyncpg

from deploy.system import EVENTS, PROCESSES, Database

POWERLESS = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
POWERS = ("rolsuper", "rolcreatedb", "rolcreaterole", "rolreplication", "rolbypassrls")


def grants(database: Database) -> list[str]:
    """Run in a database: its owner may do everything, a user may use every table, the rest may not even connect."""
    name, role = database.name, database.role
    lines = [
        f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC',
        f'GRANT ALL ON DATABASE "{name}" TO "{role}"',
        f'GRANT ALL ON SCHEMA public TO "{role}"',
    ]
    for user in database.users:
        lines.append(f'GRANT CONNECT, TEMPORARY ON DATABASE "{name}" TO "{user}"')
        lines += [
            f'ALTER DEFAULT PRIVILEGES FOR ROLE "{role}" IN SCHEMA public GRANT ALL ON {kind} TO "{user}"'
            for kind in ("TABLES", "SEQUENCES", "FUNCTIONS")
        ]
    return lines


def script(databases: Iterable[Database]) -> str:
    """All of it for psql, on an empty server."""
    databases = list(databases)
    lines = [f'CREATE ROLE "{database.role}" {POWERLESS};' for database in databases]
    for database in databases:
        lines.append(f"CREATE DATABASE \"{database.name}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';")
        lines += [f'\\connect "{database.name}"', *(f"{line};" for line in grants(database))]
    return "\n".join([*lines, *(f'\\password "{database.role}"' for database in databases)])


async def differences(admin: asyncpg.Connection, databases: Iterable[Database]) -> list[str]:
    """What is not as it must be, in sentences."""
    databases = list(databases)
    roles = [database.role for database in databases]
    known = {row["rolname"]: row for row in await admin.fetch("SELECT * FROM pg_roles WHERE rolname = ANY($1)", roles)}
    made = {row["datname"] for row in await admin.fetch("SELECT datname FROM pg_database")}
    lines = [f"the role {role} is missing" for role in roles if role not in known]
    lines += [f"the database {each.name} is missing" for each in databases if each.name not in made]
    lines += [
        f"the role {role} has {power}" for role in roles for power in POWERS if role in known and known[role][power]
    ]
    for database in databases:
        if database.name not in made:
            continue
        for role in ("public", *known):
            may = await admin.fetchval("SELECT has_database_privilege($1, $2, 'CONNECT')", role, database.name)
            if may != (role in (database.role, *database.users)):
                lines.append(f"{role} {'may' if may else 'may not'} open {database.name}")
    return lines


def main() -> int:
    """0 when all is as it must be, 1 when it is not, 2 when it could not be asked."""
    parser = argparse.ArgumentParser(prog="python -m deploy.roles", description=__doc__)
    parser.add_argument("what", nargs="?", default="show", choices=("show", "check"))
    parser.add_argument("--embedded", action="store_true", help="with the database of the embedded bus")
    options = parser.parse_args()
    databases = [process.database for process in PROCESSES] + ([EVENTS] if options.embedded else [])
    if options.what == "show":
        print(script(databases))
        return 0
    return asyncio.run(_check(databases))


async def _check(databases: Iterable[Database]) -> int:
    try:
        admin = await asyncpg.connect(os.environ.get("POSTGRES_URL", ""), timeout=10)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError) as error:
        print(f"PostgreSQL cannot be reached as POSTGRES_URL says: {error}", file=sys.stderr)
        return 2
    try:
        lines = await differences(admin, databases)
    finally:
        await admin.close()
    print("\n".join(lines) or "every service has its own role and database, and reaches no other")
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
