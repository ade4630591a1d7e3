"""The courier's driver: takes along the parcels that carry an AWB of ours, and no others."""

import asyncio
from contextlib import suppress

import asyncpg
import httpx

from deploy.supervisor import System
from tests.standins.fan.app import AUTO


async def drive(system: System) -> None:
    """For ever; what is away is tried again."""
    driven: set[str] = set()
    while True:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, httpx.HTTPError):
            await _round(system, driven)
        await asyncio.sleep(1)


async def _round(system: System, driven: set[str]) -> None:
    link = await asyncpg.connect(system.database_url("shipping"))
    try:
        rows = await link.fetch("SELECT awb FROM shipment WHERE courier = 'fan' AND state = 'booked'")
    finally:
        await link.close()
    async with httpx.AsyncClient(base_url=system.url("fan"), timeout=30) as http:
        for awb in {str(row["awb"]) for row in rows} - driven:
            answer = await http.post(f"/_control/awbs/{awb}/events", json={"ids": list(AUTO)})
            if answer.is_success:
                driven.add(awb)
