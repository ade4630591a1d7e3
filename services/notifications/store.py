"""Every statement about messages, and about what is known of channels, orders and customers."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar
from uuid import UUID

from libs.contracts.customers import CustomerChanged
from libs.contracts.orders import ChannelChanged, OrderFact
from libs.events.contract import Event
from libs.events.transaction import Transaction
from libs.service.columns import columns
from libs.service.due import CallState, kept_cause
from services.notifications.domain import Known, OwnText
from services.notifications.tables import KnownOrder, Message

Row = dict[str, Any]
BOUNCED = "bounced"
"""Why nothing is sent to an address that was refused for good before."""
_SHOWN = """id, version, order_id, kind, by, recipient, recipient_hash, language, subject, call_state, due_at, attempts,
    last_error, doubts, parts, resend_of, resent_by, cause, created_at, sent_at, bounced_at"""


_WHOLE = columns(Message)
_ORDER = columns(KnownOrder)


class MessageRow:
    """A message's row as what emits its facts."""

    __tablename__: ClassVar[str] = "message"
    noun: ClassVar[str] = "message"

    def __init__(self, message_id: UUID) -> None:
        self.id = message_id


async def add_message(tx: Transaction, row: Row) -> Row | None:
    """Keep a message, unless one of this cause, kind and recipient is there; its state and error when it is new.

    It is `failed` at once where it is given as such, or where its recipient has bounced.
    """
    given = {"call_state": CallState.DUE, "last_error": None, "call_cause": json.dumps(kept_cause(tx.cause))} | row
    names = list(given)
    places = {name: f"${number}" for number, name in enumerate(names, 1)}
    bounced = f"EXISTS (SELECT FROM bounced_address WHERE address_hash = {places['recipient_hash']})"
    places["call_state"] = f"CASE WHEN {bounced} THEN 'failed' ELSE {places['call_state']} END"
    places["last_error"] = f"CASE WHEN {bounced} THEN '{BOUNCED}' ELSE {places['last_error']} END"
    added = await tx.sql.fetchrow(
        f"""INSERT INTO message ({", ".join(names)}) VALUES ({", ".join(places.values())})
            ON CONFLICT (cause, kind, recipient) DO NOTHING RETURNING call_state, last_error""",  # noqa: S608 - names of our own
        *given.values(),
    )
    return dict(added) if added else None


async def sent(tx: Transaction, message_id: UUID, provider_id: str | None) -> int:
    """Note that the gateway took it, and under which name; the new version."""
    return int(
        await tx.sql.fetchval(
            """UPDATE message SET sent_at = now(), provider_id = $2, version = version + 1
               WHERE id = $1 RETURNING version""",
            message_id,
            provider_id,
        )
    )


async def changed(tx: Transaction, message_id: UUID, *, doubts: int = 0) -> int:
    """Note that something became of it, or that one more copy may exist; the new version."""
    return int(
        await tx.sql.fetchval(
            """UPDATE message SET doubts = doubts + $2, absent = 0, version = version + 1
               WHERE id = $1 RETURNING version""",
            message_id,
            doubts,
        )
    )


async def locked(tx: Transaction, message_id: UUID) -> Row | None:
    """A message, locked."""
    found = await tx.sql.fetchrow(f"SELECT {_WHOLE} FROM message WHERE id = $1 FOR UPDATE", message_id)  # noqa: S608 - columns
    return dict(found) if found else None


async def message(tx: Transaction, message_id: UUID) -> Row | None:
    """A message with its text."""
    found = await tx.sql.fetchrow(f"SELECT {_SHOWN}, text, html FROM message WHERE id = $1", message_id)  # noqa: S608 - a constant
    return dict(found) if found else None


async def page(
    tx: Transaction, order_id: UUID | None, states: Sequence[str] | None, before: UUID | None, limit: int
) -> list[Row]:
    """Messages without their text, newest first."""
    rows = await tx.sql.fetch(
        f"""SELECT {_SHOWN} FROM message
            WHERE ($1::uuid IS NULL OR order_id = $1) AND ($2::text[] IS NULL OR call_state = ANY($2))
              AND ($3::uuid IS NULL OR id < $3)
            ORDER BY id DESC LIMIT $4""",  # noqa: S608 - a constant
        order_id,
        states,
        before,
        limit,
    )
    return [dict(row) for row in rows]


async def learn_channel(tx: Transaction, event: ChannelChanged) -> bool:
    """Keep the newest state of a channel; whether this is it."""
    code = await tx.sql.fetchval(
        """INSERT INTO known_channel (code, version, fact) VALUES ($1, $2, $3)
           ON CONFLICT (code) DO UPDATE SET version = excluded.version, fact = excluded.fact
           WHERE known_channel.version < excluded.version RETURNING code""",
        event.code,
        event.version,
        event.model_dump_json(),
    )
    return code is not None


async def known(tx: Transaction, code: str, customer: UUID | None, kinds: Sequence[str]) -> Known | None:
    """What decides about letters of these kinds in a channel to a customer; None when nobody has told of the channel.

    Then its row is made and locked, so that whoever tells of it now waits for us and finds what waits for it.
    """
    found = await tx.sql.fetchrow(_KNOW, code, customer, list(kinds))
    fact = found["channel"]
    if fact is None:
        await tx.sql.execute("INSERT INTO known_channel (code, version) VALUES ($1, 0) ON CONFLICT DO NOTHING", code)
        fact = await tx.sql.fetchval("SELECT fact FROM known_channel WHERE code = $1 FOR UPDATE", code)
    return _known(found, fact) if fact else None


