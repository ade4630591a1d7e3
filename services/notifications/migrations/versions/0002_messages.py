"""SMS beside mails, the shop's own texts and switches, what customers wish, and addresses that bounced."""

from alembic import op

from libs.service.migrations import apply

revision = "0002"
down_revision = "0001"

DDL = """
ALTER TABLE message
    ADD COLUMN by text NOT NULL DEFAULT 'mail' CHECK (by IN ('mail', 'sms')),
    ADD COLUMN recipient_hash text,
    ADD COLUMN parts integer,
    ADD COLUMN provider_id text,
    ADD COLUMN resent_by text,
    ADD COLUMN bounced_at timestamptz;
CREATE INDEX message_recipient ON message (recipient_hash, id);
ALTER TABLE known_order ADD COLUMN customer_id uuid;

CREATE TABLE known_customer (
    id uuid PRIMARY KEY,
    version bigint NOT NULL,
    language text,
    by_mail boolean NOT NULL,
    by_sms boolean NOT NULL
);

CREATE TABLE bounced_address (
    address_hash text PRIMARY KEY CHECK (address_hash ~ '^[0-9a-f]{64}$'),
    kind text NOT NULL CHECK (kind IN ('hard', 'complaint')),
    reason text NOT NULL,
    reported_by text NOT NULL,
    bounced_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX bounced_address_latest ON bounced_address (bounced_at, address_hash);

CREATE TABLE message_settings (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    version bigint NOT NULL DEFAULT 1,
    switches jsonb NOT NULL DEFAULT '{}',
    alert_holds jsonb NOT NULL DEFAULT '["loss"]',
    sms boolean NOT NULL DEFAULT true,
    sms_plain boolean NOT NULL DEFAULT false
);
INSERT INTO message_settings DEFAULT VALUES;

CREATE TABLE message_template (
    kind text NOT NULL,
    language text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    subject text NOT NULL,
    text text NOT NULL,
    sms text,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, language)
);
"""


def upgrade() -> None:
    apply(op, DDL)
