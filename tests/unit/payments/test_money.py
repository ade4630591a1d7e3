"""Whatever a provider says, in whatever order and however often: money is taken once, and every cent adds up."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iso11649

from libs.contracts.common import Money
from libs.contracts.orders import PaymentKind
from libs.contracts.payments import PaymentStatus
from libs.events.transaction import new_id
from services.payments import ledger
from services.payments.domain import COURIER, PAYPAL, Kind, Operation, Payment, State, Wanted
from services.payments.facts import Movement, ProviderOrder, Stage, learn_movement, learn_order
from services.payments.handlers import rf
from services.payments.standing import captured, charged_back, derive, going_back, refunded, runs
from services.payments.steps import Plan, answer_expiring, follow, next_plan, refundable

PAID = 10_000
OURS = UUID(int=7)


def payment(kind: str = PaymentKind.PAYPAL, intent: str = "capture") -> Payment:
    return Payment(
        id=UUID(int=1), order_id=UUID(int=2), number="RO-1", method=kind, kind=kind, currency="EUR", amount_minor=PAID,
        merchant_ref="RO-1-a", provider=PAYPAL if kind == PaymentKind.PAYPAL else None, link_wanted=True, intent=intent,
    )  # fmt: skip


def wanted(**changes: object) -> Wanted:
    given_ = Wanted(
        version=1, round=1, total=Money(PAID, "EUR"), cancelled=False, give_back=False, may_take=True, held=False,
        delivered=False, returned=False, expiring=None,
    )  # fmt: skip
    return replace(given_, **changes)  # type: ignore[arg-type]


class Desk:
    """A payment beside a provider that does what it is asked, or keeps us waiting; pure."""

    def __init__(self, of: Payment) -> None:
        self.payment = of
        self.operations: list[Operation] = []
        self.wants = wanted()
        self.entries: dict[str, ledger.Entry] = {}
        self.made = 0

    def settle(self) -> None:
        follow(self.payment, self.wants)
        derive(self.payment, self.operations, self.wants)
        for _ in range(20):
            plan = next_plan(self.payment, self.operations, self.wants)
            if plan is None:
                break
            self.start(plan)
            derive(self.payment, self.operations, self.wants)
        answer_expiring(self.payment, self.operations, self.wants)
        derive(self.payment, self.operations, self.wants)
        self.post()
        self.check()

    def start(self, plan: Plan) -> None:
        status = State.SUCCEEDED if plan.done else State.INITIATED
        parent = plan.parent.id if plan.parent else None
        self.operations.append(
            Operation(
                new_id(), self.payment.id, plan.kind, status, plan.amount_minor, "EUR", "x", parent, plan.provider
            )
        )

    def post(self) -> None:
        for op in self.operations:
            if op.status is State.SUCCEEDED:
                others = captured(self.operations) - (op.amount_minor if op.kind is Kind.CAPTURE else 0)
                for entry in (
                    ledger.entry_of(self.payment, op, self.payment.amount_minor - others),
                    ledger.fee_entry(self.payment, op),
                ):
                    if entry is not None:
                        self.entries.setdefault(entry.source_key, entry)

    def check(self) -> None:
        """What holds at every moment."""
        ops = self.operations
        assert refunded(ops) + going_back(ops) <= captured(ops), "never more back than was taken"
        assert sum(op.kind is Kind.CAPTURE and op.status is State.INITIATED for op in ops) <= 1
        assert all(sum(minor for _, minor in entry.lines) == 0 for entry in self.entries.values())
        clearing = sum(m for e in self.entries.values() for a, m in e.lines if a == "psp_clearing:paypal")
        fees = sum(op.fee_minor or 0 for op in ops if op.kind is Kind.CAPTURE and op.status is State.SUCCEEDED)
        if self.payment.kind == PaymentKind.PAYPAL:
            assert clearing == captured(ops) - fees - refunded(ops) - charged_back(ops)

    def answer(self, how: State) -> None:
        """The provider answers the operation that runs."""
        running = next((op for op in self.operations if op.status is State.INITIATED), None)
        if running is None:
            return
        self.made += 1
        ref = f"{running.kind}-{self.made}"
        if running.kind is Kind.CREATE:
            running.settle(State.SUCCEEDED)
            self.payment.provider_payment_id, self.payment.link_wanted = ref, False
            self.payment.approval_link = "link"
        else:
            self.say(Movement(running.kind, ref, how, running.amount, operation=running.id))

    def say(self, movement: Movement) -> None:
        learn_movement(self.payment, self.operations, movement, "x")

    def approve(self) -> None:
        if self.payment.provider_payment_id is not None:
            amount = Money(self.payment.amount_minor, "EUR")
            said = ProviderOrder(self.payment.provider_payment_id, Stage.APPROVED, amount)
            learn_order(self.payment, self.operations, said, "x")


ACTS = st.lists(
    st.sampled_from(
        ["approve", "approve", "succeed", "succeed", "pend", "fail", "again", "hold", "release", "cancel", "ask",
         "expire", "reopen", "cheaper", "chargeback", "resolve"]
    ),
    max_size=40,
)  # fmt: skip


def act(desk: Desk, what: str) -> None:  # noqa: C901, PLR0912 - one line an act
    wants = desk.wants
    match what:
        case "approve":
            desk.approve()
        case "succeed":
            desk.answer(State.SUCCEEDED)
        case "pend":
            desk.answer(State.PENDING)
        case "fail":
            desk.answer(State.FAILED)
        case "resolve" | "again":
            for op in [op for op in desk.operations if op.provider_ref and op.kind is not Kind.CREATE]:
                status = State.SUCCEEDED if what == "resolve" and op.status is State.PENDING else op.status
                if op.status is not State.PARKED:
                    desk.say(Movement(op.kind, str(op.provider_ref), status, op.amount))
        case "chargeback":
            for capture in [op for op in desk.operations if op.kind is Kind.CAPTURE and op.status is State.SUCCEEDED]:
                if left := refundable(capture, desk.operations):
                    said = Movement(Kind.CHARGEBACK, f"cb-{capture.id}", State.SUCCEEDED, Money(left, "EUR"),
                                    parent_ref=capture.provider_ref)  # fmt: skip
                    if not any(op.provider_ref == said.ref for op in desk.operations):
                        desk.say(said)
        case "hold" | "release":
            desk.wants = replace(wants, held=what == "hold", may_take=what == "release" and not wants.cancelled)
        case "cancel" | "ask":
            desk.wants = replace(wants, cancelled=True, give_back=what == "cancel", may_take=False, expiring=None)
        case "expire":
            desk.wants = replace(wants, expiring=None if wants.cancelled else new_id())
        case "reopen" if wants.cancelled and not wants.give_back:
            desk.wants = replace(wants, cancelled=False, round=wants.round + 1, may_take=True)
        case "cheaper":
            desk.wants = replace(wants, total=Money(max(100, wants.total.minor - 1000), "EUR"))
        case _:
            pass


@given(ACTS, st.sampled_from(["capture", "authorize"]))
def test_b10_money_is_taken_at_most_once_and_never_given_back_twice(acts: Sequence[str], intent: str) -> None:
    desk = Desk(payment(intent=intent))
    desk.settle()
    for what in acts:
        act(desk, what)
        desk.settle()
    taken = [op for op in desk.operations if op.kind is Kind.CAPTURE and op.status is State.SUCCEEDED]
    assert len(taken) <= 1


@given(ACTS)
def test_b10_a_cancelled_order_ends_without_money_whatever_happened_before(acts: Sequence[str]) -> None:
    desk = Desk(payment())
    desk.settle()
    for what in acts:
        act(desk, what)
        desk.settle()
    refused_before = any(op.kind is Kind.REFUND and op.status is State.FAILED for op in desk.operations)
    act(desk, "cancel")
    desk.settle()
    for _ in range(10):
        act(desk, "resolve")
        act(desk, "succeed")
        desk.settle()
    ops = desk.operations
    assert not runs(ops)
    left = captured(ops) - refunded(ops) - charged_back(ops)
    assert left == 0 or (refused_before and desk.payment.unasked)


@given(st.permutations(["created", "pending", "completed", "late failure", "completed"]))
def test_b10_a_late_failure_never_takes_a_capture_back(said: Sequence[str]) -> None:
    desk = Desk(payment())
    desk.payment.provider_payment_id, desk.payment.link_wanted = "O", False
    states = {"created": State.INITIATED, "pending": State.PENDING, "completed": State.SUCCEEDED,
              "late failure": State.FAILED}  # fmt: skip
    for what in said:
        if states[what] is not State.INITIATED:
            desk.say(Movement(Kind.CAPTURE, "C-1", states[what], Money(PAID, "EUR"), order_ref="O"))
        desk.settle()
    assert desk.payment.status == PaymentStatus.RECEIVED
    assert desk.payment.failure is None


def test_money_of_another_currency_amount_or_payment_is_parked_and_not_counted() -> None:
    for wrong in (
        Movement(Kind.CAPTURE, "C", State.SUCCEEDED, Money(PAID, "USD")),
        Movement(Kind.CAPTURE, "C", State.SUCCEEDED, Money(PAID - 1, "EUR")),
        Movement(Kind.CAPTURE, "C", State.SUCCEEDED, Money(PAID, "EUR"), custom_id=str(OURS)),
        Movement(Kind.CAPTURE, "C", State.SUCCEEDED, Money(PAID, "EUR"), merchant_ref="RO-2"),
    ):
        desk = Desk(payment())
        for _ in range(3):  # a duplicate is no proof
            desk.say(wrong)
            desk.settle()
            assert [op.status for op in desk.operations] == [State.PARKED]
            assert (desk.payment.captured_minor, desk.entries) == (0, {})


def test_an_order_that_pays_somebody_else_is_parked() -> None:
    desk = Desk(payment())
    said = ProviderOrder("O", Stage.COMPLETED, payee="THIEF", movements=(
        Movement(Kind.CAPTURE, "C", State.SUCCEEDED, Money(PAID, "EUR")),))  # fmt: skip
    learn_order(desk.payment, desk.operations, said, "x", payee="SHOP")
    assert [op.status for op in desk.operations] == [State.PARKED]
    desk.say(Movement(Kind.CAPTURE, "C", State.SUCCEEDED, Money(PAID, "EUR")))  # without the order beside it
    assert [op.status for op in desk.operations] == [State.PARKED]


def test_a_refund_that_came_through_and_then_failed_is_reversed_by_an_operation_of_its_own() -> None:
    desk = Desk(payment())
    desk.say(Movement(Kind.CAPTURE, "C", State.SUCCEEDED, Money(PAID, "EUR"), fee=Money(300, "EUR")))
    desk.say(Movement(Kind.REFUND, "R", State.SUCCEEDED, Money(PAID, "EUR"), parent_ref="C"))
    desk.settle()
    assert desk.payment.status == PaymentStatus.REFUNDED
    for _ in range(2):
        desk.say(Movement(Kind.REFUND, "R", State.FAILED, Money(PAID, "EUR"), parent_ref="C"))
        desk.settle()
    assert [op.kind for op in desk.operations if op.kind is Kind.REFUND_REVERSAL] == [Kind.REFUND_REVERSAL]
    assert (desk.payment.refunded_minor, desk.payment.status) == (0, PaymentStatus.RECEIVED)


def test_nothing_is_expired_while_an_operation_runs_or_is_unknown() -> None:
    desk = Desk(payment())
    desk.settle()
    desk.answer(State.SUCCEEDED)
    desk.approve()
    desk.settle()  # the capture runs
    asked = new_id()
    desk.wants = replace(desk.wants, expiring=asked)
    desk.payment.looked_for = asked
    desk.settle()
    assert desk.payment.answered_expiring is None
    desk.answer(State.SUCCEEDED)
    desk.settle()
    assert desk.payment.snapshot().answered_expiring == asked
    assert desk.payment.status == PaymentStatus.RECEIVED


def test_after_it_was_answered_expired_nothing_is_started_any_more() -> None:
    desk = Desk(payment())
    desk.settle()
    desk.answer(State.SUCCEEDED)
    asked = new_id()
    desk.wants = replace(desk.wants, expiring=asked)
    desk.payment.looked_for = asked
    desk.settle()
    assert desk.payment.status == PaymentStatus.EXPIRED
    desk.approve()
    desk.settle()
    assert not runs(desk.operations)
    assert desk.payment.status == PaymentStatus.EXPIRED


def test_cash_on_delivery_lies_with_the_courier() -> None:
    desk = Desk(payment(PaymentKind.CASH_ON_DELIVERY))
    desk.wants = wanted(delivered=True)
    desk.settle()
    assert desk.operations[0].provider == COURIER
    (entry,) = desk.entries.values()
    assert dict(entry.lines) == {"cod_clearing:courier": PAID, "order_receivable": -PAID}


def test_an_entry_that_does_not_balance_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="does not balance"):
        ledger.Entry("x", "k", "EUR", (("a", 1), ("b", -2)))


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=21))
def test_f94_transfer_references_follow_iso_11649(text: str) -> None:
    assert iso11649.is_valid(rf(text))
    assert rf("539007547034") == "RF18539007547034"
