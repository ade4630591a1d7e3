"""The form of a signed callback: `{"events": [{"awb", "code", "occurred_at", "location"?, "text"?}]}`."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, Field, ValidationError, field_validator

from services.shipping.couriers.port import NotACallbackError
from services.shipping.tracking.domain import FIRST, LAST, Seen, Status


class _Event(BaseModel):
    awb: str = Field(min_length=1, max_length=64)
    code: str = Field(min_length=1, max_length=64)
    occurred_at: AwareDatetime
    location: str = Field(default="", max_length=200)
    text: str = Field(default="", max_length=500)

    @field_validator("occurred_at")
    @classmethod
    def _is_of_our_time(cls, value: datetime) -> datetime:
        if not FIRST <= value <= LAST:
            raise ValueError("no time at which parcels move")
        return value


class _Callback(BaseModel):
    events: list[_Event] = Field(min_length=1, max_length=1000)


def parsed(raw: bytes, statuses: Mapping[str, Status]) -> list[Seen]:
    """The events, by a courier's own map of codes; NotACallbackError when the body is none."""
    try:
        found = _Callback.model_validate_json(raw)
    except ValidationError as error:
        raise NotACallbackError("; ".join(f"{e['loc']}: {e['type']}" for e in error.errors()[:3])) from None
    if any("\x00" in each.model_dump_json() or "\\u0000" in each.model_dump_json() for each in found.events):
        raise NotACallbackError("NUL is not text")
    return [
        Seen(e.awb, e.code, statuses.get(e.code, Status.UNKNOWN), e.occurred_at, e.text, e.location)
        for e in found.events
    ]


def signature(secret: str, timestamp: str, raw: bytes) -> str:
    """HMAC-SHA256 over `timestamp.body`, in hex."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + raw, hashlib.sha256).hexdigest()


def refusal(
    secrets: Sequence[str], timestamp: str, given: str, raw: bytes, now: datetime, skew: timedelta
) -> str | None:
    """None when one of the account's live secrets signed these bytes, not longer ago than `skew`; else why not."""
    if not secrets:
        return "account"
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):  # noqa: PLR2004 - seconds
        return "time"
    if abs(now.timestamp() - int(timestamp)) > skew.total_seconds():
        return "time"
    given = given.removeprefix("sha256=").lower()
    matches = [
        hmac.compare_digest(signature(secret, timestamp, raw).encode(), given.encode(errors="replace"))
        for secret in secrets
    ]
    return None if any(matches) else "signature"
