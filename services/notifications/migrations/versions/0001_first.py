"""Messages, what is known of channels and orders, and facts that wait for those."""

from alembic import op

from libs.events import schema as kernel
from libs.service import schema as kit
from libs.service.migrations import apply
from libs.service.outside import DUE_DDL

revision = "0001"
down_revision = None


def upgrade() -> None:
    for ddl in (kernel.VERSIONS[0], kit.VERSIONS[0]):
        apply(op, ddl)
    apply(
        op,
        f"""
        CREATE TABLE message (
            id uuid PRIMARY KEY,
            fact_sequence bigint NOT NULL DEFAULT 0,
            version bigint NOT NULL DEFAULT 1,
            order_id uuid,
            cause uuid NOT NULL,
            kind text NOT NULL,
            recipient text NOT NULL,
            language text NOT NULL,
            sender text,
            sender_name text NOT NULL,
            subject text NOT NULL CHECK (subject !~ '[[:cntrl:]]'),
            text text NOT NULL,
            html text NOT NULL,
            resend_of uuid,
            doubts integer NOT NULL DEFAULT 0,
            created_at timestamptz NOT NULL DEFAULT now(),
            sent_at timestamptz,
            {DUE_DDL}
        );
        CREATE UNIQUE INDEX message_once ON message (cause, kind, recipient);
        CREATE INDEX message_order ON message (order_id, id);
        CREATE INDEX message_due ON message (due_at) WHERE call_state IN ('due', 'claimed', 'unknown');

        CREATE TABLE known_channel (
            code text PRIMARY KEY,
            version bigint NOT NULL,
            fact text
        );

        CREATE TABLE known_order (
            id uuid PRIMARY KEY,
            version bigint NOT NULL,
            number text,
            channel text,
            language text,
            historic boolean NOT NULL DEFAULT false,
            email text,
            name text
        );

        CREATE TABLE waiting_fact (
            id uuid PRIMARY KEY,
            waits_for text NOT NULL,
            topic text NOT NULL,
            fact text NOT NULL,
            since timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX waiting_fact_for ON waiting_fact (waits_for);
        """,
    )
