"""A connection that knows the server's own types: what asyncpg asks about them is the same for every connection."""

from types import SimpleNamespace
from typing import Any

import asyncpg

BORN = 10_000
"""Types below this number are the same on every PostgreSQL server."""

_known: dict[frozenset[int], Any] = {}


class Connection(asyncpg.Connection):  # type: ignore[misc,type-arg,unused-ignore] # generic in its stubs alone
    """asyncpg's, which looks up arrays and records anew on each connection, 14 ms and memory of the server each time.

    Here a process asks once about types that the server was born with; about others each connection does, as ever.
    """

    async def _introspect_types(self, typeoids: Any, timeout: Any) -> Any:  # noqa: ASYNC109 - the driver's own
        asked = frozenset(typeoids)
        if asked not in _known:
            found, statement = await super()._introspect_types(typeoids, timeout)
            if max(asked) < BORN:
                _known[asked] = found
            return found, statement
        return _known[asked], SimpleNamespace(name="known")  # a name: no statement had to make room
