"""The token of a link, the rule of what is shown, and the reader's language: without a database."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.orders import PaymentAxis
from libs.events.transaction import new_id
from services.orders.customers.links import LENGTH, Links, same
from services.orders.desk.following.domain import Followed, chosen, preferred
from services.orders.settings import Settings

NOW = datetime(2026, 11, 20, 9, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=180)


def links(**keys: str) -> Links:
    """Links of an installation with these keys."""
    urls: dict[str, Any] = {"mode": "development", "database_url": "postgresql://u:p@h/d", "events_bus": "kafka://h:1"}
    return Links(Settings(**(urls | keys)))


def followed(**changes: Any) -> Followed:
    """An order of a channel that publishes, its payment awaited."""
    given = Followed(
        id=new_id(),
        number="RO-1",
        version=1,
        customer_id=new_id(),
        language="ro",
        payment="pending",
        visible=None,
        tracking_token="t",
        forgotten=False,
        name="Ana Pop",
        shop="Atelier",
        shop_email="shop@example.ro",
        shop_url="https://shop.example",
        time_zone="Europe/Bucharest",
        history_published=True,
        account=True,
        tracking_url=None,
        tracking_days=180,
        mode="both",
    )
    return replace(given, **changes)


def test_a_token_says_its_order_and_until_when() -> None:
    order = new_id()
    token = links(link_key="k").make(order, LATER)
    ticket = links(link_key="k").read(token)
    assert ticket is not None
    assert (ticket.order_id, ticket.expires_at, len(token)) == (order, LATER, LENGTH)
    assert links(link_key="k").make(order, LATER) != token, "each is drawn anew"


@given(st.integers(0, LENGTH * 6 - 1))
def test_a_token_with_any_bit_turned_is_refused(bit: int) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    signer = links(link_key="k")
    token = signer.make(new_id(), LATER)
    at, within = divmod(bit, 6)
    other = letters[letters.index(token[at]) ^ (1 << within)]
    changed = token[:at] + other + token[at + 1 :]
    unread = bit >= LENGTH * 6 - 6 and within < 4  # the last letter's bits that stand for nothing
    assert (signer.read(changed) is None) or unread
    assert not same(token, changed), "what is kept is compared letter by letter"


@given(st.one_of(st.text(max_size=90), st.text("AZaz09-_", min_size=LENGTH, max_size=LENGTH)))
def test_garbage_is_no_token(text: str) -> None:
    assert links(link_key="k").read(text) is None


def test_another_key_opens_nothing_and_the_one_before_still_does() -> None:
    token = links(link_key="old").make(new_id(), LATER)
    assert links(link_key="new").read(token) is None
    assert links().read(token) is None
    assert links(link_key="new", link_key_before="old").read(token) is not None


def test_production_wants_a_key_and_an_address_for_links() -> None:
    found = Settings.model_construct(
        database_url="postgresql://u:p@h/d", events_bus="kafka://h:1", auth_development_keys={}, mode="production"
    )
    told = " ".join(found.unfit())
    assert "ORDERS_LINK_KEY" in told
    assert "ORDERS_PUBLIC_TRACKING_URL" in told


@pytest.mark.parametrize("payment", list(PaymentAxis))
def test_part_f125_payment_that_is_validated_or_in_progress_shows_an_order(payment: PaymentAxis) -> None:
    hidden = payment in {PaymentAxis.FAILED, PaymentAxis.EXPIRED}
    assert followed(payment=payment).by_link is not hidden
    assert followed(payment=payment, history_published=False).by_link is False
    assert followed(payment=payment, visible=True, history_published=False).by_link is True
    assert followed(payment=payment, visible=False).by_link is False
    assert followed(payment=payment, visible=True, account=False).in_account is False, "F126: the area is off"


def test_the_reader_s_language_is_found() -> None:
    assert preferred("fr;q=0.5, ro-RO, *;q=0.1, nonsense!, it;q=0, de;q=0.9") == ["ro-RO", "de", "fr"]
    assert chosen("it", "ro", "en") == "it"
    assert chosen("<script>", "ro", "en") == "ro"
    assert chosen(None, "", "en") == "en"


@given(st.text(max_size=300))
def test_any_header_of_languages_is_read(header: str) -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9-]+", tag) for tag in preferred(header))
