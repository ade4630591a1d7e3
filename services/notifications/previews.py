"""What a message would look like before anybody gets it, and how long an SMS is."""

from collections.abc import Mapping
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from libs.contracts.orders import ChannelChanged
from libs.contracts.statuses import StatusText
from libs.service.call import Body, Call, needs
from libs.service.problems import Forbidden, Invalid, Unauthenticated, documented
from libs.service.sms import Encoding, measured, plain
from libs.service.texts import unknown
from services.notifications import handlers, samples, store, wording
from services.notifications.domain import FALLBACK, KINDS, OwnText, language_of
from services.notifications.figures import Values
from services.notifications.rendering import Written, status_written, written
from services.notifications.wishes.routes import MessageKind, TemplateIn

router = APIRouter(tags=["messages"])
DENIED = (Unauthenticated, Forbidden)
SAMPLE_LINKS = "https://shop.example"


class StatusIn(Body):
    """The texts of a status, as its editor has them."""

    name: Annotated[str, Field(min_length=1, max_length=200, examples=["On the work-bench"])]
    message: Annotated[str, Field(max_length=10_000, examples=["{customer_name}, we have begun."])] | None = None
    sms: Annotated[str, Field(max_length=1000)] | None = None


class PreviewIn(Body):
    """A kind of message, in the words that stand or in a draft; or a status's texts."""

    kind: MessageKind | None = Field(None, examples=["shipped"])
    draft: TemplateIn | None = Field(None, description="Words to try instead of those that stand.")
    status: StatusIn | None = None
    language: Annotated[str, Field(min_length=2, max_length=35, pattern=r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$")] = (
        FALLBACK
    )
    channel: Annotated[str, Field(max_length=100)] | None = Field(None, description="Whose name and look; else one.")
    comment: Annotated[str, Field(max_length=2000)] | None = Field(None, description="What an operator would add.")


class MeasureOut(BaseModel):
    """What an SMS costs."""

    text: str
    encoding: Encoding
    units: int = Field(description="Septets of GSM 7-bit, or 16-bit units of UCS-2.")
    parts: list[str] = Field(description="As they are sent, each billed.")
    left: int = Field(description="Units free in the last part.")
    costly: list[str] = Field(description="Characters that GSM 7-bit does not have: for them a part has 70, not 160.")

    @classmethod
    def of(cls, text: str) -> Self:
        """As it is shown."""
        found = measured(text)
        return cls(
            text=text,
            encoding=found.encoding,
            units=found.units,
            parts=list(found.parts),
            left=found.left,
            costly=list(found.costly),
        )


class SmsOut(MeasureOut):
    """The same, and what it would cost in plain letters."""

    plain: MeasureOut

    @classmethod
    def of(cls, text: str) -> Self:
        """As it is shown."""
        return cls(**MeasureOut.of(text).model_dump(), plain=MeasureOut.of(plain(text)))


class PreviewOut(BaseModel):
    """The message about a sample order."""

    subject: str
    text: str
    html: str
    sms: SmsOut | None


class MeasureIn(Body):
    """An SMS; variables are filled in from a sample order."""

    text: Annotated[str, Field(max_length=2000, examples=["Comanda {order_number} a plecat"])]
    language: Annotated[str, Field(min_length=2, max_length=35)] = FALLBACK


@router.post("/v1/messages/preview", responses=documented(Invalid, *DENIED))
async def preview(body: PreviewIn, call: Annotated[Call, needs("notifications:read")]) -> PreviewOut:
    """See a message about a sample order; nothing is sent or kept."""
    if (body.kind is None) == (body.status is None):
        raise Invalid("name a kind of message or give the texts of a status, one of them", field="kind")
    _check(body)
    async with call.read() as tx:
        known = await store.seen(tx, body.channel or "", (body.kind or "",))
    if body.channel and known is None:
        raise Invalid("there is no such channel, or nobody has told of it yet", field="channel")
    shop = known.channel if known else samples.channel()
    said = _said(body, shop, known.own if known else {})
    return PreviewOut(
        subject=said.subject, text=said.text, html=said.html, sms=SmsOut.of(said.sms) if said.sms else None
    )


@router.post("/v1/sms/measure", responses=documented(Invalid, *DENIED))
async def measure(body: MeasureIn, call: Annotated[Call, needs("notifications:read")]) -> SmsOut:  # noqa: ARG001
    """How long an SMS is, in its encoding, in parts, and in plain letters; nothing is sent or kept."""
    _known_variables("text", body.text)
    values = _values("status", samples.channel(), body.language, None)
    return SmsOut.of(status_written(StatusText(language=body.language, name="-", sms=body.text), values).sms or "")


def _said(body: PreviewIn, shop: ChannelChanged, own: Mapping[tuple[str, str], OwnText]) -> Written:
    if body.status is not None:
        values = _values("status", shop, body.language, body.comment)
        return status_written(StatusText(language=body.language, **body.status.model_dump()), values)
    kind, language = str(body.kind), language_of((body.language,))
    draft = OwnText(**body.draft.model_dump()) if body.draft else own.get((kind, language))
    return written(KINDS[kind], language, _values(kind, shop, language, body.comment), draft)


def _values(kind: str, shop: ChannelChanged, language: str, comment: str | None) -> Values:
    if kind == "pay_transfer":
        name = samples.person(language, None).name or ""
        return wording.transfer_values(samples.payment(shop), "RO-2026-000123", name, shop, language)
    links = handlers.told.tracking_url or SAMPLE_LINKS
    return wording.values_of(samples.fact(kind, shop, language, comment), shop, language, links)


def _check(body: PreviewIn) -> None:
    if body.status is not None:
        for field in ("name", "message", "sms"):
            _known_variables(f"status.{field}", getattr(body.status, field))
    if body.draft is not None:
        for field in ("subject", "text", "sms"):
            _known_variables(f"draft.{field}", getattr(body.draft, field))


def _known_variables(field: str, text: str | None) -> None:
    if wrong := unknown(text or ""):
        raise Invalid(f"there is no variable {', '.join(wrong)}; write {{{{ and }}}} for braces", field=field)
