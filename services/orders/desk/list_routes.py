"""Finding orders over HTTP: the list with everything that narrows and sorts it, and the counters."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from libs.contracts.common import Money
from libs.contracts.orders import FulfilmentAxis, HoldKind, Lifecycle, PaymentAxis, StockAxis
from libs.events.transaction import Transaction
from libs.service.call import Call, Moment, needs
from libs.service.paging import MAX_CURSOR, Page, decode, encode
from libs.service.problems import Forbidden, Invalid, documented
from services.orders.desk import counters
from services.orders.desk.customers_view import CustomersSummaryOut
from services.orders.desk.folding import question
from services.orders.desk.following import account
from services.orders.desk.following.account import language_of
from services.orders.desk.list_out import BucketCount, Counts, ListPage, StatusCount, page_json
from services.orders.desk.lists import SORTS, Direction, Place, Sort, shown
from services.orders.desk.narrowing import Filters
from services.orders.desk.read_table import BUCKETS
from services.orders.desk.store import one_view
from services.orders.statuses import store as statuses
from services.orders.statuses.domain import FALLBACK

router = APIRouter(prefix="/v1", tags=["orders"])
Reads = Annotated[Call, needs("orders:read")]
Viewer = Annotated[Call, needs("orders:read", own="orders:own")]
Word = Annotated[str, Field(max_length=64)]
Bucket = Literal["in_preparation", "to_ship", "returns", "overdue", "on_hold"]
Tag = Annotated[str, Field(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")]
_AMOUNT = r"^\d{1,12}(\.\d{1,3})?$"
_ALL_STATUSES = 10_000


class Narrowed(BaseModel):
    """What narrows a list, as it is asked for."""

    model_config = ConfigDict(extra="ignore")

    q: str | None = Field(
        None,
        max_length=200,
        description="Words that each must begin a number, a name, an e-mail, a telephone number, a SKU or an AWB.",
    )
    status: list[Word] = Field([], max_length=50, description="Ids or mnemonics; any of them stands, on any track.")
    bucket: Bucket | None = Field(None, description="A one-click list; `GET /v1/orders/counters` says what each holds.")
    indicator: Word | None = None
    channel: Word | None = None
    external_id: Word | None = None
    lifecycle: Lifecycle | None = None
    stock: StockAxis | None = None
    payment: PaymentAxis | None = None
    fulfilment: FulfilmentAxis | None = None
    hold: HoldKind | None = None
    overdue: Literal["payment", "delivery"] | None = None
    has_awb: bool | None = None
    customer_id: UUID | None = None
    placed_from: Moment | None = None
    placed_until: Moment | None = None
    payment_method: Word | None = None
    delivery_method: Word | None = None
    currency: str | None = Field(None, pattern=r"^[A-Z]{3}$")
    amount_from: str | None = Field(None, pattern=_AMOUNT, description="The least total, in `currency`.")
    amount_until: str | None = Field(None, pattern=_AMOUNT, description="The total is below this, in `currency`.")
    sku: str | None = Field(None, max_length=64)
    referer: list[Annotated[str, Field(max_length=200)]] = Field([], max_length=10)
    referer_match: Literal["any", "only"] = Field("any", description="`only`: no other referer brought it.")

    async def filters(self, tx: Transaction) -> Filters:
        """As the read table is asked; Invalid names what there is not."""
        same = set(Narrowed.model_fields) & set(Filters.__slots__)
        return Filters(
            **{name: getattr(self, name) for name in same},
            words=question(self.q or ""),
            statuses=await self._statuses(tx),
            total_from=self._minor("amount_from"),
            total_until=self._minor("amount_until"),
            referers=tuple(self.referer),
        )

    async def _statuses(self, tx: Transaction) -> tuple[tuple[str, UUID], ...]:
        if not self.status:
            return ()
        means = await statuses.by_name(tx, self.status)
        for n, name in enumerate(self.status):
            if name not in means:
                raise Invalid(f"there is no status {name}", field=f"status[{n}]")
        return tuple(sorted({(str(each.track), each.id) for each in means.values()}))

    def _minor(self, field: str) -> int | None:
        text: str | None = getattr(self, field)
        if text is None:
            return None
        if self.currency is None:
            raise Invalid("say in which currency the amount is", field="currency")
        try:
            return Money.parse(text, self.currency).minor
        except ValueError as error:
            raise Invalid(str(error), field=field) from error


class Asked(Narrowed):
    """A list as it is asked for."""

    sort: Sort = Field("placed", description="`due`: the nearest open deadline; orders without one come last.")
    direction: Direction = "desc"
    after: str | None = Field(None, max_length=MAX_CURSOR, description="The `next` of the page before.")
    before: str | None = Field(None, max_length=MAX_CURSOR, description="The `previous` of the page behind.")
    limit: int = Field(50, ge=1, le=200, description="How many items at most.")
    language: Tag | None = Field(None, description="Of what statuses are called; else Accept-Language's.")

    def place(self) -> Place | None:
        """Where the page begins; Invalid for a cursor of another list."""
        if self.after is not None and self.before is not None:
            raise Invalid("either after or before", field="before")
        field, cursor = ("after", self.after) if self.before is None else ("before", self.before)
        found = decode(cursor, (str, str, SORTS[self.sort][1], UUID), field=field)
        if found is None:
            return None
        if found[:2] != (self.sort, self.direction):
            raise Invalid("this is a cursor of a list sorted otherwise", field=field)
        return Place(found[2], found[3], back=field == "before")


@router.get("/orders", response_model=ListPage | Page[CustomersSummaryOut], responses=documented(Invalid, Forbidden))
async def orders(call: Viewer, asked: Annotated[Asked, Query()]) -> Response:
    """Orders, the newest first unless sorted otherwise; what narrows may be combined.

    A customer gets their own, those that are shown to them; filters do not narrow those.
    """
    if call.principal.kind == "customer" and call.principal.customer_id is not None:
        own = decode(asked.after, (datetime, UUID))
        place = (own[0], own[1]) if own else None
        own_page = await account.own_orders(call, call.principal.customer_id, place, asked.limit, asked.language)
        return call.answer(own_page)
    way, begins = (asked.sort, asked.direction), asked.place()
    async with call.look() as tx:
        found = await shown(tx, await asked.filters(tx), begins, asked.limit, *way)
        stand = {each for row in found.rows for each in row["standing"]}
        means = await statuses.by_ids(tx, stand) if stand else {}
    told = language_of(call, asked.language, FALLBACK)
    following = encode(*way, *found.following) if found.following else None
    before = encode(*way, *found.before) if found.before else None
    return call.answer(page_json(found.rows, means, told, following, before))


@router.get("/orders/counters", response_model=Counts)
async def counts(call: Reads) -> Response:
    """How many orders each status stands on, each one-click list holds and each lifecycle has, of one instant."""
    async with call.read() as tx:
        await one_view(tx)
        found = await counters.totals(tx)
        known = await statuses.page(tx, None, None, None, None, _ALL_STATUSES)
    told = Counts(
        lifecycle={str(each): found.get(f"lifecycle:{each}", 0) for each in Lifecycle},
        buckets=[
            BucketCount(bucket=name, what=what, orders=found.get(f"bucket:{name}", 0))
            for name, (what, _) in BUCKETS.items()
        ],
        statuses=[
            StatusCount(
                id=each.id,
                mnemonic=each.mnemonic,
                track=each.track,
                archived=each.archived,
                orders=found.get(f"status:{each.id}", 0),
            )
            for each in known
        ],
    )
    return call.answer(told)
