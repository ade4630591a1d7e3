"""Tables as files for spreadsheets: CSV (RFC 4180) and XLSX, made row by row, so that no file is ever held whole."""

import csv
import io
import re
import zipfile
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol
from xml.sax.saxutils import escape, quoteattr

Cell = str | int | Decimal | datetime | None
Row = Sequence[Cell]
Rows = AsyncIterator[Sequence[Row]]
"""Pages of rows."""

BOM = "\ufeff".encode()
MAX_CELL = 32_767
"""Characters of a cell, as spreadsheets allow them; what is longer is cut."""
MAX_ROWS = 1_048_576
"""Rows of a sheet, as spreadsheets allow them; what is more goes on in another sheet, under the same headings."""
_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_DAY = 86_400
# What a spreadsheet may take for a formula: also after blanks, and in the full-width forms that some make plain.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_NO_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Sheet(Protocol):
    """How a table becomes a file."""

    media_type: str
    extension: str

    def file(self, title: str, head: Sequence[str], rows: Rows) -> AsyncIterator[bytes]:
        """The file, piece by piece; memory is bounded by a page of rows."""


class Csv:
    """RFC 4180: commas, CRLF, quotes doubled; UTF-8, with a byte order mark where asked for.

    A text that a spreadsheet could take for a formula begins with an apostrophe.
    """

    media_type = "text/csv; charset=utf-8; header=present"
    extension = "csv"

    def __init__(self, *, bom: bool = False) -> None:
        """`bom`: begin with the mark by which some spreadsheets know UTF-8."""
        self.bom = bom

    async def file(self, title: str, head: Sequence[str], rows: Rows) -> AsyncIterator[bytes]:  # noqa: ARG002 - it has none
        """The file, a page of rows at a time."""
        yield (BOM if self.bom else b"") + _csv([head])
        async for page in rows:
            yield _csv(page)


def _csv(rows: Iterable[Row]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([_plain(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _plain(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            return harmless(cell)
        case datetime():
            return cell.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case _:
            return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


def harmless(text: str) -> str:
    """The text, behind an apostrophe where a spreadsheet could take it for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


class Xlsx:
    """Office Open XML: text is text, amounts are numbers, times are dates. No cell is a formula, nor becomes one."""

    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    extension = "xlsx"

    async def file(self, title: str, head: Sequence[str], rows: Rows) -> AsyncIterator[bytes]:
        """The file, a page of rows at a time; a sheet that is full is followed by another."""
        out = _Sink()
        names: list[str] = []
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
            waiting: list[Row] = []
            ended = False
            while not ended:
                names.append(f"{title[:25]} {len(names) + 1}" if names else title[:31])
                with book.open(f"xl/worksheets/sheet{len(names)}.xml", "w", force_zip64=True) as sheet:
                    sheet.write(_HEAD + _row(1, head))
                    written = 1
                    while not ended and written < MAX_ROWS:
                        if not waiting:
                            page = await anext(rows, None)
                            ended = page is None
                            waiting = list(page or ())
                        now, waiting = waiting[: MAX_ROWS - written], waiting[MAX_ROWS - written :]
                        sheet.write(b"".join(_row(written + n, row) for n, row in enumerate(now, 1)))
                        written += len(now)
                        yield out.taken()
                    sheet.write(_FOOT)
            for name, text in _parts(names).items():
                book.writestr(name, text)
        yield out.taken()


class _Sink:
    """A file that can only be written, as a socket is; `taken` empties it."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self.chunks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""

    def taken(self) -> bytes:
        data = b"".join(self.chunks)
        self.chunks.clear()
        return data


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_HEAD = f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'.encode()
_FOOT = b"</sheetData></worksheet>"
_TEXT, _TIME = 1, 2  # the two cell styles: text that stays text, a time
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}"><numFmts count="1">'
    '<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<fonts count="1"><font/></fonts><fills count="1"><fill/></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf/><xf quotePrefix="1"/>'
    '<xf numFmtId="164" applyNumberFormat="1"/></cellXfs></styleSheet>'
)


def _row(number: int, cells: Row) -> bytes:
    return f'<row r="{number}">{"".join(map(_cell, cells))}</row>'.encode()


def _cell(cell: Cell) -> str:
    match cell:
        case None:
            return "<c/>"
        case str():
            text = escape(_NO_XML.sub("", cell)[:MAX_CELL])
            return f'<c t="inlineStr" s="{_TEXT}"><is><t xml:space="preserve">{text}</t></is></c>'
        case datetime():
            return f'<c s="{_TIME}"><v>{(cell - _EPOCH).total_seconds() / _DAY:.10f}</v></c>'
        case _:
            return f"<c><v>{cell:f}</v></c>" if isinstance(cell, Decimal) else f"<c><v>{cell}</v></c>"


def _parts(names: Sequence[str]) -> dict[str, str]:
    """What an XLSX file holds beside its sheets."""
    sheets = [(n, f"sheet{n}", name) for n, name in enumerate(names, 1)]
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/{file}.xml" ContentType="{_KIND}.worksheet+xml"/>' for _, file, _ in sheets
    )
    relations = "".join(
        f'<Relationship Id="r{n}" Type="{_RELATED}/worksheet" Target="worksheets/{file}.xml"/>' for n, file, _ in sheets
    )
    listed = "".join(f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="r{n}"/>' for n, _, name in sheets)
    return {
        "[Content_Types].xml": f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>{overrides}</Types>',
        "_rels/.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_RELATED}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATED}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{relations}'
        f'<Relationship Id="styles" Type="{_RELATED}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": _STYLES,
    }
