"""The courier's driver, who takes along the parcels that carry an AWB of ours, and no others; and one at the desk.

When three bookings in a row never reached the courier, the shipment has failed and says so: a person books it again.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import asyncpg
import httpx

from demo.api import Api, RefusedError
from deploy.supervisor import System
from deploy.system import SERVICE_NAMES
from tests.standins.fan.app import AUTO


async def drive(system: System) -> None:
    """For ever; what is away is tried again."""
    driven: set[str] = set()
    while True:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, httpx.HTTPError):
            await _round(system, driven)
        await asyncio.sleep(1)


async def book_again(system: System, say: Callable[[str], None]) -> None:
    """For ever: what failed is booked again by hand, and told."""
    while True:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, httpx.HTTPError, RefusedError):
            await _booked_again(system, say)
        await asyncio.sleep(2)


async def _booked_again(system: System, say: Callable[[str], None]) -> None:
    link = await asyncpg.connect(system.database_url("shipping"))
    try:
        rows = await link.fetch("SELECT id FROM shipment WHERE state = 'failed'")
    finally:
        await link.close()
    async with Api({name: system.url(name) for name in SERVICE_NAMES}, system.keys) as api:
        for row in rows:
            await api.call("shipping", "POST", f"/v1/shipments/{row['id']}/book", {})
            say(f"somebody at the desk books a failed shipment again: {row['id']}")


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
