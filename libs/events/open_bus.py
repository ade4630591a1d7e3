"""From an EVENTS_BUS to the adapter that speaks to it."""

from typing import Any

from libs.events.bus import Bus
from libs.events.bus_settings import BusSettings
from libs.events.postgres import PostgresBus


def open_bus(url: str, **settings: Any) -> Bus:
    """`kafka://host:port,...` or `postgresql://...`; `settings` are those of BusSettings. Connects at first use."""
    scheme, _, rest = url.partition("://")
    if scheme == "kafka" and rest:
        from libs.events.kafka import KafkaBus  # noqa: PLC0415 - the embedded bus must not need the Kafka client

        return KafkaBus([server.strip() for server in rest.strip("/").split(",")], BusSettings(**settings))
    if scheme in {"postgresql", "postgres"} and rest:
        return PostgresBus(url, BusSettings(**settings))
    raise ValueError(f"EVENTS_BUS must be kafka://host:port,... or postgresql://..., not {scheme!r}")
