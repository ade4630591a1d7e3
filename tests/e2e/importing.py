"""Imports a file of invoices into a whole system, as `make import` does: by the commands themselves."""

import asyncio
import gzip
import json
import os
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg

from demo.api import Api
from demo.checker import Checker, table
from demo.invoices import invoices
from demo.proofs import all_broken
from deploy.supervisor import CHECKOUT, System
from deploy.system import SERVICE_NAMES

MONTH = CHECKOUT / "demo" / "data" / "online-retail-2010-12.jsonl.gz"
STAND_INS = ("paypal", "fan", "smtp")


def rows_of_month() -> list[dict[str, Any]]:
    with gzip.open(MONTH, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def cut(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A file of these invoices."""
    file = folder / "cut.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def a_day(least: int) -> list[dict[str, Any]]:
    """The smallest day of the month that has so many invoices."""
    rows = rows_of_month()
    days = Counter(row["date"][:10] for row in rows)
    day = min((number, day) for day, number in days.items() if number >= least)[1]
    return [row for row in rows if row["date"].startswith(day)]


def told(system: System) -> dict[str, str]:
    """How a command finds this system."""
    urls = {f"{name.upper()}_URL": system.url(name) for name in (*SERVICE_NAMES, *STAND_INS)}
    return os.environ | urls | {"COMANDA_LOCAL": str(system.state.root)}


async def command(system: System, module: str, *arguments: str, within: float) -> str:
    """What a command of the demo prints; it has to end well."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        cwd=CHECKOUT,
        env=told(system),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(within):
            output, _ = await running.communicate()
    finally:
        with suppress(ProcessLookupError):
            running.kill()
    text = output.decode()
    assert running.returncode == 0, text
    return text


async def everything_holds(system: System, patience: float) -> Checker:
    """The checker finds nothing broken."""
    databases = {name: system.database_url(name) for name in SERVICE_NAMES}
    checker = Checker(databases, {name: system.url(name) for name in STAND_INS})
    proofs = await checker.settled(patience)
    assert not all_broken(proofs), table(proofs)
    assert len(proofs) > 5
    assert all(proof.tried for proof in proofs), table(proofs)
    return checker


async def facts_said(system: System) -> dict[str, int]:
    """How many facts each service has said so far."""
    said = {}
    for name in SERVICE_NAMES:
        link = await asyncpg.connect(system.database_url(name))
        said[name] = await link.fetchval("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM outbox_sent)")
        await link.close()
    return said


async def the_feed_gave_each_order_once(system: System, file: Path) -> None:
    """From its beginning, in pages, with a cursor: the orders of the file, none twice."""
    wanted = sorted(invoice.number for invoice in invoices(file) if invoice.kind == "order")
    urls = {name: system.url(name) for name in SERVICE_NAMES}
    given: list[str] = []
    async with Api(urls, system.keys) as api:
        page = await api.get("orders", "/v1/sync/orders?limit=100")
        while page["items"]:
            given += [order["external_id"] for order in page["items"]]
            page = await api.get("orders", f"/v1/sync/orders?limit=100&cursor={page['next']}")
    assert sorted(given) == wanted
