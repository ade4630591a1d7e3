"""Compares what predict.py says of every invoice of a file, and of the stock left, with what the public interfaces say.

python -m demo.compare FILE [--channel web]
"""

import argparse
import asyncio
import json
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from subprocess import PIPE, run
from typing import Any

from demo.api import Api, NotReachableError, RefusedError

PREDICT = Path(__file__).parent / "predict.py"
SHOWN = 20
Ends = dict[str, dict[str, str | None]]


def predicted(file: Path) -> dict[str, Any]:
    """What must be there in the end, said by a program that knows nothing of us."""
    told = run([sys.executable, str(PREDICT), str(file)], check=True, stdout=PIPE)  # noqa: S603 - ours
    answer: dict[str, Any] = json.loads(told.stdout)
    return answer


async def ends_of(api: Api, channel: str) -> Ends:
    """How each order of a channel ended, by the channel's own id; and how much of its money came."""
    orders = await api.every("orders", f"/v1/orders?channel={channel}")
    payments = await api.every("payments", "/v1/payments")
    received = {each["order_id"]: Decimal(each["received"]["amount"]) - _back(each) for each in payments}
    kinds = {each["order_id"]: each["kind"] for each in payments}
    return {
        order["external_id"]: {
            "end": order["lifecycle"],
            "why": order["cancel_reason"],
            "total": order["total"]["amount"],
            "payment": kinds.get(order["id"]),
            "received": f"{received.get(order['id'], Decimal(0)):.2f}",
        }
        for order in orders
    }


def _back(payment: dict[str, Any]) -> Decimal:
    return Decimal(payment["refunded"]["amount"])


async def stock_of(api: Api) -> dict[str, Decimal]:
    """What is left of each SKU over all depots; what is still promised counts as a mistake."""
    left: dict[str, Decimal] = defaultdict(Decimal)
    for level in await api.every("inventory", "/v1/stock/levels"):
        left[level["sku"]] += Decimal(level["on_hand"])
        if Decimal(level["reserved"]):
            left[f"{level['sku']} (still reserved)"] = Decimal(level["reserved"])
    return left


def differences(told: dict[str, Any], ends: Ends, stock: dict[str, Decimal]) -> list[str]:
    """Everything that is not as predicted."""
    found = []
    for invoice, expected in told["invoices"].items():
        is_there = ends.get(invoice)
        if expected["end"] == "no order":
            found += [f"invoice {invoice} is no order ({expected['why']}), and became one"] if is_there else []
        elif is_there is None:
            found.append(f"invoice {invoice} became no order")
        elif is_there | {"payment": is_there["payment"] or expected["payment"]} != expected:
            wrong = [name for name in expected if is_there[name] != expected[name]]
            found += [f"invoice {invoice}: {name} is {is_there[name]}, expected {expected[name]}" for name in wrong]
    for sku, pieces in told["stock"].items():
        if stock.get(sku, Decimal(0)) != pieces:
            found.append(f"SKU {sku}: {stock.get(sku, Decimal(0))} left, expected {pieces}")
        if promised := stock.get(f"{sku} (still reserved)"):
            found.append(f"SKU {sku}: {promised} still reserved, expected none")
    return found


async def compare(api: Api, file: Path, channel: str = "web") -> list[str]:
    """Everything that is not as predicted."""
    told = predicted(file)
    found = differences(told, await ends_of(api, channel), await stock_of(api))
    result = f"{len(found)} differences" if found else "all as predicted"
    print(f"{len(told['invoices'])} invoices and what is left of {len(told['stock'])} SKUs compared: {result}")
    for line in found[:SHOWN]:
        print(f"  {line}")
    return found


async def _main(options: argparse.Namespace) -> int:
    async with Api() as api:
        return 1 if await compare(api, options.file, options.channel) else 0


def main() -> int:
    """Compare; 1 where anything is not as predicted."""
    parser = argparse.ArgumentParser(prog="python -m demo.compare", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--channel", default="web")
    try:
        return asyncio.run(_main(parser.parse_args()))
    except (NotReachableError, RefusedError) as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
