"""The second guard against giving back more than was taken; the first is the payment's lock."""

from alembic import op

from libs.service.migrations import apply

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # Refunds that the provider tells of are not judged: they have happened. Locking the capture lets two transactions
    # see each other's refund, whatever else they locked.
    apply(
        op,
        """
        CREATE FUNCTION refund_within_its_capture() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            taken bigint;
            back bigint;
        BEGIN
            SELECT amount_minor INTO taken FROM payment_operation
            WHERE id = NEW.parent_id AND kind = 'capture' FOR NO KEY UPDATE;
            SELECT coalesce(sum(CASE WHEN kind IN ('refund', 'chargeback') THEN amount_minor ELSE -amount_minor END), 0)
            INTO back FROM (
                SELECT kind, amount_minor FROM payment_operation WHERE parent_id = NEW.parent_id
                    AND (kind = 'refund' AND status IN ('initiated', 'pending', 'succeeded')
                         OR kind = 'chargeback' AND status = 'succeeded')
                UNION ALL
                SELECT r.kind, r.amount_minor FROM payment_operation o JOIN payment_operation r ON r.parent_id = o.id
                WHERE o.parent_id = NEW.parent_id AND r.status = 'succeeded'
                    AND r.kind IN ('refund_reversal', 'chargeback_reversal')
            ) moved;
            IF back > taken THEN
                RAISE EXCEPTION 'refund % would give back % of %', NEW.id, back, taken
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER refund_within_its_capture AFTER INSERT ON payment_operation FOR EACH ROW
            WHEN (NEW.kind = 'refund' AND (NEW.status = 'initiated'
                                           OR NEW.status = 'succeeded' AND NEW.provider IS DISTINCT FROM 'paypal'))
            EXECUTE FUNCTION refund_within_its_capture();
        """,
    )
