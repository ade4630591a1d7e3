"""The beginning: the kernel's and the kit's tables, then payments' own."""

from alembic import op

from libs.events import schema as kernel
from libs.service import schema as kit
from libs.service.migrations import apply
from libs.service.outside import DUE_DDL

revision = "0001"
down_revision = None

TABLES = f"""
CREATE TABLE known_order (order_id uuid PRIMARY KEY, version bigint NOT NULL, snapshot jsonb NOT NULL);
CREATE TABLE payment_method (
    id uuid PRIMARY KEY,
    fact_sequence bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL,
    code text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('paypal', 'transfer', 'cash', 'cash_on_delivery', 'external')),
    names jsonb NOT NULL,
    active boolean NOT NULL,
    currencies text[] NOT NULL,
    companies_only boolean NOT NULL,
    fee_minor bigint CHECK (fee_minor >= 0),
    fee_currency text,
    reserve_for_minutes integer CHECK (reserve_for_minutes > 0),
    delivery_kinds text[] NOT NULL,
    intent text NOT NULL CHECK (intent IN ('capture', 'authorize')),
    CHECK ((fee_minor IS NULL) = (fee_currency IS NULL))
);
CREATE TABLE payment (
    id uuid PRIMARY KEY,
    fact_sequence bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL,
    order_id uuid NOT NULL UNIQUE,
    number text NOT NULL,
    method text NOT NULL,
    kind text NOT NULL,
    intent text NOT NULL CHECK (intent IN ('capture', 'authorize')),
    round integer NOT NULL,
    order_version bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('created', 'awaiting', 'approved', 'authorized', 'partly_received',
        'received', 'partly_refunded', 'refunded', 'voided', 'failed', 'expired')),
    currency text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    authorized_minor bigint NOT NULL CHECK (authorized_minor >= 0),
    captured_minor bigint NOT NULL CHECK (captured_minor >= 0),
    refunded_minor bigint NOT NULL CHECK (refunded_minor >= 0),
    disputed_minor bigint NOT NULL CHECK (disputed_minor >= 0),
    refund_pending boolean NOT NULL,
    unasked boolean NOT NULL,
    due_on_delivery boolean NOT NULL,
    merchant_ref text NOT NULL UNIQUE,
    provider text,
    provider_payment_id text,
    provider_ref text,
    approval_link text,
    link_wanted boolean NOT NULL,
    expires_at timestamptz,
    approved_at timestamptz,
    received_at timestamptz,
    expired_round integer,
    looked_for uuid,
    answered_expiring uuid,
    failure text,
    dispute text NOT NULL CHECK (dispute IN ('none', 'open', 'won', 'lost')),
    dispute_ref text,
    dispute_minor bigint NOT NULL CHECK (dispute_minor >= 0),
    dispute_at timestamptz,
    next_look_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT payment_provider_payment UNIQUE (provider, provider_payment_id)
);
CREATE INDEX payment_next_look ON payment (next_look_at) WHERE next_look_at IS NOT NULL;
CREATE TABLE payment_operation (
    id uuid PRIMARY KEY,
    payment_id uuid NOT NULL REFERENCES payment,
    parent_id uuid REFERENCES payment_operation,
    kind text NOT NULL CHECK (kind IN ('create', 'authorize', 'capture', 'void', 'refund', 'refund_reversal',
        'chargeback', 'chargeback_reversal')),
    status text NOT NULL CHECK (status IN ('initiated', 'pending', 'succeeded', 'failed', 'parked')),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL,
    provider text,
    provider_ref text,
    fee_minor bigint,
    error_code text,
    reference text,
    reason text,
    actor text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz
);
CREATE INDEX payment_operation_payment ON payment_operation (payment_id);
CREATE UNIQUE INDEX payment_operation_provider_ref ON payment_operation (provider, kind, provider_ref)
    WHERE provider_ref IS NOT NULL;
CREATE UNIQUE INDEX payment_operation_one_capture ON payment_operation (payment_id)
    WHERE kind = 'capture' AND status = 'initiated';
CREATE TABLE payment_call (
    {DUE_DDL},
    id uuid PRIMARY KEY,
    fact_sequence bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    order_id uuid NOT NULL,
    payment_id uuid NOT NULL REFERENCES payment,
    operation_id uuid REFERENCES payment_operation,
    kind text NOT NULL,
    target text,
    key text NOT NULL UNIQUE,
    body jsonb NOT NULL,
    request uuid,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX payment_call_due ON payment_call (due_at) WHERE call_state IN ('due', 'claimed', 'unknown');
CREATE INDEX payment_call_payment ON payment_call (payment_id);
CREATE TABLE webhook_inbox (
    {DUE_DDL},
    id uuid PRIMARY KEY,
    fact_sequence bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    order_id uuid,
    provider text NOT NULL,
    account_id text NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    delivery_id text NOT NULL,
    occurred_at timestamptz,
    received_at timestamptz NOT NULL DEFAULT now(),
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    outcome text CHECK (outcome IN ('done', 'ignored', 'dead')),
    note text,
    processed_at timestamptz,
    CONSTRAINT webhook_event UNIQUE (provider, account_id, event_id)
);
CREATE INDEX webhook_inbox_due ON webhook_inbox (due_at) WHERE call_state IN ('due', 'claimed', 'unknown');
CREATE TABLE ledger_account (id text PRIMARY KEY);
CREATE TABLE ledger_entry (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    payment_id uuid NOT NULL REFERENCES payment,
    operation_id uuid NOT NULL REFERENCES payment_operation,
    source text NOT NULL,
    source_key text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ledger_entry_once UNIQUE (source, source_key)
);
CREATE INDEX ledger_entry_payment ON ledger_entry (payment_id);
CREATE TABLE ledger_line (
    entry_id uuid NOT NULL REFERENCES ledger_entry,
    no integer NOT NULL,
    account_id text NOT NULL REFERENCES ledger_account,
    currency text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    PRIMARY KEY (entry_id, no)
);
CREATE FUNCTION ledger_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM ledger_line WHERE entry_id = NEW.entry_id GROUP BY currency HAVING sum(amount_minor) <> 0
    ) THEN
        RAISE EXCEPTION 'ledger entry % does not balance', NEW.entry_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_line_balances AFTER INSERT ON ledger_line
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_balances();
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is only ever added to' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_line_append_only BEFORE UPDATE OR DELETE ON ledger_line
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_line_no_truncate BEFORE TRUNCATE ON ledger_line EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_entry_no_truncate BEFORE TRUNCATE ON ledger_entry EXECUTE FUNCTION ledger_is_append_only();
"""


def upgrade() -> None:
    apply(op, kernel.VERSIONS[0])
    apply(op, kit.VERSIONS[0])
    apply(op, TABLES)
