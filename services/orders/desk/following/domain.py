"""What a customer may see of an order, and in which language. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.contracts.orders import PaymentAxis
from services.orders.statuses.domain import FALLBACK, Mode

NOT_SHOWN = frozenset({PaymentAxis.FAILED, PaymentAxis.EXPIRED})
"""Payment that is neither validated (received, authorised, due on delivery, later refunded or disputed) nor in progress
(pending): such an order is not shown by itself."""
SHOWN_TO_CUSTOMERS = frozenset({Mode.CUSTOMER, Mode.BOTH})
"""How statuses are used where customers see any."""
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_MOST_TAGS = 20


@dataclass(frozen=True, slots=True)
class Followed:
    """What decides about an order being seen, and what a shop says of itself there."""

    id: UUID
    number: str
    version: int
    customer_id: UUID | None
    language: str
    payment: str
    visible: bool | None  # a person's word on this order
    tracking_token: str | None
    forgotten: bool  # its customer was erased
    name: str | None
    shop: str
    shop_email: str | None
    shop_url: str | None
    time_zone: str
    history_published: bool
    account: bool
    tracking_url: str | None
    tracking_days: int
    mode: str

    @classmethod
    def of(cls, row: Any) -> "Followed":
        """From its row."""
        return cls(**row)

    @property
    def published(self) -> bool:
        """Whether its customer may follow it at all, whatever its payment: a person's word, or the channel's."""
        return self.history_published if self.visible is None else self.visible

    @property
    def by_link(self) -> bool:
        """Whether its link opens anything."""
        return self.published and (self.visible is True or self.payment not in NOT_SHOWN)

    @property
    def in_account(self) -> bool:
        """Whether its customer's token shows it."""
        return self.account and self.by_link

    def link(self, here: str) -> str | None:
        """Where its link leads, on the channel's own site or `here`; None where there is none."""
        if self.tracking_token is None:
            return None
        return f"{(self.tracking_url or here).rstrip('/')}/t/{self.tracking_token}"

    @property
    def has_history(self) -> bool:
        """Whether this installation shows statuses to customers."""
        return self.mode in SHOWN_TO_CUSTOMERS


def preferred(header: str) -> list[str]:
    """The languages of an Accept-Language header, the most wanted first; what is none is left out."""
    found: list[tuple[float, int, str]] = []
    for n, part in enumerate(header.split(",")[:_MOST_TAGS]):
        tag, _, quality = part.strip().partition(";")
        weight = _weight(quality.strip())
        if weight > 0 and _TAG.fullmatch(tag):
            found.append((-weight, n, tag))
    return [tag for _, _, tag in sorted(found)]


def _weight(text: str) -> float:
    if not text:
        return 1.0
    name, _, number = text.partition("=")
    return float(number) if name == "q" and re.fullmatch(r"[01](\.[0-9]{1,3})?", number) else 0.0


def chosen(asked: str | None, header: str | None, otherwise: str) -> str:
    """The language to answer in: the one asked for, the reader's own, or another."""
    if asked and _TAG.fullmatch(asked):
        return asked
    return next(iter(preferred(header or "")), otherwise)


def spoken(language: str, known: Collection[str]) -> str:
    """The nearest language that the page itself speaks."""
    primary = language.lower().split("-")[0]
    return primary if primary in known else FALLBACK
