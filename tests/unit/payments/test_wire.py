"""PayPal's JSON as the reference shows it, read and written."""

from datetime import UTC, datetime

import pytest

from libs.contracts.common import Money
from services.payments.domain import Dispute, Kind, State
from services.payments.facts import DisputeNews, Stage, learn_dispute
from services.payments.providers import currencies
from services.payments.providers import paypal_wire as wire
from services.payments.webhooks.events import About, subject_of
from tests.unit.payments.test_money import payment

CAPTURE = {
    "id": "5VK462069F664902F", "status": "COMPLETED", "amount": {"value": "10.00", "currency_code": "EUR"},
    "custom_id": "ours", "invoice_id": "RO-1", "seller_receivable_breakdown": {
        "gross_amount": {"value": "10.00", "currency_code": "EUR"},
        "paypal_fee": {"value": "0.84", "currency_code": "EUR"},
        "net_amount": {"value": "9.16", "currency_code": "EUR"}},
    "supplementary_data": {"related_ids": {"order_id": "4K5112848U951142F"}},
}  # fmt: skip
REFUND = {
    "id": "1Y107995YT783435V", "status": "COMPLETED", "amount": {"value": "2.51", "currency_code": "USD"},
    "create_time": "2018-08-15T14:30:10-07:00", "links": [
        {"href": "https://api.paypal.com/v2/payments/refunds/1Y107995YT783435V", "rel": "self", "method": "GET"},
        {"href": "https://api.paypal.com/v2/payments/captures/4L335234718889942", "rel": "up", "method": "GET"}],
}  # fmt: skip


def test_a_capture_is_read_with_its_fee_and_its_order() -> None:
    found = wire.movement(CAPTURE, Kind.CAPTURE)
    assert (found.status, found.amount, found.fee) == (State.SUCCEEDED, Money(1000, "EUR"), Money(84, "EUR"))
    assert (found.order_ref, found.custom_id, found.merchant_ref) == ("4K5112848U951142F", "ours", "RO-1")


def test_an_old_capture_without_our_ids_is_read_too() -> None:
    bare = {name: CAPTURE[name] for name in ("id", "status", "amount")}
    found = wire.movement(bare, Kind.CAPTURE)
    assert (found.order_ref, found.custom_id, found.fee) == (None, None, None)


def test_a_refund_names_its_capture_by_the_link_up() -> None:
    assert wire.movement(REFUND, Kind.REFUND).parent_ref == "4L335234718889942"
    assert wire.movement(REFUND, Kind.CHARGEBACK).parent_ref == "4L335234718889942"


def test_a_completed_order_with_a_pending_capture_is_decided_on_the_capture() -> None:
    unit = {"amount": {"value": "10.00", "currency_code": "EUR"}, "payments": {"captures": [
        CAPTURE | {"status": "PENDING", "status_details": {"reason": "ECHECK"}}]}}  # fmt: skip
    found = wire.order({"id": "O", "status": "COMPLETED", "purchase_units": [unit]})
    assert (found.stage, [(m.status, m.reason) for m in found.movements]) == (
        Stage.COMPLETED,
        [(State.PENDING, "ECHECK")],
    )


@pytest.mark.parametrize("wrong", [
    {}, {"id": "O"}, {"id": "O", "status": "NEW"}, {"id": 5, "status": "APPROVED"},
    {"id": "O", "status": "APPROVED", "purchase_units": [{"amount": {"value": 10, "currency_code": "EUR"}}]},
])  # fmt: skip
def test_an_order_that_makes_no_sense_is_no_order(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        wire.order(wrong)


@pytest.mark.parametrize(("minor", "currency", "value"), [
    (12050, "EUR", "120.50"), (5, "USD", "0.05"), (1250000, "HUF", "12500"), (1250, "JPY", "1250"),
    (30000, "TWD", "300"),
])  # fmt: skip
def test_money_is_written_and_read_as_paypal_does(minor: int, currency: str, value: str) -> None:
    written = currencies.written(Money(minor, currency))
    assert written == {"currency_code": currency, "value": value}
    assert currencies.read(written) == Money(minor, currency)


@pytest.mark.parametrize("money", [Money(100, "RON"), Money(100, "BGN"), Money(1250, "HUF")])
def test_money_that_paypal_does_not_take_is_not_written(money: Money) -> None:
    assert not currencies.takes(money)
    with pytest.raises(ValueError, match="does not take"):
        currencies.written(money)


def test_every_event_of_the_reference_is_about_something_known() -> None:
    about = {
        "CHECKOUT.ORDER.APPROVED": {"id": "O"}, "CHECKOUT.ORDER.COMPLETED": {"id": "O"},
        "CHECKOUT.PAYMENT-APPROVAL.REVERSED": {"order_id": "O"},
        **{f"PAYMENT.AUTHORIZATION.{what}": CAPTURE for what in ("CREATED", "VOIDED")},
        **{f"PAYMENT.CAPTURE.{what}": CAPTURE for what in ("PENDING", "COMPLETED", "DENIED", "DECLINED")},
        **{f"PAYMENT.CAPTURE.{what}": REFUND for what in ("REFUNDED", "REVERSED")},
        **{f"PAYMENT.REFUND.{what}": REFUND for what in ("PENDING", "FAILED")},
        **{f"CUSTOMER.DISPUTE.{what}": {"dispute_id": "PP-1", "disputed_transactions": [{"seller_transaction_id": "C"}]}
           for what in ("CREATED", "UPDATED", "RESOLVED")},
    }  # fmt: skip
    for event_type, resource in about.items():
        assert subject_of({"event_type": event_type, "resource": resource}) is not None
    reversed_ = subject_of({"event_type": "PAYMENT.CAPTURE.REVERSED", "resource": REFUND})
    assert reversed_ is not None
    assert (reversed_.about, reversed_.kind) == (About.MOVEMENT, Kind.CHARGEBACK)
    assert subject_of({"event_type": "BILLING.PLAN.CREATED", "resource": {}}) is None


def test_a_dispute_that_has_ended_does_not_open_again() -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    news = [DisputeNews("PP-1", standing, Money(100, "EUR"), at) for standing in (Dispute.OPEN, Dispute.WON)]
    for order in (news, list(reversed(news)), [*news, *news]):
        found = payment()
        for said in order:
            learn_dispute(found, said)
        assert found.dispute == Dispute.WON
