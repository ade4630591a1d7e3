"""A physical backup in mid-flow; the world goes on; everything is lost; what is put back is exact and goes on.

COMANDA_RESTORE_SECONDS says how long the world goes on after the backup: 15 in CI; 120 in the long form, which also
runs on Kafka.
"""

import asyncio
import os
import re
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from demo.api import Api, RefusedError
from demo.checker import Checker, table
from demo.proof import Proof
from deploy.backup import Backup, take
from deploy.environment import free_ports
from deploy.restore import RestoringSystem
from deploy.supervisor import System
from deploy.system import SERVICE_NAMES
from tests.e2e.importing import STAND_INS, command, cut, rows_of_month

SECONDS = float(os.environ.get("COMANDA_RESTORE_SECONDS", "15"))
RATE = 4.0
ORDERS = 60 + int(SECONDS * RATE)
BEFORE_THE_BACKUP = 25
LONG = 60.0
BUSES = [pytest.param("embedded")]
BUSES += [pytest.param("kafka", marks=pytest.mark.kafka)] if SECONDS >= LONG else []
BOOKS = {"captured": "paypal", "booked": "fan", "mail": "smtp"}


@dataclass
class Loss:
    """What was there when everything was lost: a backup, and what others had done for us by then."""

    backup: Backup
    then: dict[str, list[dict[str, Any]]]
    now: dict[str, list[dict[str, Any]]]

    def since(self, what: str) -> list[dict[str, Any]]:
        """What was done after the backup."""
        return self.now[what][len(self.then[what]) :]


@pytest.mark.slow
@pytest.mark.timeout(int(900 + 6 * SECONDS))
@pytest.mark.parametrize("bus", BUSES)
async def test_a_backup_taken_in_mid_flow_is_restored_exact_and_goes_on(tmp_path: Path, bus: str) -> None:
    """Guards: calls that were due become unknown; lists of others are read; calls wait for the facts sent again."""
    file, ports, root, said = cut(tmp_path, rows_of_month()[:ORDERS]), free_ports(), tmp_path / "state", list[str]()
    loss = await a_world_is_lost(System(root, ports=ports, bus=bus, throwaway=True, restarts=False), file, tmp_path)
    for what in BOOKS:
        assert loss.since(what), f"nothing was {what} after the backup: the test proves nothing"
    system = RestoringSystem(root, loss.backup, ports=ports, bus=bus, throwaway=True, say=said.append)
    async with system:
        await nothing_is_asked_of_others_before_the_end(system, loss)
        await system.finish(120)
        person = asyncio.create_task(a_person_settles(system))
        summary = await command(system, "demo.month", str(file), "--patience", "200", within=600 + 2 * SECONDS)
        assert "NOT AT THEIR END" not in summary, summary
        assert "all as predicted" in await command(system, "demo.compare", str(file), within=200)
        person.cancel()
        with suppress(asyncio.CancelledError):
            await person
        await everything_is_exact(system, loss)
    assert sum("facts sent again" in line for line in said) == len(SERVICE_NAMES)


async def a_world_is_lost(system: System, file: Path, folder: Path) -> Loss:
    """An import runs, a backup is taken, the import and the others go on for a while, then every process is killed."""
    async with system:
        importing = asyncio.create_task(command(system, "demo.month", str(file), "--rate", str(RATE), within=900))
        try:
            await until(lambda: _orders_placed(system, BEFORE_THE_BACKUP), 200)
            then = await books(system)
            server = system.postgres
            assert server is not None
            assert not importing.done(), "the import was over before the backup"
            backup = await asyncio.to_thread(take, server.url(), folder / "backup")
            began = time.monotonic()
            await until(lambda: _went_on(system, then), 200)
            await asyncio.sleep(max(0.0, SECONDS - (time.monotonic() - began)))
        finally:
            for name in system.members:
                if name not in STAND_INS:
                    system.kill(name)
            importing.cancel()
            await asyncio.gather(importing, return_exceptions=True)
        return Loss(backup, then, await books_that_rest(system))


async def _orders_placed(system: System, number: int) -> bool:
    return int((await asked(system, "orders", "SELECT count(*) FROM orders"))[0][0]) >= number


async def _went_on(system: System, then: dict[str, list[Any]]) -> bool:
    now = await books(system)
    return all(len(now[what]) > len(then[what]) + 1 for what in BOOKS)


async def nothing_is_asked_of_others_before_the_end(system: RestoringSystem, loss: Loss) -> None:
    """While facts that were sent again are read, no call is made and no timer fires."""
    assert {what: len(rows) for what, rows in (await books(system)).items()} == {
        what: len(rows) for what, rows in loss.now.items()
    }
    for name in SERVICE_NAMES:
        assert await asked(system, name, "SELECT 1 FROM restoring")
    due = (
        "SELECT id FROM payment_call WHERE call_state IN ('due', 'claimed') AND created_at < (SELECT at FROM restoring)"
    )
    assert not await asked(system, "payments", due)


