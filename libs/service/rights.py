"""In production a service's logins may do what it needs and no more; otherwise it does not start.

What can be asked is asked: of PostgreSQL, whether the role rules the server or reaches another database of the
installation, and whether everybody reaches this one; of Kafka, whether an authorizer holds this login to its ACLs.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from libs.events.errors import Kind, backoff, kind_of
from libs.service.service import Context

log = logging.getLogger(__name__)
WITHIN = 10.0


class TooMuchError(Exception):
    """A login may do more than its service needs; the message says what, and how to mend it."""


async def looked_at(context: Context[Any]) -> bool:
    """TooMuchError when a login may do too much; False when that could not be asked now."""
    try:
        async with asyncio.timeout(WITHIN):
            reasons = [*await _of_role(context), *await context.bus.unguarded()]
    except Exception as error:
        if kind_of(error) is not Kind.TRANSIENT:
            raise
        log.warning("rights cannot be looked at now: %s", type(error).__name__)
        return False
    if reasons:
        raise TooMuchError("\n".join(reasons))
    return True


async def look_at_last(context: Context[Any], stop: asyncio.Event) -> None:
    """A part of a process that could not ask at its start: it asks until there is an answer, and ends it if it must."""
    attempt = 0
    while not (stop.is_set() or await looked_at(context)):
        attempt += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(backoff(attempt, most=5)):
                await stop.wait()
    await stop.wait()


async def _of_role(context: Context[Any]) -> list[str]:
    async with context.uow.engine.connect() as connection:
        sql: Any = (await connection.get_raw_connection()).driver_connection
        role = await sql.fetchrow(_ROLE)
        bus = urlsplit(context.settings.events_bus)
        shared = bus.path.strip("/") if bus.scheme == "postgresql" else ""
        others = [row["datname"] for row in await sql.fetch(_OTHERS, shared)]
    how = "(python -m deploy.roles says how it must be)"
    reasons = [f"DATABASE_URL: the role {role['name']} is {role['power']} {how}"] if role["power"] else []
    if others:
        reasons.append(f"DATABASE_URL: the role {role['name']} may open {', '.join(others)} {how}")
    if role["open"]:
        reasons.append(f"DATABASE_URL: every role may open {role['database']} {how}")
    return reasons


_ROLE = """SELECT rolname AS name, current_database() AS database,
    has_database_privilege('public', current_database(), 'CONNECT') AS open,
    concat_ws(', ', CASE WHEN rolsuper THEN 'a superuser' END, CASE WHEN rolcreaterole THEN 'a maker of roles' END,
        CASE WHEN rolcreatedb THEN 'a maker of databases' END, CASE WHEN rolreplication THEN 'a replica' END,
        CASE WHEN rolbypassrls THEN 'above row security' END) AS power
FROM pg_roles WHERE rolname = current_user"""
# those that begin alike (comanda_orders: comanda_...) are of this installation; others are their owners' business
_OTHERS = """SELECT datname FROM pg_database
WHERE datallowconn AND NOT datistemplate AND datname <> current_database() AND datname <> $1
  AND split_part(datname, '_', 1) = split_part(current_database(), '_', 1) AND strpos(current_database(), '_') > 0
  AND has_database_privilege(datname, 'CONNECT') ORDER BY datname"""
