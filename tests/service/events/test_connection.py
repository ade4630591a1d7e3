"""The promise of a connection: a process asks the server about its own types once, and reads them right ever after."""

from typing import Any

import asyncpg

from libs.events.connection import Connection


async def test_the_servers_own_types_are_asked_about_once_a_process(url: str) -> None:
    said: list[str] = []
    for turn in range(3):
        connection: asyncpg.Connection[Any] = await asyncpg.connect(url, connection_class=Connection)
        connection.add_query_logger(lambda told: said.append(told.query))
        query = "SELECT $1::text[] AS words, ARRAY(SELECT ROW(1::bigint, 'a'::text)) AS rows"
        row = await connection.fetchrow(query, ["x", "y"])
        assert row is not None
        assert row["words"] == ["x", "y"]
        assert [tuple(each) for each in row["rows"]] == [(1, "a")]
        await connection.close()
        if turn:
            assert said == [query]
        said.clear()


async def test_types_that_a_database_made_itself_are_asked_about_each_time(url: str) -> None:
    for label in ("red", "blue"):
        connection: asyncpg.Connection[Any] = await asyncpg.connect(url, connection_class=Connection)
        await connection.execute(f"CREATE TYPE colour AS ENUM ('{label}')")
        assert await connection.fetchval("SELECT $1::colour[]", [label]) == [label]
        await connection.execute("DROP TYPE colour")
        await connection.close()
