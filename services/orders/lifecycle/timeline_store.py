"""Every statement that adds to orders' timelines."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from libs.events.transaction import Transaction
from services.orders.lifecycle.audit import link, sealed
from services.orders.lifecycle.domain import Order
from services.orders.lifecycle.timeline import Entry

ENTRIES = """
INSERT INTO order_event (order_id, number, event_id, topic, at, actor, correlation_id, causation_id, detail, before,
                         after, personal, salt, personal_digest, chain)
SELECT $1, number, event_id, topic, at, actor, correlation_id, causation_id, detail::jsonb, before::jsonb,
       after::jsonb, personal::jsonb, salt, personal_digest, chain
FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::timestamptz[], $6::text[], $7::uuid[], $8::uuid[], $9::text[],
            $10::text[], $11::text[], $12::text[], $13::bytea[], $14::bytea[], $15::bytea[])
    AS e(number, event_id, topic, at, actor, correlation_id, causation_id, detail, before, after, personal, salt,
         personal_digest, chain)
"""
"""What an order moved by: $1 is the order, $2 to $15 are `rows_of` it."""
_NOTE = """
WITH told AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::uuid[], $7::uuid[],
                         $8::text[], $9::text[], $10::bytea[], $11::bytea[], $12::bytea[])
        AS t(order_id, event_id, topic, at, actor, correlation_id, causation_id, detail, personal, salt,
             personal_digest, digest)
), counted AS (
    UPDATE orders o SET events = o.events + 1,
        chain = sha256(coalesce(o.chain, ''::bytea) || int8send(o.events + 1) || t.digest)
    FROM told t WHERE o.id = t.order_id
    RETURNING t.*, o.events AS number, o.chain, o.person IS NOT NULL AS known
)
INSERT INTO order_event (order_id, number, event_id, topic, at, actor, correlation_id, causation_id, detail,
                         personal, salt, personal_digest, chain)
SELECT order_id, number, event_id, topic, at, actor, correlation_id, causation_id, detail::jsonb,
       CASE WHEN known THEN personal::jsonb END, CASE WHEN known THEN salt END, personal_digest, chain
FROM counted RETURNING order_id
"""


async def note(tx: Transaction, entries: Sequence[tuple[UUID, Entry]]) -> set[UUID]:
    """Append to each of these orders' timelines what changes nothing of it; which of them there are.

    One entry an order: its number and its chain follow from the last.
    """
    seals = [sealed(order_id, entry) for order_id, entry in entries]
    rows = await tx.sql.fetch(
        _NOTE,
        [order_id for order_id, _ in entries],
        *_told([entry for _, entry in entries]),
        [_json(entry.personal) for _, entry in entries],
        [seal.salt for seal in seals],
        [seal.personal_digest for seal in seals],
        [seal.digest for seal in seals],
    )
    return {row["order_id"] for row in rows}


def rows_of(order: Order, entries: Sequence[Entry], first: int) -> tuple[list[Any], ...]:
    """The rows of a timeline from number `first` on, chained; of an order without a person nothing personal."""
    seals = [sealed(order.id, entry) for entry in entries]
    chains = []
    for number, seal in enumerate(seals, first):
        order.chain = link(order.chain, number, seal.digest)
        chains.append(order.chain)
    known = order.person is not None
    return (
        list(range(first, first + len(entries))),
        *_told(entries),
        [_json(entry.before) for entry in entries],
        [_json(entry.after) for entry in entries],
        [_json(entry.personal) if known else None for entry in entries],
        [seal.salt if known else None for seal in seals],
        [seal.personal_digest for seal in seals],
        chains,
    )


def _told(entries: Sequence[Entry]) -> tuple[list[Any], ...]:
    """The columns from event_id to detail."""
    return (
        [entry.event_id for entry in entries],
        [entry.topic for entry in entries],
        [entry.at for entry in entries],
        [entry.actor for entry in entries],
        [entry.correlation_id for entry in entries],
        [entry.causation_id for entry in entries],
        [json.dumps(entry.detail) for entry in entries],
    )


def _json(document: dict[str, Any] | None) -> str | None:
    return json.dumps(document) if document is not None else None
