"""A file of a real shop's invoices goes through the whole system, and every one of them ends as predicted."""

import os
import re
from pathlib import Path

import httpx
import pytest

from deploy.environment import free_ports
from deploy.supervisor import System
from tests.e2e.causes import b15_every_fact_follows_from_the_order_or_comes_from_outside
from tests.e2e.importing import (
    MONTH,
    a_day,
    command,
    cut,
    everything_holds,
    facts_said,
    rows_of_month,
    the_feed_gave_each_order_once,
)
from tests.e2e.starting import everything_explains_itself, whatever_is_killed_comes_back

LONG = bool(os.environ.get("COMANDA_LONG"))
"""The whole month on Kafka too: not in CI, whose chaos run is on Kafka, and the long form of which is the month."""
A_DAY = "2010-12-09"
"""The month's busiest."""
BUSES = [pytest.param("embedded"), pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.slow])]


def installation(root: Path, bus: str) -> System:
    return System(root / "state", ports=free_ports(), bus=bus, throwaway=True, say=lambda _: None)


async def import_twice(system: System, file: Path, within: float, *again: str) -> None:
    """The first import ends as predicted, with every effect exactly once; the second says not one fact more.

    `again` names the days of the second; all of them where nothing is said.
    """
    first = await command(system, "demo.month", str(file), "--patience", str(within / 3), within=within)
    assert "NOT AT THEIR END" not in first
    compared = await command(system, "demo.compare", str(file), within=within)
    assert "all as predicted" in compared
    await everything_holds(system, within / 3)
    before = await facts_said(system)
    second = await command(system, "demo.month", str(file), "--patience", str(within / 3), *again, within=within)
    assert " 0 of them new" in second
    assert "all as predicted" in await command(system, "demo.compare", str(file), within=within)
    assert await facts_said(system) == before
    await the_feed_gave_each_order_once(system, file)
    await everything_holds(system, within / 3)


def the_acknowledgement_s_link_opens_the_order(folder: Path) -> None:
    mail = next(folder.rglob("mail-*-acknowledged.txt"))
    link = re.search(r"http://\S+/t/[\w-]{70}", mail.read_text(encoding="utf-8"))
    assert link is not None, mail
    page = httpx.get(link[0], timeout=60)
    assert page.status_code == 200
    assert mail.parent.name in page.text, "the order's number"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("bus", BUSES)
async def test_f2_a_day_of_a_real_shop_ends_as_predicted_once_each_and_imported_again_changes_nothing(
    tmp_path: Path, bus: str
) -> None:
    """One start for three promises: it is what takes long."""
    async with installation(tmp_path, bus) as system:
        await everything_explains_itself(system)
        await whatever_is_killed_comes_back(system)
        await import_twice(system, cut(tmp_path, a_day(least=20)), within=150)
        shown = await command(system, "demo.tour", within=150)
        the_acknowledgement_s_link_opens_the_order(tmp_path / "state" / "demo")
        label = next((tmp_path / "state" / "demo").rglob("label-*.pdf"))
        await b15_every_fact_follows_from_the_order_or_comes_from_outside(system, label.parent.name)
    assert not any(member.alive for member in system.members.values())
    assert "COMPLETED" in shown
    mail = next((tmp_path / "state" / "demo").rglob("mail-*.txt"))
    assert label.read_bytes().startswith(b"%PDF")
    assert mail.read_text(encoding="utf-8")
    for fact in ("order.created", "stock.reserved", "payment.received", "shipment.delivered", "notification.sent"):
        assert fact in shown, shown


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("bus", BUSES if LONG else BUSES[:1])
async def test_f2_the_whole_month_ends_as_predicted_once_each_and_a_day_of_it_imported_again_changes_nothing(
    tmp_path: Path, bus: str
) -> None:
    assert len(rows_of_month()) == 2025
    async with installation(tmp_path, bus) as system:
        await import_twice(system, MONTH, 1200, "--from", A_DAY, "--to", A_DAY)
