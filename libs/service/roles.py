"""Who may do what: roles made of scopes. A token or key may also name scopes of its own."""

from collections.abc import Iterable

READS = frozenset(
    {
        "orders:read",
        "customers:read",
        "stock:read",
        "payments:read",
        "shipments:read",
        "notifications:read",
        "settings:read",
    }
)
CUSTOMER = frozenset({"orders:own"})
STOREFRONT = frozenset({"orders:place", "quotes:read", "availability:read", "orders:read", "payments:start"})
OPERATOR = READS | {
    "orders:write",
    "orders:place",
    "orders:import",
    "customers:write",
    "quotes:read",
    "availability:read",
    "stock:write",
    "payments:start",
    "payments:write",
    "shipments:write",
    "notifications:write",
    "sync:read",
}
MANAGER = OPERATOR | {
    "payments:refund",
    "settings:write",
    "keys:write",
    "profit:read",
    "profit:override",
    "costs:write",
    "audit:read",
    "customers:erase",
}
ERP = frozenset(
    {
        "costs:write",
        "orders:read",
        "orders:import",
        "orders:place",
        "orders:write",
        "sync:read",
        "stock:read",
        "stock:write",
        "payments:read",
        "shipments:read",
        "settings:read",
        "availability:read",
    }
)
DASHBOARDS = READS | {"sync:read", "profit:read", "availability:read"}

ROLES: dict[str, frozenset[str]] = {
    "customer": CUSTOMER,
    "storefront": STOREFRONT,
    "operator": OPERATOR,
    "manager": MANAGER,
    "erp": ERP,
    "dashboards": DASHBOARDS,
}
"""Scopes by role, each `noun:verb`."""

SCOPES = frozenset[str]().union(*ROLES.values())
"""Every scope that a route may ask for."""


def scopes_of(roles: Iterable[str], scopes: Iterable[str] = ()) -> frozenset[str]:
    """All scopes of these roles and these scopes; unknown names give nothing."""
    return frozenset[str]().union(*(ROLES.get(role, frozenset()) for role in roles), SCOPES.intersection(scopes))
