"""What a channel is told by: whom it alerts, what its customers may see, when it works."""

from alembic import op

from libs.service.migrations import apply

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    apply(op, DDL)


DDL = """
ALTER TABLE channel
    ADD COLUMN alert_email text,
    ADD COLUMN history_published boolean NOT NULL DEFAULT true,
    ADD COLUMN account boolean NOT NULL DEFAULT true,
    ADD COLUMN tracking_url text,
    ADD COLUMN tracking_days integer NOT NULL DEFAULT 180 CHECK (tracking_days > 0),
    ADD COLUMN sms_sender text,
    ADD COLUMN working_days text[] NOT NULL DEFAULT '{mon,tue,wed,thu,fri}',
    ADD COLUMN opens text NOT NULL DEFAULT '09:00',
    ADD COLUMN closes text NOT NULL DEFAULT '17:00' CHECK (closes > opens),
    ADD COLUMN holidays date[] NOT NULL DEFAULT '{}';
"""
