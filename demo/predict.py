"""How each invoice of a file must end by demo/RULE.md; shares no code: `python demo/predict.py FILE` prints JSON."""

import gzip
import json
import sys
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zlib import crc32

Row = dict[str, Any]

FREIGHT = ("POST", "DOT", "C2", "BANK CHARGES", "AMAZONFEE", "CRUK")


def seed(text: str) -> int:
    return crc32(text.encode("utf-8"))


def read(path: str) -> list[Row]:
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    for line in (line for row in rows for line in row["lines"]):
        line["sku"] = line["sku"].strip()
        line["unit_price"] = Decimal(line["unit_price"]).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return rows


def total_of(invoice: Row) -> Decimal:
    return sum((line["unit_price"] * line["quantity"] for line in invoice["lines"]), Decimal(0))


def why_not(invoice: Row) -> str | None:
    if invoice["invoice"][0] == "C":
        return "return"
    if invoice["invoice"][0] == "A":
        return "bad_debt"
    if max(line["quantity"] for line in invoice["lines"]) <= 0:
        return "stock_correction"
    if total_of(invoice) < 0:
        return "credit"
    return None


def goods(invoice: Row) -> dict[str, int]:
    pieces: dict[str, int] = {}
    sold = [line for line in invoice["lines"] if line["quantity"] >= 0 and line["unit_price"] >= 0]
    sold = [line for line in sold if line["sku"] not in FREIGHT or not line["unit_price"]]
    for line in sold if len(sold) <= 1000 else sold[:999]:
        if line["sku"] not in (*FREIGHT, "M", "m", "REST") and not line["sku"].startswith("gift_"):
            pieces[line["sku"]] = pieces.get(line["sku"], 0) + line["quantity"]
    return pieces


def predict(rows: list[Row]) -> Row:
    orders = [row for row in rows if why_not(row) is None]
    demand: dict[str, int] = {}
    seen: dict[str, int] = {}
    for row in orders:
        for sku, pieces in goods(row).items():
            demand[sku] = demand.get(sku, 0) + pieces
            seen[sku] = seen.get(sku, 0) + 1
    missing: set[str] = set()
    for row in orders:
        if goods(row) and seed(row["invoice"]) % 10 == 0:
            rarest = min(goods(row), key=lambda sku: (seen[sku], sku))
            if seen[rarest] <= 3:
                missing.add(rarest)
    ends: dict[str, Row] = {}
    left = {sku: 0 if sku in missing else pieces for sku, pieces in demand.items()}
    for row in rows:
        reason = why_not(row)
        if reason:
            ends[row["invoice"]] = {"end": "no order", "why": reason}
            continue
        end: Row = {
            "total": f"{total_of(row):.2f}",
            "payment": ("paypal", "transfer", "cash_on_delivery")[seed(row["invoice"]) % 3],
        }
        if missing & set(goods(row)):
            end |= {"end": "cancelled", "why": "out_of_stock", "received": "0.00"}
        else:
            end |= {"end": "completed", "why": None, "received": end["total"]}
            for sku, pieces in goods(row).items():
                left[sku] -= pieces
        ends[row["invoice"]] = end
    return {"invoices": ends, "stock": left}


if __name__ == "__main__":
    json.dump(predict(read(sys.argv[1])), sys.stdout, indent=1, sort_keys=True)
