"""docs/settings.md: every variable of every service, from the settings classes themselves."""

import importlib
import inspect
import re

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from deploy.system import PROCESSES
from libs.service.settings import ServiceSettings, variables

HEAD = """# Settings

Written by `make docs` from the settings classes. A service reads its environment once, at start; a variable that is
wrong, missing or unknown stops it and is named. Every variable may also end in `_FILE` and name a file that holds the
value: that is how secrets are given. `EVENTS_*` and `AUTH_*` are the same for all services; a service's own prefix in
front (`ORDERS_EVENTS_BUS`) wins. Times are ISO 8601 durations (`PT30S`) or seconds.
"""
_COMMENT = re.compile(r"^    (\w+):.*?#\s+(.*)$", re.MULTILINE)


def page() -> str:
    """The whole page, as Markdown."""
    parts = [HEAD, _table("Every service", "NAME_", ServiceSettings, set())]
    for process in PROCESSES:
        settings = importlib.import_module(f"{process.module}.settings").Settings
        parts.append(_table(process.name, process.prefix, settings, set(ServiceSettings.model_fields)))
    return "\n".join(parts)


def _table(title: str, prefix: str, settings: type[ServiceSettings], known: set[str]) -> str:
    comments = dict(_COMMENT.findall(inspect.getsource(settings)))
    rows = [
        f"| `{variables(prefix, name)[-1]}` | {_default(field)} | {comments.get(name, '')} |"
        for name, field in settings.model_fields.items()
        if name not in known or field.default != ServiceSettings.model_fields[name].default
    ]
    return "\n".join([f"## {title}", "", "| variable | default | |", "|---|---|---|", *rows, ""])


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "**must be set**" if field.default_factory is None else ""
    return "" if field.default in (None, "", {}, ()) else f"`{str(field.default).replace('|', '&#124;')}`"
