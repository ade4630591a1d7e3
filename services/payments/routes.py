"""HTTP: payments, their operations and the ledger; the way to pay; and where a buyer comes back."""

import asyncio
import time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from libs.contracts.common import Money
from libs.contracts.payments import PaymentStatus
from libs.events.transaction import Cause
from libs.service.call import Call, needs, public
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import (
    Conflict,
    Forbidden,
    InProgress,
    Invalid,
    KeyReused,
    NotFound,
    Stale,
    TooMany,
    Unauthenticated,
    documented,
)
from services.payments import commands, handlers, store
from services.payments.domain import PAYPAL, Payment
from services.payments.handlers import Desk
from services.payments.views import (
    BalanceOut,
    LineOut,
    LinkOut,
    OperationOut,
    PaymentDetail,
    PaymentOut,
    ReceivedIn,
    RefundIn,
)

router = APIRouter(prefix="/v1/payments", tags=["payments"])
READS = (Unauthenticated, Forbidden, Invalid)
WRITES = (*READS, NotFound, Conflict, Stale, InProgress, KeyReused)
ASK_AGAIN = 0.1


@router.get("", responses=documented(*READS))
async def payments(
    call: Annotated[Call, needs("payments:read")],
    order_id: UUID | None = None,
    status: PaymentStatus | None = None,
    after: After = None,
    limit: Limit = 50,
) -> Page[PaymentOut]:
    """Payments, newest first; of one order, or of one status."""
    place = decode(after, [UUID])
    async with call.look() as tx:
        if order_id is not None:
            rows = await store.payments_of_order(tx, order_id)
        else:
            rows = await store.page_of_payments(tx, place[0] if place else None, limit + 1, status)
    return page_of([PaymentOut.of(row) for row in rows], limit, lambda payment: encode(payment.id))


@router.get("/link", response_model=LinkOut, responses=documented(*READS, NotFound) | {202: {"model": LinkOut}})
async def link(order_id: UUID, call: Annotated[Call, needs("payments:start")]) -> Response:
    """How an order is paid. Waits for the provider's link at most 20 s; 202 while there is none: ask again."""
    payment = await _link_of(call, order_id)
    if payment is None:
        raise NotFound("no payment of this order is known yet")
    return call.answer(LinkOut.of(payment), status=202 if payment.status == PaymentStatus.CREATED else 200)


async def _link_of(call: Call, order_id: UUID) -> Payment | None:
    """The order's payment as soon as it says how it is paid; no transaction is open while this waits."""
    until = time.monotonic() + call.context.settings.outcome_within.total_seconds()
    while True:
        async with call.look() as tx:
            found = await store.payments_of_order(tx, order_id)
        if (found and found[0].status != PaymentStatus.CREATED) or time.monotonic() > until:
            return found[0] if found else None
        await asyncio.sleep(ASK_AGAIN)


@router.get(
    "/return",
    status_code=202,
    responses=documented(Invalid, TooMany) | {303: {"description": "To the shop's own page."}},
)
async def returned(
    call: Annotated[Call, public()],
    token: Annotated[str | None, Query(max_length=64, pattern=r"^[A-Z0-9-]+$")] = None,
) -> Response:
    """Where the provider sends the buyer back: the provider is asked how the payment stands."""
    context = call.context
    async with context.uow(Cause("system:payments")) as tx:
        found = await store.id_by_provider(tx, PAYPAL, token) if token else None
        if found is not None:
            with tx.acting(await store.story(tx, found)):
                desk = await Desk.at(tx, found)
                await handlers.look(tx, desk.payment, desk.operations)
            tx.after_commit(context.wake["payment_call"].set)
    if (place := context.settings.after_payment_url) is not None:
        return Response(status_code=303, headers={"Location": place})
    return call.answer({"status": "processing"}, status=202)


@router.get("/{payment_id}", response_model=PaymentDetail, responses=documented(*READS, NotFound))
async def payment(payment_id: UUID, call: Annotated[Call, needs("payments:read")]) -> Response:
    """One payment with its operations and its lines in the ledger."""
    async with call.read() as tx:
        found = await store.payment(tx, payment_id)
        if found is None:
            raise NotFound("there is no such payment")
        calls = await store.call_states(tx, payment_id)
        operations = [OperationOut.of(op, calls.get(op.id)) for op in await store.operations(tx, payment_id)]
        lines = [LineOut.of(row) for row in await store.ledger_of(tx, payment_id)]
    detail = PaymentDetail(**PaymentOut.of(found).model_dump(), operations=operations, ledger=lines)
    return call.answer(detail, etag=found.version)


@router.post("/{payment_id}/received", response_model=PaymentOut, responses=documented(*WRITES))
async def received(payment_id: UUID, body: ReceivedIn, call: Annotated[Call, needs("payments:write")]) -> Response:
    """Mark money of a transfer, or cash, as here."""
    async with call.uow() as tx:
        done = await commands.money_received(tx, payment_id, body.amount, body.reference, call.if_match)
        return call.answer(PaymentOut.of(done), etag=done.version)


@router.post("/{payment_id}/refunds", status_code=202, response_model=OperationOut, responses=documented(*WRITES))
async def refund(payment_id: UUID, body: RefundIn, call: Annotated[Call, needs("payments:refund")]) -> Response:
    """Give money back. A provider is asked at once; its answer shows in the payment's operations."""
    async with call.uow() as tx:
        _, operation = await commands.give_back(tx, payment_id, body.amount, body.reason, call.if_match)
        tx.after_commit(call.context.wake["payment_call"].set)
        return call.answer(OperationOut.of(operation), status=202, headers={"Location": f"/v1/payments/{payment_id}"})


@router.post("/{payment_id}/start", response_model=LinkOut, responses=documented(*WRITES))
async def start(payment_id: UUID, call: Annotated[Call, needs("payments:start")]) -> Response:
    """Let the buyer try once more; `GET /v1/payments/link` then has the new link."""
    async with call.uow() as tx:
        opened = await commands.open_again(tx, payment_id)
        tx.after_commit(call.context.wake["payment_call"].set)
        return call.answer(LinkOut.of(opened), etag=opened.version)


@router.post("/{payment_id}/look", status_code=202, response_model=PaymentOut, responses=documented(*WRITES))
async def look(payment_id: UUID, call: Annotated[Call, needs("payments:write")]) -> Response:
    """Ask the provider how this payment stands."""
    async with call.uow() as tx:
        desk = await Desk.at(tx, payment_id)
        await handlers.look(tx, desk.payment, desk.operations)
        tx.after_commit(call.context.wake["payment_call"].set)
        return call.answer(PaymentOut.of(desk.payment), status=202, etag=desk.payment.version)


ledger_router = APIRouter(prefix="/v1/ledger", tags=["ledger"])


@ledger_router.get("/balances", responses=documented(*READS))
async def balances(call: Annotated[Call, needs("payments:read")]) -> list[BalanceOut]:
    """What stands on every account. A clearing account that does not return to zero asks for a look."""
    async with call.look() as tx:
        rows = await store.balances(tx)
    return [BalanceOut(account=row["account_id"], balance=Money(row["amount_minor"], row["currency"])) for row in rows]
