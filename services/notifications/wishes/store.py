"""Every statement about the shop's switches and own texts."""

import json
from typing import Any

from libs.events.transaction import Transaction
from libs.service.columns import columns
from services.notifications.tables import MessageTemplate

Row = dict[str, Any]
_TEMPLATE = columns(MessageTemplate)


async def settings(tx: Transaction, *, lock: bool = False) -> Row:
    """What is switched on and off."""
    row = await tx.sql.fetchrow(
        f"""SELECT version, switches::text, alert_holds::text, sms, sms_plain FROM message_settings
            {"FOR UPDATE" if lock else ""}"""  # noqa: S608 - a constant
    )
    assert row is not None  # noqa: S101 - the migration made it
    return dict(row) | {name: json.loads(row[name]) for name in ("switches", "alert_holds")}


async def set_settings(tx: Transaction, given: Row) -> Row:
    """Put these in their place; with the new version."""
    version = await tx.sql.fetchval(
        """UPDATE message_settings SET switches = $1::text::jsonb, alert_holds = $2::text::jsonb, sms = $3,
               sms_plain = $4, version = version + 1 RETURNING version""",
        json.dumps(given["switches"]),
        json.dumps(given["alert_holds"]),
        given["sms"],
        given["sms_plain"],
    )
    return given | {"version": version}


async def template(tx: Transaction, kind: str, language: str, *, lock: bool = False) -> Row | None:
    """The shop's own text of a kind in a language."""
    row = await tx.sql.fetchrow(
        f"""SELECT {_TEMPLATE} FROM message_template WHERE kind = $1 AND language = $2
            {"FOR UPDATE" if lock else ""}""",  # noqa: S608 - columns
        kind,
        language,
    )
    return dict(row) if row else None


async def templates(tx: Transaction) -> dict[tuple[str, str], Row]:
    """Every one of them; there are at most a few dozen."""
    rows = await tx.sql.fetch(f"SELECT {_TEMPLATE} FROM message_template")  # noqa: S608 - columns
    return {(row["kind"], row["language"]): dict(row) for row in rows}


async def set_template(tx: Transaction, kind: str, language: str, given: Row) -> Row:
    """Say it so from now on."""
    row = await tx.sql.fetchrow(
        f"""INSERT INTO message_template AS t (kind, language, subject, text, sms, changed_by)
           VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (kind, language) DO UPDATE SET subject = excluded.subject, text = excluded.text,
               sms = excluded.sms, changed_by = excluded.changed_by, changed_at = now(), version = t.version + 1
           RETURNING {_TEMPLATE}""",  # noqa: S608 - columns
        kind,
        language,
        given["subject"],
        given["text"],
        given["sms"],
        tx.cause.actor,
    )
    assert row is not None  # noqa: S101 - written
    return dict(row)


async def drop_template(tx: Transaction, kind: str, language: str) -> None:
    """Say it in our words again."""
    await tx.sql.execute("DELETE FROM message_template WHERE kind = $1 AND language = $2", kind, language)
