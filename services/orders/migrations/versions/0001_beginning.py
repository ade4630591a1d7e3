"""The first tables: the kernel's, the kit's, and orders' own."""

from alembic import op

from libs.events import schema as kernel
from libs.service import schema as kit
from libs.service.migrations import apply

revision = "0001"
down_revision = None

CHANNELS = """
CREATE TABLE seller (
    id uuid PRIMARY KEY,
    fact_sequence bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL,
    code text NOT NULL UNIQUE,
    name text NOT NULL,
    vat_id text,
    series text NOT NULL UNIQUE CHECK (series ~ '^[A-Z][A-Z0-9]{0,7}$')
);
CREATE TABLE channel (
    id uuid PRIMARY KEY,
    fact_sequence bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL,
    code text NOT NULL UNIQUE,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('web', 'desk', 'marketplace', 'till')),
    seller text NOT NULL REFERENCES seller (code),
    languages text[] NOT NULL,
    currency text NOT NULL,
    time_zone text NOT NULL,
    depots text[] NOT NULL,
    on_shortage text NOT NULL CHECK (on_shortage IN ('reject', 'wait')),
    merchant_email text,
    shop_email text,
    shop_url text
);
CREATE TABLE api_key (
    id uuid PRIMARY KEY,
    fact_sequence bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    secret_hash text NOT NULL,
    role text NOT NULL,
    scopes text[] NOT NULL,
    revoked boolean NOT NULL,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL
)
"""

CUSTOMERS = """
CREATE TABLE customer (
    id uuid PRIMARY KEY,
    fact_sequence bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL,
    name text,
    email text,
    email_verified boolean NOT NULL,
    phone text,
    language text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX customer_verified_email ON customer (email) WHERE email_verified;
CREATE INDEX customer_phone ON customer (phone) WHERE phone IS NOT NULL;
CREATE TABLE channel_customer (
    channel text NOT NULL,
    external_id text NOT NULL,
    customer_id uuid NOT NULL REFERENCES customer (id),
    PRIMARY KEY (channel, external_id)
)
"""

PLACING = """
CREATE TABLE known_delivery_method (
    id uuid PRIMARY KEY, version bigint NOT NULL, code text NOT NULL, fact jsonb NOT NULL
);
CREATE INDEX ix_known_delivery_method_code ON known_delivery_method (code);
CREATE TABLE known_payment_method (
    id uuid PRIMARY KEY, version bigint NOT NULL, code text NOT NULL, fact jsonb NOT NULL
);
CREATE INDEX ix_known_payment_method_code ON known_payment_method (code)
"""

