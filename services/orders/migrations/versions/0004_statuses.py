"""The statuses that a shop invents, the entries that apply them, and the rules that do it by themselves."""

import json

from alembic import op
from sqlalchemy import text

from libs.events.transaction import new_id
from libs.service.migrations import apply
from services.orders.statuses.library import DEFAULT, processes

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    apply(op, DEFINITIONS)
    apply(op, ENTRIES)
    _seed()


def _seed() -> None:
    """A shop begins with the statuses of the library's default."""
    for position, each in enumerate(processes()[DEFAULT].statuses, 1):
        row = {name: each[name] for name in ("mnemonic", "track", "type", "colour", "indicator")}
        texts = {tag: {"name": None, "message": None, "sms": None} | text for tag, text in each["texts"].items()}
        row |= each["actions"] | {"id": new_id(), "position": position, "texts": json.dumps(texts)}
        op.execute(text(_SEED).bindparams(**row))


_SEED = """
INSERT INTO status (id, version, mnemonic, track, type, colour, indicator, publish, mail, sms, invoice, position,
                    archived, texts)
VALUES (:id, 1, :mnemonic, :track, :type, :colour, :indicator, :publish, :mail, :sms, :invoice, :position, false,
        CAST(:texts AS jsonb))
"""

DEFINITIONS = """
CREATE TABLE status (
    id uuid PRIMARY KEY,
    version bigint NOT NULL,
    mnemonic text NOT NULL UNIQUE,
    track text NOT NULL CHECK (track IN ('order', 'payment', 'shipping')),
    type text NOT NULL CHECK (type IN ('new', 'processing', 'awaiting_payment', 'paid', 'ready_to_ship', 'shipped',
                                       'delivered', 'completed', 'cancelled', 'returned', 'custom')),
    colour text NOT NULL CHECK (colour ~ '^#[0-9a-f]{6}$'),
    indicator text,
    publish boolean NOT NULL,
    mail boolean NOT NULL,
    sms boolean NOT NULL,
    invoice boolean NOT NULL,
    position integer NOT NULL,
    archived boolean NOT NULL,
    texts jsonb NOT NULL
);
CREATE INDEX status_position ON status (position, id);
CREATE TABLE status_transition (
    id uuid PRIMARY KEY,
    track text NOT NULL,
    from_status uuid REFERENCES status (id),
    to_status uuid NOT NULL REFERENCES status (id)
);
CREATE UNIQUE INDEX status_transition_once ON status_transition (from_status, to_status) NULLS NOT DISTINCT;
CREATE INDEX status_transition_track ON status_transition (track);
CREATE TABLE status_settings (
    one boolean PRIMARY KEY CHECK (one),
    version bigint NOT NULL,
    mode text NOT NULL CHECK (mode IN ('off', 'internal', 'customer', 'both'))
);
INSERT INTO status_settings (one, version, mode) VALUES (true, 1, 'both')
"""

ENTRIES = """

"""
