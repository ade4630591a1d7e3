"""Our own label: a PDF page per parcel, A6 or A4, with a Code 128 and a font that has ș, ț, ă and é."""

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.pagesizes import A4, A6
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

SIZES = {"A4": A4, "A6": A6}
PLAIN, BOLD = "DejaVuSans", "DejaVuSans-Bold"
MARGIN = 6 * mm
FONTS = Path(__file__).parent / "fonts"


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on a label."""

    awb: str
    order_number: str
    sender: tuple[str, ...]
    recipient: tuple[str, ...]
    parcels: int
    weight_g: int
    cash: str | None  # to collect, as text
    note: str | None


@cache
def _fonts() -> None:
    """Embed the fonts beside this file; the standard ones of PDF lack ș and ț."""
    for name in (PLAIN, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(FONTS / f"{name}.ttf")))


def draw(label: Label, size: str) -> bytes:
    """The PDF; the same label gives the same bytes. On A4 it stands in the upper left corner, as large as on A6."""
    _fonts()
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=SIZES[size], invariant=1)
    canvas.setTitle(f"AWB {label.awb}")
    for parcel in range(1, label.parcels + 1):
        canvas.translate(0, SIZES[size][1] - A6[1])
        _page(canvas, label, parcel)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _page(canvas: Canvas, label: Label, parcel: int) -> None:
    width, y = A6[0] - 2 * MARGIN, A6[1] - MARGIN
    barcode = Code128(label.awb, barHeight=22 * mm, barWidth=0.375 * mm, quiet=True, lquiet=4 * mm, rquiet=4 * mm)
    y -= 22 * mm
    barcode.drawOn(canvas, MARGIN + max(0.0, (width - barcode.width) / 2), y)
    y = _line(canvas, label.awb, y - 7 * mm, 15, BOLD)
    y = _line(canvas, f"{label.order_number}   {parcel}/{label.parcels}   {label.weight_g / 1000:.2f} kg", y, 9)
    canvas.line(MARGIN, y + 2 * mm, MARGIN + width, y + 2 * mm)
    y = _block(canvas, label.sender, y - 3 * mm, 8, PLAIN, at_most=4)
    canvas.line(MARGIN, y + 2 * mm, MARGIN + width, y + 2 * mm)
    y = _block(canvas, label.recipient, y - 5 * mm, 12, BOLD, at_most=8)
    if label.cash:
        canvas.rect(MARGIN, y - 3 * mm, width, 9 * mm)
        y = _line(canvas, label.cash, y, 13, BOLD) - 4 * mm
    if label.note:
        _block(canvas, (label.note,), y, 8, PLAIN, at_most=4)


def _block(canvas: Canvas, texts: tuple[str, ...], y: float, size: float, font: str, *, at_most: int) -> float:
    lines = [line for text in texts for line in _wrapped(text, size, font)]
    for line in lines[:at_most]:
        y = _line(canvas, line, y, size, font)
    return y


def _wrapped(text: str, size: float, font: str) -> list[str]:
    """Lines that fit, cut between words, or inside one that is too long."""
    width = A6[0] - 2 * MARGIN
    lines, line = [], ""
    for word in text.split():
        rest = word
        while stringWidth(rest, font, size) > width:
            fits = next(n for n in range(len(rest), 0, -1) if stringWidth(rest[:n], font, size) <= width)
            lines += [line] if line else []
            lines.append(rest[:fits])
            line, rest = "", rest[fits:]
        longer = f"{line} {rest}".strip()
        if stringWidth(longer, font, size) > width:
            lines.append(line)
            longer = rest
        line = longer
    return [*lines, line] if line else lines


def _line(canvas: Canvas, text: str, y: float, size: float, font: str = PLAIN) -> float:
    canvas.setFont(font, size)
    canvas.drawString(MARGIN, y, text)
    return y - size * 1.35
