"""The embedded bus: a durable, partitioned log in a PostgreSQL database of its own, shared by all services."""

from libs.events.postgres.bus import PostgresBus

__all__ = ["PostgresBus"]
