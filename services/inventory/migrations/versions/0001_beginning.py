"""The beginning: the kernel's and the kit's tables, then inventory's own."""

from alembic import op

from libs.events import schema as kernel
from libs.service import schema as kit
from libs.service.migrations import apply

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE allocation (
    reservation_id uuid NOT NULL,
    line_id uuid NOT NULL,
    depot text NOT NULL,
    sku text NOT NULL,
    reserved bigint DEFAULT 0 NOT NULL,
    deducted bigint DEFAULT 0 NOT NULL,
    returned bigint DEFAULT 0 NOT NULL,
    PRIMARY KEY (reservation_id, line_id, depot),
    CONSTRAINT allocation_not_negative CHECK (reserved >= 0 AND deducted >= 0 AND returned >= 0)
);
CREATE INDEX allocation_held ON allocation (sku, depot) WHERE reserved > 0;
CREATE TABLE availability (
    id uuid NOT NULL,
    channel text NOT NULL,
    sku text NOT NULL,
    available bigint DEFAULT 0 NOT NULL,
    published_at timestamptz DEFAULT now() NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    fact_sequence bigint DEFAULT 0 NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT availability_place UNIQUE (sku, channel)
);
CREATE INDEX availability_age ON availability (published_at);
CREATE TABLE availability_due (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    sku text NOT NULL,
    PRIMARY KEY (seq)
);
CREATE TABLE backlog (
    sku text NOT NULL,
    placed_at timestamptz NOT NULL,
    order_id uuid NOT NULL,
    channel text NOT NULL,
    wanted bigint NOT NULL,
    PRIMARY KEY (sku, placed_at, order_id),
    CONSTRAINT backlog_wanted CHECK (wanted > 0)
);
CREATE INDEX backlog_order ON backlog (order_id);
CREATE TABLE depot (
    code text NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    priority integer NOT NULL,
    buffer bigint DEFAULT 0 NOT NULL,
    active boolean NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    PRIMARY KEY (code),
    CONSTRAINT depot_buffer CHECK (buffer >= 0),
    UNIQUE (id)
);
CREATE TABLE item (
    id uuid NOT NULL,
    sku text NOT NULL,
    name text NOT NULL,
    ean text,
    unit text NOT NULL,
    weight_g integer,
    cost_minor bigint,
    cost_currency text,
    archived boolean NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    fact_sequence bigint DEFAULT 0 NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT item_cost CHECK ((cost_minor IS NULL) = (cost_currency IS NULL)),
    UNIQUE (sku)
);
CREATE TABLE known_channel (
    code text NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    depots text[] NOT NULL,
    PRIMARY KEY (code)
);
CREATE TABLE known_order (
    id uuid NOT NULL,
    version bigint NOT NULL,
    number text NOT NULL,
    channel text NOT NULL,
    placed_at timestamptz NOT NULL,
    may_wait boolean NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE uncovered (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    sku text NOT NULL,
    depot text NOT NULL,
    quantity bigint DEFAULT 0 NOT NULL,
    since timestamptz DEFAULT now() NOT NULL,
    cleared_at timestamptz,
    version bigint DEFAULT 1 NOT NULL,
    fact_sequence bigint DEFAULT 0 NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT uncovered_place UNIQUE (order_id, sku, depot)
);
CREATE INDEX uncovered_open ON uncovered (sku, depot) WHERE cleared_at IS NULL;
CREATE TABLE reservation (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    round integer NOT NULL,
    order_version bigint NOT NULL,
    state text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    fact_sequence bigint DEFAULT 0 NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT reservation_state CHECK (state IN ('waiting', 'reserved', 'rejected', 'released', 'deducted')),
    UNIQUE (order_id),
    FOREIGN KEY (order_id) REFERENCES known_order (id)
);
CREATE TABLE stock_level (
    id uuid NOT NULL,
    sku text NOT NULL,
    depot text NOT NULL,
    on_hand bigint DEFAULT 0 NOT NULL,
    reserved bigint DEFAULT 0 NOT NULL,
    buffer bigint DEFAULT 0 NOT NULL,
    quarantine bigint DEFAULT 0 NOT NULL,
    uncovered bigint DEFAULT 0 NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    fact_sequence bigint DEFAULT 0 NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT stock_level_place UNIQUE (sku, depot),
    CONSTRAINT stock_level_not_negative CHECK (on_hand >= 0 AND reserved >= 0
        AND buffer >= 0 AND quarantine >= 0 AND uncovered >= 0),
    FOREIGN KEY (depot) REFERENCES depot (code)
) WITH (fillfactor = 60);
CREATE TABLE movement (
    id uuid NOT NULL,
    level_id uuid NOT NULL,
    depot text NOT NULL,
    sku text NOT NULL,
    kind text NOT NULL,
    bucket text NOT NULL,
    quantity bigint NOT NULL,
    source text NOT NULL,
    reason text,
    actor text NOT NULL,
    at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT movement_once UNIQUE (level_id, source),
    CONSTRAINT movement_kind CHECK (kind IN ('receipt', 'set', 'deduct', 'return', 'correction')),
    CONSTRAINT movement_bucket CHECK (bucket IN ('on_hand', 'quarantine')),
    CONSTRAINT movement_quantity CHECK (quantity <> 0),
    FOREIGN KEY (level_id) REFERENCES stock_level (id)
);
CREATE INDEX movement_depot ON movement (depot, id DESC);
CREATE INDEX movement_sku ON movement (sku, id DESC);
CREATE TABLE reservation_line (
    reservation_id uuid NOT NULL,
    line_id uuid NOT NULL,
    place integer NOT NULL,
    sku text NOT NULL,
    wanted bigint DEFAULT 0 NOT NULL,
    short bigint DEFAULT 0 NOT NULL,
    PRIMARY KEY (reservation_id, line_id),
    CONSTRAINT reservation_line_not_negative CHECK (wanted >= 0 AND short >= 0),
    FOREIGN KEY (reservation_id) REFERENCES reservation (id)
);
CREATE FUNCTION movements_are_only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'movements are only ever added' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER movement_append_only BEFORE UPDATE OR DELETE ON movement
    FOR EACH ROW EXECUTE FUNCTION movements_are_only_added();
CREATE TRIGGER movement_no_truncate BEFORE TRUNCATE ON movement EXECUTE FUNCTION movements_are_only_added();
"""


def upgrade() -> None:
    apply(op, kernel.VERSIONS[0])
    apply(op, kit.VERSIONS[0])
    apply(op, TABLES)
