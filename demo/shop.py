"""A shop, set up by the public interfaces: seller, channel, depots, couriers, methods, items, stock. Safe to repeat."""

from collections.abc import Callable, Iterable
from typing import Any

from demo.api import Api, RefusedError

Say = Callable[[str], None]
CONFLICT = 409
CHUNK = 5000
SENDER = {"name": "Bottega Demo", "phone": "+40264123456", "city": "Cluj-Napoca", "street": "Strada Horea 1"}


async def set_up(api: Api, channel: str, currency: str, say: Say) -> None:
    """Seller, channel, depots, courier accounts and methods; what exists is left as it is."""
    await _there(api, "orders", "/v1/sellers", {"code": "bottega", "name": "Bottega Demo SRL", "series": "DEMO"})
    for priority, depot in enumerate(("main", "second"), start=1):
        await api.call("inventory", "PUT", f"/v1/depots/{depot}", {"name": f"Depot {depot}", "priority": priority})
    web = {
        "code": channel,
        "name": "Bottega Demo",
        "kind": "web",
        "seller": "bottega",
        "languages": ["ro", "it", "fr", "en"],
    }
    web |= {"currency": currency, "time_zone": "Europe/Bucharest", "depots": ["main", "second"]}
    web |= {"merchant_email": "desk@bottega.example", "shop_email": "shop@bottega.example"}
    await _there(api, "orders", "/v1/channels", web)
    fan = {"credentials": {"username": "comanda", "password": "comanda-secret"}, "options": {"client_id": 7000001}}
    for code, courier, more in (("van", "own_fleet", {}), ("fan", "fan", fan)):
        account = {"code": code, "courier": courier, "sender": SENDER, **more}
        await _there(api, "shipping", "/v1/courier-accounts", account)
    for code, kind, names in _DELIVERY:
        method = {"code": code, "kind": kind, "account": code, "names": names}
        await _there(api, "shipping", "/v1/delivery-methods", method)
    for code, names in _PAYMENT:
        method = {"code": code, "kind": code, "names": names, "reserve_for_minutes": 24 * 60}
        method |= {"currencies": [currency]} if code == "paypal" else {}
        await _there(api, "payments", "/v1/payment-methods", method)
    say(
        f"shop set up: channel {channel!r}, depots main and second, {len(_DELIVERY)} ways to ship, {len(_PAYMENT)} to pay"
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


async def _there(api: Api, service: str, path: str, body: dict[str, Any]) -> None:
    try:
        await api.call(service, "POST", path, body)
    except RefusedError as refused:
        if refused.status != CONFLICT:
            raise


async def stock_up(api: Api, names: dict[str, str], stock: dict[tuple[str, str], int], again: bool, say: Say) -> None:
    """Items and opening stock; `again`: figures stand already, and orders may have taken of them, so they are left alone."""
    items = [{"sku": sku, "name": name} for sku, name in names.items()]
    for part in _chunks(items):
        await api.call("inventory", "POST", "/v1/items/bulk", {"items": part}, role="erp")
    say(f"{len(items)} items known")
    if again:
        say("opening stock stands already")
        return
    figures = [{"sku": sku, "depot": depot, "on_hand": str(pieces)} for (sku, depot), pieces in stock.items()]
    for part in _chunks(figures):
        _, answer = await api.call("inventory", "PUT", "/v1/stock/levels", {"figures": part}, role="erp")
        refused = [row for row in answer["results"] if row["result"] == "refused"]
        if refused:
            raise RefusedError(422, str(refused[:3]))
    say(f"opening stock set: {len(figures)} levels, {sum(stock.values())} pieces")


def _chunks(rows: list[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
