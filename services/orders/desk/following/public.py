"""What a tracking link opens, for whoever holds it: a page, and the same as JSON."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from libs.service.call import Call, public
from libs.service.problems import NotFound, documented
from services.orders.customers.links import Links
from services.orders.desk.following import reading
from services.orders.desk.following.account import language_of
from services.orders.desk.following.domain import chosen
from services.orders.desk.following.page import HEADERS, gone_page, order_page
from services.orders.desk.following.reading import FollowedOut
from services.orders.statuses.domain import FALLBACK

router = APIRouter(tags=["tracking"])
Anybody = Annotated[Call, public()]
Lang = Annotated[str | None, Query(description="A language such as `ro`; else the order's own.", examples=["ro"])]
GONE = "this link opens nothing: it expired, was replaced, or lost a part; ask the shop for a new one"
_HTML = {"text/html": {"schema": {"type": "string"}}}


class Opened(BaseModel):
    """What a link opened, and where its shop is."""

    shown: FollowedOut
    time_zone: str


@router.get("/t/{token}.json", response_model=FollowedOut, responses=documented(NotFound))
async def followed_order(token: str, call: Anybody, lang: Lang = None) -> Response:
    """What the page of a tracking link shows, as JSON."""
    return _as_json(call, await _open(call, token, lang))


@router.get(
    "/t/{token}",
    response_class=HTMLResponse,
    responses={
        200: {"description": "The page, or the same as JSON for who accepts that alone.", "content": _HTML},
        404: {"description": "The link opens nothing; the page says what to do.", "content": _HTML},
    },
)
async def tracking_page(token: str, call: Anybody, lang: Lang = None) -> Response:
    """Open an order to whoever holds its link: a page without scripts, in the order's language."""
    found = await _open(call, token, lang)
    if _wants_json(call):
        return _as_json(call, found)
    if found is None:
        html, headers = gone_page(language_of(call, lang, FALLBACK))
        return HTMLResponse(html, 404, headers)
    html, headers = order_page(found.shown, found.time_zone)
    return HTMLResponse(html, 200, headers)


async def _open(call: Call, token: str, lang: str | None) -> Opened | None:
    settings = call.context.settings
    order_id = reading.signed(Links(settings), token)
    if order_id is None:
        return None
    async with call.read() as tx:
        found = await reading.opened_by(tx, order_id, token)
        if found is None:
            return None
        link = found.link(settings.open_to_customers) or ""
        shown = await reading.by_link(tx, found, link, chosen(lang, None, found.language))
    return Opened(shown=shown, time_zone=found.time_zone)


def _as_json(call: Call, found: Opened | None) -> Response:
    if found is None:
        raise NotFound(GONE, headers=HEADERS)
    return call.answer(found.shown, headers=HEADERS)


def _wants_json(call: Call) -> bool:
    accepted = call.request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted
