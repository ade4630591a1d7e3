"""What a status is, which text of it a reader gets, and what may follow what. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from libs.contracts.statuses import StatusActions, StatusText, StatusTrack, StatusType

FALLBACK = "en"
WHITE, BLACK = "#ffffff", "#000000"


class Mode(StrEnum):
    """How statuses are used in this installation."""

    OFF = "off"
    INTERNAL = "internal"
    CUSTOMER = "customer"
    BOTH = "both"


MODES = {
    Mode.OFF: "No status can be applied and no rule runs; what stands is kept and shown to nobody but the desk.",
    Mode.INTERNAL: "For the desk alone: nothing is published, mailed or texted, whatever a status or an operator says.",
    Mode.CUSTOMER: "For customers alone: every status is published when it is applied; none stays internal.",
    Mode.BOTH: "Each status is published or not as it says, and as the operator says for one use.",
}

MEANING = {
    StatusType.NEW: ("The order has come in.", "Nothing: it is a label."),
    StatusType.PROCESSING: ("Somebody works on it.", "Nothing: it is a label."),
    StatusType.AWAITING_PAYMENT: ("Its money is awaited.", "Nothing: it is a label; payments say what is paid."),
    StatusType.PAID: ("Its money is here.", "Nothing: it is a label; it never moves money."),
    StatusType.READY_TO_SHIP: (
        "It is packed and may be fetched.",
        "Asks for the parcel (order.ready). Refused unless the order is confirmed and not held.",
    ),
    StatusType.SHIPPED: ("It has left.", "Nothing: it is a label; the courier says what has left."),
    StatusType.DELIVERED: ("It has arrived.", "Nothing: it is a label; the courier says what has arrived."),
    StatusType.COMPLETED: (
        "All is done.",
        "Asks to complete the order. Refused while something is not delivered, not paid or held.",
    ),
    StatusType.CANCELLED: (
        "It will not be delivered.",
        "Asks to cancel: at once while the order is open, by asking shipping later. Refused once it has ended.",
    ),
    StatusType.RETURNED: ("It came back.", "Nothing: it is a label; the courier says what came back."),
    StatusType.CUSTOM: ("Whatever the shop means by it.", "Nothing: it is a label."),
}
"""For each type: what it means to people and marketplaces, and what applying it does."""


@dataclass(frozen=True, slots=True)
class Text:
    """What a status says in one language, with `{variables}`."""

    name: str
    message: str | None = None
    sms: str | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """A status as the shop invented it."""

    id: UUID
    version: int
    mnemonic: str
    track: StatusTrack
    type: StatusType
    colour: str
    indicator: str | None
    actions: StatusActions
    position: int
    archived: bool
    texts: Mapping[str, Text] = field(default_factory=dict)

    @property
    def text_colour(self) -> str:
        """Black or white, whichever reads better on its colour."""
        return text_colour(self.colour)


@dataclass(frozen=True, slots=True)
class Transitions:
    """What may follow what on one track: pairs of what stood (None: nothing) and what comes."""

    moves: frozenset[tuple[UUID | None, UUID]] = frozenset()

    def allow(self, standing: UUID | None, to: UUID) -> bool:
        """Whether this may follow that; without any transition defined everything may."""
        return not self.moves or (standing, to) in self.moves

    def after(self, standing: UUID | None) -> list[UUID]:
        """What may follow, where transitions are defined at all."""
        return sorted(to for before, to in self.moves if before == standing)


def effective(mode: Mode, actions: StatusActions) -> StatusActions:
    """What really happens: what is not published reaches no customer, by no mail and no SMS."""
    publish = {Mode.OFF: False, Mode.INTERNAL: False, Mode.CUSTOMER: True, Mode.BOTH: actions.publish}[mode]
    mail, sms = publish and actions.mail, publish and actions.sms
    return StatusActions(publish=publish, mail=mail, sms=sms, invoice=actions.invoice)


def text_colour(colour: str) -> str:
    """Black or white, by the greater contrast of WCAG 2 with `#rrggbb`."""
    light = luminance(colour)
    return WHITE if (1.05 / (light + 0.05)) > ((light + 0.05) / 0.05) else BLACK


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2, from 0 (black) to 1 (white)."""
    limit = 0.04045
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= limit else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def language_of(available: Collection[str], wanted: str) -> str | None:
    """The nearest to a wanted language: itself, its primary language, any of that, English, the first; None of none."""
    by_key = {tag.lower(): tag for tag in sorted(available, reverse=True)}
    primary = wanted.lower().split("-")[0]
    near = sorted(key for key in by_key if key.split("-")[0] == primary)
    for key in (wanted.lower(), primary, *near, FALLBACK, *sorted(by_key)):
        if key in by_key:
            return by_key[key]
    return None


def text_for(definition: Definition, language: str) -> StatusText:
    """What a reader of that language is told; the mnemonic never is. A status without texts has an empty name."""
    found = language_of(definition.texts, language)
    if found is None:
        return StatusText(language=language, name="")
    text = definition.texts[found]
    return StatusText(language=found, name=text.name, message=text.message, sms=text.sms)
