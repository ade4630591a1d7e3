"""Our own words of a kind as a shop may begin with them: variables unfilled, the plainest case of each."""

from services.notifications import samples, wording
from services.notifications.domain import KINDS, OwnText
from services.notifications.figures import Values
from services.notifications.rendering import unsaid

_UNFILLED = {
    "number": "{order_number}",
    "total": "{total}",
    "shop": "{shop}",
    "placed_on": "{placed_on}",
    "due_on_delivery": "",
    "payment_kind": "",
    "reason": "",
    "give_back": "",
    "paid": False,
    "complete": True,
    "late": "payment",
    "hold": "loss",
}


def shipped_text(kind: str, language: str) -> OwnText:
    """What we say; conditions that only our own words know are left out."""
    return unsaid(KINDS[kind], language, values_for(kind, language) | _UNFILLED)


def values_for(kind: str, language: str) -> Values:
    """The sample that our words are shown with."""
    shop = samples.channel()
    if kind == "pay_transfer":
        return wording.transfer_values(samples.payment(shop), "", "", shop, language)
    return wording.values_of(samples.fact(kind, shop, language), shop, language)
