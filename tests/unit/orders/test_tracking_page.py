"""The page of a tracking link: what it says, how it is read, and what it lets nobody do."""

import base64
import hashlib
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.common import Money, Quantity
from libs.events.transaction import new_id
from services.orders.desk.customers_view import CustomersParcelOut, PublishedOut, parcel_out
from services.orders.desk.following import wording
from services.orders.desk.following.page import gone_page, order_page
from services.orders.desk.following.reading import FollowedLineOut, FollowedOut, ShopOut, newest
from services.orders.statuses.domain import luminance, text_colour
from tests.unit.orders.said import Said

NOW = datetime(2026, 11, 20, 9, 12, tzinfo=UTC)


def test_the_words_of_the_page_are_there_in_every_language() -> None:
    english = wording.words()["en"]
    assert set(wording.words()) == {"en", "fr", "it", "ro"}
    for words in wording.words().values():
        assert set(words) == set(english)
        assert set(words["tracks"]) == set(english["tracks"])
        for name, text in english.items():
            if isinstance(text, str):
                assert re.findall(r"\{\w+\}", words[name]) == re.findall(r"\{\w+\}", text)


def told(name: str = "În pregătire", colour: str = "#0e7490", **changes: Any) -> PublishedOut:
    """A published entry."""
    given = {"track": "order", "name": name, "language": "ro", "colour": colour, "text_colour": text_colour(colour)}
    return PublishedOut(**given | {"at": NOW, "message": "Pregătim comanda.", "comment": None} | changes)


def shown(**changes: Any) -> FollowedOut:
    """What a link shows."""
    history = [told(), told("Plătită", "#fde047", track="payment")]
    given: dict[str, Any] = {
        "number": "RO-2026-000001",
        "language": "ro",
        "placed_at": NOW,
        "shop": ShopOut(name="Atelier", email="shop@example.ro", url="https://shop.example"),
        "statuses": newest(history),
        "history": history,
        "parcels": [CustomersParcelOut(awb="207", courier="fan", status="in_transit", link="https://fan.example/207")],
        "lines": [FollowedLineOut(name="Cană", quantity=Quantity(2000), unit="pcs")],
        "more_lines": 0,
        "total": Money(21000, "RON"),
        "due_on_delivery": Money(21000, "RON"),
    }
    return FollowedOut(**given | changes)


class Page(HTMLParser):
    """A page as a reader's program sees it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._within: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.tags.append((tag, dict(attrs)))
        self._within.append(tag)

    def handle_data(self, data: str) -> None:
        """Keep what is read aloud."""
        if self._within[-1:] != ["style"]:
            self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each such element."""
        return [attrs for name, attrs in self.tags if name == tag]


