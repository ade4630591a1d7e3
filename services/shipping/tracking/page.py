"""The public tracking page: a few lines of HTML without scripts, every value escaped."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

STYLE = "body{font:1rem/1.5 sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}td{padding:.2rem 1rem .2rem 0}"


@cache
def words() -> Mapping[str, Mapping[str, str]]:
    """What it says, by language, from the file beside this one."""
    return tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))


def rendered(awb: str | None, status: str, language: str | None, events: Iterable[Mapping[str, Any]]) -> str:
    """The page, in the order's language or in English. Only statuses, times and places: no free text of anybody."""
    chosen = (language or "en").split("-")[0]
    said = words().get(chosen) or words()["en"]
    rows = "".join(
        f"<tr><td>{event['occurred_at']:%Y-%m-%d %H:%M} UTC</td><td>{escape(said[event['status']])}</td>"
        f"<td>{escape(event['location'])}</td></tr>"
        for event in events
        if event["status"] in said
    )
    title = escape(said["title"])
    return (
        f'<!doctype html><html lang="{escape(chosen if chosen in words() else "en")}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}</style></head><body>'
        f"<h1>{title}</h1><p>{escape(awb or '')}</p>"
        f"<p><strong>{escape(said.get(status, said['in_transit']))}</strong></p>"
        f"<table>{rows}</table></body></html>"
    )
