"""Statuses of orders over HTTP: applied to one or many, foreseen, looked back on, published later."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from libs.service import items
from libs.service.call import Call, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import InProgress, Invalid, KeyReused, NotFound, Stale, documented
from services.orders.lifecycle.handlers import AtALoss, NotCancellable, NotConfirmed
from services.orders.statuses import applying, bulk, dry_run, entry_store, rule_store
from services.orders.statuses.entries import NotCompletable, StatusArchived, StatusesOff, TransitionNotAllowed
from services.orders.statuses.entry_out import (
    AppliedOut,
    ApplyIn,
    BulkIn,
    BulkOut,
    DryRunOut,
    EntryOut,
    ProblemOut,
    PublicationIn,
    RefusalOut,
)

router = APIRouter(prefix="/v1/orders", tags=["statuses"])
Reads = Annotated[Call, needs("orders:read")]
Writes = Annotated[Call, needs("orders:write")]
Seer = Annotated[Call, needs("orders:read", sometimes=("customers:read",))]
Language = Annotated[str, Query(min_length=2, max_length=35, description="Of the names (BCP 47).")]
REFUSALS = (StatusesOff, StatusArchived, TransitionNotAllowed, NotCancellable, NotConfirmed, NotCompletable, AtALoss)


@router.post("/{order_id}/status", response_model=AppliedOut, responses=documented(NotFound, *REFUSALS, Stale, Invalid))
async def apply_status(order_id: UUID, body: ApplyIn, call: Writes, language: Language = "en") -> Response:
    """Let an order have a status; its type asks the order for what it means, and a refusal refuses the status."""
    wanted = body.item(order_id)
    async with call.uow() as tx:
        applied = await applying.apply_status(
            tx, order_id, wanted.status, wanted.actions, wanted.comment, call.if_match
        )
        if applied.refusal is not None:
            return call.refuse(applied.refusal)
        order = applied.change.order
        row = await _row(tx, applied)
        outcome: Literal["applied", "noop"] = "applied" if applied.entry else "noop"
        out = AppliedOut(outcome=outcome, order_id=order.id, version=order.version, entry=EntryOut.of(row, language))
        return call.answer(out, etag=order.version)


async def _row(tx: Any, applied: applying.Applied) -> Any:
    if applied.entry is None:
        return await entry_store.standing_entry(tx, applied.change.order.id, applied.definition.track)
    return await entry_store.entry(tx, applied.change.order.id, applied.entry.id)


@router.post("/status", response_model=BulkOut, responses=documented(Invalid, KeyReused, InProgress))
async def apply_status_to_many(body: BulkIn, call: Writes) -> Response:
    """Let up to 1,000 orders have a status; each is applied, left alone (`noop`) or refused by itself.

    Under an Idempotency-Key each order is done once, also when a call that broke off half-way is repeated.
    """
    results = await bulk.apply_all(call.context.uow, call.cause, body.wanted(), items.key_of(call))
    return call.answer(BulkOut.model_validate({"items": results}))


@router.post("/{order_id}/status/dry-run", responses=documented(NotFound, Stale, Invalid))
async def foresee_status(order_id: UUID, body: ApplyIn, call: Seer) -> DryRunOut:
    """Say what applying a status would do, without doing it."""
    masked = "customers:read" not in call.principal.scopes
    wanted = body.item(order_id)
    found = await dry_run.foresee(call.context.uow, call.cause, wanted, call.if_match, masked=masked)
    refusal = found.refusal
    problem = (
        ProblemOut(type=f"/problems/{refusal.slug}", status=refusal.status.value, detail=refusal.detail)
        if refusal
        else None
    )
    given = {name: getattr(found, name) for name in DryRunOut.model_fields if name != "problem"}
    return DryRunOut.model_validate(given | {"problem": problem})


@router.get("/{order_id}/status-entries", response_model=Page[EntryOut], responses=documented(NotFound, Invalid))
async def status_entries(
    order_id: UUID, call: Reads, language: Language = "en", after: After = None, limit: Limit = 50
) -> Any:
    """Every status that an order got, the newest first: colour, name, actions, who or which rule."""
    place = decode(after, (int,))
    async with call.read() as tx:
        if not await entry_store.exists(tx, order_id):
            raise NotFound("there is no such order")
        rows = await entry_store.page(tx, order_id, place[0] if place else None, limit + 1)
    return page_of([EntryOut.of(row, language) for row in rows], limit, lambda row: encode(row.number))


@router.get("/{order_id}/status-refusals", responses=documented(NotFound))
async def status_refusals(order_id: UUID, call: Reads) -> list[RefusalOut]:
    """What rules could not do about an order and why, the newest first, 200 at most."""
    async with call.read() as tx:
        if not await entry_store.exists(tx, order_id):
            raise NotFound("there is no such order")
        return [RefusalOut.model_validate(dict(row)) for row in await rule_store.refusals(tx, order_id)]


@router.post(
    "/{order_id}/status-entries/{entry_id}/publication",
    response_model=EntryOut,
    responses=documented(NotFound, StatusesOff, Stale),
)
async def publish_entry(
    order_id: UUID, entry_id: UUID, body: PublicationIn, call: Writes, language: Language = "en"
) -> Response:
    """Let the customer see an entry from now on, or not any more. Nothing is sent because of it."""
    async with call.uow() as tx:
        order = await applying.publish(tx, order_id, entry_id, published=body.published, if_match=call.if_match)
        row = await entry_store.entry(tx, order_id, entry_id)
        return call.answer(EntryOut.of(row, language), etag=order.version)
