"""Bulk calls: thousands of rows, done in sorted chunks, each a transaction of its own and done once under one key."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import orjson
from fastapi import Response

from libs.events.transaction import Transaction
from libs.service import idempotency
from libs.service.call import Call

CHUNK = 500
R = TypeVar("R")
Done = Callable[[Transaction, Sequence[R]], Awaitable[list[dict[str, Any]]]]


async def in_chunks(call: Call, rows: Sequence[R], work: Done[R], size: int = CHUNK) -> list[dict[str, Any]]:
    """Do `work` for the rows, `size` of them in a transaction; what became of each, in their order.

    With an Idempotency-Key every chunk stores its outcomes beside its effect: a call that broke in the middle goes on
    where it stopped when it is repeated, and nothing is done twice.
    """
    request = call.request
    given = idempotency.checked(request.headers.get(idempotency.HEADER))
    body = await request.body() if given else b""
    digest = idempotency.hash_of(request.url.path, request.scope["query_string"], body)
    route = f"{request.method} {request.scope['route'].path}"
    outcomes: list[dict[str, Any]] = []
    for number, start in enumerate(range(0, len(rows), size)):
        key = idempotency.Key(call.principal.actor, route, f"{given}#{number}", digest) if given else None
        outcomes += await _chunk(call, rows[start : start + size], work, key)
    return outcomes


async def _chunk(call: Call, rows: Sequence[R], work: Done[R], key: idempotency.Key | None) -> list[dict[str, Any]]:
    try:
        async with call.read() as tx:  # the call's own key is for one transaction; ours are for many
            if key is not None:
                await idempotency.begin(tx, key)
            done = await work(tx, rows)
            if key is not None:
                await idempotency.finish(tx, key, Response(orjson.dumps(done), media_type="application/json"))
    except idempotency.Replayed as before:
        found: list[dict[str, Any]] = orjson.loads(bytes(before.response.body))
        return found
    return done
