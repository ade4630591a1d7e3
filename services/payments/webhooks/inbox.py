"""What a kept delivery means: its resource is read again by API, then taken in under the payment's lock."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from libs.contracts.common import Stuck, WorkStuck
from libs.events.transaction import Cause, Transaction
from libs.service.outside import Answer, Failed, OutsideCalls, Row, Succeeded, Wait
from libs.service.service import Context
from services.payments import store
from services.payments.domain import PAYPAL, Kind, State
from services.payments.facts import DisputeNews, Movement, ProviderOrder, learn_dispute, learn_movement, learn_order
from services.payments.handlers import Desk
from services.payments.providers.paypal import PayPal, Unreadable
from services.payments.settings import Settings
from services.payments.tables import WebhookRow
from services.payments.webhooks import store as deliveries
from services.payments.webhooks.events import About, Subject, subject_of

MOST_ATTEMPTS = 60
"""How often a delivery whose payment is not known is looked at again: over a day, then a person is told."""
LONGEST_WAIT = 1800.0


@dataclass(frozen=True, slots=True)
class News:
    """What the provider says now, and whose payment it is about; None: nothing that concerns us."""

    payment_id: UUID | None
    said: ProviderOrder | Movement | DisputeNews | None = None
    note: str | None = None


def webhook_inbox(context: Context[Settings], paypal: PayPal) -> OutsideCalls:
    """The loops that take in what `webhook_inbox` holds."""
    inbox = Inbox(context, paypal)
    return OutsideCalls(
        context.uow,
        rows=WebhookRow,
        call=inbox.read_again,
        look_up=inbox.read_again,
        record=inbox.record,
        noun="webhook",
        lease=context.settings.call_lease,
        look_up_after=context.settings.look_up_after,
        every=timedelta(milliseconds=500),
        wake=context.wake["webhook_inbox"],
    )


class Inbox:
    """Takes in kept deliveries."""

    def __init__(self, context: Context[Settings], paypal: PayPal) -> None:
        """Nothing is read yet."""
        self.context = context
        self.paypal = paypal

    async def read_again(self, row: Row) -> Answer:
        """Read what the event is about; reading may be repeated, so whatever goes wrong is tried again later."""
        try:
            event = json.loads(row["body"])
            subject = subject_of(event)
            if subject is None:
                return Succeeded(News(None, note="nothing follows from this type"))
            return await self._news(subject, row)
        except ValueError as error:
            return Failed(f"the event makes no sense: {error}", {})
        except Unreadable as reason:
            return _later(row, str(reason), reason.seconds)

    async def _news(self, subject: Subject, row: Row) -> Answer:
        match subject.about:
            case About.ORDER:
                order = await self.paypal.order(subject.ref)
                found = await self._payment_of(order.ref, order.custom_id)
                return self._found(row, found, order, order.custom_id)
            case About.DISPUTE:
                capture = await self.paypal.movement(Kind.CAPTURE, subject.ref)
                return await self._about_capture(row, subject.dispute, capture)
            case _:
                return await self._movement(subject, row)

    async def _movement(self, subject: Subject, row: Row) -> Answer:
        assert subject.kind is not None  # noqa: S101 - a movement has one
        said = await self.paypal.movement(subject.kind, subject.ref)
        if said is None:
            return _later(row, "the provider does not show it")
        if subject.kind not in (Kind.REFUND, Kind.CHARGEBACK):
            found = await self._payment_of(said.order_ref, said.custom_id)
            return self._found(row, found, said, said.custom_id)
        said = replace(said, parent_ref=said.parent_ref or subject.parent_ref)
        if said.parent_ref is None:
            return Failed("a refund that names no capture", {})
        return await self._about_capture(row, said, await self.paypal.movement(Kind.CAPTURE, said.parent_ref))

    async def _about_capture(self, row: Row, said: Movement | DisputeNews | None, capture: Movement | None) -> Answer:
        if capture is None:
            return _later(row, "the provider does not show its capture")
        found = await self._payment_of(capture.order_ref, capture.custom_id)
        async with self.context.uow(Cause("system:payments")) as tx:
            found = found or await store.id_by_movement(tx, PAYPAL, capture.ref)
            own = [] if found is None else await store.operations(tx, found)
        known = any(op.kind is Kind.CAPTURE and op.provider_ref == capture.ref for op in own)
        if found is not None and not known:  # its capture first: the refund hangs on it
            return _later(row, "its capture is not taken in yet")
        if found is not None and isinstance(said, Movement) and said.operation is None:
            nameless = any(op.kind is Kind.REFUND and op.status is State.INITIATED for op in own)
            if nameless and not any(op.provider_ref == said.ref for op in own):
                return _later(row, "a refund of ours runs, and this may be it")
        return self._found(row, found, said, capture.custom_id)

    async def _payment_of(self, order_ref: str | None, custom_id: str | None) -> UUID | None:
        async with self.context.uow(Cause("system:payments")) as tx:
            if custom_id is not None:
                try:
                    found = await store.payment(tx, UUID(custom_id))
                except ValueError:
                    found = None
                if found is not None:
                    return found.id
            return await store.id_by_provider(tx, PAYPAL, order_ref) if order_ref else None

    def _found(
        self, row: Row, payment_id: UUID | None, said: ProviderOrder | Movement | DisputeNews | None, ours: str | None
    ) -> Answer:
        if payment_id is not None:
            return Succeeded(News(payment_id, said))
        if ours is None:
            return Succeeded(News(None, note="of a payment that was not made here"))
        if row["attempts"] >= MOST_ATTEMPTS:
            return Failed("names a payment that is not known here", {})
        return _later(row, "its payment is not known yet")

    async def record(self, tx: Transaction, row: Row, answer: Answer) -> None:
        """Take in what was read, in one transaction with the delivery's own end."""
        if isinstance(answer, Failed):
            await deliveries.close(tx, row["id"], "dead", answer.reason, None)
            await tx.emit(_Delivery(row["id"]), _parked(row, answer.reason))
        if not isinstance(answer, Succeeded):
            return
        news: News = answer.data
        order_id = None
        if news.payment_id is not None:
            with tx.acting(await store.story(tx, news.payment_id)):
                desk = await Desk.at(tx, news.payment_id)
                order_id = desk.payment.order_id
                self._learn(desk, news.said, tx.cause.actor)
                await desk.settle()
        outcome = "done" if news.payment_id is not None else "ignored"
        await deliveries.close(tx, row["id"], outcome, news.note, order_id)

    def _learn(self, desk: Desk, said: ProviderOrder | Movement | DisputeNews | None, actor: str) -> None:
        match said:
            case ProviderOrder():
                learn_order(desk.payment, desk.operations, said, actor, self.context.settings.paypal_merchant_id)
            case Movement():
                learn_movement(desk.payment, desk.operations, said, actor)
            case DisputeNews():
                learn_dispute(desk.payment, said)
            case None:
                pass


class _Delivery:
    """The row as what emits."""

    __tablename__: ClassVar[str] = "webhook_inbox"
    noun: ClassVar[str] = "webhook"

    def __init__(self, row_id: UUID) -> None:
        self.id: Any = row_id


def _parked(row: Row, reason: str) -> WorkStuck:
    return WorkStuck(
        work=row["id"],
        version=row["fact_sequence"] + 1,
        service="payments",
        order_id=row["order_id"],
        kind=Stuck.PARKED,
        what=f"a {row['event_type']} of the provider could not be taken in: {reason}",
        since=row["received_at"],
    )


def _later(row: Row, reason: str, seconds: float | None = None) -> Wait:
    pause = min(LONGEST_WAIT, 0.5 * 1.6 ** min(row["attempts"], 30))
    return Wait(pause if seconds is None else seconds, reason)
