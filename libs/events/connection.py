"""A connection that knows the server's own types: what asyncpg asks about them is the same for every connection."""

from types import SimpleNamespace
from typing import Any

import asyncpg

SESSION = {"idle_in_transaction_session_timeout": "5s", "jit": "off"}
"""What every session is told: a transaction that idles for so long is ended, so that a frozen process keeps no lock."""

BY_KEY = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
}
"""Where every statement finds a few rows by their keys: the server plans each once a connection, and by index.

At every call, planning took a fifth of its time; and a plan that was made while a table was small reads it whole when
it has grown.
"""

FEW_ROWS = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in BY_KEY.items())
"""BY_KEY for the rest of a transaction: goes into the select list of its first statement."""

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
