"""Alembic, one history per service: brought up to date at start, guarded against two starting at once."""

import asyncio
import logging
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from alembic import command, context
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, String, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import TypeDecorator, TypeEngine

from libs.events.errors import backoff
from libs.service import schema

log = logging.getLogger(__name__)
TRIES = 20
LOCK_WITHIN = timedelta(seconds=3)
_LOCK = 0x6D696772617465  # "migrate"
KERNEL_TABLES = frozenset(
    {
        "outbox",
        "outbox_sent",
        "outbox_sent_default",
        "feed_head",
        "feed",
        "inbox",
        "dead_letter",
        "partition_state",
        "bus_in_use",
        "erased_order",
    }
)
_OWN_BUSINESS = frozenset({"remove_index", "remove_constraint", "remove_fk"})
_OURS = KERNEL_TABLES | schema.TABLES | {"alembic_version"}


def run(metadata: MetaData) -> None:
    """All of a service's `env.py`: migrate on the connection that `migrate` opened."""
    context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
    context.run_migrations()


def apply(op: Operations | Any, ddl: str) -> None:
    """Run several statements, each on its own."""
    for statement in statements(ddl):
        op.execute(text(statement.replace(":", r"\:")))


def statements(ddl: str) -> list[str]:
    """The statements of a script, split at semicolons that are not in a $$ body, a quoted text or a comment."""
    pieces = re.finditer(r"(?:\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'|--[^\n]*|[^;])+", ddl, re.DOTALL)
    return [text for piece in pieces if (text := piece[0].strip())]


def _config(folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    return config


async def migrate(url: str, folder: Path) -> None:
    """Bring a database to the newest version of the history in `folder`, in one transaction, one at a time.

    It waits only a moment for a table's lock, because everybody who comes later waits behind it; then it lets go and
    tries again. A database at a version that this code does not know is newer, and is left as it is.
    """
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            await connection.commit()
            for attempt in range(1, TRIES + 1):
                try:
                    await _upgraded(connection, folder)
                except DBAPIError as error:
                    if attempt == TRIES or not _waited_in_vain(error):
                        raise
                    log.warning("a table is in use: the migration waits, try %d of %d", attempt, TRIES)
                    await asyncio.sleep(backoff(attempt, most=5))
                else:
                    return
    finally:
        await engine.dispose()


async def _upgraded(connection: AsyncConnection, folder: Path) -> None:
    async with connection.begin():
        await connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_WITHIN // timedelta(milliseconds=1)}"))
        await connection.run_sync(_upgrade, folder)


def _waited_in_vain(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in {"55P03", "40P01"}  # a lock time-out, a deadlock


def _upgrade(connection: Connection, folder: Path) -> None:
    heads, behind = _versions(folder)
    found = set(MigrationContext.configure(connection).get_current_heads())
    if found - heads - behind:
        log.warning("the database is newer than this code, and stays as it is", extra={"versions": sorted(found)})
        return
    config = _config(folder)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def is_current(engine: AsyncEngine, folder: Path) -> bool:
    """Whether the database is at the newest version, or at a later one, which only newer code knows.

    While an upgrade rolls, the old processes go on with the new schema: a version is expanded before it is contracted.
    """
    async with engine.connect() as connection:
        if not await connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL")):
            return False
        found = set((await connection.scalars(text("SELECT version_num FROM alembic_version"))).all())
    heads, behind = _versions(folder)
    return bool(found) and (found == heads or not found & (heads | behind))


_known_versions: dict[Path, tuple[set[str], set[str]]] = {}


def _versions(folder: Path) -> tuple[set[str], set[str]]:
    """The newest versions of a history, and all that came before them."""
    if folder not in _known_versions:
        scripts = ScriptDirectory.from_config(_config(folder))
        heads = set(scripts.get_heads())
        _known_versions[folder] = heads, {script.revision for script in scripts.walk_revisions()} - heads
    return _known_versions[folder]


async def assert_models_match(url: str, metadata: MetaData, ignore: frozenset[str] = frozenset()) -> None:
    """AssertionError that lists where the tables of a migrated database are not those of the models.

    Indexes, keys and constraints that only the migrations know are theirs to have.
    """
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    try:
        async with engine.connect() as connection:
            differences = await connection.run_sync(_differences, metadata, _OURS | ignore)
    finally:
        await engine.dispose()
    assert not differences, "models and migrations differ:\n" + "\n".join(map(str, differences))  # noqa: S101 - for tests


def _differences(connection: Connection, metadata: MetaData, ignore: frozenset[str]) -> list[Any]:
    def ours(thing: Any, name: str | None, kind: str, *_: Any) -> bool:
        table = name if kind == "table" else getattr(getattr(thing, "table", None), "name", None)
        return table not in ignore

    found = MigrationContext.configure(connection, opts={"compare_type": _other_type, "include_object": ours})
    return [
        each for each in compare_metadata(found, metadata) if isinstance(each, list) or each[0] not in _OWN_BUSINESS
    ]


def _other_type(_: Any, __: Any, ___: Any, inspected: TypeEngine[Any], modelled: TypeEngine[Any]) -> bool | None:
    """Text is text, whether a model calls it so or VARCHAR; everything else alembic compares itself."""
    plain = modelled.impl_instance if isinstance(modelled, TypeDecorator) else modelled
    return False if isinstance(inspected, String) and isinstance(plain, String) else None
