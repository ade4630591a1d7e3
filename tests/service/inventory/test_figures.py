"""Pushed figures, also those below what is promised; goods that come; the ledger."""

import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from libs.contracts.orders import Lifecycle
from libs.events.transaction import UnitOfWork, new_id
from libs.service.migrations import assert_models_match
from services.inventory.stock import handlers, store
from services.inventory.stock.domain import Place
from services.inventory.tables import Table
from tests.service.inventory.stage import (
    CAUSE,
    a_line,
    an_order,
    given_depots,
    given_stock,
    levels,
    pieces,
    state_of,
    tell,
    then,
)


@pytest.fixture(autouse=True)
async def _two_depots(inventory: UnitOfWork) -> None:
    await given_depots(inventory, "main", "shop")


async def work(uow: UnitOfWork) -> list[tuple[str, UUID]]:
    """What was said to stand still or to move again: topic and order."""
    async with uow(CAUSE) as tx:
        rows = await tx.sql.fetch("SELECT type, payload FROM outbox WHERE type LIKE 'work.%' ORDER BY seq")
    said: list[dict[str, Any]] = [json.loads(row["payload"]) for row in rows]
    for order in {each["order_id"] for each in said}:
        versions = [each["version"] for each in said if each["order_id"] == order]
        assert versions == list(range(1, len(versions) + 1))
    return [(row["type"], UUID(each["order_id"])) for row, each in zip(rows, said, strict=True)]


async def test_a_figure_below_what_is_reserved_names_the_newest_orders(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 6})
    old, middle, new = (an_order(a_line("mug", 2), minute=n) for n in range(3))
    await tell(inventory, middle, new, old)
    await given_stock(inventory, {("mug", "main"): 3})
    assert await levels(inventory) == {("mug", "main"): (3, 6)}
    assert sorted(await work(inventory)) == sorted([("work.stuck", new.id), ("work.stuck", middle.id)])
    await given_stock(inventory, {("mug", "main"): 4})
    assert (await work(inventory))[2:] == [("work.cleared", middle.id)]
    await given_stock(inventory, {("mug", "main"): 6})
    assert (await work(inventory))[3:] == [("work.cleared", new.id)]


async def test_cover_moves_on_when_an_order_ships_or_lets_go(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 4})
    old, new = an_order(a_line("mug", 2), minute=1), an_order(a_line("mug", 2), minute=2)
    await tell(inventory, old, new)
    await given_stock(inventory, {("mug", "main"): 2})
    assert await work(inventory) == [("work.stuck", new.id)]
    await tell(inventory, then(new, line={"shipped": 2, "shipped_from": {"main": 2}}))
    assert sorted((await work(inventory))[1:]) == sorted([("work.cleared", new.id), ("work.stuck", old.id)])
    await tell(inventory, then(old, lifecycle=Lifecycle.CANCELLED))
    assert (await work(inventory))[3:] == [("work.cleared", old.id)]
    assert await levels(inventory) == {("mug", "main"): (0, 0)}


async def test_nothing_more_is_promised_of_a_level_that_is_not_covered(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 2})
    await tell(inventory, an_order(a_line("mug", 2)))
    await given_stock(inventory, {("mug", "main"): 1})
    await tell(inventory, order := an_order(a_line("mug", 1)))
    assert await state_of(inventory, order) == "rejected"


async def test_what_is_kept_back_is_not_promised(inventory: UnitOfWork) -> None:
    async with inventory(CAUSE) as tx:
        await handlers.set_figures(tx, [handlers.Figure(Place("mug", "main"), pieces(5), pieces(3))], new_id())
    await tell(inventory, order := an_order(a_line("mug", 3)))
    assert await state_of(inventory, order) == "rejected"
    await tell(inventory, order := an_order(a_line("mug", 2)))
    assert await state_of(inventory, order) == "reserved"


async def test_a_receipt_sent_again_brings_nothing(inventory: UnitOfWork) -> None:
    for result in ("received", "noop"):
        async with inventory(CAUSE) as tx:
            done = await handlers.receive(tx, "main", {"mug": pieces(5)}, "DN-1")
        assert done["mug"].result == result
    assert await levels(inventory) == {("mug", "main"): (5, 0)}


async def test_the_database_itself_refuses_what_must_not_be(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 5})
    for column in ("on_hand", "reserved"):
        with pytest.raises(asyncpg.CheckViolationError):
            async with inventory(CAUSE) as tx:
                await tx.sql.execute(f"UPDATE stock_level SET {column} = -1")  # noqa: S608 - two names


async def test_the_ledger_is_only_ever_added_to(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 5})
    for change in ("UPDATE movement SET quantity = 7", "DELETE FROM movement", "TRUNCATE movement"):
        with pytest.raises(asyncpg.RestrictViolationError):
            async with inventory(CAUSE) as tx:
                await tx.sql.execute(change)


async def test_a_level_that_moved_meanwhile_is_not_written(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 5})
    with pytest.raises(store.LevelsMovedError):
        async with inventory(CAUSE) as tx:
            level = (await store.locked(tx, [Place("mug", "main")]))[Place("mug", "main")]
            level.reserve(pieces(1))
            level.version -= 1
            await handlers.save(tx, [level])
    assert await levels(inventory) == {("mug", "main"): (5, 0)}


async def test_the_same_cause_moves_a_level_once(inventory: UnitOfWork) -> None:
    for expected in (None, store.LevelsMovedError):
        try:
            async with inventory(CAUSE) as tx:
                level = (await store.opened(tx, [Place("mug", "main")]))[Place("mug", "main")]
                level.receive(pieces(2), "receipt/DN-2")
                await handlers.save(tx, [level])
        except store.LevelsMovedError:
            assert expected
        else:
            assert expected is None
    assert await levels(inventory) == {("mug", "main"): (2, 0)}


async def test_models_and_migrations_agree(inventory_url: str) -> None:
    await assert_models_match(inventory_url, Table.metadata)
