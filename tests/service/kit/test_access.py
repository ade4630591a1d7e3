"""Who may do what, through the real door: development keys, API keys that arrive as facts, and nobody."""

from collections.abc import Mapping
from uuid import UUID, uuid4

import pytest

from libs.contracts.orders import KeyChanged
from libs.events.testing import record_of
from libs.service import auth, keys
from libs.service.testing import ServiceClient, credentials
from tests.service.kit.sample.service import consumer

SECRET = "/v1/mugs/secrets"


def changed(key_id: UUID, version: int, key: keys.NewKey, **other: object) -> KeyChanged:
    given: dict[str, object] = {"role": "erp", "scopes": (), "name": "till", **other}
    return KeyChanged(id=key_id, version=version, prefix=key.prefix, secret_hash=key.secret_hash, **given)  # type: ignore[arg-type]


async def status(api: ServiceClient, headers: Mapping[str, str], path: str = "/v1/mugs") -> int:
    nobody = api.as_role("")
    return (await (nobody.post if path == SECRET else nobody.get)(path, headers=headers)).status_code


async def test_nobody_and_somebody_with_a_wrong_key_are_401(api: ServiceClient) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}, {"X-API-Key": "wrong"}):
        answer = await api.as_role("").get("/v1/mugs", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.json()["type"] == "/problems/unauthenticated"


async def test_a_role_without_the_scope_is_403(api: ServiceClient) -> None:
    assert await status(api, credentials("operator"), SECRET) == 403
    assert await status(api, credentials("manager"), SECRET) == 200
    assert await status(api, credentials("storefront")) == 403


async def test_an_api_key_works_from_the_fact_that_tells_of_it_until_it_is_revoked(
    api: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "KEY_FRESH", 0.0)
    key_id = uuid4()
    key = keys.new_key(key_id)
    uow = api.context.uow
    headers = {"X-API-Key": key.text}
    assert await status(api, headers) == 401
    await consumer.deliver(uow, record_of(changed(key_id, 1, key)))
    assert await status(api, headers) == 200
    assert await status(api, {"Authorization": f"Bearer {key.text}"}) == 200
    assert await status(api, headers, SECRET) == 403
    await consumer.deliver(uow, record_of(changed(key_id, 2, key, scopes=("payments:refund",))))
    assert await status(api, headers, SECRET) == 200
    assert await status(api, {"X-API-Key": keys.new_key(key_id).text}) == 401
    await consumer.deliver(uow, record_of(changed(key_id, 4, key, revoked=True)))
    await consumer.deliver(uow, record_of(changed(key_id, 3, key)))  # late: what is newer stands
    assert await status(api, headers) == 401


async def test_anybody_may_go_where_it_is_open(api: ServiceClient) -> None:
    answer = await api.as_role("").get("/v1/mugs/open/door")
    assert answer.json() == {"you": "public:anonymous", "cause": "public:anonymous"}
