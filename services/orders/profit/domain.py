"""What an order earned: costs that were said, costs that are expected, and the sum of it all. Pure.

Minor units of the order's currency. A figure is None where something that it needs is not known: never zero for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from services.orders.profit.costs import GROUPS, Cost, CostKind, Group, in_force
from services.orders.profit.vat import HUNDRED, net_of, rounded

BASIS = 10_000
"""Basis points of a whole."""
LINES = "lines"
"""The source of a cost that was snapshot on the order's lines."""
SETTINGS = "settings"
"""The source of a cost that a seller's settings estimate."""


class TaxMode(StrEnum):
    """How a seller's income tax is estimated."""

    NONE = "none"
    REVENUE = "pct_of_revenue_net"
    CONTRIBUTION = "pct_of_positive_contribution"


class State(StrEnum):
    """How sure a report is."""

    ESTIMATED = "estimated"
    ACTUAL = "actual"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a kind of cost will be while nobody has said it: an amount, and a share of what the customer pays."""

    kind: str
    fixed: int = 0
    currency: str | None = None
    basis_points: int = 0
    delivery_method: str | None = None
    payment_method: str | None = None

    def fits(self, sale: "Sale") -> bool:
        """Whether it is about an order like this."""
        return (self.delivery_method in {None, sale.delivery_method}) and (
            self.payment_method in {None, sale.payment_method}
        )

    def of(self, sale: "Sale") -> Cost:
        """The cost that it makes of an order."""
        share = rounded(Fraction(sale.charged * self.basis_points, BASIS))
        return Cost(self.kind, SETTINGS, self.fixed + share, self.currency or sale.currency)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a seller counts."""

    vat_deductible: bool = True
    income_tax: TaxMode = TaxMode.NONE
    tax_basis_points: int = 0
    expected: frozenset[str] = frozenset(
        {CostKind.DELIVERY, CostKind.RETURN_DELIVERY, CostKind.PAYMENT_FEE, CostKind.COLLECTION_FEE}
    )
    estimates: tuple[Estimate, ...] = ()


@dataclass(frozen=True, slots=True)
class Sale:
    """What a report needs of an order."""

    currency: str
    gross: Mapping[str | None, int]  # what stays sold, by VAT rate; None: nobody said which
    charged: int
    goods: tuple[tuple[str, int | None], ...]  # what the goods of each line cost, by SKU; None: not known
    incurs: frozenset[str]  # kinds of cost that an order like this has
    delivery_method: str | None = None
    payment_method: str | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that is not known, and what it would be part of."""

    group: Group
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Item:
    """A cost as it counts."""

    kind: str
    source: str
    amount: int
    actual: bool
    group: Group


@dataclass(frozen=True, slots=True)
class Revenue:
    """What was sold at one rate of VAT."""

    rate: str | None
    gross: int
    net: int | None

    @property
    def vat(self) -> int | None:
        """What of it is the state's."""
        return None if self.net is None else self.gross - self.net


@dataclass
class Report:
    """An order's profit, itemised to the cent: every figure is the sum of what stands under it."""

    currency: str
    revenue: list[Revenue]
    items: list[Item] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    revenue_net: int | None = None
    costs: dict[Group, int | None] = field(default_factory=dict)
    income_tax: int | None = None

    @property
    def state(self) -> State:
        """Unknown while anything is missing, actual when nothing is estimated any more."""
        if self.missing:
            return State.UNKNOWN
        return State.ACTUAL if all(item.actual for item in self.items) else State.ESTIMATED

    @property
    def gross_profit(self) -> int | None:
        """Revenue less goods."""
        return _less(self.revenue_net, self.costs[Group.COGS])

    @property
    def contribution(self) -> int | None:
        """What is left when everything that the order cost is paid."""
        rest = (self.costs[group] for group in (Group.FULFILMENT, Group.PAYMENT_COST, Group.OTHER))
        found = self.gross_profit
        for cost in rest:
            found = _less(found, cost)
        return found

    @property
    def net_profit(self) -> int | None:
        """The same after the estimated income tax."""
        return _less(self.contribution, self.income_tax)

    def margin(self, profit: int | None) -> str | None:
        """A profit in percent of the revenue, two decimals; None where there is no revenue."""
        if profit is None or self.revenue_net is None or self.revenue_net <= 0:
            return None
        hundredths = rounded(Fraction(profit * HUNDRED * HUNDRED, self.revenue_net))
        sign = "-" if hundredths < 0 else ""
        return f"{sign}{abs(hundredths) // HUNDRED}.{abs(hundredths) % HUNDRED:02}"


def report(sale: Sale, said: Iterable[Cost], settings: Settings) -> Report:
    """The profit of an order from everything known by now."""
    revenue = [_revenue(rate, gross, settings) for rate, gross in sale.gross.items()]
    found = Report(sale.currency, revenue)
    found.missing += [Missing(Group.REVENUE, "vat", "a line has no VAT rate") for each in revenue if each.net is None]
    _count(found, sale, [*in_force(said)], settings)
    unknown = {each.group for each in found.missing}
    nets = [each.net for each in revenue if each.net is not None]
    found.revenue_net = None if Group.REVENUE in unknown else sum(nets)
    for group in Group:
        amounts = (item.amount for item in found.items if item.group is group)
        found.costs[group] = None if group in unknown else sum(amounts)
    found.income_tax = _income_tax(found, settings)
    return found


def _count(found: Report, sale: Sale, said: list[Cost], settings: Settings) -> None:
    """Every cost that counts becomes an item, and what should be there and is not is missing."""
    known = {cost.kind for cost in said}
    if CostKind.GOODS not in known:
        for sku, amount in sale.goods:
            if amount is None:
                found.missing.append(Missing(Group.COGS, CostKind.GOODS, f"the cost of {sku} is not known"))
            else:
                found.items.append(Item(CostKind.GOODS, LINES, amount, actual=False, group=Group.COGS))
    open_kinds = sale.incurs - known
    said += [each.of(sale) for each in settings.estimates if each.kind in open_kinds and each.fits(sale)]
    for cost in said:
        group = GROUPS.get(cost.kind, Group.OTHER)
        if cost.currency != sale.currency:
            told = f"{cost.kind} of {cost.source} is in {cost.currency}, the order in {sale.currency}"
            found.missing.append(Missing(group, cost.kind, told))
            continue
        amount = cost.amount - (cost.vat if settings.vat_deductible else 0)
        found.items.append(Item(cost.kind, cost.source, amount, cost.actual, group))
    known = {cost.kind for cost in said}
    for kind in sorted(settings.expected & sale.incurs - known):
        found.missing.append(Missing(GROUPS.get(kind, Group.OTHER), kind, f"no {kind} is known"))


def _revenue(rate: str | None, gross: int, settings: Settings) -> Revenue:
    if not settings.vat_deductible or gross == 0:
        return Revenue(rate, gross, gross)
    return Revenue(rate, gross, None if rate is None else net_of(gross, rate))


def _income_tax(found: Report, settings: Settings) -> int | None:
    bases = {TaxMode.NONE: 0, TaxMode.REVENUE: found.revenue_net, TaxMode.CONTRIBUTION: found.contribution}
    base = bases[settings.income_tax]
    return None if base is None else rounded(Fraction(max(base, 0) * settings.tax_basis_points, BASIS))


def _less(amount: int | None, cost: int | None) -> int | None:
    return None if amount is None or cost is None else amount - cost
