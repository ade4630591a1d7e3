"""Profit over HTTP: the report, the costs that people and ERPs state, and the override."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field, model_validator

from libs.contracts.common import Money
from libs.service.call import Body, Call, needs
from libs.service.problems import FieldError, Invalid, NotFound, Stale, documented
from services.orders.lifecycle.handlers import NotHeld
from services.orders.lifecycle.out import SummaryOut
from services.orders.profit import handlers, store
from services.orders.profit.costs import CostKind
from services.orders.profit.handlers import Told
from services.orders.profit.out import CostOut, CostsOut, ProfitOut

router = APIRouter(prefix="/v1/orders/{order_id}", tags=["profit"])
Reads = Annotated[Call, needs("profit:read")]
Costs = Annotated[Call, needs("costs:write")]
Overrides = Annotated[Call, needs("profit:override")]
Source = Annotated[str, Field(min_length=1, max_length=100, description="Who or what says so; no personal data.")]


class CostIn(Body):
    """What an order cost, or will cost, of one kind, as one source says it."""

    kind: CostKind
    source: Source = "manual"
    amount: Money = Field(description="Negative: money that comes back, such as a refunded fee.")
    vat_recoverable: Money | None = Field(None, description="What of the amount is VAT that a seller may deduct.")
    actual: bool = Field(default=True, description="False: an estimate, which counts until an actual one comes.")


class CostsIn(Body):
    """Costs to state; each replaces what was stated before by hand of the same kind and source."""

    costs: Annotated[list[CostIn], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [(cost.kind, cost.source) for cost in self.costs]
        if len(set(names)) < len(names):
            raise ValueError("a kind and source stands twice")
        return self


class OverrideIn(Body):
    """Why it may complete at a loss."""

    reason: Annotated[str, Field(min_length=1, max_length=500, description="For colleagues; no personal data.")]


@router.get("/profit", response_model=ProfitOut, responses=documented(NotFound))
async def profit(order_id: UUID, call: Reads) -> Response:
    """What an order earned, to the cent, by everything known now. Unknown, never zero, where a cost is missing."""
    async with call.read() as tx:
        return call.answer(ProfitOut.of(await handlers.report_on(tx, order_id)))


def _vat_apart(place: int, cost: CostIn) -> list[FieldError]:
    """VAT is a part of its amount: of its currency and sign, and not more; both members are named where it is not."""
    vat, amount = cost.vat_recoverable, cost.amount
    if vat is None:
        return []
    if vat.currency != amount.currency:
        detail = "amount and vat_recoverable are in different currencies"
    elif abs(vat.minor) > abs(amount.minor) or vat.minor * amount.minor < 0:
        detail = "vat_recoverable is a part of the amount: of the same sign, and not more"
    else:
        return []
    return [FieldError(f"costs[{place}].{name}", detail) for name in ("amount", "vat_recoverable")]


@router.put("/costs", response_model=CostsOut, responses=documented(NotFound, Stale, Invalid))
async def set_costs(order_id: UUID, body: CostsIn, call: Costs) -> Response:
    """State what an order cost. It counts instead of what services said of the same kind and source.

    An order that is held for a loss, and is known to be none now, goes on by itself.
    """
    if wrong := [error for n, cost in enumerate(body.costs) for error in _vat_apart(n, cost)]:
        raise Invalid("; ".join(f"{error.field}: {error.detail}" for error in wrong[:5]), errors=wrong)
    told = [Told(str(c.kind), c.source, c.amount, c.vat_recoverable, c.actual) for c in body.costs]
    async with call.uow() as tx:
        order = await handlers.set_costs(tx, order_id, told, call.if_match)
        rows = await store.costs(tx, order_id)
        return call.answer(CostsOut(items=[CostOut.of(row) for row in rows]), etag=order.version)


@router.post("/override-loss", response_model=SummaryOut, responses=documented(NotFound, NotHeld, Stale))
async def override_loss(order_id: UUID, body: OverrideIn, call: Overrides) -> Response:
    """Let an order that is held for a loss complete all the same; who and why stand in its timeline."""
    async with call.uow() as tx:
        order = await handlers.override_loss(tx, order_id, body.reason, call.if_match)
        return call.answer(SummaryOut.of_order(order), etag=order.version)
