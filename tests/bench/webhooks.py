"""PayPal's webhooks over HTTP: signature verified over the raw bytes, stored, answered."""

import asyncio
import base64
import json
import sys
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg

from deploy.child import Child
from deploy.ports import free_port
from deploy.supervisor import CHECKOUT
from deploy.system import HOST
from libs.service.testing import until
from tests.bench.apart import apart
from tests.bench.figure import Figure, Goal, median, spread
from tests.bench.load import request, send
from tests.bench.raw_insert import insert_all
from tests.bench.stage import Stage
from tests.standins.paypal.app import CERTS_PATH
from tests.standins.paypal.certs import Certificates

WEBHOOK = "WH-BENCH-1"
CLIENTS = 32
_KEEP = """
INSERT INTO webhook_inbox (id, provider, account_id, event_id, event_type, delivery_id, occurred_at, headers, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (provider, account_id, event_id) DO NOTHING
"""


async def measure(stage: Stage) -> AsyncIterator[Figure]:
    """Deliveries a second of distinct events, beside inserting the same rows without a question."""
    amount, rates, raw, cpu = stage.scale.of(6000, 100), [], [], []
    async with _certificates(stage) as (certs, port):
        host = f"localhost:{port}"
        paypal = {"PAYPAL_WEBHOOK_ID": WEBHOOK, "PAYPAL_CERT_HOSTS": json.dumps([host])}
        paypal["PAYPAL_TRUST_STORE"] = str(certs.folder / "root.pem")
        database = await stage.databases("payments")
        async with stage.service("payments", "api", database, await stage.databases("bus"), **paypal) as api:
            deliveries = _deliveries(certs, host, stage.scale.of(500, 50))
            assert (await send(api.port, deliveries, 8)).statuses == {200: len(deliveries)}
            for _ in range(stage.scale.repeats):
                deliveries, before = _deliveries(certs, host, amount), (api.cpu, stage.cpu)
                done = await apart(send, api.port, deliveries, CLIENTS)
                assert done.result.statuses == {200: amount}, done.result.statuses
                rates.append(done.result.rate)
                spent = (api.cpu - before[0], stage.cpu - before[1], done.cpu)
                cpu.append([seconds / amount * 1000 for seconds in spent])
                raw.append((await apart(insert_all, database, _KEEP, await _rows(database, amount), CLIENTS)).result)
    service, server, client = (median(each) for each in zip(*cpu, strict=True))
    note = "; ".join(filter(None, [spread(rates), f"{CLIENTS} clients"]))
    note += f"; CPU each: service {service:.2f} ms, PostgreSQL {server:.2f} ms, client {client:.2f} ms"
    goal = (Goal.LEAST, 1500.0)
    yield Figure("webhook verified and stored", median(rates), "webhooks/s", median(raw), "bare insert", goal, note)


@asynccontextmanager
async def _certificates(stage: Stage) -> AsyncIterator[tuple[Certificates, int]]:
    """A provider's certificates, served over TLS by a process of its own; and its port."""
    port, tls, folder = free_port(), free_port(), stage.folder / "certs"
    arguments = [
        "--port",
        str(port),
        "--tls-port",
        str(tls),
        "--book",
        str(folder / "book.jsonl"),
        "--certs",
        str(folder),
    ]
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.standins.paypal", *arguments, "--webhook-id", WEBHOOK]
    child = Child("paypal", command, stage.folder / "paypal.log", cwd=CHECKOUT)
    child.start()
    try:
        await until(lambda: _listens(tls), 30, why=child.last_words())
        yield Certificates("localhost", folder), tls
    finally:
        child.stop()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


def _deliveries(certs: Certificates, host: str, amount: int) -> list[bytes]:
    """Signed requests, each of an event of its own."""
    return [_delivery(certs, host) for _ in range(amount)]


def _delivery(certs: Certificates, host: str) -> bytes:
    event, delivery, now = f"WH-{uuid4().hex}", str(uuid4()), datetime.now(UTC).isoformat(timespec="seconds")
    capture = {"id": uuid4().hex, "status": "COMPLETED", "amount": {"currency_code": "EUR", "value": "120.50"}}
    capture |= {"custom_id": str(uuid4()), "invoice_id": "RO-2026-000123", "note": "x" * 700}
    told = {"id": event, "event_version": "1.0", "create_time": now, "resource_type": "capture", "resource": capture}
    body = json.dumps(told | {"event_type": "PAYMENT.CAPTURE.COMPLETED", "summary": "Payment completed"}).encode()
    message = f"{delivery}|{now}|{WEBHOOK}|{zlib.crc32(body) & 0xFFFFFFFF}".encode()
    headers = {
        "Content_Type": "application/json",
        "PAYPAL_TRANSMISSION_ID": delivery,
        "PAYPAL_TRANSMISSION_TIME": now,
        "PAYPAL_TRANSMISSION_SIG": base64.b64encode(certs.signer.sign(message)).decode(),
        "PAYPAL_CERT_URL": f"https://{host}{CERTS_PATH}/{certs.name()}",
        "PAYPAL_AUTH_ALGO": "SHA256withRSA",
    }
    return request("POST", "/v1/webhooks/paypal", body, **headers)


async def _rows(database: str, amount: int) -> list[list[object]]:
    """What was stored of a delivery, under other names."""
    connection = await asyncpg.connect(database)
    row = await connection.fetchrow(
        """SELECT provider, account_id, event_id, event_type, delivery_id, occurred_at, headers, body
           FROM webhook_inbox LIMIT 1"""
    )
    await connection.close()
    return [[uuid4(), row[0], row[1], f"WH-{uuid4().hex}", *row[3:]] for _ in range(amount)]
