"""How a seller counts, over HTTP."""

from typing import Annotated, Any, Self

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, Field

from libs.contracts.common import Money
from libs.service.call import Body, Call, needs
from libs.service.problems import NotFound, Stale, documented
from services.orders.profit import handlers
from services.orders.profit.costs import CostKind
from services.orders.profit.domain import BASIS, Estimate, Settings, TaxMode

router = APIRouter(prefix="/v1/sellers/{code}/profit-settings", tags=["profit"])
Looks = Annotated[Call, needs("settings:read")]
Sets = Annotated[Call, needs("settings:write")]
CONDITIONAL = frozenset(
    {
        *(CostKind.DELIVERY, CostKind.RETURN_DELIVERY, CostKind.PACKAGING, CostKind.PICKING),
        *(CostKind.PAYMENT_FEE, CostKind.COLLECTION_FEE, CostKind.COMMISSION, CostKind.ADVERTISING, CostKind.OTHER),
    }
)


def _expectable(kind: CostKind) -> CostKind:
    if kind not in CONDITIONAL:
        raise ValueError("cannot be expected or estimated of every order")
    return kind


def _not_negative(money: Money) -> Money:
    if money.minor < 0:
        raise ValueError("may not be negative")
    return money


Expectable = Annotated[CostKind, AfterValidator(_expectable)]
Cent = Annotated[Money, AfterValidator(_not_negative)]
Points = Annotated[int, Field(ge=0, le=BASIS, description="Hundredths of a percent.")]
Code = Annotated[str, Field(min_length=1, max_length=64)]


class EstimateIn(Body):
    """What a kind of cost will be while nobody has said it. All estimates of a kind that fit an order add up."""

    kind: Expectable
    fixed: Cent | None = Field(None, description="An amount on each order.")
    basis_points: Points = Field(0, description="Hundredths of a percent of what the customer pays.")
    delivery_method: Code | None = Field(None, description="Only of orders with this one.")
    payment_method: Code | None = Field(None, description="Only of orders with this one.")


class SettingsIn(Body):
    """How a seller counts."""

    vat_deductible: bool = Field(default=True, description="False: revenue and costs count with their VAT.")
    income_tax: TaxMode = TaxMode.NONE
    tax_basis_points: Points = 0
    expected: Annotated[list[Expectable], Field(max_length=20)] = Field(
        default_factory=lambda: [CostKind(kind) for kind in sorted(Settings().expected)],
        description="Kinds without which the profit of an order that has them is unknown; goods always are.",
    )
    estimates: Annotated[list[EstimateIn], Field(max_length=100)] = Field(default_factory=list)


class SettingsOut(BaseModel):
    """How a seller counts."""

    version: int
    vat_deductible: bool
    income_tax: TaxMode
    tax_basis_points: int
    expected: list[str]
    estimates: list[dict[str, Any]]

    @classmethod
    def of(cls, found: Settings, version: int) -> Self:
        """As it was set."""
        return cls(
            version=version,
            vat_deductible=found.vat_deductible,
            income_tax=found.income_tax,
            tax_basis_points=found.tax_basis_points,
            expected=sorted(found.expected),
            estimates=[_shown(each) for each in found.estimates],
        )


def _shown(each: Estimate) -> dict[str, Any]:
    fixed = Money(each.fixed, each.currency).wire() if each.currency else None
    methods = {"delivery_method": each.delivery_method, "payment_method": each.payment_method}
    return {"kind": each.kind, "fixed": fixed, "basis_points": each.basis_points} | methods


def _settings(body: SettingsIn) -> Settings:
    return Settings(
        vat_deductible=body.vat_deductible,
        income_tax=body.income_tax,
        tax_basis_points=body.tax_basis_points,
        expected=frozenset(str(kind) for kind in body.expected),
        estimates=tuple(
            Estimate(
                str(each.kind),
                each.fixed.minor if each.fixed else 0,
                each.fixed.currency if each.fixed else None,
                each.basis_points,
                each.delivery_method,
                each.payment_method,
            )
            for each in body.estimates
        ),
    )


@router.get("", response_model=SettingsOut, responses=documented(NotFound))
async def profit_settings(code: Code, call: Looks) -> Response:
    """How a seller counts."""
    async with call.read() as tx:
        found, version = await handlers.settings_of(tx, code)
        return call.answer(SettingsOut.of(found, version), etag=version)


@router.put("", response_model=SettingsOut, responses=documented(NotFound, Stale))
async def change_settings(code: Code, body: SettingsIn, call: Sets) -> Response:
    """Change how a seller counts. Reports follow at once, those of old orders too."""
    made = _settings(body)
    async with call.uow() as tx:
        version = await handlers.change_settings(tx, code, made, call.if_match)
        return call.answer(SettingsOut.of(made, version), etag=version)
