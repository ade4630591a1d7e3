"""A booked parcel and the forms in which FAN's reports show it."""

import secrets
from datetime import datetime
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse

from tests.standins.fan.rules import local_now, stamp

Row = dict[str, Any]
NAMES = {
    "C0": "Expeditie ridicata", "H0": "Expeditie in tranzit spre depozitul de destinatie", "H1": "Sosita in depozit",
    "S1": "Expeditie in livrare", "C1": "Expeditie in livrare", "S2": "Livrat", "S8": "Expeditia asteapta ridicarea",
    "S33": "Retur in curs", "S16": "Retur", "S43": "Retur", "S37": "Despagubit", "S6": "Refuz primire",
    "S38": "AWB neexpediat",
}  # fmt: skip
RETURNED = ("S16", "S43")
ON_TOP = "2"  # AWBs of a contract begin alike


def booked(shipment: Row) -> Row:
    """A row under a new number of 13 digits."""
    awb = ON_TOP + "".join(secrets.choice("0123456789") for _ in range(12))
    now = local_now()
    return {"awbNumber": awb, "date": now.strftime("%Y-%m-%d"), "bookedAt": stamp(now), "events": [],
            "info": shipment["info"], "recipient": shipment["recipient"]}  # fmt: skip


def event(row: Row, code: str, date: str | None, location: str | None) -> Row:
    """A place and a moment; by itself where the parcel goes, now."""
    where = location or ("Bucuresti" if code.startswith("C") else row["recipient"]["address"]["locality"])
    return {"id": code, "name": NAMES.get(code, code), "location": where, "date": date or stamp(local_now())}


def tracked(row: Row, how: str | None = None) -> Row:
    """The tracking report: events oldest first, unless it misbehaves."""
    events = sorted(row["events"], key=lambda seen: str(seen["date"]))
    ids = [seen["id"] for seen in events]
    if how == "twice":
        events = [seen for seen in events for _ in range(2)]
    if how == "out_of_order":
        events = events[::-1]
    delivered = next((seen for seen in events if seen["id"] == "S2"), None)
    back = f"9{row['awbNumber'][1:]}" if any(code in RETURNED for code in ids) else None
    return {
        "awbNumber": row["awbNumber"],
        "content": row["info"].get("content"),
        "date": f"{row['date']} 00:00:00",
        "weight": row["info"]["weight"],
        "paymentDate": None,
        "returnAwbNumber": back,
        "redirectionAwbNumber": None,
        "reimbursementAwbNumber": None,
        "oPODAwbNumber": None,
        "confirmation": {
            "name": row["recipient"]["name"] if delivered else None,
            "date": delivered["date"] if delivered else None,
        },
        "OTD": "24H" if delivered else None,
        "service": row["info"]["service"],
        "optionCodes": row["info"].get("options") or [],
        "events": events,
    }


def slip(row: Row) -> Row:
    """A line of the daily slip: enough to find a booking whose answer was lost."""
    info = {
        name: row["info"].get(name) for name in ("service", "content", "costCenter", "observation", "cod", "weight")
    }
    return {"info": {"awbNumber": row["awbNumber"], "date": row["bookedAt"], **info}, "recipient": row["recipient"]}


def paid_on(row: Row) -> str | None:
    """The day whose cash this parcel's money is in, or None."""
    if not float(row["info"].get("cod") or 0) or "Cont Colector" not in row["info"]["service"]:
        return None
    return next((str(seen["date"])[:10] for seen in row["events"] if seen["id"] == "S2"), None)


def transfer(row: Row) -> Row:
    """A line of the bank transfers report."""
    day = datetime.strptime(paid_on(row) or "", "%Y-%m-%d").strftime("%d.%m.%Y")  # noqa: DTZ007 - FAN's own day
    booked_on = datetime.strptime(row["date"], "%Y-%m-%d").strftime("%d.%m.%Y")  # noqa: DTZ007 - FAN's own day
    info = {
        "awbNumber": row["awbNumber"], "awbDate": booked_on, "amountCollected": f"{float(row['info']['cod']):.2f}",
        "content": row["info"].get("content"), "transferDate": day, "transactionDate": day, "transactionType": "OP",
        "returnAwbNumber": None, "reimbursementAwbNumber": None,
    }  # fmt: skip
    return {"info": info, "recipient": row["recipient"], "sender": {"name": "Comanda"}}


def paged(rows: list[Row], asked: QueryParams) -> JSONResponse:
    """A page of a report, 100 rows unless asked."""
    page, size = int(asked.get("page", "1")), int(asked.get("perPage", "100"))
    return JSONResponse({
        "status": "success", "total": len(rows), "currentPage": page, "perPage": size,
        "totalPages": max(1, -(-len(rows) // size)), "data": rows[(page - 1) * size : page * size],
    })  # fmt: skip
