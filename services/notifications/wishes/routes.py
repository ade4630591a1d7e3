"""The HTTP edge of what the shop wishes: its own texts for our kinds of message, and what is sent at all."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from libs.contracts.orders import HoldKind
from libs.service.call import Body, Call, check_version, needs
from libs.service.problems import Forbidden, Invalid, NotFound, Stale, Unauthenticated, documented
from libs.service.texts import unknown
from services.notifications.domain import KINDS, LANGUAGES
from services.notifications.wishes import store
from services.notifications.wishes.domain import shipped_text

router = APIRouter(tags=["message settings"])
DENIED = (Unauthenticated, Forbidden)
Language = Literal["en", "fr", "it", "ro"]
MessageKind = Literal[
    "acknowledged", "new_order", "pay_transfer", "paid", "shipped", "delivered", "cancelled", "cancel_refused",
    "reopened", "overdue", "held",
]  # fmt: skip
Text = Annotated[str, Field(min_length=1, max_length=10_000)]


class Switch(Body):
    """Whether messages of a kind go out by mail and by SMS."""

    mail: bool = True
    sms: bool = True


class SettingsIn(Body):
    """What is sent at all; what is not named is on."""

    switches: dict[MessageKind | Literal["status"], Switch] = Field(
        default_factory=dict, max_length=50, examples=[{"shipped": {"mail": False}}]
    )
    alert_holds: list[HoldKind] = Field(
        default=[HoldKind.LOSS], max_length=len(HoldKind), description="Holds of these kinds are mailed to the shop."
    )
    sms: bool = Field(default=True, description="Whether any SMS goes out; a gateway has to be set besides.")
    sms_plain: bool = Field(default=False, description="SMS are written without marks that GSM does not have: ș is s.")


class SettingsOut(SettingsIn):
    """The same, with the gateway that the installation has."""

    version: int
    gateway: Literal["off", "generic", "twilio"]


class TemplateIn(Body):
    """What the shop says; `{variables}` are those of statuses."""

    subject: Annotated[str, Field(min_length=1, max_length=200, examples=["We have received {order_number}"])]
    text: Annotated[Text, Field(examples=["Thank you, {customer_name}.\n\nFollow it here: {tracking_link}"])]
    sms: Annotated[str, Field(min_length=1, max_length=1000)] | None = Field(
        None, description="Where there is one, an SMS goes out beside the mail. Only of kinds that customers read."
    )


class Said(BaseModel):
    """What a message of a kind says."""

    subject: str
    text: str
    sms: str | None = None


class TemplateOut(BaseModel):
    """A kind of message in a language: our words, in their plainest case, and the shop's own where it has any."""

    kind: str
    language: str
    reader: str = Field(description="customer, merchant (new orders) or alerted (deadlines and losses)")
    default: Said
    own: Said | None
    version: int = Field(description="0: the shop has no words of its own.")
    changed_by: str | None
    changed_at: datetime | None

    @classmethod
    def of(cls, kind: str, language: str, row: store.Row | None) -> Self:
        """As it is shown."""
        said = shipped_text(kind, language)
        return cls(
            kind=kind,
            language=language,
            reader=KINDS[kind].reader,
            default=Said(subject=said.subject, text=said.text),
            own=Said(**{name: row[name] for name in ("subject", "text", "sms")}) if row else None,
            version=row["version"] if row else 0,
            changed_by=row["changed_by"] if row else None,
            changed_at=row["changed_at"] if row else None,
        )


class TemplatesOut(BaseModel):
    """Every kind in every language."""

    items: list[TemplateOut]


@router.get("/v1/message-settings", response_model=SettingsOut, responses=documented(*DENIED))
async def settings(call: Annotated[Call, needs("notifications:read")]) -> Response:
    """What is sent at all."""
    async with call.look() as tx:
        row = await store.settings(tx)
    return call.answer(_settings_out(call, row), etag=row["version"])


@router.put("/v1/message-settings", response_model=SettingsOut, responses=documented(Invalid, Stale, *DENIED))
async def set_settings(body: SettingsIn, call: Annotated[Call, needs("settings:write")]) -> Response:
    """Say what is sent at all, as a whole."""
    async with call.uow() as tx:
        check_version((await store.settings(tx, lock=True))["version"], call.if_match)
        row = await store.set_settings(tx, body.model_dump(mode="json"))
        return call.answer(_settings_out(call, row), etag=row["version"])


@router.get("/v1/message-templates", responses=documented(*DENIED))
async def templates(call: Annotated[Call, needs("notifications:read")]) -> TemplatesOut:
    """Every kind of message in every language: our words and the shop's own."""
    async with call.look() as tx:
        own = await store.templates(tx)
    every = [(kind, language) for kind in KINDS for language in LANGUAGES]
    return TemplatesOut(items=[TemplateOut.of(*each, own.get(each)) for each in every])


@router.get(
    "/v1/message-templates/{kind}/{language}", response_model=TemplateOut, responses=documented(Invalid, *DENIED)
)
async def template(
    kind: MessageKind, language: Language, call: Annotated[Call, needs("notifications:read")]
) -> Response:
    """One of them."""
    async with call.look() as tx:
        row = await store.template(tx, kind, language)
    return call.answer(TemplateOut.of(kind, language, row), etag=row["version"] if row else 0)


@router.put(
    "/v1/message-templates/{kind}/{language}",
    response_model=TemplateOut,
    responses=documented(Invalid, Stale, *DENIED),
)
async def set_template(
    kind: MessageKind, language: Language, body: TemplateIn, call: Annotated[Call, needs("settings:write")]
) -> Response:
    """Say it in the shop's own words from now on. A misspelt variable is refused here, not when a message leaves."""
    _check(kind, body)
    async with call.uow() as tx:
        row = await store.template(tx, kind, language, lock=True)
        check_version(row["version"] if row else 0, call.if_match)
        row = await store.set_template(tx, kind, language, body.model_dump())
        return call.answer(TemplateOut.of(kind, language, row), etag=row["version"])


@router.delete(
    "/v1/message-templates/{kind}/{language}",
    response_model=TemplateOut,
    responses=documented(NotFound, Invalid, Stale, *DENIED),
)
async def drop_template(
    kind: MessageKind, language: Language, call: Annotated[Call, needs("settings:write")]
) -> Response:
    """Say it in our words again."""
    async with call.uow() as tx:
        row = await store.template(tx, kind, language, lock=True)
        if row is None:
            raise NotFound("the shop has no text of its own there")
        check_version(row["version"], call.if_match)
        await store.drop_template(tx, kind, language)
        return call.answer(TemplateOut.of(kind, language, None), etag=0)


def _check(kind: str, body: TemplateIn) -> None:
    for field, text in (("subject", body.subject), ("text", body.text), ("sms", body.sms)):
        if wrong := unknown(text or ""):
            raise Invalid(f"there is no variable {', '.join(wrong)}; write {{{{ and }}}} for braces", field=field)
    if body.sms and KINDS[kind].reader != "customer":
        raise Invalid("only customers are sent SMS", field="sms")
    if body.sms and kind == "pay_transfer":
        raise Invalid("how to pay by transfer is told by mail alone", field="sms")


def _settings_out(call: Call, row: dict[str, Any]) -> SettingsOut:
    return SettingsOut(**row, gateway=call.context.settings.sms)
