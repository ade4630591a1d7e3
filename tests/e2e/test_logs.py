"""No log line of any process holds a person or a secret, whatever goes wrong."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from demo.invoices import invoices
from demo.placing import body_of
from deploy.environment import free_ports
from deploy.supervisor import System
from deploy.system import SERVICE_NAMES
from libs.events.bus import Headers, Outgoing
from libs.events.open_bus import open_bus
from libs.service.testing import until
from tests.e2e.importing import command, cut, rows_of_month

NAME, STREET, CITY = "Wilhelmina Quackenbush", "Zwetschgenallee 77", "Oberhinterwald"
EMAIL, PHONE, NOTE = "wilhelmina.quackenbush@planted.example", "+40722876543", "Klingel kaputt"
TOKEN = "planted-secret-token"
LONG_ENOUGH = 5  # shorter texts are codes of countries and languages
PLANTED = (*NAME.split(), STREET, CITY, EMAIL, "planted.example", PHONE, PHONE[3:], NOTE)


def order(shop: dict[str, Any], **change: Any) -> dict[str, Any]:
    """The body of an order that was taken once, for the planted person."""
    address = {"name": NAME, "street": STREET, "city": CITY, "postal_code": "500001", "country": "RO", "phone": PHONE}
    person = {"name": NAME, "email": EMAIL}
    return shop | {"external_id": str(uuid4()), "customer": person, "billing": address, "shipping": address} | change


async def provoke(system: System, body: dict[str, Any]) -> None:
    """Everything that might make a process say too much."""
    manager = {"Authorization": f"Bearer {system.keys['manager']}"}
    async with httpx.AsyncClient(timeout=60) as http:
        orders, payments = system.url("orders"), system.url("payments")

        async def post(url: str, content: Any, **headers: str) -> int:
            given = {"Idempotency-Key": str(uuid4()), "Content-Type": "application/json"} | manager | headers
            text = content if isinstance(content, str) else json.dumps(content)
            return (await http.post(url, content=text, headers=given)).status_code

        await http.post(
            f"{system.url('smtp')}/_control/misbehave", json={"operation": "rcpt", "how": "refuse", "times": 2}
        )
        await http.post(
            f"{system.url('fan')}/_control/misbehave", json={"operation": "book", "how": "garbage", "times": 1}
        )
        assert await post(f"{orders}/v1/orders", order(body)) == 201
        assert await post(f"{orders}/v1/orders", order(body, currency="XXX")) == 422
        assert await post(f"{orders}/v1/orders", order(body, customer={"name": NAME * 200, "email": EMAIL})) == 422
        assert await post(f"{orders}/v1/orders", order(body, customer={"name": NAME, "e-mail": EMAIL})) == 422
        assert await post(f"{orders}/v1/orders", json.dumps(order(body))[:-5]) in (400, 422)
        assert await post(f"{orders}/v1/orders", order(body, channel=EMAIL)) in (404, 409, 422)
        assert await post(f"{orders}/v1/orders/{EMAIL}/cancel", {"reason": NOTE}) in (404, 422)
        for query in (f"?email={EMAIL}", f"?phone={PHONE}", f"?q={NAME}", f"?after={NAME}"):
            for url in (
                f"{orders}/v1/customers{query}",
                f"{orders}/v1/orders{query}",
                f"{payments}/v1/payments{query}",
            ):
                await http.get(url, headers=manager)
        await http.get(f"{orders}/v1/orders", headers={"Authorization": f"Bearer {TOKEN}"})
        await post(f"{payments}/v1/webhooks/paypal", {"id": EMAIL, "payer": NAME}, Authorization=TOKEN)


def renamed(headers: Headers) -> Headers:
    """The same, as another fact's."""
    return tuple((name, str(uuid4()).encode() if name == "ce_id" else text) for name, text in headers)


async def bury(system: System) -> None:
    """Say an order's fact again, once cut short and once with members of wrong types: nobody can take those."""
    bus = open_bus(system.environment.events_bus())
    (record, *_) = await until(lambda: bus.read("order.created"))
    value = json.loads(record.value)
    value["order"] |= {"lines": NAME, "total": EMAIL, "placed_at": NOTE}
    broken = [record.value[:-9], json.dumps(value).encode()]
    headers = [
        tuple((name, str(uuid4()).encode() if name == "ce_id" else text) for name, text in record.headers)
        for _ in broken
    ]
    await bus.publish(
        [Outgoing(record.topic, record.key, text, given) for text, given in zip(broken, headers, strict=True)]
    )
    await bus.close()

    async def buried() -> bool:
        counts = []
        for name in SERVICE_NAMES[1:]:
            link = await asyncpg.connect(system.database_url(name))
            counts.append(await link.fetchval("SELECT count(*) FROM dead_letter"))
            await link.close()
        return all(count >= len(broken) for count in counts)

    await until(buried, 120)


async def an_order(system: System, file: Path) -> dict[str, Any]:
    """The body of an order of the file, on the channel that the import set up."""
    link = await asyncpg.connect(system.database_url("orders"))
    channel = await link.fetchval("SELECT code FROM channel LIMIT 1")
    await link.close()
    return body_of(next(each for each in invoices(file) if each.kind == "order"), channel)


async def hidden_from_logs(system: System) -> set[str]:
    """The planted person, every other person of the databases, every key and password."""
    link = await asyncpg.connect(system.database_url("orders"))
    people = await link.fetch("SELECT DISTINCT person::text AS person FROM orders WHERE person IS NOT NULL")
    await link.close()
    known = {text for row in people for text in leaves(json.loads(row["person"])) if len(text) > LONG_ENOUGH}
    assert NAME in known, "the planted order was not taken"
    return {*PLANTED, TOKEN, *known, *system.keys.values(), *system.state.passwords().values()}


@pytest.mark.timeout(500)
@pytest.mark.slow
async def test_no_log_line_holds_a_person_or_a_secret_whatever_goes_wrong(tmp_path: Path) -> None:
    file = cut(tmp_path, rows_of_month()[:5])
    env = {f"{name.upper()}_LOG_LEVEL": "DEBUG" for name in SERVICE_NAMES}
    async with System(
        tmp_path / "state", ports=free_ports(), bus="embedded", throwaway=True, env=env, say=lambda _: None
    ) as system:
        await command(system, "demo.month", str(file), "--patience", "100", within=200)
        await provoke(system, await an_order(system, file))
        await bury(system)
        hidden = await hidden_from_logs(system)
        logs = {name: system.state.log(name).read_text(encoding="utf-8", errors="replace") for name in system.services}
    assert "request" in logs["orders"]
    assert all("dead letter" in logs[name] for name in SERVICE_NAMES[1:]), "no fact was buried"
    told = {name: sorted(each for each in hidden if each in text) for name, text in logs.items()}
    assert {name: found for name, found in told.items() if found} == {}


def leaves(value: Any) -> list[str]:
    """Every text in a document."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in leaves(each)]
    if isinstance(value, list):
        return [text for each in value for text in leaves(each)]
    return [value] if isinstance(value, str) else []