ORDERS = """
CREATE TABLE orders (
    id uuid PRIMARY KEY,
    fact_sequence bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL,
    events bigint NOT NULL,
    number text NOT NULL UNIQUE,
    channel text NOT NULL,
    external_id text,
    request_hash bytea NOT NULL,
    language text NOT NULL,
    placed_at timestamptz NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now(),
    taken_by text NOT NULL,
    historic boolean NOT NULL,
    on_shortage text NOT NULL CHECK (on_shortage IN ('reject', 'wait')),
    lifecycle text NOT NULL CHECK (lifecycle IN ('open', 'confirmed', 'completed', 'cancelled')),
    stock text NOT NULL CHECK (stock IN ('pending', 'waiting', 'reserved', 'rejected', 'released', 'deducted', 'none')),
    payment text NOT NULL CHECK (payment IN ('pending', 'authorized', 'due_on_delivery', 'received', 'failed',
                                             'expired', 'refunded', 'disputed')),
    fulfilment text NOT NULL CHECK (fulfilment IN ('none', 'planned', 'booked', 'partly_shipped', 'shipped',
                                                   'partly_delivered', 'delivered', 'returned', 'lost')),
    round integer NOT NULL CHECK (round > 0),
    reserved_once boolean NOT NULL,
    ready boolean NOT NULL,
    cancel_request uuid,
    cancel_wanted text,
    expiring uuid,
    reserve_until timestamptz,
    cancel_reason text,
    give_back text CHECK (give_back IN ('all', 'ask')),
    paid_told boolean NOT NULL,
    delivered_told boolean NOT NULL,
    shipped_told uuid[] NOT NULL,
    returned_told uuid[] NOT NULL,
    currency text NOT NULL,
    goods bigint NOT NULL,
    delivery bigint NOT NULL,
    charges bigint NOT NULL,
    discounts bigint NOT NULL,
    total bigint NOT NULL,
    delivery_method text,
    delivery_kind text,
    payment_method text,
    payment_kind text,
    reserve_minutes integer,
    customer_id uuid REFERENCES customer (id),
    person jsonb,
    pickup_point jsonb,
    customer jsonb,
    attributes jsonb NOT NULL,
    referers text[] NOT NULL,
    CHECK ((cancel_request IS NULL) = (cancel_wanted IS NULL)),
    CHECK ((lifecycle = 'cancelled') = (cancel_reason IS NOT NULL))
);
CREATE UNIQUE INDEX orders_channel_external_id ON orders (channel, external_id);
CREATE INDEX orders_placed_at ON orders (placed_at, id);
CREATE INDEX orders_customer ON orders (customer_id, placed_at) WHERE customer_id IS NOT NULL;
CREATE INDEX orders_referers ON orders USING gin (referers);
CREATE INDEX orders_deadline ON orders (reserve_until) WHERE reserve_until IS NOT NULL AND expiring IS NULL;
CREATE TABLE order_line (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders (id),
    position integer NOT NULL,
    sku text NOT NULL,
    ean text,
    name text NOT NULL,
    options jsonb NOT NULL,
    category text,
    image_url text,
    quantity bigint NOT NULL CHECK (quantity > 0),
    unit text NOT NULL,
    unit_price bigint NOT NULL CHECK (unit_price >= 0),
    discount bigint NOT NULL CHECK (discount >= 0),
    promotion text,
    vat_rate text,
    weight_g bigint,
    unit_cost jsonb,
    components jsonb NOT NULL,
    attributes jsonb NOT NULL,
    ships boolean NOT NULL,
    total bigint NOT NULL CHECK (total >= 0),
    cut bigint NOT NULL CHECK (cut BETWEEN 0 AND quantity)
);
CREATE UNIQUE INDEX order_line_position ON order_line (order_id, position);
CREATE TABLE order_adjustment (
    order_id uuid NOT NULL REFERENCES orders (id),
    position integer NOT NULL,
    sign text NOT NULL CHECK (sign IN ('charge', 'discount')),
    kind text NOT NULL,
    code text,
    name text,
    amount bigint NOT NULL CHECK (amount >= 0),
    vat_rate text,
    PRIMARY KEY (order_id, position)
);
CREATE TABLE hold (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders (id),
    kind text NOT NULL
        CHECK (kind IN ('loss', 'fraud', 'import', 'paid_late', 'undelivered', 'contradiction', 'manual')),
    about text NOT NULL,
    reason text NOT NULL,
    fields jsonb NOT NULL,
    placed_at timestamptz NOT NULL,
    placed_by text NOT NULL,
    lifted_at timestamptz,
    lifted_by text
);
CREATE UNIQUE INDEX hold_about ON hold (order_id, kind, about);
CREATE TABLE order_part (
    order_id uuid NOT NULL REFERENCES orders (id),
    kind text NOT NULL CHECK (kind IN ('reservation', 'payment', 'fulfilment')),
    part_id uuid NOT NULL,
    version bigint NOT NULL,
    snapshot jsonb NOT NULL,
    seen text[] NOT NULL,
    PRIMARY KEY (order_id, kind, part_id)
);
CREATE TABLE order_event (
    order_id uuid NOT NULL REFERENCES orders (id),
    number bigint NOT NULL,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    correlation_id uuid NOT NULL,
    causation_id uuid,
    detail jsonb NOT NULL,
    PRIMARY KEY (order_id, number)
);
CREATE TABLE order_work (
    work uuid PRIMARY KEY,
    version bigint NOT NULL,
    order_id uuid NOT NULL,
    service text NOT NULL,
    kind text,
    what text,
    since timestamptz,
    next_try timestamptz,
    cleared boolean NOT NULL
);
CREATE INDEX order_work_order ON order_work (order_id) WHERE NOT cleared
"""


def upgrade() -> None:
    apply(op, kernel.VERSIONS[0])
    apply(op, kit.VERSIONS[0])
    for ddl in (CHANNELS, CUSTOMERS, PLACING, ORDERS):
        apply(op, ddl)


def downgrade() -> None:
    raise NotImplementedError("the first tables stay")
