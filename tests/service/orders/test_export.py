"""Lists as files: whatever their length, read back as they were, with nothing that a spreadsheet would run."""

import csv
import gc
import io
import re
import resource
import zipfile
from typing import Any

import httpx
import pytest
from python_calamine import CalamineWorkbook

from libs.events.transaction import Cause, UnitOfWork
from libs.service.testing import ServiceClient, credentials
from services.orders.desk.export import AT_ONCE, HEAD, Export
from services.orders.desk.narrowing import Filters
from tests.service.orders.stage import hear, placed
from tests.sockets import on_a_socket
from tests.unit.orders.said import ANA, Said

EVIL = '=HYPERLINK("http://evil.example","x")'
_COPY = """
INSERT INTO {table} SELECT (jsonb_populate_record(o, jsonb_build_object(
    '{id}', gen_random_uuid_of(n), 'placed_at', now() - n * interval '1 second'{more}))).*
FROM {table} o, generate_series(1, $2::int) n WHERE o.{id} = $1
"""
_ID = """
CREATE FUNCTION gen_random_uuid_of(n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS
    $$ SELECT ('0190000000007000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid $$
"""
_NAMED = ", 'number', 'OLD-' || n, 'external_id', 'old-' || n, 'tracking_token', NULL"


async def grow(uow: UnitOfWork, order: dict[str, Any], many: int) -> None:
    """So many more orders like this one, as lists know them."""
    async with uow(Cause("system:test")) as tx:
        await tx.sql.execute(_ID)
        for table, key, more in (("orders", "id", _NAMED), ("order_list", "order_id", "")):
            await tx.sql.execute(_COPY.format(table=table, id=key, more=more), order["id"], many)
        await tx.sql.execute("DROP FUNCTION gen_random_uuid_of")


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))


def read_xlsx(content: bytes) -> list[list[Any]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return [row for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python(skip_empty_area=False)]


def formulas(book: bytes) -> list[str]:
    """The parts of a workbook that hold a cell which computes something."""
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        return [name for name in parts.namelist() if re.search(rb"<f[ >/]", parts.read(name))]


async def status_of(api: ServiceClient, order: dict[str, Any], status: str) -> None:
    answer = await api.post(f"/v1/orders/{order['id']}/status", json={"status": status})
    assert answer.status_code == 200, answer.text


async def test_part_b12_a_list_is_exported_as_csv_and_xlsx_with_the_same_filters_and_no_formula(
    api: ServiceClient,
) -> None:
    first = await placed(api, external_id="+1", customer=ANA | {"name": EVIL})
    second = await placed(api, external_id="=2", customer=ANA | {"name": 'Ștefănescu, "Ana"\tX'[:17]})
    await hear(api, Said(second).stock("reserved"))
    await status_of(api, first, "processing")
    told = await api.get("/v1/orders/export.csv", params={"language": "ro", "sort": "placed", "direction": "asc"})
    assert (told.status_code, told.headers["content-type"].split(";")[0]) == (200, "text/csv")
    assert told.headers["content-disposition"] == 'attachment; filename="orders.csv"'
    assert told.content.count(b"\r\n") == 3
    head, one, two = read_csv(told.content)
    assert tuple(head) == HEAD
    row, other = dict(zip(head, one, strict=True)), dict(zip(head, two, strict=True))
    assert (row["number"], row["total"], row["currency"], row["id"]) == (first["number"], "110.00", "RON", first["id"])
    assert (row["customer"], row["external_id"], other["external_id"]) == (f"'{EVIL}", "'+1", "'=2")
    assert row["order_status"]
    assert (other["stock"], other["order_status"]) == ("reserved", "")
    assert other["customer"].startswith('Ștefănescu, "Ana"')
    marked = await api.get("/v1/orders/export.csv", params={"bom": "true", "stock": "reserved"})
    assert marked.content.startswith("\ufeffnumber".encode())
    assert [line[-1] for line in read_csv(marked.content)[1:]] == [second["id"]], "filters of the list"
    book = await api.get("/v1/orders/export.xlsx", params={"status": "processing"})
    assert book.headers["content-disposition"] == 'attachment; filename="orders.xlsx"'
    head, *rows = read_xlsx(book.content)
    assert tuple(head) == HEAD
    (sheet,) = (dict(zip(head, line, strict=True)) for line in rows)
    assert (sheet["customer"], sheet["total"], sheet["number"]) == (EVIL, 110.0, first["number"]), "text stays text"
    assert formulas(book.content) == []
    wrong = await api.get("/v1/orders/export.xlsx", params={"status": "nowhere"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "status[0]")
    assert (await api.as_role("").get("/v1/orders/export.csv")).status_code == 401


async def test_an_export_has_every_order_once_and_keeps_no_transaction_open_between_pages(api: ServiceClient) -> None:
    order = await placed(api)
    many = 2 * AT_ONCE + 7
    await grow(api.context.uow, order, many)
    rows = Export(api.context.uow, Cause("system:test"), Filters(), "placed", "desc", "en").rows()
    pages = [await anext(rows)]
    open_now = await api.context.uow.fetch(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
    )
    assert open_now == [], "the reader may take its time"
    pages += [page async for page in rows]
    assert [len(page) for page in pages] == [AT_ONCE, AT_ONCE, 8]
    content = (await api.get("/v1/orders/export.csv")).content
    ids = [line[-1] for line in read_csv(content)[1:]]
    assert ids == [row[-1] for page in pages for row in page]
    assert len(ids) == len(set(ids)) == many + 1


@pytest.mark.slow
async def test_part_b12_fifty_thousand_orders_are_exported_in_bounded_memory(api: ServiceClient) -> None:
    order = await placed(api)
    await grow(api.context.uow, order, 50_000)
    lines, size = 0, 0
    async with on_a_socket(api.app) as url, httpx.AsyncClient(headers=credentials("manager"), timeout=120) as client:
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with client.stream("GET", f"{url}/v1/orders/export.csv") as answer:
            async for piece in answer.aiter_bytes():
                lines += piece.count(b"\n")
        async with client.stream("GET", f"{url}/v1/orders/export.xlsx") as answer:
            async for piece in answer.aiter_bytes():
                size += len(piece)
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert lines == 50_002
    assert size > 1_000_000
    assert grown_kb < 30_000, "a page of rows is held, not the file"
