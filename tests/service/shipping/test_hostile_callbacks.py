"""Whatever is sent in a courier's name: refused and counted, and not a row written anywhere."""

import json
import time
from collections.abc import Mapping

from prometheus_client import REGISTRY

from libs.service.testing import until
from services.shipping.couriers.callbacks import signature
from tests.service.shipping.world import World

BODY = json.dumps({"events": [{"awb": "1", "code": "picked_up", "occurred_at": "2026-11-22T08:00:00Z"}]}).encode()
Headers = dict[str, str]
PATH = "/v1/courier-callbacks"


def signed(secret: str, body: bytes = BODY, stamp: str = "") -> Headers:
    stamp = stamp or str(int(time.time()))
    return {"Callback-Timestamp": stamp, "Callback-Signature": signature(secret, stamp, body)}


def hostile(secret: str, other: str) -> Mapping[str, tuple[str, Headers, bytes, str]]:
    """By name: the account, the headers, the bytes, and the reason for which it must be refused."""
    good, long_ago, later = signed(secret), str(int(time.time() - 4000)), str(int(time.time() + 4000))
    only_time = {"Callback-Timestamp": good["Callback-Timestamp"]}
    return {
        "nothing signed": ("vans", {}, BODY, "time"),
        "no signature": ("vans", only_time, BODY, "signature"),
        "an empty signature": ("vans", only_time | {"Callback-Signature": ""}, BODY, "signature"),
        "zeros": ("vans", only_time | {"Callback-Signature": "0" * 64}, BODY, "signature"),
        "no hex": ("vans", only_time | {"Callback-Signature": "sha256=zz"}, BODY, "signature"),
        "cut short": ("vans", good, BODY[:-1], "signature"),
        "empty": ("vans", good, b"", "signature"),
        "one byte more": ("vans", good, BODY + b"\n", "signature"),
        "the same JSON in other bytes": ("vans", good, json.dumps(json.loads(BODY), indent=1).encode(), "signature"),
        "another key": ("vans", signed("guessed"), BODY, "signature"),
        "another account's key": ("vans", signed(other), BODY, "signature"),
        "sent to another account": ("fan1", signed(secret), BODY, "signature"),
        "an account that nobody has": ("nobody", signed(secret), BODY, "account"),
        "replayed an hour later": ("vans", signed(secret, stamp=long_ago), BODY, "time"),
        "from the future": ("vans", signed(secret, stamp=later), BODY, "time"),
        "another time": ("vans", good | {"Callback-Timestamp": str(int(time.time()) - 7)}, BODY, "signature"),
        "a time that is none": ("vans", signed(secret, stamp="soon"), BODY, "time"),
        "a negative time": ("vans", signed(secret, stamp="-1"), BODY, "time"),
    }


def refusals() -> dict[str, float]:
    """What was refused so far, by reason."""
    reasons = ("account", "signature", "time")
    return {
        reason: REGISTRY.get_sample_value("comanda_callback_refusals_total", {"reason": reason}) or 0.0
        for reason in reasons
    }


async def rows(world: World) -> dict[str, int]:
    """How many rows each table has."""
    listed = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'outbox_sent_%'"
    names = [row["tablename"] for row in await world.rows(listed)]
    return {name: (await world.rows(f'SELECT count(*) AS n FROM "{name}"'))[0]["n"] for name in names}  # noqa: S608


async def all_is_sent(world: World) -> bool:
    """Whether the relay has moved what the set-up said."""
    return not await world.rows("SELECT FROM outbox")


async def test_part_f34_hostile_callbacks_are_refused_counted_and_write_nothing(world: World) -> None:
    secret = (await world.api.post("/v1/courier-accounts/vans/callback-secrets")).json()["secret"]
    other = (await world.api.post("/v1/courier-accounts/fan1/callback-secrets")).json()["secret"]
    await until(lambda: all_is_sent(world))
    for how, (account, headers, body, reason) in hostile(secret, other).items():
        before, counted = await rows(world), refusals()
        answer = await world.api.as_role("").post(f"{PATH}/{account}", content=body, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json"), how
        assert refusals() == counted | {reason: counted[reason] + 1}, how
        assert await rows(world) == before, how


async def test_part_f34_a_callback_that_somebody_overheard_is_kept_once(world: World) -> None:
    secret = (await world.api.post("/v1/courier-accounts/vans/callback-secrets")).json()["secret"]
    headers = signed(secret)
    answers = [await world.api.as_role("").post(f"{PATH}/vans", content=BODY, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert len(await world.rows("SELECT * FROM callback")) == 1
