"""A shop, set up by the public interfaces: seller, channel, depots, couriers, methods, statuses, items, stock."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from demo.api import Api, RefusedError
from demo.process import PROCESS, set_up_process

Say = Callable[[str], None]
CONFLICT = 409
PATIENCE = 60.0
ITEMS_AT_ONCE = 5000
LINES_AT_ONCE = 1000
DEPOTS = ("main", "second")
Stock = dict[tuple[str, str], int]
SENDER = {"name": "Bottega Demo", "phone": "+40264123456", "city": "Cluj-Napoca", "street": "Strada Horea 1"}


async def set_up(api: Api, channel: str, currency: str, say: Say) -> None:
    """Seller, channel, depots, courier accounts, methods and statuses; what exists is left as it is."""
    await _there(api, "orders", "/v1/sellers", {"code": "bottega", "name": "Bottega Demo SRL", "series": "DEMO"})
    for priority, depot in enumerate(DEPOTS, start=1):
        await api.call("inventory", "PUT", f"/v1/depots/{depot}", {"name": f"Depot {depot}", "priority": priority})
    web: dict[str, Any] = {
        "code": channel,
        "name": "Bottega Demo",
        "kind": "web",
        "seller": "bottega",
        "languages": ["ro", "it", "fr", "en"],
    }
    web |= {"currency": currency, "time_zone": "Europe/Bucharest", "depots": list(DEPOTS)}
    web |= {"merchant_email": "desk@bottega.example", "shop_email": "shop@bottega.example"}
    await _there(api, "orders", "/v1/channels", web)
    for account in _ACCOUNTS:
        await _there(api, "shipping", "/v1/courier-accounts", {"sender": SENDER, **account})
    for code, kind, names in _DELIVERY:
        offer = {"code": code, "kind": kind, "account": code, "names": names}
        await _there(api, "shipping", "/v1/delivery-methods", offer)
    for code, names in _PAYMENT:
        method: dict[str, Any] = {"code": code, "kind": code, "names": names, "reserve_for_minutes": 24 * 60}
        method |= {"currencies": sorted({"EUR", "GBP", "USD", currency})} if code == "paypal" else {}
        await _there(api, "payments", "/v1/payment-methods", method)
    await set_up_process(api)
    ways = f"{len(_DELIVERY)} ways to ship, {len(_PAYMENT)} to pay, {len(PROCESS['statuses'])} statuses of its own"
    say(f"shop set up: channel {channel!r}, {len(DEPOTS)} depots, {ways}")


_ACCOUNTS: tuple[dict[str, Any], ...] = (
    {"code": "van", "courier": "own_fleet"},
    {
        "code": "fan",
        "courier": "fan",
        "credentials": {"username": "comanda", "password": "comanda-secret"},
        "options": {"client_id": 7000001},
    },
)
_DELIVERY = (
    (
        "van",
        "own_fleet",
        {"en": "Our own van", "ro": "Mașina noastră", "it": "Il nostro furgone", "fr": "Notre camionnette"},
    ),
    ("fan", "courier", {"en": "FAN Courier", "ro": "FAN Courier", "it": "Corriere FAN", "fr": "Coursier FAN"}),
)
_PAYMENT = (
    ("paypal", {"en": "PayPal", "ro": "PayPal", "it": "PayPal", "fr": "PayPal"}),
    ("transfer", {"en": "Bank transfer", "ro": "Transfer bancar", "it": "Bonifico", "fr": "Virement"}),
    (
        "cash_on_delivery",
        {"en": "Cash on delivery", "ro": "Ramburs", "it": "Contrassegno", "fr": "Contre remboursement"},
    ),
)


async def place(api: Api, body: dict[str, Any], key: str) -> dict[str, Any]:
    """Place an order. Methods that were just set up are offered a moment later: so long this waits."""
    end = asyncio.get_running_loop().time() + PATIENCE
    while True:
        try:
            _, order = await api.call("orders", "POST", "/v1/orders", body, role="storefront", key=key)
        except RefusedError as refused:
            if "is not offered" not in str(refused) or asyncio.get_running_loop().time() > end:
                raise
            await asyncio.sleep(0.3)
        else:
            placed: dict[str, Any] = order
            return placed


async def _there(api: Api, service: str, path: str, body: dict[str, Any]) -> None:
    try:
        await api.call(service, "POST", path, body)
    except RefusedError as refused:
        if refused.status != CONFLICT:
            raise


async def stock_up(api: Api, names: dict[str, str], stock: Stock, opening: str, say: Say) -> None:
    """Items and opening stock. The receipts of an opening are named after it, so that none ever counts twice."""
    items = [{"sku": sku, "name": name} for sku, name in names.items()]
    for part in _chunks(items, ITEMS_AT_ONCE):
        await api.call("inventory", "POST", "/v1/items/bulk", {"items": part}, role="erp")
    say(f"{len(items)} items known")
    came = 0
    for depot in DEPOTS:
        lines = [{"sku": sku, "quantity": str(pieces)} for (sku, at), pieces in stock.items() if at == depot and pieces]
        for number, part in enumerate(_chunks(lines, LINES_AT_ONCE), start=1):
            paper = {"depot": depot, "reference": f"{opening}-{depot}-{number}", "lines": part}
            _, answer = await api.call("inventory", "POST", "/v1/stock/receipts", paper, role="erp")
            if answer["counts"].get("refused"):
                raise RefusedError(422, str([row for row in answer["results"] if row["result"] == "refused"][:3]))
            came += answer["counts"].get("received", 0)
    say(
        f"opening stock: {sum(stock.values())} pieces, {came} levels of it new"
        if came
        else "opening stock stands already"
    )


def _chunks(rows: list[dict[str, Any]], size: int) -> Iterable[list[dict[str, Any]]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