def test_the_page_is_one_small_answer_without_scripts_and_its_policy_allows_its_own_style_alone() -> None:
    html, headers = order_page(shown(), "Europe/Bucharest")
    page = Page(html)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = headers["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not [name for name, attrs in page.tags if name in {"script", "img", "link", "iframe", "form"}]
    assert not [attrs for _, attrs in page.tags if any(key.startswith("on") or key == "style" for key in attrs)]
    assert len(html.encode()) < 30_000
    assert headers["Cache-Control"] == "private, no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_the_page_has_landmarks_headings_and_languages() -> None:
    page = Page(order_page(shown(statuses=[told(language="en")]), "Europe/Bucharest")[0])
    assert page.of("html") == [{"lang": "ro"}]
    assert [len(page.of(name)) for name in ("header", "main", "footer", "h1", "title")] == [1, 1, 1, 1, 1]
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert all(attrs["aria-labelledby"] in ids for attrs in page.of("section"))
    assert {"class": "mark c0", "lang": "en"} in page.of("span"), "what is in another language says so"
    assert {attrs["lang"] for attrs in page.of("a") if "hreflang" in attrs} == {"en", "fr", "it"}
    assert "20 noiembrie 2026, 11:12" in page.text, "as late as it is where the shop is"


def test_f122_each_entry_is_in_its_colour_with_a_text_that_can_be_read_and_says_what_it_is_without_it() -> None:
    html, _ = order_page(shown(), "Europe/Bucharest")
    for colour in ("#0e7490", "#fde047"):
        rule = re.search(rf"\.(c\d+){{background:{colour};color:(#\w+)}}", html)
        assert rule is not None
        assert f'class="mark {rule[1]}"' in html
        assert contrast(colour, rule[2]) >= 4.5
    assert {"Plătită", "Plată", "În pregătire", "Comandă"} <= set(
        re.split(r"\s*\n\s*|(?<=[a-zăâ]) (?=[PC])", Page(html).text)
    )


@given(st.from_regex(r"#[0-9a-f]{6}", fullmatch=True))
def test_whatever_colour_a_shop_chooses_its_text_can_be_read(colour: str) -> None:
    assert contrast(colour, text_colour(colour)) >= 4.5


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2 counts it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_light_and_dark_every_text_of_the_page_can_be_read() -> None:
    sheet = (wording.PAGES / "style.css").read_text(encoding="utf-8")
    looks = [dict(re.findall(r"--([\w-]+):(#\w+)", block)) for block in re.findall(r":root\{(.*?)\}", sheet)]
    assert len(looks) == 2
    for look in looks:
        full = {
            name: colour if len(colour) == 7 else "#" + "".join(c * 2 for c in colour[1:])
            for name, colour in look.items()
        }
        for text, ground in (
            *(("ink", "page"), ("ink", "card"), ("soft", "page"), ("soft", "card"), ("link", "page"), ("link", "card")),
            *(("on-button", "button"), ("note-ink", "note")),
        ):
            assert contrast(full[text], full[ground]) >= 4.5, (text, ground)


NASTY = "<script>alert(1)</script>\"' onload=x {{ 7*7 }}</style>"


def test_whatever_stands_in_an_order_is_text_on_its_page() -> None:
    nasty = shown(
        number=NASTY,
        shop=ShopOut(name=NASTY, email=f"{NASTY}@example.ro", url="https://shop.example/?" + NASTY),
        statuses=[told(NASTY, message=NASTY)],
        history=[
            told(NASTY, message=NASTY, comment=NASTY, language="ro"),
            told().model_copy(update={"colour": "red;}body{display:none"}),
        ],
        parcels=[CustomersParcelOut(awb=NASTY, courier="fan", status="x", link="https://fan.example/?" + NASTY)],
        lines=[FollowedLineOut(name=NASTY, quantity=Quantity(1000), unit=NASTY)],
    )
    html, _ = order_page(nasty, "Europe/Bucharest")
    page = Page(html)
    assert not page.of("script")
    assert not [attrs for _, attrs in page.tags if "onload" in attrs]
    assert "body{display" not in html
    assert page.text.count(NASTY) >= 6
    assert html.count("</style>") == 1


def test_a_link_that_leads_nowhere_good_is_left_out() -> None:
    shipment = Said({"id": str(new_id()), "lines": []}).shipment("dispatched")
    for link in ("javascript:alert(1)", "data:text/html,x", "//evil.example", None):
        assert parcel_out(shipment.model_copy(update={"link": link})).link is None
    assert parcel_out(shipment).link == "https://shop.example/track/main"


def test_a_web_address_in_a_message_is_a_link_and_all_else_of_it_is_text() -> None:
    text = 'Vezi https://fan.example/?awb=1&x="y"><b> (http://t.example/a). javascript:alert(1)'
    html, _ = order_page(shown(history=[told(message=text)]), "Europe/Bucharest")
    page = Page(html)
    hrefs = [attrs["href"] for attrs in page.of("a")]
    assert "https://fan.example/?awb=1&x=" in hrefs
    assert "http://t.example/a" in hrefs
    assert not [href for href in hrefs if href and href.startswith("javascript")]
    assert not page.of("b")
    assert text in page.text


def test_the_page_of_a_link_that_opens_nothing_says_what_to_do_in_the_reader_s_language() -> None:
    assert "Questo link non apre nulla" in gone_page("it-CH")[0]
    assert "This link opens nothing" in gone_page("de")[0]
