"""A label as FAN would print it: a real PDF with a readable Code 128."""

import io
import unicodedata
from typing import Any

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.pagesizes import A4, A5, A6
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

SIZES = {"A4": A4, "A5": A5, "A6": A6}


def pdf(rows: list[dict[str, Any]], size: str) -> bytes:
    """One page per AWB."""
    page = io.BytesIO()
    canvas = Canvas(page, pagesize=SIZES[size], invariant=1)
    top = SIZES[size][1]
    for row in rows:
        Code128(row["awbNumber"], barHeight=18 * mm, barWidth=0.4 * mm, quiet=True).drawOn(
            canvas, 4 * mm, top - 30 * mm
        )
        canvas.setFont("Helvetica-Bold", 14)
        canvas.drawString(8 * mm, top - 38 * mm, row["awbNumber"])
        canvas.setFont("Helvetica", 9)
        recipient, info = row["recipient"], row["info"]
        address = recipient.get("address", {})
        lines = [
            "FAN Courier (stand-in)",
            recipient["name"],
            f"{address.get('street', '')} {address.get('streetNo', '')}",
            f"{address.get('zipCode', '')} {address['locality']}, {address['county']}",
            f"{recipient['phone']}  COD {info.get('cod') or 0}  {info['weight']} kg",
            str(info.get("content") or ""),
        ]
        for number, line in enumerate(lines):
            canvas.drawString(8 * mm, top - (46 + 5 * number) * mm, _plain(line))
        canvas.showPage()
    canvas.save()
    return page.getvalue()


def zpl(rows: list[dict[str, Any]]) -> str:
    """One ZPL label per AWB."""
    return "".join(f"^XA^FO40,40^BY3^BCN,120,Y^FD{row['awbNumber']}^FS^XZ\n" for row in rows)


def _plain(text: str) -> str:
    """Without diacritics: the standard fonts of PDF lack ș and ț."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
