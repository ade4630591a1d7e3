"""The timeline is an audit: chained, salted, searchable by who did it."""

from alembic import op

from libs.service.migrations import apply

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    apply(op, DDL)


DDL = """
ALTER TABLE orders ADD COLUMN chain bytea;
ALTER TABLE order_event
    ADD COLUMN before jsonb,
    ADD COLUMN after jsonb,
    ADD COLUMN personal jsonb,
    ADD COLUMN salt bytea,
    ADD COLUMN personal_digest bytea,
    ADD COLUMN chain bytea;
CREATE INDEX order_event_actor ON order_event (actor, at, order_id, number);
CREATE FUNCTION order_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'the timeline is only added to';
    END IF;
    IF NEW.personal IS NOT NULL OR NEW.salt IS NOT NULL
       OR to_jsonb(NEW) - 'personal' - 'salt' <> to_jsonb(OLD) - 'personal' - 'salt' THEN
        RAISE EXCEPTION 'of a timeline only what is personal is forgotten';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_event_stays BEFORE UPDATE OR DELETE ON order_event
    FOR EACH ROW EXECUTE FUNCTION order_event_stays();
CREATE TRIGGER order_event_no_truncate BEFORE TRUNCATE ON order_event EXECUTE FUNCTION order_event_stays();
"""
