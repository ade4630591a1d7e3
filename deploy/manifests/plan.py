"""What both platforms need to know of each workload: its command, its variables, its secrets."""

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import SecretStr

from deploy.system import PROCESSES, Process
from libs.service.settings import ServiceSettings, variables

PORT = 8000  # of the API, or of health and metrics, in every container
USER = 10001
API = Path(__file__).parent.parent.parent / "docs" / "api"
OPTIONAL_SECRETS = frozenset(
    {
        "PAYMENTS_PAYPAL_CLIENT_SECRET",
        "ORDERS_LINK_KEY_BEFORE",
        "SHIPPING_SECRETS_KEY_BEFORE",
        "NOTIFICATIONS_SMTP_PASSWORD",
        "NOTIFICATIONS_SMS_AUTH",
        "NOTIFICATIONS_SMS_TOKEN",
    }
)
SECRET_FOLDER = "/run/secrets/comanda"  # noqa: S105 - a path


@dataclass(frozen=True, slots=True)
class Workload:
    """One process of one service in containers of its own: `orders api`."""

    process: Process
    kind: str

    @property
    def name(self) -> str:
        """Its name on the platform."""
        return f"{self.process.name}-{self.kind}"

    @property
    def arguments(self) -> list[str]:
        """What the image is told."""
        return [self.process.name, self.kind]


WORKLOADS = tuple(Workload(process, kind) for process in PROCESSES for kind in process.kinds)


def settings_of(process: Process) -> type[ServiceSettings]:
    """The settings class of a service."""
    found: type[ServiceSettings] = importlib.import_module(f"{process.module}.settings").Settings
    return found


def variable(process: Process, field: str) -> str:
    """A service's own variable for a setting."""
    return variables(process.prefix, field)[0]


def prefixes(process: Process) -> list[str]:
    """Where a service's public paths begin (`/v1/noun`, or a page as `/t`); one address can serve all services."""
    paths = json.loads((API / f"{process.name}.json").read_text(encoding="utf-8"))["paths"]
    return sorted({"/".join(path.split("/")[: _deep(path)]) for path in paths})


def _deep(path: str) -> int:
    if path.startswith("/v1/personal-data/"):  # each service has one of its own there, by its name
        return 4
    return 3 if path.startswith("/v1/") else 2


def secrets(process: Process) -> tuple[str, ...]:
    """The variables of a service which hold a secret."""
    settings = settings_of(process)
    sealed = [name for name, field in settings.model_fields.items() if _is_secret(field.annotation)]
    sealed = [name for name in sealed if name not in ServiceSettings.model_fields]
    return tuple(variable(process, name) for name in ("database_url", *sealed))


def _is_secret(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, UnionType):
        return any(_is_secret(each) for each in get_args(annotation))
    return annotation is SecretStr
