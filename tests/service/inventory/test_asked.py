"""A fact of an order that asks for nothing new costs one statement, and whatever asks for something is heard."""

from libs.contracts.orders import OrderSnapshot
from libs.events.transaction import UnitOfWork
from services.inventory.reservations import handlers
from services.inventory.reservations.domain import asked_by
from tests.service.inventory.stage import (
    CAUSE,
    a_line,
    an_order,
    given_depots,
    given_stock,
    levels,
    tell,
    then,
)


async def test_a_fact_that_asks_for_nothing_new_leaves_the_reservation_unread(inventory: UnitOfWork) -> None:
    await given_depots(inventory, "home")
    await given_stock(inventory, {("mug", "home"): 5})
    order = an_order(a_line("mug", 2))
    await tell(inventory, order)
    for said in ({"payment": "received"}, {"reserved_once": True}, {"ready": True}):
        order = then(order, **said)
        assert await statements_of(inventory, order) == ["INSERT INTO known_order"]
    shorter = then(order, line={"cut": 1})
    assert len(await statements_of(inventory, shorter)) > 1
    assert await levels(inventory) == {("mug", "home"): (5, 1)}


async def test_a_fingerprint_that_older_code_left_behind_hides_nothing(inventory: UnitOfWork) -> None:
    """Guard: `asked_at`. Code that does not know the column moves the version, and brings what it is told."""
    await given_depots(inventory, "home")
    await given_stock(inventory, {("mug", "home"): 5})
    order = an_order(a_line("mug", 2))
    await tell(inventory, order)
    cut = then(order, line={"cut": 1})
    await tell(inventory, cut)
    async with inventory(CAUSE) as tx:  # as if older code had brought `cut`: the version moved, the fingerprint did not
        await tx.sql.execute("UPDATE known_order SET asked = $1, asked_at = 1, asked_since = 1", asked_by(order))
    again = then(cut, line={"cut": 0})
    await tell(inventory, again)
    assert await levels(inventory) == {("mug", "home"): (5, 2)}


async def statements_of(uow: UnitOfWork, order: OrderSnapshot) -> list[str]:
    """What taking in an order's snapshot runs: the beginning of each statement."""
    run: list[str] = []
    async with uow(CAUSE) as tx:
        with tx.sql.query_logger(lambda said: run.append(" ".join(said.query.split()[:3]))):
            await handlers.bring(tx, [(order, CAUSE)])
    return run
