"""The kit's own tables, the same in every service's database; first migrations apply them after the kernel's."""

VERSIONS: tuple[str, ...] = (
    """
    CREATE TABLE idempotency_key (
        principal text NOT NULL,
        route text NOT NULL,
        key text NOT NULL,
        body_hash bytea NOT NULL,
        status smallint,
        headers jsonb,
        body bytea,
        at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (principal, route, key)
    );
    CREATE INDEX idempotency_key_at ON idempotency_key USING brin (at);
    CREATE TABLE known_key (
        id uuid PRIMARY KEY,
        version bigint NOT NULL,
        name text NOT NULL,
        secret_hash text NOT NULL,
        role text NOT NULL,
        scopes text[] NOT NULL,
        revoked boolean NOT NULL,
        expires_at timestamptz
    );
    """,
)
"""Each entry is a step; see `libs.service.migrations.apply`."""

TABLES = frozenset({"idempotency_key", "known_key"})
