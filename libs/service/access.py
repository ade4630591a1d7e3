"""Who may call a route: what it declares of itself. The door goes by it, docs/access.md shows it, a test tries it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.routing import APIRoute

from libs.service.auth import Principal
from libs.service.roles import ROLES, SCOPES

Means = Literal["scopes", "anybody", "signature"]
OPEN_PAGES = ("/health/live", "/health/ready", "/metrics", "/docs", "/docs/assets", "/openapi.json")
"""What every service serves to whoever reaches its port."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a route asks for.

    `scopes`: all of them are needed. `own`: a customer with this scope comes in too, and is shown what is theirs alone.
    `sometimes`: asked for beside the others by some bodies. Of `signature` the route proves the raw bytes itself.
    """

    means: Means
    scopes: tuple[str, ...] = ()
    own: str | None = None
    sometimes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        named = {*self.scopes, *self.sometimes, *((self.own,) if self.own else ())}
        if unknown := named - SCOPES:
            raise ValueError(f"no role has {', '.join(sorted(unknown))}: add it in libs/service/roles.py")
        if self.means == "scopes" and not self.scopes:
            raise ValueError("a route that asks for no scope says that it is open to anybody")

    def lets_in(self, principal: Principal) -> bool:
        """Whether this principal may call the route."""
        if self.own is not None and principal.kind == "customer":
            return self.own in principal.scopes
        return principal.scopes.issuperset(self.scopes)

    def of_role(self, role: str) -> Literal["yes", "own", "no"]:
        """What docs/access.md says of a role."""
        if self.means != "scopes":
            return "yes"
        if role == "customer" and self.own in ROLES[role]:
            return "own"
        return "yes" if ROLES[role].issuperset(self.scopes) else "no"


def declared(route: APIRoute) -> Access | None:
    """What a route says of itself; None where it says nothing."""
    said = [getattr(part.call, "access", None) for part in route.dependant.dependencies]
    found = [each for each in said if isinstance(each, Access)]
    return found[0] if len(found) == 1 else None


def routes_of(routers: Iterable[APIRouter]) -> list[tuple[APIRoute, Access]]:
    """Every route with what it asks for; ValueError where one does not say, so that no service starts with it."""
    found = []
    for route in (each for router in routers for each in router.routes):
        access = declared(route) if isinstance(route, APIRoute) else None
        if access is None:
            path: Any = getattr(route, "path", route)
            raise ValueError(f"{path} does not say who may call it: needs(...), public() or signed()")
        assert isinstance(route, APIRoute)  # noqa: S101 - only such a one declares anything
        found.append((route, access))
    return found
