"""What a call about an order's statuses says, and what it is answered."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from libs.contracts.statuses import StatusActions, StatusTrack, StatusType
from libs.service.call import Body
from services.orders.statuses.bulk import Item
from services.orders.statuses.domain import text_for
from services.orders.statuses.store import from_row

Name = Annotated[str, Field(min_length=1, max_length=40, description="A mnemonic or an id.")]
Comment = Annotated[str, Field(min_length=1, max_length=1000, description="To the customer, for this one use.")]
MAX_ITEMS = 1000


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


class RefusalOut(BaseModel):
    """A rule that could not set its status."""

    rule_id: UUID
    rule: str | None = Field(description="Its name, while there is that rule.")
    status: str = Field(description="The mnemonic of the status that it would have set.")
    fact_id: UUID
    reason: str
    at: datetime


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
