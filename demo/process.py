"""The shop's own process: ten statuses that it invented and the rules that move orders through them (process.json)."""

import json
from pathlib import Path
from typing import Any

from demo.api import Api

PROCESS: dict[str, list[dict[str, Any]]] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


async def set_up_process(api: Api) -> None:
    """Statuses and rules; what is there by its name is left as it is."""
    known = {row["mnemonic"] for row in await api.every("orders", "/v1/statuses?archived=all")}
    for status in PROCESS["statuses"]:
        if status["mnemonic"] not in known:
            await api.call("orders", "POST", "/v1/statuses", status)
    named = {row["name"] for row in await api.every("orders", "/v1/statuses/rules")}
    for rule in PROCESS["rules"]:
        if rule["name"] not in named:
            await api.call("orders", "POST", "/v1/statuses/rules", rule)
