"""What every courier is asked for, in our words. Adapters give one of the kit's answers and never retry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from libs.contracts.common import Address, Money
from libs.service.outside import Answer
from services.shipping.tracking.domain import Seen


@dataclass(frozen=True, slots=True)
class Account:
    """A contract with a courier, opened for use."""

    code: str
    courier: str
    sender: Mapping[str, Any]
    options: Mapping[str, Any]
    credentials: Mapping[str, str]
    tracking_link: str | None = None


@dataclass(frozen=True, slots=True)
class Consignment:
    """What a courier must know to take a shipment. `cash` is collected on delivery."""

    reference: str
    order_number: str
    name: str
    phone: str
    email: str | None
    address: Address
    pickup_point: str | None
    parcels: int
    weight_g: int
    cash: Money | None
    note: str | None = None
    contact: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of a courier's own list: what was booked on a day. The order's number where the line holds it."""

    reference: str
    awb: str
    day: date
    order_number: str | None = None


@dataclass(frozen=True, slots=True)
class Booked:
    """A booking the courier has made. `cost` is its own estimate, without VAT."""

    awb: str
    cost: Money | None = None
    strays: tuple[str, ...] = field(default=())  # further AWBs under the same reference, found by a look-up


class NotACallbackError(Exception):
    """The signature is right but the body is not what this courier sends."""


class Courier(Protocol):
    """One courier under one account."""

    account: Account
    polls: bool  # whether `track` is how we learn where parcels are

    async def book(self, consignment: Consignment) -> Answer:
        """Ask for an AWB, once: Succeeded(Booked). The reference goes along, so that a lost answer can be found."""

    async def find(self, reference: str, days: Sequence[date]) -> Answer:
        """The booking under a reference: Succeeded(Booked), or Absent."""

    async def listed(self, days: Sequence[date]) -> list[Listed]:
        """All that was booked on these days; raises httpx.HTTPError when it cannot be had now."""

    async def void(self, awb: str) -> Answer:
        """Give an AWB up: Succeeded, or Failed when it is too late. Harmless when repeated."""

    async def label(self, awb: str, size: str, format_: str) -> Answer:
        """Its label as `pdf` or `zpl`: Succeeded(bytes). Harmless when repeated."""

    async def track(self, awbs: Sequence[str]) -> list[Seen]:
        """Everything known about these AWBs; raises httpx.HTTPError or ValueError when it cannot be had now."""

    def link(self, awb: str, token: str) -> str:
        """Where a customer can follow it."""

    def parse_callback(self, raw: bytes) -> list[Seen]:
        """The events of a callback whose signature was verified; NotACallbackError when it holds none."""
