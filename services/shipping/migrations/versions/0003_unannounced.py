"""What couriers have booked and no row here knows of."""

from alembic import op

from libs.service.migrations import apply

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    apply(
        op,
        """
        CREATE TABLE unannounced (
            id uuid PRIMARY KEY,
            version bigint NOT NULL DEFAULT 1,
            account text NOT NULL,
            awb text NOT NULL,
            reference text NOT NULL,
            order_number text,
            booked_on date NOT NULL,
            listed_at timestamptz NOT NULL DEFAULT now(),
            closed_at timestamptz,
            closed_as text CHECK (closed_as IN ('adopted', 'dismissed')),
            closed_by text,
            note text,
            CONSTRAINT unannounced_once UNIQUE (account, awb),
            CHECK ((closed_at IS NULL) = (closed_as IS NULL))
        );
        CREATE INDEX unannounced_open ON unannounced (order_number) WHERE closed_at IS NULL;
        """,
    )
