"""What keeps lists true: the read table made complete by itself or anew, and counters exact at every instant."""

import asyncio
import random
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest

from libs.events.transaction import Cause, UnitOfWork
from libs.service.testing import ServiceClient, running, until
from services.orders.__main__ import service
from services.orders.desk import counters, filling
from services.orders.desk.rebuilding import rebuild
from tests.service.orders.stage import hear, placed
from tests.service.orders.test_lists import counted, found, held, invented, listed
from tests.unit.orders.said import Said

ROWS = """
SELECT to_jsonb(l) - 'updated_at' AS listed, to_jsonb(s) AS searched
FROM order_list l FULL JOIN order_search s ON s.order_id = l.order_id ORDER BY l.order_id
"""


async def rows(uow: UnitOfWork) -> list[tuple[Any, Any]]:
    async with uow(Cause("system:test")) as tx:
        return [(row["listed"], row["searched"]) for row in await tx.sql.fetch(ROWS)]


async def walk(api: ServiceClient, chance: random.Random) -> None:
    """Some orders move somehow; refusals are part of it."""
    await invented(api, "kiln", indicator="workshop")
    await invented(api, "asked-courier", track="shipping")
    orders = [await placed(api, external_id=str(n), referers=[f"site-{n}"]) for n in range(6)]
    said = {order["id"]: Said(order) for order in orders}
    for _ in range(40):
        order = chance.choice(orders)
        telling, path = said[order["id"]], f"/v1/orders/{order['id']}"
        match chance.randrange(8):
            case 0:
                await hear(api, telling.stock(chance.choice(["reserved", "waiting", "deducted"])))
            case 1:
                await hear(api, telling.money(chance.choice(["awaiting", "received", "failed"])))
            case 2:
                await hear(api, telling.parcels(chance.choice(["booked", "dispatched", "returned"])))
            case 3:
                await api.post(f"{path}/hold", json={"kind": "manual", "reason": "look"})
            case 4:
                await api.post(f"{path}/release-hold", json={"kind": "manual"})
            case 5:
                await api.post(f"{path}/status", json={"status": chance.choice(["kiln", "asked-courier"])})
            case 6:
                await api.post(f"{path}/cancel", json={"reason": "customer"})
            case _:
                items = [{"order_id": each["id"]} for each in orders]
                await api.post("/v1/orders/status", json={"status": "kiln", "items": items})


async def all_at_once(api: ServiceClient) -> None:
    """One call moves every order."""
    await invented(api, "packed")
    items = [{"order_id": row["id"]} for row in await listed(api)]
    answer = await api.post("/v1/orders/status", json={"status": "packed", "items": items})
    assert answer.status_code == 200, answer.text
    assert len(await found(api, status="packed")) == len(items)


async def test_b12_lists_rebuilt_are_lists_as_they_were_written(api: ServiceClient) -> None:
    await walk(api, random.Random(5))
    await all_at_once(api)
    uow = api.context.uow
    live, counts = await rows(uow), await counted(api)
    assert len(live) == 6
    assert await rebuild(api.context, {}) == 0
    assert (await rows(uow), await counted(api)) == (live, counts)
    async with uow(Cause("system:test")) as tx:
        await tx.sql.execute("TRUNCATE order_list, order_search, counter, counter_change")
    assert await found(api) == []
    assert await rebuild(api.context, {}) == 0
    assert (await rows(uow), await counted(api)) == (live, counts)


AS_BEFORE_LISTS = "TRUNCATE order_list, order_search, counter, counter_change; UPDATE list_check SET form = 0"
AS_WITHOUT_TIMES = "UPDATE order_search SET placed_at = NULL"  # as an older process writes it
OFTEN = timedelta(milliseconds=50)


async def change(uow: UnitOfWork, statement: str) -> None:
    async with uow(Cause("system:test")) as tx:
        await tx.sql.execute(statement)


