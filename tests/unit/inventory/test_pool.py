"""Who gets what: all or nothing, depots in their order, nobody overtaken."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.inventory.catalogue.domain import Depots
from services.inventory.reservations.pool import Pool, Queued, Waiting, servable
from services.inventory.stock.domain import Place

DEPOTS = Depots(("main", "shop"), {"web": ("shop", "main"), "till": ("shop",), "gone": ("closed",), "none": ()})
QUANTITIES = st.dictionaries(
    st.builds(Place, st.sampled_from("ab"), st.sampled_from(["main", "shop"])), st.integers(0, 9)
)
WANTED = st.dictionaries(st.sampled_from("ab"), st.integers(1, 9), min_size=1)
ORDERS = st.lists(
    st.builds(Queued, st.uuids(), st.sampled_from(["web", "till"]), WANTED), max_size=6, unique_by=lambda o: o.order_id
)


def test_a_channel_asks_its_own_depots_in_its_own_order() -> None:
    assert DEPOTS.of("web") == ("shop", "main")
    assert DEPOTS.of("till") == ("shop",)
    assert DEPOTS.of("unknown") == DEPOTS.of("none") == ("main", "shop")
    assert DEPOTS.of("gone") == ()


@given(QUANTITIES, WANTED)
def test_all_is_taken_or_nothing(free: dict[Place, int], wanted: dict[str, int]) -> None:
    pool = Pool(dict(free))
    found = pool.allocate(wanted, ("shop", "main"))
    if found is None:
        assert pool.free == free
        assert any(sum(free.get(Place(sku, d), 0) for d in ("main", "shop")) < wanted[sku] for sku in wanted)
        return
    assert {sku: sum(parts.values()) for sku, parts in found.items()} == wanted
    for sku, parts in found.items():
        assert all(pool.free[Place(sku, depot)] == free[Place(sku, depot)] - part for depot, part in parts.items())
        assert "main" not in parts or pool.free.get(Place(sku, "shop"), 0) == 0


@given(QUANTITIES)
def test_nothing_ever_falls_below_zero(free: dict[Place, int]) -> None:
    pool = Pool(dict(free))
    pool.set_aside([Waiting("web", "a", 5), Waiting("till", "a", 5), Waiting("web", "b", 50)], DEPOTS)
    assert all(quantity >= 0 for quantity in pool.free.values())


@given(QUANTITIES, ORDERS)
def test_nobody_is_served_whom_an_older_one_keeps_from_it(free: dict[Place, int], orders: list[Queued]) -> None:
    served = servable(Pool(dict(free)), orders, DEPOTS)
    assert served == [order.order_id for order in orders if order.order_id in served], "in their order"
    for number, order in enumerate(orders):
        pool = Pool(dict(free))
        for older in orders[:number]:
            pool.set_aside((Waiting(older.channel, *each) for each in older.wanted.items()), DEPOTS)
        could = pool.allocate(order.wanted, DEPOTS.of(order.channel)) is not None
        assert (order.order_id in served) == could


@given(QUANTITIES, ORDERS)
def test_more_goods_never_serve_fewer_of_the_oldest(free: dict[Place, int], orders: list[Queued]) -> None:
    first = servable(Pool(dict(free)), orders, DEPOTS)[:1]
    more = servable(Pool({place: quantity + 3 for place, quantity in free.items()}), orders[:1], DEPOTS)
    assert not first or first[0] != (orders[0].order_id if orders else UUID(int=0)) or more == first
