"""Views that people keep."""

from alembic import op

from libs.service.migrations import apply

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    apply(op, DDL)


DDL = """
CREATE TABLE saved_view (
    id uuid PRIMARY KEY,
    version bigint NOT NULL,
    owner text NOT NULL,
    name text NOT NULL,
    query jsonb NOT NULL,
    shared boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX saved_view_name ON saved_view (owner, name);
CREATE INDEX saved_view_shared ON saved_view (id) WHERE shared
"""
