"""Labels also come as ZPL, for thermal printers."""

from alembic import op

from libs.service.migrations import apply

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    apply(
        op,
        """
        ALTER TABLE label ADD COLUMN format text NOT NULL DEFAULT 'pdf' CHECK (format IN ('pdf', 'zpl'));
        ALTER TABLE label ALTER COLUMN format DROP DEFAULT;
        ALTER TABLE label DROP CONSTRAINT label_pkey;
        ALTER TABLE label ADD PRIMARY KEY (shipment_id, awb, size, format);
        ALTER TABLE courier_call ADD COLUMN format text CHECK (format IN ('pdf', 'zpl'));
        """,
    )
