"""What the answers of calls to providers do to payments; each recorded under the call's and then the payment's lock."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from libs.events.transaction import Cause, Transaction
from libs.service.outside import Answer, Failed, OutsideCalls, Refused, Row, Succeeded, Wait
from libs.service.service import Context
from services.payments import handlers, store
from services.payments.domain import NEVER_HAPPENED, PAYPAL, Kind, Operation, State
from services.payments.facts import Movement, ProviderOrder, Stage, learn_movement, learn_order
from services.payments.handlers import Desk
from services.payments.providers.paypal import PayPal
from services.payments.settings import Settings
from services.payments.tables import CallRow
from services.payments.unannounced import store as unannounced

APPROVAL_LASTS = timedelta(hours=3)
MAY_TRY_AGAIN = frozenset({"INSTRUMENT_DECLINED", "ORDER_NOT_APPROVED", "PAYER_ACTION_REQUIRED", "ORDER_WAITING"})
"""After these the buyer may approve once more, with another card."""
SEE_AGAIN = frozenset({"CAPTURE_FULLY_REFUNDED", "REFUND_AMOUNT_EXCEEDED", "PREVIOUSLY_CAPTURED", "PREVIOUSLY_VOIDED"})

__all__ = ["Recorder", "created", "provider_calls"]


def provider_calls(context: Context[Settings], paypal: PayPal) -> OutsideCalls:
    """The loops that make the calls of `payment_call`."""
    settings = context.settings
    return OutsideCalls(
        context.uow,
        rows=CallRow,
        call=_unless_paid_already(context, paypal),
        look_up=paypal.look_up,
        record=Recorder(settings.paypal_merchant_id).record,
        lease=settings.call_lease,
        look_up_after=settings.look_up_after,
        grace=settings.look_up_grace,
        every=timedelta(milliseconds=500),
        wake=context.wake["payment_call"],
    )


def _unless_paid_already(context: Context[Settings], paypal: PayPal) -> Callable[[Row], Awaitable[Answer]]:
    """No buyer is asked to pay while money stands at the provider that may be theirs: a person settles that first."""

    async def call(row: Row) -> Answer:
        if row["kind"] == "create":
            async with context.uow(Cause("system:payments")) as tx:
                payment = await store.payment(tx, row["payment_id"])
                if payment is not None and await unannounced.stands_for(tx, payment.number):
                    return Wait(60, "unannounced money carries this order's number: settle it first")
        return await paypal.perform(row)

    return call


class Recorder:
    """Records answers; `payee` is whom PayPal's orders must pay, where that is configured."""

    def __init__(self, payee: str | None) -> None:
        self.payee = payee

    async def record(self, tx: Transaction, row: Row, answer: Answer) -> None:
        """Take an answer in, and do what follows."""
        if not isinstance(answer, Succeeded | Failed | Refused):
            return  # unknown: the operation stays as it was begun, and nothing of its kind is started meanwhile
        desk = await Desk.at(tx, row["payment_id"])
        operation = next((op for op in desk.operations if op.id == row["operation_id"]), None)
        if isinstance(answer, Succeeded):
            self._succeeded(desk, row, operation, answer.data)
        elif operation is not None:
            never = isinstance(answer, Failed) and answer.data is None
            self._failed(desk, operation, NEVER_HAPPENED if never else answer.reason)
            if set(answer.reason.split()) & (MAY_TRY_AGAIN | SEE_AGAIN):
                await handlers.look(tx, desk.payment, desk.operations)
        await desk.settle()

    def _succeeded(self, desk: Desk, row: Row, operation: Operation | None, said: Any) -> None:
        payment, actor = desk.payment, desk.tx.cause.actor
        if row["kind"] == "create" and operation is not None:
            created(desk, operation, said)
            if said.stage is Stage.COMPLETED:  # the answer to the first try was lost for long
                learn_order(payment, desk.operations, said, actor, self.payee)
        elif row["kind"] == "void" and operation is not None:
            operation.provider_ref = row["target"]
            operation.settle(State.SUCCEEDED)
        elif isinstance(said, ProviderOrder):
            learn_order(payment, desk.operations, said, actor, self.payee)
        elif isinstance(said, Movement):
            learn_movement(payment, desk.operations, said, actor)
        if row["request"] is not None:
            payment.looked_for = row["request"]

    def _failed(self, desk: Desk, operation: Operation, reason: str) -> None:
        payment = desk.payment
        if operation.status is not State.INITIATED:
            return  # a webhook knew better
        operation.settle(State.FAILED, reason)
        if reason == NEVER_HAPPENED:
            return
        match operation.kind:
            case Kind.CREATE:
                payment.link_wanted = False
                payment.failure = f"create: {reason}"
            case Kind.CAPTURE | Kind.AUTHORIZE if reason in MAY_TRY_AGAIN:
                payment.approved_at = None
            case Kind.CAPTURE | Kind.AUTHORIZE:
                payment.approved_at = None
                payment.failure = f"{operation.kind}: {reason}"
            case _:
                pass


def created(desk: Desk, operation: Operation, said: ProviderOrder) -> None:
    """The provider's order that was asked for is there: shown to the buyer where it still is what is wanted."""
    payment = desk.payment
    operation.settle(State.SUCCEEDED)
    operation.provider_ref = said.ref
    if operation.amount_minor != payment.amount_minor or payment.provider != PAYPAL:
        return  # the order has changed meanwhile: this one is not shown to anybody
    payment.provider_payment_id, payment.approval_link = said.ref, said.link
    payment.link_wanted, payment.approved_at, payment.failure = False, None, None
    payment.expires_at = datetime.now(UTC) + APPROVAL_LASTS
    if said.stage is Stage.APPROVED:
        payment.approved_at = datetime.now(UTC)
