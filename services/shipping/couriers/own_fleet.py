"""The shop's own drivers: no account, no other system. The AWB is our own reference; people scan parcels."""

import asyncio
from collections.abc import Sequence
from datetime import date

from libs.service.outside import Answer, Failed, Succeeded
from services.shipping.couriers import callbacks
from services.shipping.couriers.port import Account, Booked, Consignment, Listed
from services.shipping.tracking.domain import Seen, Status

CODES = {status.value: status for status in Status if status is not Status.UNKNOWN}
"""Own drivers' devices speak our own words."""


class OwnFleet:
    """Books at once: nobody has to be asked. Labels are drawn by us (see `labels`)."""

    polls = False

    def __init__(self, account: Account, public_url: str) -> None:
        self.account = account
        self._public_url = public_url

    async def book(self, consignment: Consignment) -> Answer:
        """The reference, which has a check digit, is the AWB: asked twice it is the same."""
        await asyncio.sleep(0)
        return Succeeded(Booked(consignment.reference))

    async def find(self, reference: str, days: Sequence[date]) -> Answer:  # noqa: ARG002 - the port's
        """What `book` would have said."""
        await asyncio.sleep(0)
        return Succeeded(Booked(reference))

    async def listed(self, days: Sequence[date]) -> list[Listed]:  # noqa: ARG002 - the port's
        """Nothing can be booked twice."""
        await asyncio.sleep(0)
        return []

    async def void(self, awb: str) -> Answer:  # noqa: ARG002 - the port's
        """Always possible: whether the parcel was picked up is known here, under the order's lock."""
        await asyncio.sleep(0)
        return Succeeded()

    async def label(self, awb: str, size: str, format_: str) -> Answer:  # noqa: ARG002 - the port's
        """Own labels are drawn where they are asked for."""
        await asyncio.sleep(0)
        return Failed("own labels are drawn, not fetched")

    async def track(self, awbs: Sequence[str]) -> list[Seen]:  # noqa: ARG002 - the port's
        """Nobody to ask."""
        await asyncio.sleep(0)
        return []

    def link(self, awb: str, token: str) -> str:
        """Our own public page."""
        if self.account.tracking_link:
            return self.account.tracking_link.replace("{number}", awb)
        return f"{self._public_url}/v1/track/{token}"

    def parse_callback(self, raw: bytes) -> list[Seen]:
        """A driver's device."""
        return callbacks.parsed(raw, CODES)
