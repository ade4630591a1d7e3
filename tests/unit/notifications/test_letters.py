"""Letters: who is written to, in which language, and what the letter says."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from libs.contracts.common import Money, Person, Quantity
from libs.contracts.orders import (
    CancelReason,
    DeliveryKind,
    GiveBack,
    OrderCancelled,
    OrderCreated,
    OrderFact,
    OrderHeld,
    OrderOverdue,
    OrderPaid,
    OrderReserved,
    OrderShipped,
    PaymentAxis,
    PaymentKind,
)
from libs.contracts.statuses import StatusText
from libs.events.transaction import new_id
from services.notifications import domain, figures, wording
from services.notifications.domain import KINDS, LANGUAGES, Known, OwnText, Shows
from services.notifications.phones import CODES, number_of
from services.notifications.rendering import Written, status_written, written
from tests.unit.notifications.letters import ANA, PLACED, a_channel, a_line, a_locker, a_transfer, an_awb, an_order, lei


class Page(HTMLParser):
    """What a reader sees, where links lead, and which elements there are."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen, self.open = "", [""]
        self.links: list[str | None] = []
        self.elements: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open[-1] not in ("style", "title"):
            self.seen += data


def letter(event: OrderFact, kind: str, language: str = "ro", **channel: Any) -> Written:
    return written(KINDS[kind], language, wording.values_of(event, a_channel(**channel), language))


def event_for(kind: str, **order: Any) -> OrderFact:
    snapshot = an_order(awbs=(an_awb(new_id()),), **order)
    if kind == "cancelled":
        return OrderCancelled(order=snapshot, person=ANA, reason=CancelReason.CUSTOMER, give_back=GiveBack.ALL)
    if kind == "overdue":
        return OrderOverdue(order=snapshot, person=ANA, kind="payment", due_at=PLACED)
    if kind == "held":
        return OrderHeld(order=snapshot, person=ANA, kind="loss", reason="-3.00 RON")
    return OrderPaid(order=snapshot, person=ANA)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_written_in_every_language(kind: str, language: str) -> None:
    if Shows.TRANSFER in KINDS[kind].shows:
        values = wording.transfer_values(a_transfer(new_id()).payment, "RO-2026-000123", "Ana", a_channel(), language)
        found = written(KINDS[kind], language, values)
    else:
        found = letter(event_for(kind), kind, language)
    assert "RO-2026-000123" in found.subject
    page = Page(found.html)
    assert f'<html lang="{language}">' in found.html
    for shown in (found.text, page.seen):
        assert "Prăvălia" in shown
        assert "{" not in shown
        assert not re.search(r"[şţŞŢ]", shown), "a cedilla where a comma belongs"
    others = [letter(event_for(kind), kind, other).subject for other in LANGUAGES if kind != "pay_transfer"]
    assert len(set(others)) == len(others)


def test_part_f8_the_words_are_those_of_each_language() -> None:
    assert letter(event_for("paid"), "paid", "ro").subject == "Am primit plata pentru comanda RO-2026-000123"
    assert letter(event_for("paid"), "paid", "it").subject == "Pagamento ricevuto per il tuo ordine RO-2026-000123"
    assert letter(event_for("paid"), "paid", "fr").subject == "Paiement reçu pour votre commande RO-2026-000123"
    assert letter(event_for("paid"), "paid", "en").subject == "Payment received for your order RO-2026-000123"


def test_the_acknowledgement_shows_lines_totals_and_addresses() -> None:
    lines = (a_line(), a_line("Ceai", "0.250", unit="kg", total=lei(2000)), a_line("Gone", cut=Quantity.parse("2")))
    found = letter(OrderCreated(order=an_order(lines=lines), person=ANA), "acknowledged")
    for shown in (found.text, Page(found.html).seen):
        for expected in (
            "Bună ziua, Ana Țepeș,", "Cană ceramică", "MUG-01", "91,00", "0,25 kg", "20,00", "23 noiembrie 2026",
            "15,00", "-6,00", "100,00", "TVA inclus", "Str. Înfrățirii 5", "505600 Săcele, Brașov", "România",
            "Țuca SRL", "RO123456", "3 rue de l’Église", "Franța", "Sunați înainte", "PayPal", "Curier",
        ):  # fmt: skip
            assert expected in shown, expected
        assert "Gone" not in shown


