"""The embedded log as on its first day: no records, no groups; its topics stay."""

import asyncpg

from libs.events.postgres.connections import available


async def empty(url: str) -> None:
    """Throw away every record and how far every group has read."""
    with available():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            if await connection.fetchval("SELECT to_regclass('bus_offset') IS NULL"):
                return
            async with connection.transaction():
                await connection.execute("TRUNCATE bus_record, bus_offset, bus_member, bus_group")
                await connection.execute("UPDATE bus_partition SET first = 0, next = 0, compacted = 0")
        finally:
            await connection.close()
