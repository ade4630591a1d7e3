"""After how long payment and delivery are late, over HTTP."""

from typing import Annotated, Self

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, model_validator

from libs.contracts.orders import Overdue
from libs.service.call import Body, Call, check_version, needs
from libs.service.problems import Stale, documented
from services.orders.lifecycle import deadline_store
from services.orders.lifecycle.clock import Rule, Unit

router = APIRouter(prefix="/v1/deadlines", tags=["settings"])
Looks = Annotated[Call, needs("settings:read")]
Sets = Annotated[Call, needs("settings:write")]


class DeadlineRule(Body):
    """How long after its clock started something is late. Working time is that of the order's channel.

    Payment's clock starts when an order was placed, delivery's when it is confirmed.
    """

    kind: Overdue
    method: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="Code of a payment or delivery method; without one: every method that has no rule of its own."
    )
    after: Annotated[int, Field(ge=1, le=1000)]
    unit: Unit


class DeadlinesIn(Body):
    """All rules; without one for its method an order has no such deadline."""

    items: Annotated[list[DeadlineRule], Field(max_length=200)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        named = [(rule.kind, rule.method) for rule in self.items]
        if len(set(named)) < len(named):
            raise ValueError("items: a kind and method stands twice")
        return self


class DeadlinesOut(BaseModel):
    """All rules."""

    version: int
    items: list[DeadlineRule]

    @classmethod
    def of(cls, version: int, rules: tuple[Rule, ...]) -> Self:
        """As they were set."""
        return cls(
            version=version,
            items=[DeadlineRule(kind=r.kind, method=r.method, after=r.after, unit=r.unit) for r in rules],
        )


@router.get("", response_model=DeadlinesOut)
async def deadlines(call: Looks) -> Response:
    """After how long payment and delivery are late."""
    async with call.read() as tx:
        version, rules = await deadline_store.read(tx)
        return call.answer(DeadlinesOut.of(version, rules), etag=version)


@router.put("", response_model=DeadlinesOut, responses=documented(Stale))
async def change_deadlines(body: DeadlinesIn, call: Sets) -> Response:
    """Say after how long payment and delivery are late. Deadlines that run already stay as they are."""
    rules = tuple(Rule(item.kind, item.method, item.after, item.unit) for item in body.items)
    async with call.uow() as tx:
        version, _ = await deadline_store.read(tx, lock=True)
        check_version(version, call.if_match)
        await deadline_store.write(tx, version + 1, rules)
        return call.answer(DeadlinesOut.of(version + 1, rules), etag=version + 1)
