"""How to reach a bus and how patient to be with it; secrets come from files, never from the URL of a broker."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from libs.events.bus import Outgoing, Refused

MAX_RECORD_BYTES = 1_000_000
"""Key, value and headers of one record together; the same on both buses. `emit()` stays below it."""

_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")


@dataclass(frozen=True, slots=True)
class BusSettings:
    """Settings of both adapters. Seconds, unless the name says otherwise.

    TLS is used when `tls_ca_file` is set (the system's own trust store: `tls=True`), SASL when `sasl_username` is.
    """

    client_id: str = "comanda"
    session_timeout: float = 6.0  # a member silent for longer loses its partitions
    request_timeout: float = 10.0  # a log that has not answered by then counts as away
    fetch_bytes: int = 8_000_000  # of values in one poll, at most, plus one record
    pool_size: int = 4  # embedded: connections for publishing and polling, besides one a subscription
    tls: bool = False
    tls_ca_file: Path | None = None
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    sasl_mechanism: str = "SCRAM-SHA-512"
    sasl_username: str | None = None
    password_file: Path | None = None

    @property
    def password(self) -> str | None:
        """The secret, read now: a rotated file is seen by the next connection."""
        return self.password_file.read_text().strip() if self.password_file else None


def from_environment() -> dict[str, Any]:
    """The `EVENTS_*` variables as `open_bus` takes them, for commands which have no service's settings."""
    found: dict[str, Any] = {}
    for name in ("tls_ca_file", "tls_cert_file", "tls_key_file", "sasl_mechanism", "sasl_username"):
        if value := os.environ.get(f"EVENTS_{name.upper()}"):
            found[name] = Path(value) if name.endswith("_file") else value
    if path := os.environ.get("EVENTS_PASSWORD_FILE"):
        found["password_file"] = Path(path)
    return found | {"tls": os.environ.get("EVENTS_TLS", "").lower() in {"1", "true", "yes", "on"}}


def refusal(record: Outgoing) -> Refused | None:
    """Why neither log would ever take this record; None when it may be sent."""
    if not _TOPIC.fullmatch(record.topic) or record.topic in {".", ".."}:
        return Refused(f"{record.topic[:80]!r} is no name of a topic")
    try:
        size = len(record.key.encode()) + len(record.value)
        size += sum(len(name.encode()) + len(value) for name, value in record.headers)
    except UnicodeEncodeError as error:
        return Refused(f"key or header name is not Unicode text: {error.reason}")
    if size > MAX_RECORD_BYTES:
        return Refused(f"record of {size} bytes is too large: {MAX_RECORD_BYTES} are allowed")
    return None