async def test_b12_after_an_upgrade_lists_fill_themselves_while_orders_move(
    api: ServiceClient, orders_url: str, bus_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await walk(api, random.Random(6))
    uow = api.context.uow
    whole, live, counts = await found(api), await rows(uow), await counted(api)
    monkeypatch.setattr(filling, "QUIET", 2)

    def worker() -> AbstractAsyncContextManager[ServiceClient]:
        return running(service, orders_url, bus_url, parts=("worker",), lists_checked_every=OFTEN)

    await change(uow, AS_BEFORE_LISTS)
    assert await found(api) == []
    async with worker(), worker():
        for n in range(6):
            await held(api, await placed(api, external_id=f"meanwhile-{n}"))

        async def complete() -> bool:
            return sorted(await found(api)) == sorted([*whole, *(f"meanwhile-{n}" for n in range(6))])

        await until(complete, why="lists hold every order")
        assert (await rows(uow))[: len(live)] == live
        seen = await counted(api)
        assert seen["lifecycle:open"] == counts.get("lifecycle:open", 0) + 6
        assert seen["bucket:on_hold"] == counts.get("bucket:on_hold", 0) + 6
        await change(uow, AS_WITHOUT_TIMES)

        async def sorted_where_it_is_found() -> bool:
            async with uow(Cause("system:test")) as tx:
                return not await tx.sql.fetchval("SELECT count(*) FROM order_search WHERE placed_at IS NULL")

        await until(sorted_where_it_is_found, why="rows of an older form are written anew")
    assert await found(api, q="ana") == await found(api)
    await change(uow, f"{AS_WITHOUT_TIMES} WHERE order_id = (SELECT id FROM orders ORDER BY placed_at LIMIT 1)")  # noqa: S608
    assert await found(api, q="ana", direction="asc", limit=3) == await found(api, direction="asc", limit=3)


async def test_b12_a_walk_goes_on_where_it_was_writes_what_is_older_and_rests(
    api: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        await placed(api, external_id=str(n))
    uow, day = api.context.uow, timedelta(days=1)
    monkeypatch.setattr(filling, "QUIET", 2)

    async def step() -> tuple[int, int]:
        async with uow(Cause("system:test")) as tx:
            return await filling.step(tx, day)

    assert [await step() for _ in range(5)] == [(2, 2), (2, 2), (1, 1), (0, 0), (0, 0)]  # of the form before the first
    await change(uow, "DELETE FROM order_list; DELETE FROM order_search")
    assert await step() == (0, 0)  # it rests
    await change(uow, "UPDATE list_check SET ended_at = now() - interval '2 days'")
    async with uow(Cause("system:test")) as tx:
        assert await filling.step(tx, day) == (2, 2)
        assert await step() == (0, 0)  # one at a time
    assert await found(api) == ["4", "3"]
    monkeypatch.setattr(filling, "FORM", 0)
    assert await step() == (0, 0)  # an older version leaves a newer one's walk alone
    monkeypatch.setattr(filling, "FORM", 2)
    assert [await step() for _ in range(4)] == [(2, 2), (2, 2), (1, 1), (0, 0)]  # from the beginning, and all of them
    assert await found(api) == ["4", "3", "2", "1", "0"]
    assert await counted(api) == {"lifecycle:open": 5}


async def test_b12_counters_are_exact_while_orders_move_are_folded_and_a_folder_dies(api: ServiceClient) -> None:
    uow, ended = api.context.uow, asyncio.Event()

    async def move(n: int) -> None:
        order = await placed(api, external_id=str(n))
        await held(api, order)
        assert (await api.post(f"/v1/orders/{order['id']}/cancel", json={"reason": "customer"})).status_code == 200

    async def fold() -> int:
        rounds = 0
        while not ended.is_set():
            async with uow(Cause("system:test")) as tx:
                rounds += await counters.fold(tx, 3)
            try:
                async with uow(Cause("system:test")) as tx:
                    await counters.fold(tx, 3)
                    raise ConnectionError
            except ConnectionError:
                continue
        return rounds

    async def read() -> int:
        looked = 0
        while not ended.is_set():
            async with uow(Cause("system:test")) as tx:
                await tx.sql.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                exact = await tx.sql.fetch("SELECT lifecycle, count(*) AS n FROM order_list GROUP BY lifecycle")
                totals = await counters.totals(tx)
            assert {f"lifecycle:{row['lifecycle']}": row["n"] for row in exact} == {
                name: total for name, total in totals.items() if name.startswith("lifecycle:")
            }
            looked += 1
        return looked

    beside = [asyncio.create_task(each) for each in (fold(), fold(), read())]
    await asyncio.gather(*(move(n) for n in range(12)))
    ended.set()
    folded_here, folded_there, looked = await asyncio.gather(*beside)
    assert folded_here + folded_there > 0
    assert looked > 0
    assert await counted(api) == {"lifecycle:cancelled": 12, "bucket:on_hold": 12}
    async with uow(Cause("system:test")) as tx:
        await tx.sql.execute("DELETE FROM counter_change")
        await tx.sql.execute("UPDATE counter SET total = total + 1")
        assert await counters.recount(tx) > 0
    assert await counted(api) == {"lifecycle:cancelled": 12, "bucket:on_hold": 12}
    assert len(await listed(api, limit=1)) == 1
