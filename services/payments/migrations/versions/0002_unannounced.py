"""What providers moved and no row here knows of."""

from alembic import op

from libs.service.migrations import apply

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    apply(
        op,
        """
        CREATE TABLE unannounced (
            id uuid PRIMARY KEY,
            version bigint NOT NULL DEFAULT 1,
            provider text NOT NULL,
            reference text NOT NULL,
            kind text NOT NULL,
            amount_minor bigint NOT NULL,
            currency text NOT NULL,
            invoice text,
            occurred_at timestamptz NOT NULL,
            listed_at timestamptz NOT NULL DEFAULT now(),
            closed_at timestamptz,
            closed_by text,
            note text,
            CONSTRAINT unannounced_once UNIQUE (provider, reference)
        );
        CREATE INDEX unannounced_open ON unannounced (id) WHERE closed_at IS NULL;
        """,
    )
