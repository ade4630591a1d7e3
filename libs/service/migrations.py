"""Alembic, one history per service: brought up to date at start, guarded against two starting at once."""

import re
from pathlib import Path
from typing import Any

from alembic import command, context
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, String, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.types import TypeDecorator, TypeEngine

from libs.service import schema

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
    """Bring a database to the newest version of the history in `folder`, in one transaction, one at a time."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(_upgrade, folder)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, folder: Path) -> None:
    config = _config(folder)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def is_current(engine: AsyncEngine, folder: Path) -> bool:
    """Whether the database is at the newest version."""
    async with engine.connect() as connection:
        if not await connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL")):
            return False
        found = set((await connection.scalars(text("SELECT version_num FROM alembic_version"))).all())
    return found == _heads(folder)


_known_heads: dict[Path, set[str]] = {}


def _heads(folder: Path) -> set[str]:
    if folder not in _known_heads:
        _known_heads[folder] = set(ScriptDirectory.from_config(_config(folder)).get_heads())
    return _known_heads[folder]


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
