"""The loop that hands SMS to the gateway: each at least once under one reference, a doubt is counted."""

from datetime import UTC, datetime

import httpx
from prometheus_client import Counter

from libs.contracts.notifications import NotificationSent
from libs.events.transaction import Transaction, UnitOfWork
from libs.service.outside import Answer, Failed, OutsideCalls, Row, Succeeded, Unknown, Wait
from services.notifications import handlers, store
from services.notifications.domain import SMS
from services.notifications.gateways.generic import Generic
from services.notifications.gateways.port import Gateway, Sms
from services.notifications.gateways.twilio import Twilio
from services.notifications.settings import Settings
from services.notifications.tables import Message

SENT = Counter("comanda_sms_total", "What became of SMS handed to the gateway.", ["kind", "outcome"])
NO_GATEWAY = "no gateway is set: NOTIFICATIONS_SMS"


def gateway_of(settings: Settings, http: httpx.AsyncClient) -> Gateway | None:
    """The gateway that the settings name."""
    match settings.sms:
        case "generic":
            return Generic(settings, http)
        case "twilio":
            return Twilio(settings, http)
        case _:
            return None


class Texter:
    """Speaks with the gateway; without one, what is due waits for it, and is given up in the end."""

    def __init__(self, uow: UnitOfWork, settings: Settings, http: httpx.AsyncClient) -> None:
        """`calls` holds the loops."""
        self.settings, self.uow = settings, uow
        self.gateway = gateway_of(settings, http)
        self.calls = OutsideCalls(
            uow,
            Message,
            only="by = 'sms'",
            name="sms",
            call=self.send,
            record=self.record,
            look_up=self.look_up,
            lease=settings.call_lease,
            look_up_after=settings.look_up_after,
            grace=settings.sms_grace,
            batch=settings.sms_connections * 4,
            concurrency=settings.sms_connections,
        )

    async def send(self, row: Row) -> Answer:
        """Hand one over; what waits too long for the gateway is given up."""
        if (wrong := handlers.wrong_recipient(row["recipient"], SMS)) is not None:
            return Failed(wrong)
        answer = await self.gateway.send(self._sms(row)) if self.gateway else Wait(reason=NO_GATEWAY)
        return self._in_time(row, answer)

    async def look_up(self, row: Row) -> Answer:
        """Find out what became of it, or hand it over again under its reference."""
        if self.gateway is None:
            return self._in_time(row, Wait(reason=NO_GATEWAY))
        known = await self.uow.fetch(_KNOWN, row["recipient"]) if self.gateway.looks_up else []
        sms = self._sms(row, frozenset(each["provider_id"] for each in known))
        return self._in_time(row, await self.gateway.look_up(sms))

    async def record(self, tx: Transaction, row: Row, answer: Answer) -> None:
        """Say what became of it, in facts without its text or recipient."""
        SENT.labels(row["kind"], type(answer).__name__.lower()).inc()
        match answer:
            case Succeeded(name):
                version = await store.sent(tx, row["id"], name)
                fact = NotificationSent(
                    message=row["id"], version=version, order_id=row["order_id"], kind=row["kind"], by=SMS
                )
                await tx.emit(store.MessageRow(row["id"]), fact)
            case Failed(reason):
                version = await store.changed(tx, row["id"])
                await handlers.failed(tx, row["id"], row["order_id"], row["kind"], SMS, version, reason)
            case Unknown():
                await store.changed(tx, row["id"], doubts=1)

    def _in_time(self, row: Row, answer: Answer) -> Answer:
        late = datetime.now(UTC) - row["created_at"] > self.settings.sms_give_up_after
        if isinstance(answer, Wait) and late:
            return Failed(f"given up after {row['attempts']} tries: {answer.reason}")
        return answer

    def _sms(self, row: Row, known: frozenset[str] = frozenset()) -> Sms:
        return Sms(
            reference=str(row["id"]),
            to=row["recipient"],
            sender=row["sender"] or self.settings.sms_sender,
            text=row["text"],
            since=row["created_at"],
            attempts=row["attempts"],
            doubts=row["doubts"],
            absent=row["absent"],
            known=known,
        )


_KNOWN = "SELECT provider_id FROM message WHERE recipient = $1 AND by = 'sms' AND provider_id IS NOT NULL"
