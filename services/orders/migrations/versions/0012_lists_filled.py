"""Lists that fill themselves, and search that knows when an order was placed, so that it can sort what it finds.

Nothing is filled here, because orders would stand still meanwhile: the worker does it while they move. Until it has,
a search looks up in the other table when what it finds was placed, as before.
"""

from alembic import op

from libs.service.migrations import apply

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    apply(op, DDL)


DDL = """
ALTER TABLE order_search ADD COLUMN placed_at timestamptz;
CREATE INDEX order_search_placed ON order_search (placed_at, order_id);
CREATE INDEX order_search_unfilled ON order_search (order_id) WHERE placed_at IS NULL;
CREATE TABLE list_check (
    id boolean PRIMARY KEY CHECK (id),
    form integer NOT NULL,
    anew boolean NOT NULL,
    before uuid,
    looked bigint NOT NULL,
    written bigint NOT NULL,
    ended_at timestamptz
);
INSERT INTO list_check (id, form, anew, looked, written) VALUES (true, 0, false, 0, 0)
"""
