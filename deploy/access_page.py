"""docs/access.md: every route of every service against every role, from what the routes themselves declare."""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi.routing import APIRoute

from deploy.system import PROCESSES
from libs.service.access import OPEN_PAGES, Access, routes_of
from libs.service.roles import ROLES

HEAD = f"""# Who may call what

Written by `make docs` from the routes; a test calls every route as every role and finds what stands here.

A role is a set of scopes (`libs/service/roles.py`); an API key or a token may carry single scopes besides. Where a
route asks for scopes, nobody without credentials comes in (401), and nobody whose scopes are too few (403).

- **yes**: lets this role in. **own**: lets a customer in (by a token of the issuer, with `customer_id`), who is shown
  what is theirs; somebody else's is a 404.
- **anybody**: open to all, at a limited rate. **signature**: open to all, and takes only what is signed by whom it
  says it comes from.
- Bodies that name `historic` or `placed_at` ask for the scope that stands as *sometimes*.

Beside these every service shows its health, metrics and documentation to whoever reaches its port:
{", ".join(f"`{page}`" for page in OPEN_PAGES)}. Let the proxy in front pass `/v1` and, from orders, `/t` alone.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A route as the page has it."""

    service: str
    method: str
    path: str
    asks: str
    roles: tuple[str, ...]

    @property
    def text(self) -> str:
        """As a line of the table."""
        cells = ("" if said == "no" else said for said in self.roles)
        return f"| {self.method} {self.path} | {self.asks} | {' | '.join(cells)} |"


def page() -> str:
    """The whole page, as Markdown."""
    parts = [HEAD]
    for process in PROCESSES:
        head = f"| route | asks for | {' | '.join(ROLES)} |\n|---|---|{'---|' * len(ROLES)}"
        rows = sorted(rows_of(process.module), key=lambda row: (row.path, row.method))
        parts.append("\n".join([f"## {process.name}", "", head, *(row.text for row in rows), ""]))
    return "\n".join(parts)


def rows_of(module: str) -> Iterator[Row]:
    """The routes of one service."""
    service = importlib.import_module(f"{module}.__main__").service
    for route, access in routes_of(service.routers):
        for method in sorted(route.methods or ()):
            yield row_of(service.name, method, route, access)


def row_of(service: str, method: str, route: APIRoute, access: Access) -> Row:
    """One route under one method."""
    asks = " ".join(f"`{scope}`" for scope in access.scopes) or access.means
    if access.sometimes:
        asks += f", sometimes {' '.join(f'`{scope}`' for scope in access.sometimes)}"
    return Row(service, method, route.path, asks, tuple(access.of_role(role) for role in ROLES))


def read(text: str) -> list[Row]:
    """The rows of a page as it is written; what a reader goes by."""
    found, service = [], ""
    for line in text.splitlines():
        if line.startswith("## "):
            service = line[3:]
        elif match := re.match(r"^\| ([A-Z]+) (\S+) \| (.*?) \| (.*) \|$", line):
            roles = tuple(cell.strip() or "no" for cell in match[4].split("|"))
            found.append(Row(service, match[1], match[2], match[3], roles))
    return found
