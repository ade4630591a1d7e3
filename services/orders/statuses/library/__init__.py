"""Ready-made processes to begin with: statuses, what may follow what, and rules. Each is a file beside this one."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Process:
    """A process to install. `statuses`: as one is created; `transitions`: pairs of mnemonics per track.

    `rules`: each with name, topic, conditions, and the mnemonic of the status that it sets.
    """

    code: str
    title: str
    about: str
    statuses: list[dict[str, Any]]
    transitions: dict[str, list[tuple[str | None, str]]]
    rules: list[dict[str, Any]]


@cache
def processes() -> dict[str, Process]:
    """Every process there is, by code."""
    read = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("*.json"))}
    for each in read.values():
        if isinstance(each["statuses"], str):  # the statuses of another process
            each["statuses"] = read[each["statuses"]]["statuses"]
    return {code: Process(code=code, **each) for code, each in read.items()}


BLANK: dict[str, Any] = {
    "mnemonic": "",
    "track": "order",
    "type": "custom",
    "colour": "#475569",
    "indicator": None,
    "actions": {"publish": False, "mail": False, "sms": False, "invoice": False},
    "texts": {"en": {"name": "", "message": None, "sms": None}},
}
"""What a status begins as when nothing is taken from the library; mnemonic and name are for the shop to say."""
