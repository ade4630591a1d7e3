"""Statuses of orders over HTTP: applied to one or many, foreseen, looked back on, published later."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, model_validator

from libs.contracts.statuses import StatusActions, StatusTrack, StatusType
from libs.service import items
from libs.service.call import Body, Call, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import InProgress, Invalid, KeyReused, NotFound, Stale, documented
from services.orders.lifecycle.handlers import AtALoss, NotCancellable, NotConfirmed
from services.orders.statuses import applying, bulk, dry_run, entry_store
from services.orders.statuses.bulk import Item
from services.orders.statuses.domain import text_for
from services.orders.statuses.entries import NotCompletable, StatusArchived, StatusesOff, TransitionNotAllowed
from services.orders.statuses.store import from_row

router = APIRouter(prefix="/v1/orders", tags=["statuses"])
Reads = Annotated[Call, needs("orders:read")]
Writes = Annotated[Call, needs("orders:write")]
Seer = Annotated[Call, needs("orders:read", sometimes=("customers:read",))]
Name = Annotated[str, Field(min_length=1, max_length=40, description="A mnemonic or an id.")]
Comment = Annotated[str, Field(min_length=1, max_length=1000, description="To the customer, for this one use.")]
Language = Annotated[str, Query(min_length=2, max_length=35, description="Of the names (BCP 47).")]
MAX_ITEMS = 1000
REFUSALS = (StatusesOff, StatusArchived, TransitionNotAllowed, NotCancellable, NotConfirmed, NotCompletable, AtALoss)


class OverridesIn(Body):
    """What is to be otherwise than the status says, for this one use."""

    publish: bool | None = None
    mail: bool | None = None
    sms: bool | None = None
    invoice: bool | None = None


class ApplyIn(Body):
    """The status that an order is to get."""

    status: Name
    actions: OverridesIn = Field(default_factory=OverridesIn)
    comment: Comment | None = None

    def item(self, order_id: UUID) -> Item:
        """For one order."""
        return Item(order_id, self.status, self.actions.model_dump(exclude_none=True), self.comment)


class BulkItemIn(Body):
    """One of many orders; what it does not say stands above the items."""

    order_id: UUID
    status: Name | None = None
    comment: Comment | None = None


class BulkIn(Body):
    """The statuses that orders are to get."""

    status: Name | None = None
    actions: OverridesIn = Field(default_factory=OverridesIn)
    comment: Comment | None = None
    items: Annotated[list[BulkItemIn], Field(min_length=1, max_length=MAX_ITEMS)]

    @model_validator(mode="after")
    def _every_order_once(self) -> Self:
        if len({item.order_id for item in self.items}) != len(self.items):
            raise ValueError("an order is named twice")
        if self.status is None and any(item.status is None for item in self.items):
            raise ValueError("a status is needed, above the items or in each")
        return self

    def wanted(self) -> list[Item]:
        """One by one."""
        actions = self.actions.model_dump(exclude_none=True)
        return [
            Item(each.order_id, each.status or self.status or "", actions, each.comment or self.comment)
            for each in self.items
        ]


class PublicationIn(Body):
    """Whether the customer sees it."""

    published: bool


class EntryOut(BaseModel):
    """A status as an order got it, for the desk."""

    id: UUID
    number: int
    status: UUID
    mnemonic: str
    name: str = Field(description="In the language asked for, or the nearest that the status has.")
    track: StatusTrack
    type: StatusType
    colour: str
    text_colour: str
    previous: UUID | None
    applied_at: datetime
    applied_by: str
    rule_id: UUID | None
    rule: str | None = Field(description="The name of the rule that set it, while there is that rule.")
    fact_id: UUID | None
    comment: str | None
    actions: StatusActions
    published: bool
    stands: bool

    @classmethod
    def of(cls, row: Any, language: str) -> "EntryOut":
        """From its row with its status."""
        status = from_row(row)
        names = ("number", "previous", "applied_at", "applied_by", "rule_id", "rule", "fact_id", "comment", "actions")
        return cls(
            **{name: row[name] for name in (*names, "published", "stands")},
            id=row["entry_id"],
            track=row["entry_track"],
            status=status.id,
            mnemonic=status.mnemonic,
            name=text_for(status, language).name,
            type=status.type,
            colour=status.colour,
            text_colour=status.text_colour,
        )


class AppliedOut(BaseModel):
    """What became of it. `noop`: the status stood already, nothing was done and nobody is told."""

    outcome: Literal["applied", "noop"]
    order_id: UUID
    version: int
    entry: EntryOut = Field(description="The entry that stands on this track now.")


class ProblemOut(BaseModel):
    """Why an order did not get it."""

    type: str
    status: int
    detail: str


class ResultOut(BaseModel):
    """What became of one order."""

    order_id: UUID
    outcome: Literal["applied", "noop", "refused"]
    entry: UUID | None = None
    version: int | None = Field(None, description="The order's version, where it has a new one.")
    problem: ProblemOut | None = None


class BulkOut(BaseModel):
    """One result for each order, in the order asked."""

    items: list[ResultOut]


class MailOut(BaseModel):
    """A mail that would leave, unless its customer wants none."""

    to: str
    language: str
    subject: str


class SmsOut(BaseModel):
    """An SMS that would leave, where SMS are switched on and its customer wants them."""

    to: str
    language: str
    encoding: str
    parts: int = Field(description="Without links, which are filled in when it is sent.")


class RuleRunOut(BaseModel):
    """A rule that would follow."""

    rule: str
    status: str
    reason: str | None = Field(description="Why it could not set its status; null where it would.")


class DryRunOut(BaseModel):
    """What applying it would do; nothing of it was done."""

    outcome: Literal["applied", "noop", "refused"]
    problem: ProblemOut | None = None
    publish: bool
    mail: MailOut | None
    sms: SmsOut | None
    invoice: bool
    says: list[str] = Field(description="The facts that the order would tell the other services, in order.")
    rules: list[RuleRunOut]
    warnings: list[str]


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
