"""Views that people keep: their own and those that are shared, checked as the list checks what it is asked."""

from typing import Any

from libs.events.transaction import Cause, new_id
from libs.service.testing import ServiceClient
from services.orders.desk.views import MOST
from tests.service.orders.stage import hear, placed
from tests.unit.orders.said import Said

LATE = {"status": ["processing"], "bucket": "overdue", "sort": "due", "direction": "asc"}


async def names(api: ServiceClient) -> list[str]:
    found = (await api.get("/v1/views")).json()["items"]
    return [view["name"] for view in found]


async def test_part_b12_a_view_is_kept_by_its_owner_and_asks_the_list(api: ServiceClient) -> None:
    order = await placed(api, external_id="1")
    await placed(api, external_id="2")
    await hear(api, Said(order).stock("reserved"))
    made = await api.post("/v1/views", json={"name": "Gata", "query": {"stock": "reserved", "has_awb": False}})
    assert (made.status_code, made.headers["etag"], made.json()["own"]) == (201, '"1"', True)
    query = made.json()["query"]
    assert query == {"stock": "reserved", "has_awb": False}
    listed = (await api.get("/v1/orders", params=query)).json()["items"]
    assert [row["id"] for row in listed] == [order["id"]]
    path = f"/v1/views/{made.json()['id']}"
    again = await api.post("/v1/views", json={"name": "Gata", "query": {}})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/view-name-taken")
    changed = await api.put(path, json={"name": "Late", "query": LATE}, headers={"If-Match": '"1"'})
    assert (changed.json()["query"], changed.headers["etag"]) == (LATE, '"2"')
    stale = await api.put(path, json={"name": "Late", "query": {}}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    other = api.as_role("operator")
    assert (await names(other), (await other.get(path)).status_code) == ([], 404)
    assert (await other.put(path, json={"name": "x", "query": {}})).status_code == 404
    await api.put(path, json={"name": "Late", "query": LATE, "shared": True})
    assert await names(other) == ["Late"]
    assert (await other.get(path)).json()["own"] is False
    for refused in (await other.put(path, json={"name": "x", "query": {}}), await other.delete(path)):
        assert refused.status_code == 404, "shared is to look at"
    assert (await other.post("/v1/views", json={"name": "Late", "query": {}})).status_code == 201
    assert (await api.delete(path)).status_code == 204
    assert (await names(api), await names(other)) == ([], ["Late"])


async def test_part_b12_a_view_that_the_list_would_refuse_is_refused_by_the_field(api: ServiceClient) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"colour": "red"}, "query.colour"),
        ({"stock": "gone"}, "query.stock"),
        ({"status": ["nowhere"]}, "query.status[0]"),
        ({"amount_from": "1.00"}, "query.currency"),
        ({"placed_from": "yesterday"}, "query.placed_from"),
        ({"after": "x"}, "query.after"),
        ({"q": "Popescu"}, "query.q"),
    ]
    for query, field in wrong:
        answer = await api.post("/v1/views", json={"name": "x", "query": query})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field
    assert (await api.get(f"/v1/views/{new_id()}")).status_code == 404
    async with api.context.uow(Cause("system:test")) as tx:
        await tx.sql.execute(
            "INSERT INTO saved_view (id, version, owner, name, query, shared)"
            " SELECT gen_random_uuid(), 1, 'key:development-manager', 'v' || n, '{}', false"
            " FROM generate_series(1, $1::int) n",
            MOST,
        )
    full = await api.post("/v1/views", json={"name": "one more", "query": {}})
    assert (full.status_code, full.json()["type"]) == (409, "/problems/too-many-views")
    first = (await api.get("/v1/views", params={"limit": 150})).json()
    rest = (await api.get("/v1/views", params={"limit": 150, "after": first["next"]})).json()
    assert (len(first["items"]), len(rest["items"])) == (150, 50)
