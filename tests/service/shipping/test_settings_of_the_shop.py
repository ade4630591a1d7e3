"""Delivery methods and courier accounts: told to everybody, without their secrets."""

from typing import Any

import pytest

from libs.service.migrations import assert_models_match
from libs.service.settings import SettingsError, load
from services.shipping.settings import Settings
from services.shipping.tables import Table
from tests.service.shipping.world import World

METHOD: dict[str, Any] = {
    "code": "express", "kind": "courier", "account": "fan1", "names": {"ro": "Curier rapid", "fr": "Coursier"},
    "price": {"amount": "19.99", "currency": "RON"}, "free_from": {"amount": "200.00", "currency": "RON"},
    "countries": ["RO"], "book_when_confirmed": False,
}  # fmt: skip


async def test_a_delivery_method_is_told_as_a_full_row(world: World) -> None:
    made = await world.api.post("/v1/delivery-methods", json=METHOD)
    assert made.status_code == 201, made.text
    assert made.json()["courier"] == "fan"
    rest = {name: value for name, value in METHOD.items() if name != "code"}
    stale = await world.api.put("/v1/delivery-methods/express", json=rest, headers={"If-Match": '"9"'})
    assert stale.status_code == 412
    changed = await world.api.put(
        "/v1/delivery-methods/express", json=rest | {"active": False}, headers={"If-Match": made.headers["ETag"]}
    )
    assert changed.json()["active"] is False
    rows = await world.rows(
        "SELECT payload::jsonb AS data FROM (SELECT * FROM outbox WHERE type = 'delivery_method.changed') o"
        " UNION ALL SELECT payload::jsonb FROM outbox_sent WHERE type = 'delivery_method.changed'"
    )
    told = sorted((row["data"] for row in rows if row["data"]["code"] == "express"), key=lambda data: data["version"])
    assert [data["active"] for data in told] == [True, False]
    assert told[0] | {"id": None} == {
        "id": None, "version": 1, "code": "express", "kind": "courier", "courier": "fan",
        "names": {"ro": "Curier rapid", "fr": "Coursier"}, "active": True, "price": METHOD["price"],
        "free_from": METHOD["free_from"], "countries": ["RO"], "book_when_confirmed": False, "companies_only": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"account": "nobody"}, "account"),
        ({"kind": "pickup"}, "account"),
        ({"price": {"amount": "-1.00", "currency": "RON"}}, "price"),
        ({"free_from": {"amount": "1.00", "currency": "EUR"}}, "free_from"),
        ({"names": {}}, "names"),
        ({"colour": "red"}, "colour"),
        ({"code": "No Spaces"}, "code"),
    ],
)
async def test_a_wrong_method_is_refused_by_its_field(world: World, change: dict[str, Any], field: str) -> None:
    reply = await world.api.post("/v1/delivery-methods", json=METHOD | change)
    assert reply.status_code == 422
    assert [error["field"] for error in reply.json()["errors"]] == [field]
    assert (await world.api.get("/v1/delivery-methods/express")).status_code == 404


async def test_a_code_is_given_once(world: World) -> None:
    assert (await world.api.post("/v1/delivery-methods", json=METHOD)).status_code == 201
    assert (await world.api.post("/v1/delivery-methods", json=METHOD)).status_code == 409
    listed = (await world.api.get("/v1/delivery-methods?limit=2")).json()
    rest = (await world.api.get(f"/v1/delivery-methods?after={listed['next']}")).json()
    codes = [each["code"] for each in [*listed["items"], *rest["items"]]]
    assert codes == sorted(codes)
    assert "express" in codes


async def test_an_account_without_what_its_courier_asks_for_is_refused_when_made_and_when_changed(world: World) -> None:
    known = (await world.api.get("/v1/courier-accounts/fan1")).json()
    whole = {"sender": known["sender"], "options": known["options"], "active": True}
    new = {"code": "fan9", "courier": "fan", "credentials": {"username": "a", "password": "b"}, **whole}
    for path, method, change, field in (
        ("", "POST", new | {"credentials": None}, "credentials"),
        ("", "POST", new | {"options": {}}, "options.client_id"),
        ("/fan1", "PUT", whole | {"options": {}}, "options.client_id"),
    ):
        reply = await world.api.request(method, f"/v1/courier-accounts{path}", json=change)
        assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, field), reply.text
    assert (await world.api.put("/v1/courier-accounts/fan1", json=whole)).status_code == 200


async def test_secrets_go_in_and_never_come_out(world: World) -> None:
    password = world.fan.password
    one = (await world.api.get("/v1/courier-accounts/fan1")).text
    every = (await world.api.get("/v1/courier-accounts")).text
    assert password not in one + every
    assert '"has_credentials":true' in one
    (row,) = await world.rows("SELECT credentials FROM courier_account WHERE code = 'fan1'")
    assert password.encode() not in row["credentials"]
    incomplete = {"code": "fan2", "courier": "fan", "sender": {"name": "x"}, "options": {"client_id": 1}}
    refused = await world.api.post("/v1/courier-accounts", json=incomplete)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "credentials"


async def test_who_may_do_what(world: World) -> None:
    operator, storefront = world.api.as_role("operator"), world.api.as_role("storefront")
    assert (await operator.get("/v1/shipments")).status_code == 200
    assert (await operator.post("/v1/delivery-methods", json=METHOD)).status_code == 403
    assert (await storefront.get("/v1/shipments")).status_code == 403
    assert (await world.api.as_role("").get("/v1/shipments")).status_code == 401
    assert (await world.api.as_role("dashboards").get("/v1/courier-accounts")).status_code == 200


async def test_models_are_what_the_migrations_make(shipping_url: str) -> None:
    await assert_models_match(shipping_url, Table.metadata)


def test_production_needs_a_key_of_its_own_and_couriers_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMANDA_MODE", "production")
    monkeypatch.setenv("SHIPPING_DATABASE_URL", "postgresql://shipping:secret@db/shipping")
    monkeypatch.setenv("EVENTS_BUS", "kafka://broker:9092")
    monkeypatch.setenv("SHIPPING_FAN_BASE_URL", "http://courier")
    with pytest.raises(SettingsError) as refused:
        load(Settings)
    assert "SHIPPING_SECRETS_KEY" in str(refused.value)
    assert "SHIPPING_PUBLIC_URL" in str(refused.value)
    assert "SHIPPING_FAN_BASE_URL" in str(refused.value)
