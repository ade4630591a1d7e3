"""The first tables."""

from alembic import op

from libs.events import schema as kernel
from libs.service import schema as kit
from libs.service.migrations import apply
from libs.service.outside import DUE_DDL

revision = "0001"
down_revision = None

SHIPPING = f"""
CREATE SEQUENCE reference_number;
CREATE TABLE known_order (
    order_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    snapshot jsonb NOT NULL,
    person jsonb
);
CREATE TABLE fulfilment (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL UNIQUE,
    version bigint NOT NULL,
    fact_sequence bigint NOT NULL DEFAULT 0,
    order_version bigint NOT NULL,
    answered_cancel uuid
);
CREATE TABLE shipment (
    id uuid PRIMARY KEY,
    fulfilment_id uuid NOT NULL REFERENCES fulfilment,
    order_id uuid NOT NULL,
    depot text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('courier', 'locker', 'pickup', 'own_fleet')),
    courier text NOT NULL,
    account text,
    token text NOT NULL UNIQUE,
    state text NOT NULL CHECK (state IN ('planned', 'booking', 'booked', 'failed', 'dispatched', 'delivered',
                                         'returning', 'returned', 'lost', 'cancelled')),
    status text NOT NULL,
    cod_minor bigint CHECK (cod_minor > 0),
    cod_currency text,
    weight_g bigint NOT NULL CHECK (weight_g >= 0),
    parcels integer NOT NULL CHECK (parcels BETWEEN 1 AND 99),
    asked boolean NOT NULL,
    bookings integer NOT NULL,
    void text NOT NULL CHECK (void IN ('no', 'asked', 'too_late')),
    sent_to text,
    awb text,
    link text,
    cost_minor bigint,
    cost_currency text,
    failure text,
    dispatched_at timestamptz,
    delivered_at timestamptz,
    next_poll_at timestamptz,
    planned_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((cod_minor IS NULL) = (cod_currency IS NULL))
);
CREATE INDEX shipment_order ON shipment (order_id);
CREATE INDEX shipment_awb ON shipment (awb);
CREATE INDEX shipment_state ON shipment (state, id);
CREATE INDEX shipment_poll ON shipment (next_poll_at) WHERE next_poll_at IS NOT NULL;
CREATE TABLE shipment_line (
    shipment_id uuid NOT NULL REFERENCES shipment,
    line_id uuid NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (shipment_id, line_id)
);
CREATE TABLE courier_call (
    id uuid PRIMARY KEY,
    fact_sequence bigint NOT NULL DEFAULT 0,
    order_id uuid NOT NULL,
    shipment_id uuid NOT NULL REFERENCES shipment,
    kind text NOT NULL CHECK (kind IN ('book', 'void', 'label')),
    account text NOT NULL,
    reference text NOT NULL UNIQUE,
    awb text,
    size text CHECK (size IN ('A4', 'A6')),
    asked_at timestamptz NOT NULL DEFAULT now(),
    {DUE_DDL}
);
CREATE INDEX courier_call_due ON courier_call (due_at) WHERE call_state IN ('due', 'claimed', 'unknown');
CREATE INDEX courier_call_shipment ON courier_call (shipment_id, kind);
CREATE TABLE label (
    shipment_id uuid NOT NULL REFERENCES shipment,
    awb text NOT NULL,
    size text NOT NULL CHECK (size IN ('A4', 'A6')),
    sha256 bytea NOT NULL,
    content bytea NOT NULL,
    fetched_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shipment_id, awb, size)
);
CREATE TABLE tracking_event (
    id uuid PRIMARY KEY,
    shipment_id uuid NOT NULL REFERENCES shipment,
    awb text NOT NULL,
    code text NOT NULL,
    status text NOT NULL,
    text text NOT NULL,
    location text NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    source text NOT NULL CHECK (source IN ('poll', 'push', 'hand')),
    CONSTRAINT tracking_event_once UNIQUE (shipment_id, awb, code, occurred_at, location)
);
CREATE TABLE unmapped_code (
    courier text NOT NULL,
    code text NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (courier, code)
);
CREATE TABLE callback (
    id uuid PRIMARY KEY,
    fact_sequence bigint NOT NULL DEFAULT 0,
    account text NOT NULL,
    raw bytea NOT NULL,
    sha256 bytea NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'done', 'parked')),
    due_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    reason text,
    CONSTRAINT callback_once UNIQUE (account, sha256)
);
CREATE INDEX callback_due ON callback (due_at) WHERE state = 'due';
CREATE TABLE delivery_method (
    id uuid PRIMARY KEY,
    version bigint NOT NULL,
    fact_sequence bigint NOT NULL DEFAULT 0,
    code text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('courier', 'locker', 'pickup', 'own_fleet')),
    account text,
    names jsonb NOT NULL,
    active boolean NOT NULL,
    currency text,
    price_minor bigint CHECK (price_minor >= 0),
    free_from_minor bigint CHECK (free_from_minor >= 0),
    countries text[] NOT NULL,
    book_when_confirmed boolean NOT NULL,
    companies_only boolean NOT NULL
);
CREATE TABLE courier_account (
    id uuid PRIMARY KEY,
    version bigint NOT NULL,
    code text NOT NULL UNIQUE,
    courier text NOT NULL CHECK (courier IN ('own_fleet', 'fan')),
    active boolean NOT NULL,
    sender jsonb NOT NULL,
    options jsonb NOT NULL,
    tracking_link text,
    credentials bytea,
    callback_secrets bytea[] NOT NULL
);
"""


def upgrade() -> None:
    for ddl in (kernel.VERSIONS[0], kit.VERSIONS[0], SHIPPING):
        apply(op, ddl)
