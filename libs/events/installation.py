"""An installation remembers its bus: facts that wait for one log must not be looked for in another."""

from typing import Any

import asyncpg

from libs.events.bus import Bus


class OtherBusError(Exception):
    """This database belongs to another bus; the message says how to move."""


class NotDrainedError(Exception):
    """The old bus still has work; the message says which."""


async def remember(connection: "asyncpg.Connection[Any]", bus: Bus, url: str, service: str) -> None:
    """Note the bus at first start; OtherBusError when a database that has used one is started on another."""
    identity = await bus.identity()
    row = await connection.fetchrow(
        """INSERT INTO bus_in_use (identity, url) VALUES ($1, $2)
           ON CONFLICT (single) DO UPDATE SET single = true RETURNING identity, url""",
        identity,
        without_password(url),
    )
    assert row is not None  # noqa: S101 - an upsert answers a row
    if row["identity"] != identity:
        raise OtherBusError(
            f"{service} has used the bus {row['identity']} at {row['url']} until now, and EVENTS_BUS is {identity}. "
            "Facts may still be on their way there: stop the services' APIs, let workers and relays finish, "
            "then run `python -m libs.events bus switch --from OLD --to NEW`."
        )


async def undrained(connection: "asyncpg.Connection[Any]", old: Bus, service: str) -> list[str]:
    """What this service still has to do on the old bus: sentences; empty when it may move."""
    waiting = await connection.fetchval("SELECT count(*) FROM outbox WHERE refused IS NULL")
    reasons = [f"{service}: {waiting} facts wait in the outbox"] if waiting else []
    behind = sum((await old.lag(service)).values())
    return [*reasons, *([f"{service}: {behind} facts are not read yet"] if behind else [])]


async def move(connection: "asyncpg.Connection[Any]", new: Bus, url: str) -> None:
    """From now on this database belongs to the new bus. Only after `undrained` was empty for every service at once."""
    await connection.execute(
        "UPDATE bus_in_use SET identity = $1, url = $2", await new.identity(), without_password(url)
    )


def without_password(url: str) -> str:
    """A URL that may be stored and printed."""
    scheme, _, rest = url.partition("://")
    if "@" not in rest:
        return url
    login, _, host = rest.rpartition("@")
    return f"{scheme}://{login.split(':', 1)[0]}@{host}"
