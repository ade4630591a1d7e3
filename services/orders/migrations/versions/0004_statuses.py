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
CREATE TABLE status_rule (
    id uuid PRIMARY KEY,
    version bigint NOT NULL,
    name text NOT NULL,
    topic text NOT NULL,
    conditions jsonb NOT NULL,
    status_id uuid NOT NULL REFERENCES status (id),
    active boolean NOT NULL,
    position integer NOT NULL
);
CREATE INDEX status_rule_position ON status_rule (position, id);
CREATE INDEX status_rule_topic ON status_rule (topic) WHERE active;
CREATE TABLE status_entry (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders (id),
    number bigint NOT NULL,
    status_id uuid NOT NULL REFERENCES status (id),
    track text NOT NULL,
    previous uuid,
    applied_at timestamptz NOT NULL,
    applied_by text NOT NULL,
    rule_id uuid,
    fact_id uuid,
    comment text,
    actions jsonb NOT NULL,
    published boolean NOT NULL
);
CREATE UNIQUE INDEX status_entry_number ON status_entry (order_id, number);
CREATE UNIQUE INDEX status_entry_once ON status_entry (fact_id, rule_id) WHERE rule_id IS NOT NULL;
CREATE FUNCTION status_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an entry stays';
    END IF;
    IF to_jsonb(NEW) - 'published' - 'comment' <> to_jsonb(OLD) - 'published' - 'comment'
       OR (NEW.comment IS NOT NULL AND NEW.comment IS DISTINCT FROM OLD.comment) THEN
        RAISE EXCEPTION 'of an entry only its publication changes, and its comment is forgotten';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER status_entry_stays BEFORE UPDATE OR DELETE ON status_entry
    FOR EACH ROW EXECUTE FUNCTION status_entry_stays();
CREATE TABLE order_status (
    order_id uuid NOT NULL REFERENCES orders (id),
    track text NOT NULL,
    status_id uuid NOT NULL REFERENCES status (id),
    entry_id uuid NOT NULL REFERENCES status_entry (id),
    since timestamptz NOT NULL,
    PRIMARY KEY (order_id, track)
);
CREATE INDEX order_status_standing ON order_status (status_id, order_id);
CREATE TABLE status_refusal (
    fact_id uuid NOT NULL,
    rule_id uuid NOT NULL,
    order_id uuid NOT NULL REFERENCES orders (id),
    status_id uuid NOT NULL REFERENCES status (id),
    reason text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (fact_id, rule_id)
);
CREATE INDEX status_refusal_order ON status_refusal (order_id, at);
ALTER TABLE orders ADD COLUMN indicator text
"""