async def seen(tx: Transaction, code: str, kinds: Sequence[str]) -> Known | None:
    """The same for looking only: nothing is made or locked, and no customer is meant."""
    found = await tx.sql.fetchrow(_KNOW, code, None, list(kinds))
    return _known(found, found["channel"]) if found["channel"] else None


def _known(found: Mapping[str, Any], fact: str) -> Known:
    settings = json.loads(found["settings"])
    wish = json.loads(found["customer"] or "{}")
    return Known(
        _channel(fact),
        switches=settings["switches"],
        alert_holds=frozenset(settings["alert_holds"]),
        sms=settings["sms"],
        sms_plain=settings["sms_plain"],
        own={
            (each["kind"], each["language"]): OwnText(each["subject"], each["text"], each["sms"])
            for each in json.loads(found["own"] or "[]")
        },
        **{name: wish[name] for name in ("language", "by_mail", "by_sms") if name in wish},
    )


_KNOWN = """
(SELECT fact FROM known_channel WHERE code = {channel}) AS channel,
(SELECT row_to_json(s)::text FROM message_settings s) AS settings,
(SELECT row_to_json(c)::text FROM known_customer c WHERE id = {customer}::uuid) AS customer,
(SELECT json_agg(t)::text FROM (
     SELECT kind, language, subject, text, sms FROM message_template WHERE kind = ANY({kinds}::text[])
 ) t) AS own"""
_KNOW = f"SELECT {_KNOWN.format(channel='$1', customer='$2', kinds='$3')}"


async def learn_customer(tx: Transaction, event: CustomerChanged) -> None:
    """Keep how a customer wants to be told, where this is newer."""
    await tx.sql.execute(
        """INSERT INTO known_customer AS k (id, version, language, by_mail, by_sms) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (id) DO UPDATE SET version = excluded.version, language = excluded.language,
               by_mail = excluded.by_mail, by_sms = excluded.by_sms
           WHERE k.version < excluded.version""",
        event.id,
        event.version,
        event.language,
        event.by_mail,
        event.by_sms,
    )


@lru_cache(64)
def _channel(fact: str) -> ChannelChanged:
    return ChannelChanged.model_validate_json(fact)


_LEARN = """
WITH known AS (SELECT EXISTS (SELECT FROM erased_order WHERE order_id = $1) AS erased), kept AS (
    INSERT INTO known_order AS k (id, version, number, channel, language, historic, email, name, customer_id)
    SELECT $1, $2, $3, $4, $5, $6, CASE WHEN NOT erased THEN $7 END, CASE WHEN NOT erased THEN $8 END, $9
    FROM known
    ON CONFLICT (id) DO UPDATE SET version = excluded.version, number = excluded.number,
        channel = excluded.channel, language = excluded.language, historic = excluded.historic,
        email = excluded.email, name = excluded.name, customer_id = excluded.customer_id
    WHERE k.version < excluded.version
)
SELECT NOT EXISTS (SELECT FROM known_order WHERE id = $1 AND version > 0) AS waited, erased"""
_LEARN_AND_KNOW = f"{_LEARN}, {_KNOWN.format(channel='$4', customer='$9', kinds='$10')} FROM known"
_LEARN += " FROM known"


async def learn_order(
    tx: Transaction, event: OrderFact, kinds: Sequence[str] | None
) -> tuple[bool, bool, Known | None]:
    """Keep the newest state of an order, as far as letters need it; nothing of a person who was erased.

    Whether a fact may have waited for it, whether its customer was erased, and what decides about letters of these
    kinds to them (`known`), as far as it is there.
    """
    order, person = event.order, event.person
    company = person.company.name if person and person.company else None
    row = await tx.sql.fetchrow(
        _LEARN if kinds is None else _LEARN_AND_KNOW,
        order.id,
        order.version,
        order.number,
        order.channel,
        order.language,
        order.historic,
        person.email if person else None,
        (person.name or company) if person else None,
        order.customer_id,
        *([] if kinds is None else [list(kinds)]),
    )
    assert row is not None  # noqa: S101 - a query without FROM but of one row
    found = _known(row, row["channel"]) if kinds is not None and row["channel"] else None
    return row["waited"], row["erased"], found  # who knew it did not wait


async def order(tx: Transaction, order_id: UUID) -> Row | None:
    """An order as it is known; None when nobody has told of it, its row then made and locked, as for a channel."""
    found = await tx.sql.fetchrow(f"SELECT {_ORDER} FROM known_order WHERE id = $1 AND version > 0", order_id)  # noqa: S608 - columns
    if found is None:
        await tx.sql.execute("INSERT INTO known_order (id, version) VALUES ($1, 0) ON CONFLICT DO NOTHING", order_id)
        found = await tx.sql.fetchrow(f"SELECT {_ORDER} FROM known_order WHERE id = $1 FOR UPDATE", order_id)  # noqa: S608 - columns
    return dict(found) if found and found["version"] > 0 else None


async def wait(tx: Transaction, fact_id: UUID, waits_for: str, event: Event) -> None:
    """Keep a fact until what it waits for is known."""
    await tx.sql.execute(
        "INSERT INTO waiting_fact (id, waits_for, topic, fact) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        fact_id,
        waits_for,
        event.topic,
        event.model_dump_json(),
    )


async def no_longer_waiting(tx: Transaction, waits_for: str) -> list[Row]:
    """Take the facts that waited for this, oldest first."""
    rows = await tx.sql.fetch(
        "DELETE FROM waiting_fact WHERE waits_for = $1 RETURNING id, topic, fact, since", waits_for
    )
    return [dict(row) for row in sorted(rows, key=lambda row: (row["since"], row["id"]))]
