"""The open edge: couriers' signed callbacks, and the page where a customer follows a parcel."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import HTMLResponse
from prometheus_client import Counter

from libs.service.call import Call, public, signed
from libs.service.problems import Invalid, NotFound, TooLarge, Unauthenticated, documented
from services.shipping.accounts import store as accounts
from services.shipping.couriers.callbacks import refusal
from services.shipping.sealing import Seal
from services.shipping.tracking import store
from services.shipping.tracking.loops import CALLBACKS
from services.shipping.tracking.page import rendered

router = APIRouter(tags=["tracking"])
PUBLIC = Annotated[Call, public()]
SIGNED = Annotated[Call, signed()]
REFUSED = Counter("comanda_callback_refusals_total", "Couriers' callbacks refused, by reason.", ["reason"])
MOST = 256 * 1024
CODE = r"^[a-z0-9][a-z0-9_-]{0,39}$"


@router.post(
    "/v1/courier-callbacks/{account}",
    status_code=202,
    response_class=Response,
    responses=documented(Unauthenticated, TooLarge, Invalid),
)
async def callback(
    account: Annotated[str, Path(pattern=CODE)],
    request: Request,
    call: SIGNED,
    callback_timestamp: Annotated[str, Header(max_length=20, description="Unix seconds.")] = "",
    callback_signature: Annotated[
        str,
        Header(max_length=200, description="HMAC-SHA256 of `timestamp.body` in hex, by the account's callback secret."),
    ] = "",
) -> Response:
    """Take a courier's events. Stored as they came before the answer; read afterwards. The same bytes twice are one."""
    raw = await request.body()
    if len(raw) > MOST:
        raise TooLarge(f"at most {MOST} bytes")
    settings = call.context.settings
    seal = Seal(settings)
    async with call.read() as tx:
        row = await accounts.by_code(tx, account)
        secrets = [seal.open(each) for each in row["callback_secrets"]] if row and row["active"] else []
        now = datetime.now(UTC)
        reason = refusal(secrets, callback_timestamp, callback_signature, raw, now, settings.callback_skew)
        if reason is not None:
            REFUSED.labels(reason).inc()
            raise Unauthenticated("the signature is not one of this account's, or too old")
        await store.keep_callback(tx, account, raw)
    call.context.wake[CALLBACKS].set()
    return Response(status_code=202)


@router.get("/v1/track/{token}", response_class=HTMLResponse, responses=documented(NotFound, Invalid))
async def track(token: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")], call: PUBLIC) -> HTMLResponse:
    """Where a parcel of the own fleet is, for whoever has the link; nothing about the person."""
    async with call.read() as tx:
        row = await store.on_page(tx, token)
        if row is None:
            raise NotFound
        events = await store.events(tx, row["id"])
    return HTMLResponse(
        rendered(row["awb"], row["status"], row["language"], events),
        headers={
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Robots-Tag": "noindex",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        },
    )