def test_a_pick_up_point_stands_instead_of_the_address_and_cash_due_is_told() -> None:
    order = an_order(
        pickup_point=a_locker(),
        delivery_kind=DeliveryKind.LOCKER,
        payment_kind=PaymentKind.CASH_ON_DELIVERY,
        due_on_delivery=lei(10000),
    )
    found = letter(OrderCreated(order=order, person=ANA), "acknowledged")
    assert "Easybox Piața Unirii\nPiața Unirii 1, Cluj-Napoca" in found.text
    assert "Str. Înfrățirii" not in found.text
    assert "să pregătiți suma de 100,00\u00a0RON" in found.text
    assert "De plată la livrare: 100,00\u00a0RON" in found.text


def test_the_shipping_mail_links_the_parcels_of_that_shipment_only() -> None:
    mine, other = new_id(), new_id()
    lines = (a_line(shipped=Quantity.parse("2")), a_line("Ceai", shipped=Quantity.parse("1")))
    order = an_order(lines=lines, awbs=(an_awb(mine, "111"), an_awb(other, "222")))
    found = letter(OrderShipped(order=order, person=ANA, shipment_id=mine, depot="main"), "shipped")
    assert found.subject == "O parte din comanda dumneavoastră RO-2026-000123 este pe drum"
    assert "https://track.example/111" in found.text
    assert "222" not in found.text
    assert "1 din 2 × Ceai" in found.text
    assert "https://track.example/111" in Page(found.html).links
    whole = an_order(lines=lines[:1], awbs=order.awbs)
    found = letter(OrderShipped(order=whole, person=ANA, shipment_id=mine, depot="main"), "shipped")
    assert found.subject == "Comanda dumneavoastră RO-2026-000123 este pe drum"


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "//evil", "https://", "https://a b", "x"])
def test_a_link_that_is_no_web_page_is_no_link(link: str) -> None:
    order = an_order(awbs=(an_awb(new_id()).model_copy(update={"link": link}),))
    found = letter(OrderPaid(order=order, person=ANA), "shipped", shop_url=link)
    assert Page(found.html).links == []


def test_why_it_was_cancelled_and_what_becomes_of_the_money() -> None:
    def said(reason: str, give_back: str = "all", payment: PaymentAxis = PaymentAxis.PENDING) -> str:
        order = an_order(payment=payment)
        return letter(
            OrderCancelled(order=order, person=ANA, reason=reason, give_back=give_back), "cancelled", "en"
        ).text

    texts = {reason: said(reason) for reason in (*CancelReason, "invented_later")}
    assert "As you asked" in texts["customer"]
    assert "no longer in stock" in texts["out_of_stock"]
    assert texts["fraud"] == texts["shop"] == texts["invented_later"]
    assert len(set(texts.values())) == 5
    assert "given back" not in texts["customer"]
    assert "given back" in said("customer", payment=PaymentAxis.RECEIVED)
    assert "If you have paid in the meantime" in said("expired", "ask")


def test_how_to_pay_by_transfer_is_told() -> None:
    payment = a_transfer(new_id(), received=lei(4000)).payment
    values = wording.transfer_values(payment, "RO-1", "Ana", a_channel(), "ro")
    found = written(KINDS["pay_transfer"], "ro", values)
    for shown in (found.text, Page(found.html).seen):
        for expected in ("60,00", "RF18RO2026000123", "Prăvălia SRL", "25 noiembrie 2026, 14:00"):
            assert expected in shown


@pytest.mark.parametrize(
    ("tags", "language"),
    [(("ro",), "ro"), (("ro-MD",), "ro"), (("FR_ca",), "fr"), (("de", "it-CH"), "it"), (("de",), "en"), ((), "en"),
     (("rom",), "en"), (("",), "en")],
)  # fmt: skip
def test_the_language_falls_back_by_its_prefix_then_the_channels_then_english(
    tags: tuple[str, ...], language: str
) -> None:
    assert domain.language_of(tags) == language


def test_who_is_written_to() -> None:
    def wanted(event: OrderFact, **channel: Any) -> list[tuple[str, str, str]]:
        found = domain.letters(event, new_id(), Known(a_channel(**channel)))
        return [(each.kind.name, each.recipient, each.language) for each in found]

    created = OrderCreated(order=an_order(language="fr-FR"), person=ANA)
    assert wanted(created) == [("acknowledged", "ana@example.org", "fr")]
    merchant = ("new_order", "shop@example.org", "ro")
    assert wanted(created, merchant_email=" shop@example.org ") == [("acknowledged", "ana@example.org", "fr"), merchant]
    nobody = OrderCreated(order=an_order(), person=Person(name="Ana"))
    assert wanted(nobody, merchant_email="shop@example.org") == [merchant]
    assert wanted(OrderCreated(order=an_order(), person=None)) == []
    assert wanted(OrderReserved(order=an_order(), person=ANA)) == []
    old = OrderCreated(order=an_order(historic=True), person=ANA)
    assert wanted(old, merchant_email="shop@example.org") == []


def test_only_an_open_transfer_with_a_reference_asks_for_a_letter() -> None:
    order = new_id()
    assert domain.asks_for_transfer(a_transfer(order))
    assert not domain.asks_for_transfer(a_transfer(order, kind=PaymentKind.PAYPAL))
    assert not domain.asks_for_transfer(a_transfer(order, reference=None))
    assert not domain.asks_for_transfer(a_transfer(order, status="received"))


@pytest.mark.parametrize(
    ("money", "language", "text"),
    [(lei(123450), "ro", "1.234,50 RON"), (lei(123450), "en", "RON 1,234.50"),
     (Money(123450, "EUR"), "it", "1.234,50 €"), (Money(123450, "EUR"), "fr", "1 234,50 €"),
     (Money(500, "JPY"), "en", "JP¥500"), (Money(1234, "KWD"), "en", "KWD 1.234")],
)  # fmt: skip
def test_money_is_written_as_its_readers_write_it_and_exactly(money: Money, language: str, text: str) -> None:
    assert re.sub("[\u00a0\u202f]", " ", figures.money(money, language)) == text


ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=40, deadline=None)
@example("<script>x</script>", "<img src=x>", "<b>{{ 7 }}</b> & {shop}")
@example('"><a href="x">', "</table>", "{% raw %}&lt;i&gt;\r\n\u2028x")
@given(ANYTHING, ANYTHING, ANYTHING)
def test_no_text_of_a_customer_becomes_markup_or_a_second_line(name: str, street: str, article: str) -> None:
    assert ANA.shipping is not None
    person = ANA.model_copy(
        update={"name": name, "shipping": ANA.shipping.model_copy(update={"street": street}), "company": None}
    )
    order = an_order(lines=(a_line(article),), number=f"RO {name}")
    found = letter(OrderCreated(order=order, person=person), "acknowledged")
    usual = letter(OrderCreated(order=an_order(), person=ANA), "acknowledged")
    assert found.subject.isprintable() or set(found.subject) & set(figures.NO_BREAK)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", found.subject)
    assert set(Page(found.html).elements) <= set(Page(usual.html).elements)
    assert Page(found.html).elements.count("a") == Page(usual.html).elements.count("a")
    shown = figures.one_line(article)
    assert f"× {shown} (MUG-01)" in found.text or not shown
    assert " ".join(shown.split()) in " ".join(Page(found.html).seen.split()) or not shown


def test_the_shops_own_text_greets_whom_it_names_only_once() -> None:
    values = wording.values_of(OrderPaid(order=an_order(), person=ANA), a_channel(), "ro")
    named = written(KINDS["paid"], "ro", values, OwnText("S", "Dragă {customer_name},\n\nam primit banii."))
    assert named.text.count("Ana Țepeș") == 1
    unnamed = written(KINDS["paid"], "ro", values, OwnText("S", "Am primit banii."))
    assert unnamed.text.startswith("Bună ziua, Ana Țepeș,")


@settings(max_examples=60, deadline=None)
@example("{{ 7 * 7 }} {% raw %}", "<b>x</b>")
@example("{tracking_link}", "https://urma.example/t/1")
@given(ANYTHING, ANYTHING)
def test_nothing_that_a_shop_or_an_operator_writes_becomes_markup(message: str, comment: str) -> None:
    person = ANA.model_copy(update={"comment": comment, "tracking": "1"})
    event = OrderPaid(order=an_order(), person=person)
    values = wording.values_of(event, a_channel(), "ro", "https://urma.example")
    found = status_written(StatusText(language="ro", name="Gata", message=message), values)
    page = Page(found.html)
    assert set(page.elements) <= {
        "html", "head", "meta", "title", "style", "body", "div", "main", "h1", "p", "br", "a",
    }  # fmt: skip
    assert {link for link in page.links if link} <= {"https://urma.example/t/1", "https://pravalia.example"}


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [("0722 123 456", "RO", "+40722123456"), ("+40 (0)722-123-456", "IT", "+40722123456"),
     ("0039 06 1234567", "RO", "+39061234567"), ("06 1234567", "IT", "+39061234567"),
     ("06.12.34.56.78", "FR", "+33612345678"), ("0722123456", None, None), ("0722123456", "XX", None),
     ("none", "RO", None), ("+1", "RO", None), ("٠٧٢٢", "RO", None)],
)  # fmt: skip
def test_a_number_is_read_as_people_of_its_country_write_it(text: str, country: str, number: str | None) -> None:
    assert number_of(text, country, CODES) == number
