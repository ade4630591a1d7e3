"""What each process of an installation is told by its environment."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.ports import free_port
from deploy.state import State
from deploy.system import DEVELOPMENT, EVENTS, HOST, PORTS, PROCESSES, STAND_INS, Process, StandIn


def ports_from_environment() -> dict[str, int]:
    """The ports of system.py, each of which may be set as NAME_PORT."""
    return {name: int(os.environ.get(f"{name.upper()}_PORT") or port) for name, port in PORTS.items()}


BROKERS = 3


def free_ports() -> dict[str, int]:
    """Ports that nobody uses now, for an installation beside others; `NAME.side` is a stand-in's second one.

    Those that follow Kafka's are free too: each broker and each controller takes one.
    """
    names = (*PORTS, *(f"{stand_in.name}.side" for stand_in in STAND_INS))
    return {name: free_port(following=2 * BROKERS - 1 if name == "kafka" else 0) for name in names}


@dataclass(frozen=True)
class Environment:
    """Addresses and secrets, put into variables.

    `postgres` is the administrator's URL; variables of `extra` win over those of the caller's own environment, and
    those over ours.
    """

    state: State
    ports: Mapping[str, int]
    postgres: str
    bus: str  # "embedded" or an EVENTS_BUS
    stand_ins: tuple[StandIn, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)

    def url(self, name: str) -> str:
        """Where a service or a stand-in answers."""
        return f"http://{HOST}:{self.ports[name]}"

    def database_url(self, database: str, role: str) -> str:
        """How a role opens a database."""
        server = self.postgres.rsplit("/", 1)[0].rsplit("@", 1)[1]
        return f"postgresql://{role}:{self.state.passwords()[role]}@{server}/{database}"

    def events_bus(self, role: str = EVENTS.role) -> str:
        """EVENTS_BUS, as one role opens it."""
        return self.database_url(EVENTS.name, role) if self.bus == "embedded" else self.bus

    def of_service(self, process: Process, port: int | None = None) -> dict[str, str]:
        """Everything a service needs to start."""
        ours = {
            "COMANDA_MODE": "development",
            "EVENTS_BUS": self.events_bus(),
            f"{process.prefix}DATABASE_URL": self.database_url(process.database.name, process.database.role),
            f"{process.prefix}HOST": HOST,
            f"{process.prefix}LAME_DUCK": "PT0S",  # nobody else sends requests here
        }
        if self.bus == "embedded":
            ours[f"{process.prefix}EVENTS_BUS"] = self.events_bus(process.database.role)
        ours |= {name: self._filled(value) for name, value in DEVELOPMENT}
        for stand_in in self.stand_ins:
            ours |= {name: self._filled(value, stand_in) for name, value in stand_in.env}
        told = ours | os.environ | dict(self.extra)
        told[f"{process.prefix}PORT"] = str(self.ports[process.name] if port is None else port)
        if told["COMANDA_MODE"] == "development":
            told.setdefault("AUTH_DEVELOPMENT_KEYS", json.dumps(self.state.development_keys()))
        return told

    def of_operator(self) -> dict[str, str]:
        """What commands that work on the whole system need."""
        databases = {
            f"{process.prefix}DATABASE_URL": self.database_url(process.database.name, process.database.role)
            for process in PROCESSES
        }
        return {"COMANDA_MODE": "development", **databases, **os.environ, **self.extra, "EVENTS_BUS": self.events_bus()}

    def arguments(self, stand_in: StandIn) -> list[str]:
        """A stand-in's command line."""
        return [self._filled(argument, stand_in) for argument in stand_in.arguments]

    def shown(self, stand_in: StandIn) -> str:
        """What a person is told about a stand-in."""
        return self._filled(stand_in.shows, stand_in)

    def side_port(self, stand_in: StandIn) -> int:
        """A stand-in's second port."""
        return self.ports.get(f"{stand_in.name}.side", self.ports[stand_in.name] + 1)

    def _filled(self, text: str, stand_in: StandIn | None = None) -> str:
        known: dict[str, object] = {process.name: self.url(process.name) for process in PROCESSES}
        known["state"] = self.state.root
        if stand_in:
            known |= {"port": self.ports[stand_in.name], "side_port": self.side_port(stand_in)}
        for name, value in known.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text