async def a_person_settles(system: System) -> None:
    """Someone at the desk: a parcel that a courier has for an order that waits is that order's; money is given back."""
    async with Api({name: system.url(name) for name in SERVICE_NAMES}, system.keys) as api:
        while True:
            numbers = {row["number"] for row in await asked(system, "orders", "SELECT number FROM orders")}
            for parcel in await api.every("shipping", "/v1/unannounced-parcels"):
                if parcel["order_number"] in numbers:
                    await _adopt(system, api, parcel)
            for money in await api.every("payments", "/v1/unannounced-payments"):
                if money["invoice"] and money["invoice"][:-7] in numbers:
                    path = f"/v1/unannounced-payments/{money['id']}/close"
                    await api.call("payments", "POST", path, {"note": "given back at PayPal"}, key=money["id"])
            await asyncio.sleep(0.5)


async def _adopt(system: System, api: Api, parcel: dict[str, Any]) -> None:
    waiting = await asked(
        system,
        "shipping",
        """SELECT c.shipment_id FROM courier_call c JOIN known_order k USING (order_id)
           WHERE c.kind = 'book' AND c.call_state = 'due' AND k.snapshot ->> 'number' = $1""",
        parcel["order_number"],
    )
    if waiting:
        body = {"shipment_id": str(waiting[0][0])}
        with suppress(RefusedError):  # claimed just now: the next round
            await api.call("shipping", "POST", f"/v1/unannounced-parcels/{parcel['id']}/adopt", body)


async def everything_is_exact(system: System, loss: Loss) -> None:
    """Every proof holds but for what is listed: money and parcels of orders that were lost, and mails sent twice."""
    money = await asked(system, "payments", "SELECT * FROM unannounced")
    parcels = await asked(system, "shipping", "SELECT awb FROM unannounced WHERE closed_as IS DISTINCT FROM 'adopted'")
    checker = CheckerAfterLoss(
        {name: system.database_url(name) for name in SERVICE_NAMES}, {name: system.url(name) for name in STAND_INS}
    )
    proofs = await settled(checker, lambda proofs: len(proofs) > 1)
    seen = checker.seen
    ours = {str(row["id"]) for row in seen.rows["payments"]}
    captured = [entry for entry in seen.captured if entry["custom_id"] not in ours]
    assert sorted(row["reference"] for row in money if row["amount_minor"] > 0) == sorted(
        entry["id"] for entry in captured
    ), "not exactly the money without a payment is listed"
    here = {row["awb"] for row in seen.rows["shipments"]}
    strange = {str(entry["awb"]) for entry in seen.parcels} - here
    assert strange == {row["awb"] for row in parcels}, "not exactly the parcels without a shipment are listed"
    early = "SELECT FROM webhook_inbox WHERE outcome IS NULL AND last_error <> 'its payment is not known yet'"
    assert not await asked(system, "payments", early)
    twice = mails_again(proofs, loss)
    left = [words for proof in proofs for words in proof.broken if not _is_listed(words, captured, strange, twice)]
    assert not left, f"{left[:10]}\n{table(proofs)}"
    assert not await asked(
        system, "payments", "SELECT FROM ledger_line GROUP BY currency HAVING sum(amount_minor) <> 0"
    )


class CheckerAfterLoss(Checker):
    """A webhook that PayPal repeats of a payment that was lost waits, as one that comes early does."""

    async def _quiet(self, links: dict[str, Any]) -> Proof:
        proof = await super()._quiet(links)
        proof.broken = [words for words in proof.broken if "provider's messages not taken in" not in words]
        return proof


def _is_listed(words: str, captured: list[Any], awbs: set[str], twice: set[str]) -> bool:
    unknown = re.match(r"they captured .* of a payment we do not know: (\S+)", words)
    if unknown:
        return unknown[1] in {entry["custom_id"] for entry in captured}
    strange = re.match(r"AWB (\S+): 0 here, 1 there", words)
    return strange[1] in awbs if strange else words in twice


def mails_again(proofs: list[Proof], loss: Loss) -> set[str]:
    """Mails that stood in the backup as not sent and went out before the loss: they go once more, and no more."""
    again = re.compile(r"the mail \S+ to \S+ arrived 2 times, at most 1 expected")
    found = {words for proof in proofs for words in proof.broken if again.match(words)}
    assert len(found) <= len(loss.since("mail"))
    return found


async def settled(checker: Checker, quiet: Callable[[list[Proof]], bool]) -> list[Proof]:
    """The proofs once nothing moves."""
    async with asyncio.timeout(200):
        while not quiet(proofs := await checker.proofs()):
            await asyncio.sleep(1)
    return proofs


async def books(system: System) -> dict[str, list[dict[str, Any]]]:
    """What the stand-ins say they did for us."""
    async with httpx.AsyncClient(timeout=30) as http:
        replies = {
            what: await http.get(f"{system.url(who)}/_control/book", params={"kind": "did", "name": what})
            for what, who in BOOKS.items()
        }
    return {what: reply.raise_for_status().json()["entries"] for what, reply in replies.items()}


async def books_that_rest(system: System) -> dict[str, list[dict[str, Any]]]:
    """The books once others have done what they were asked before their callers died."""
    found = await books(system)
    while True:
        await asyncio.sleep(0.5)
        before, found = found, await books(system)
        if found == before:
            return found


async def asked(system: System, service: str, question: str, *values: Any) -> list[Any]:
    link = await asyncpg.connect(system.database_url(service))
    try:
        return list(await link.fetch(question, *values))
    finally:
        await link.close()


async def until(holds: Callable[[], Coroutine[Any, Any, bool]], within: float) -> None:
    async with asyncio.timeout(within):
        while not await holds():
            await asyncio.sleep(0.2)
