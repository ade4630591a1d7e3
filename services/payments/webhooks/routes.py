"""HTTP: where providers knock. The raw bytes are verified, kept and answered; nothing else happens here."""

import json
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any, cast

from fastapi import APIRouter, Request, Response
from prometheus_client import Counter

from libs.service.call import Call, signed
from libs.service.problems import Problem, TooLarge, TooMany, documented
from libs.service.service import Context
from services.payments.domain import PAYPAL
from services.payments.providers import paypal_wire as wire
from services.payments.settings import Settings
from services.payments.webhooks import store
from services.payments.webhooks.certificates import Certificates, Refused, Unfetchable
from services.payments.webhooks.intake import Intake
from services.payments.webhooks.verify import Proof, Verifier

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
REFUSED = Counter("comanda_webhook_refusals_total", "Deliveries refused, by reason.", ["provider", "reason"])
TAKEN = Counter("comanda_webhooks_total", "Deliveries accepted.", ["provider", "known"])


class BadSignature(Problem):
    """This delivery is not the provider's."""

    status = HTTPStatus.BAD_REQUEST
    slug = "bad-signature"


class NotNow(Problem):
    """Whose this delivery is cannot be found out now: deliver it again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    slug = "not-now"


@router.post("/paypal", responses=documented(BadSignature, NotNow, TooLarge, TooMany))
async def paypal(request: Request, call: Annotated[Call, signed()]) -> Response:
    """Take a delivery: 200 once it is kept, 400 when it is not PayPal's, 503 when that cannot be known now."""
    body = await request.body()
    try:
        proof = await _verifier(request).verify(request.headers, body)
        delivery = _delivery(proof, body, call.context.settings)
    except Refused as refusal:
        REFUSED.labels(PAYPAL, refusal.reason).inc()
        raise BadSignature(f"refused: {refusal.reason}") from refusal
    except Unfetchable as reason:
        REFUSED.labels(PAYPAL, "cert_unfetchable").inc()
        raise NotNow(headers={"Retry-After": "30"}) from reason
    new = await _intake(request).keep(delivery)
    TAKEN.labels(PAYPAL, "no" if new else "yes").inc()
    call.context.wake["webhook_inbox"].set()
    return Response(status_code=200)


def _verifier(request: Request) -> Verifier:
    """One for the process, made when first needed."""
    state = request.app.state
    found = getattr(state, "paypal_verifier", None)
    if found is None:
        settings = cast("Context[Settings]", state.context).settings
        certificates = Certificates(settings.paypal_cert_hosts, settings.cert_names, settings.paypal_trust_store)
        found = state.paypal_verifier = Verifier(settings.paypal_webhook_id, certificates)
    return cast("Verifier", found)


def _intake(request: Request) -> Intake:
    """One for the process, made when first needed."""
    state = request.app.state
    found = getattr(state, "paypal_intake", None)
    if found is None:
        found = state.paypal_intake = Intake(state.context.uow)
    return cast("Intake", found)


def _delivery(proof: Proof, body: bytes, settings: Settings) -> store.Delivery:
    try:
        event: Any = json.loads(body)
        event_id, event_type = wire.text(event, "id"), wire.text(event, "event_type")
    except (ValueError, AttributeError):
        raise Refused("unreadable") from None
    if "\x00" in event_id + event_type:
        raise Refused("unreadable")
    occurred = None
    with suppress(ValueError):
        occurred = wire.moment(event.get("create_time"))
    return store.Delivery(
        PAYPAL, settings.paypal_webhook_id, event_id, event_type, proof.delivery_id, occurred or proof.sent_at,
        proof.headers, body,
    )  # fmt: skip
