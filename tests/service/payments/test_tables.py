"""The database itself guards the ledger, and the models are what is migrated."""

import asyncpg
import pytest

from libs.contracts.orders import PaymentKind
from libs.events.transaction import Cause
from libs.service.migrations import assert_models_match
from services.payments.tables import metadata
from tests.service.payments.world import Order, World

CAUSE = Cause("system:test")


async def test_models_are_what_is_migrated(payments_url: str) -> None:
    await assert_models_match(payments_url, metadata)


async def test_the_ledger_is_only_added_to(world: World) -> None:
    order = Order(PaymentKind.EXTERNAL)
    await world.tell(order.created())
    for statement in (
        "UPDATE ledger_line SET amount_minor = 1",
        "DELETE FROM ledger_line",
        "TRUNCATE ledger_line",
        "DELETE FROM ledger_entry",
        "UPDATE ledger_entry SET kind = 'x'",
        "TRUNCATE ledger_entry CASCADE",
    ):
        with pytest.raises(asyncpg.PostgresError, match="only ever added to"):
            async with world.uow(CAUSE) as tx:
                await tx.sql.execute(statement)


async def test_an_entry_that_does_not_balance_does_not_commit(world: World) -> None:
    order = Order(PaymentKind.EXTERNAL)
    await world.tell(order.created())
    with pytest.raises(asyncpg.CheckViolationError, match="does not balance"):
        async with world.uow(CAUSE) as tx:
            await tx.sql.execute(
                """INSERT INTO ledger_line (entry_id, no, account_id, currency, amount_minor)
                   SELECT id, 9, 'channel_clearing', 'EUR', 1 FROM ledger_entry LIMIT 1"""
            )


async def test_two_captures_of_one_payment_cannot_run_at_once(world: World) -> None:
    order = Order(PaymentKind.EXTERNAL)
    await world.tell(order.created())
    statement = """INSERT INTO payment_operation (id, payment_id, kind, status, amount_minor, currency, actor)
                   SELECT gen_random_uuid(), id, 'capture', 'initiated', 1, 'EUR', 'x' FROM payment"""
    with pytest.raises(asyncpg.UniqueViolationError):
        async with world.uow(CAUSE) as tx:
            await tx.sql.execute(statement)
            await tx.sql.execute(statement)


async def test_balances_add_up_to_nothing(world: World) -> None:
    for kind in (PaymentKind.EXTERNAL, PaymentKind.EXTERNAL):
        await world.tell(Order(kind).created())
    found = (await world.api.get("/v1/ledger/balances")).json()
    assert {row["account"]: row["balance"]["amount"] for row in found} == {
        "channel_clearing": "241.00",
        "order_receivable": "-241.00",
    }
