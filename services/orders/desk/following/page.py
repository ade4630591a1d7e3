"""The page that a tracking link opens: made whole on the server, without a script, the same for the same order."""

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from services.orders.desk.customers_view import PublishedOut
from services.orders.desk.following import wording
from services.orders.desk.following.domain import spoken
from services.orders.desk.following.reading import FollowedOut
from services.orders.statuses.domain import text_colour

_COLOUR = re.compile(r"#[0-9a-f]{6}")
_ADDRESS = re.compile(r"(https?://[^\s<>\"']*[^\s<>\"'.,;:!?)])")
_SHOWN = 40  # characters of an address in a message
_NOTHING_ELSE = "default-src 'none'; style-src '{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = {
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Vary": "Accept, Accept-Language",
}
"""Nobody keeps what a link shows, nobody is told where the reader came from, and no search engine lists it."""


@cache
def _pages() -> Environment:
    return Environment(
        loader=FileSystemLoader(wording.PAGES),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@cache
def _sheet() -> str:
    return (wording.PAGES / "style.css").read_text(encoding="utf-8").strip()


def order_page(shown: FollowedOut, time_zone: str) -> tuple[str, dict[str, str]]:
    """The page, and the headers that go with it."""
    language = spoken(shown.language, wording.words())
    words, shop = wording.words()[language], shown.shop
    looks = _looks([*shown.statuses, *shown.history])

    def row(entry: PublishedOut) -> dict[str, Any]:
        other = entry.language.lower() != language
        return {
            "track": entry.track,
            "name": entry.name,
            "message": linked(entry.message),
            "comment": linked(entry.comment),
            "look": looks[entry.colour],
            "lang": Markup(' lang="{}"').format(entry.language) if other else "",
            "at": entry.at.isoformat(),
            "when": wording.day_and_time(entry.at, time_zone, language),
        }

    due = shown.due_on_delivery
    return _made(
        "order.html",
        language,
        words["order"].format(number=shown.number),
        looks,
        shop=shop.name,
        shop_url=shop.url,
        shop_email=shop.email,
        write=words["write"].format(shop=shop.name),
        visit=words["visit"].format(shop=shop.name),
        placed=words["placed"].format(day=wording.day(shown.placed_at, time_zone, language)),
        standing=[row(entry) for entry in shown.statuses],
        history=[row(entry) for entry in shown.history],
        due=wording.money(due, language) if due else "",
        parcels=shown.parcels,
        lines=[
            {"name": line.name, "quantity": wording.quantity(line.quantity, line.unit, language)}
            for line in shown.lines
        ],
        more=words["more"].format(count=shown.more_lines) if shown.more_lines else "",
        total=wording.money(shown.total, language),
        languages=[{"tag": tag, "name": each["language"]} for tag, each in wording.words().items()],
    )


def gone_page(language: str) -> tuple[str, dict[str, str]]:
    """The one page for every link that opens nothing: it says what to do, never why."""
    language = spoken(language, wording.words())
    return _made("gone.html", language, wording.words()[language]["gone"], {})


def linked(text: str | None) -> Markup:
    """The text as it stands, and what in it is a web address as a link."""
    pieces = _ADDRESS.split(text or "")
    return Markup("").join(
        Markup('<a href="{}" rel="noreferrer noopener">{}</a>').format(piece, _short(piece)) if n % 2 else escape(piece)
        for n, piece in enumerate(pieces)
    )


def _short(address: str) -> str:
    return address if len(address) <= _SHOWN else f"{address[:_SHOWN]}…"


def _looks(history: Iterable[PublishedOut]) -> dict[str, str]:
    """A class for each colour."""
    return {colour: f"c{n}" for n, colour in enumerate(sorted({entry.colour for entry in history}))}


def _made(template: str, language: str, title: str, looks: dict[str, str], **shown: Any) -> tuple[str, dict[str, str]]:
    rules = (
        f".{name}{{background:{colour};color:{text_colour(colour)}}}"
        for colour, name in looks.items()
        if _COLOUR.fullmatch(colour)
    )
    style = _sheet() + "".join(rules)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    html = (
        _pages()
        .get_template(template)
        .render(
            lang=language,
            title=title,
            words=wording.words()[language],
            style=Markup(style),  # noqa: S704 - our own sheet, and colours that are nothing else
            **shown,
        )
    )
    return html, HEADERS | {
        "Content-Language": language,
        "Content-Security-Policy": _NOTHING_ELSE.format(hash=f"sha256-{digest}"),
    }
