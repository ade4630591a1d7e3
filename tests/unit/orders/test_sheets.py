"""Tables as files: read back by other programs they say what was written, and no cell is a formula."""

import csv
import io
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from services.orders.desk import sheets
from services.orders.desk.sheets import Csv, Row, Sheet, Xlsx, harmless

HEAD = ["number", "note", "total", "placed at"]
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff20a",
    "\u00a0=1",
]
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12) | st.sampled_from(FORMULAS)
TIMES = st.integers(0, 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
CELLS = st.one_of(
    st.none(), TEXTS, TIMES, st.integers(-(10**9), 10**9), st.decimals(-(10**9), 10**9, places=2, allow_nan=False)
)
ROWS = st.lists(st.lists(CELLS, min_size=4, max_size=4), max_size=12)


async def pages(rows: Sequence[Row], size: int = 5) -> AsyncIterator[Sequence[Row]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


async def made(sheet: Sheet, rows: Sequence[Row]) -> bytes:
    return b"".join([piece async for piece in sheet.file("Orders", HEAD, pages(rows))])


def read_csv(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


@given(ROWS)
async def test_part_b12_a_csv_reads_back_as_it_was_written(rows: list[list[sheets.Cell]]) -> None:
    head, *read = read_csv(await made(Csv(), rows))
    assert head == HEAD
    assert read == [[said(cell) for cell in row] for row in rows]


def said(cell: sheets.Cell) -> str:
    """What a reader of a CSV finds, by another computation."""
    if isinstance(cell, str):
        first = cell.strip()[:1]
        return f"'{cell}" if cell and ((first in "=+-@＝＋－＠" and first) or cell[:1] in "\t\r\n") else cell
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
    return "" if cell is None else format(cell, "f") if isinstance(cell, Decimal) else str(cell)


async def test_a_csv_is_of_rfc_4180_and_has_the_mark_where_it_is_asked_for() -> None:
    data = await made(Csv(bom=True), [["a,b", 'say "yes"', Decimal("12.30"), None]])
    assert data == b'\xef\xbb\xbfnumber,note,total,placed at\r\n"a,b","say ""yes""",12.30,\r\n'
    east = timezone(timedelta(hours=2))
    told = read_csv(await made(Csv(), [["x", "line\nbreak", 1, datetime(2026, 3, 1, 1, tzinfo=east)]]))[1]
    assert told == ["x", "line\nbreak", "1", "2026-02-28T23:00:00Z"]


@pytest.mark.parametrize("formula", FORMULAS)
async def test_no_cell_is_taken_for_a_formula(formula: str) -> None:
    assert harmless(formula) == f"'{formula}"
    assert harmless(f"x{formula}") == f"x{formula}"
    book = await made(Xlsx(), [[formula, "", 0, None]])
    cell = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0).to_python()[1][0]
    assert cell == formula.replace("\r", "\n"), "text, as it is: XML reads a carriage return as a line break"


@given(ROWS)
async def test_part_b12_an_xlsx_reads_back_as_it_was_written(rows: list[list[sheets.Cell]]) -> None:
    book = CalamineWorkbook.from_filelike(io.BytesIO(await made(Xlsx(), rows)))
    assert book.sheet_names == ["Orders"]
    head, *read = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    assert head == HEAD
    for given_row, found in zip(rows, read, strict=False):
        for cell, value in zip(given_row, found, strict=True):
            match cell:
                case None:
                    assert value == ""
                case datetime():
                    assert isinstance(value, date)
                    assert abs(_moment(value) - cell) < timedelta(seconds=0.1)
                case str():
                    assert value == cell.replace("\r", "\n")  # as XML reads it
                case _:
                    assert value == float(cell)
    assert all(cell is None for row in rows[len(read) :] for cell in row), "only empty rows may be missing"


def _moment(read: date) -> datetime:
    """What a reader found; a midnight is read as a day."""
    midnight = datetime.combine(read, datetime.min.time())
    return (read if isinstance(read, datetime) else midnight).replace(tzinfo=UTC)


async def test_a_sheet_that_is_full_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_ROWS", 4)
    book = CalamineWorkbook.from_filelike(io.BytesIO(await made(Xlsx(), [[str(n), "", n, None] for n in range(8)])))
    assert book.sheet_names == ["Orders", "Orders 2", "Orders 3"]
    read = [book.get_sheet_by_index(n).to_python() for n in range(3)]
    assert [row[0] for sheet in read for row in sheet[1:]] == [str(n) for n in range(8)]
    assert all(sheet[0] == HEAD for sheet in read)


@pytest.mark.parametrize("sheet", [Csv(), Xlsx()], ids=["csv", "xlsx"])
async def test_a_long_file_is_never_held_whole(sheet: Sheet) -> None:
    """A hundred pages take no more memory than ten."""

    async def peak(number: int) -> int:
        async def long() -> AsyncIterator[Sequence[Row]]:
            for n in range(number):
                yield [[f"{n}-{m}", f"{n * m} pieces of {n}", m, None] for m in range(200)]

        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        async for _ in sheet.file("Orders", HEAD, long()):
            pass
        return tracemalloc.get_traced_memory()[1] - before

    tracemalloc.start()
    try:
        await peak(1)
        assert await peak(100) < 1.5 * await peak(10)
    finally:
        tracemalloc.stop()
