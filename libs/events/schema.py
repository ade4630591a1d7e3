"""The kernel's own tables, the same in every service's database; alembic migrations call `create` once."""

VERSIONS: tuple[str, ...] = (
    """
    CREATE TABLE outbox (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id uuid NOT NULL UNIQUE,
        aggregatetype text NOT NULL,
        aggregateid uuid NOT NULL,
        type text NOT NULL,
        key text NOT NULL,
        shard smallint NOT NULL,
        payload text NOT NULL,
        ce_source text NOT NULL,
        ce_time timestamptz NOT NULL,
        ce_dataschema text NOT NULL,
        ce_sequence bigint NOT NULL,
        ce_actor text NOT NULL,
        ce_correlationid uuid NOT NULL,
        ce_causationid uuid,
        ce_depth integer NOT NULL,
        traceparent text,
        refused text
    );
    CREATE TABLE outbox_sent (
        seq bigint NOT NULL,
        id uuid NOT NULL,
        aggregatetype text NOT NULL,
        aggregateid uuid NOT NULL,
        type text NOT NULL,
        key text NOT NULL,
        shard smallint NOT NULL,
        payload text NOT NULL,
        ce_source text NOT NULL,
        ce_time timestamptz NOT NULL,
        ce_dataschema text NOT NULL,
        ce_sequence bigint NOT NULL,
        ce_actor text NOT NULL,
        ce_correlationid uuid NOT NULL,
        ce_causationid uuid,
        ce_depth integer NOT NULL,
        traceparent text,
        position bigint NOT NULL,
        sent_at timestamptz NOT NULL DEFAULT now()
    ) PARTITION BY RANGE (sent_at);
    CREATE INDEX outbox_sent_position ON outbox_sent (position);
    CREATE INDEX outbox_sent_aggregate ON outbox_sent (aggregateid, ce_sequence);
    CREATE TABLE outbox_sent_default PARTITION OF outbox_sent DEFAULT;
    CREATE TABLE feed_head (single boolean PRIMARY KEY DEFAULT true CHECK (single), position bigint NOT NULL);
    INSERT INTO feed_head (position) VALUES (0);
    CREATE TABLE feed (
        position bigint PRIMARY KEY,
        id uuid NOT NULL,
        type text NOT NULL,
        aggregateid uuid NOT NULL,
        at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX feed_type ON feed (type, position);
    CREATE TABLE inbox (
        consumer text NOT NULL,
        event_id uuid NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (consumer, event_id)
    );
    CREATE INDEX inbox_at ON inbox USING brin (at);
    CREATE TABLE dead_letter (
        id uuid PRIMARY KEY,
        fact_sequence bigint NOT NULL DEFAULT 0,
        consumer text NOT NULL,
        event_id uuid NOT NULL,
        topic text NOT NULL,
        partition integer NOT NULL,
        "offset" bigint NOT NULL,
        key text NOT NULL,
        value bytea NOT NULL,
        headers text NOT NULL,
        reason text NOT NULL,
        attempts integer NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        closed_at timestamptz,
        closed_as text CHECK (closed_as IN ('redriven', 'dropped')),
        closed_by text
    );
    CREATE INDEX dead_letter_open ON dead_letter (at) WHERE closed_at IS NULL;
    CREATE TABLE partition_state (
        id uuid NOT NULL UNIQUE,
        fact_sequence bigint NOT NULL DEFAULT 0,
        consumer text NOT NULL,
        topic text NOT NULL,
        partition integer NOT NULL,
        letters_in_a_row integer NOT NULL,
        paused_at timestamptz,
        PRIMARY KEY (consumer, topic, partition)
    );
    CREATE TABLE bus_in_use (
        single boolean PRIMARY KEY DEFAULT true CHECK (single),
        identity text NOT NULL,
        url text NOT NULL
    );
    CREATE FUNCTION comanda_tidy_outbox(retention interval) RETURNS void LANGUAGE plpgsql AS $tidy$
    DECLARE
        day date;
        old record;
    BEGIN
        FOR day IN SELECT (now() AT TIME ZONE 'UTC')::date + n FROM generate_series(1, 3) AS n LOOP
            EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF outbox_sent FOR VALUES FROM (%L) TO (%L)',
                           'outbox_sent_' || to_char(day, 'YYYYMMDD'), day || ' 00:00+00', (day + 1) || ' 00:00+00');
        END LOOP;
        FOR old IN
            SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'outbox_sent'::regclass AND c.relname ~ '^outbox_sent_[0-9]{8}$'
              AND to_date(right(c.relname, 8), 'YYYYMMDD') + 1 < (now() - retention)::date
        LOOP
            EXECUTE format('DROP TABLE %I', old.relname);
        END LOOP;
        DELETE FROM outbox_sent_default WHERE sent_at < now() - retention;
        DELETE FROM inbox WHERE at < now() - greatest(2 * retention, interval '31 days');
    END $tidy$;
    """,
    # whose person was forgotten: what comes later about them is taken without the person
    """
    CREATE TABLE erased_order (order_id uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
    """,
)
"""Each entry is a step that a service's migration applies by its index: the kernel's history is part of its own."""
