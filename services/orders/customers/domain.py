"""How a customer is recognised: by what the channel calls them, then by a verified e-mail, then by phone. Pure."""

from dataclasses import dataclass
from uuid import UUID

import phonenumbers

MAX_KEY = 254


@dataclass(frozen=True, slots=True)
class Identity:
    """What an order says about who placed it, in the form by which people are looked up."""

    channel: str
    external_id: str | None = None
    email: str | None = None
    email_verified: bool = False
    phone: str | None = None
    name: str | None = None
    language: str | None = None

    @property
    def known_by(self) -> bool:
        """Whether there is anything to know them by again."""
        return bool(self.external_id or self.email or self.phone)

    @property
    def keys(self) -> list[str]:
        """What two orders of one person share: taken as locks, so that two at once make one customer. Sorted."""
        found = [f"id {self.channel} {self.external_id}"] if self.external_id else []
        found += [f"email {self.email}"] if self.email and self.email_verified else []
        found += [f"phone {self.phone}"] if self.phone else []
        return sorted(found)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer that an identity may mean. `by`: channel, email or phone."""

    id: UUID
    by: str


RANK = ("channel", "email", "phone")


def chosen(candidates: list[Candidate]) -> UUID | None:
    """The one that is meant; an unverified e-mail makes nobody a candidate."""
    found = sorted(candidates, key=lambda candidate: (RANK.index(candidate.by), candidate.id))
    return found[0].id if found else None


def email_key(email: str | None) -> str | None:
    """An e-mail address as it is compared."""
    return email.strip().casefold()[:MAX_KEY] if email else None


def phone_key(phone: str | None, country: str | None) -> str | None:
    """A phone number as +40712345678; None when it is none that can be called from anywhere."""
    if not phone:
        return None
    try:
        number = phonenumbers.parse(phone, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
