"""One visit of Schemathesis at one service, as somebody: what it tried, and what it found."""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.house import House

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
    "use_after_free",
)
PHASES = ("examples", "coverage", "fuzzing", "stateful")
FOUND = re.compile(r"^=+ (?:FAILURES|ERRORS) =+$(.*?)^=+ (?:WARNINGS|SUMMARY) =+$", re.MULTILINE | re.DOTALL)
OFTEN = 0.7
"""How often a word that exists is said where one is known; otherwise one is made up."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What one visit is: whom it goes to, as whom, how long."""

    service: str
    role: str
    examples: int
    seed: int
    within: float
    phases: Sequence[str] = PHASES


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a visit; `failures` in Schemathesis's own words, with the command that repeats each."""

    visit: Visit
    operations: int
    cases: int
    found: int
    seconds: float
    failures: str


async def strike(house: House, visit: Visit, folder: Path) -> Outcome:
    """Visit; the files of it stay in the folder."""
    name = f"{visit.service}-{visit.role or 'nobody'}"
    config, report, log = (folder / f"{name}.{kind}" for kind in ("toml", "json", "log"))
    config.write_text(_config(house.words.get(visit.service, {})), encoding="utf-8")
    started = time.monotonic()
    with log.open("wb") as output:
        running = await asyncio.create_subprocess_exec(
            *_command(house, visit, config, report),
            stdout=output,
            stderr=output,
            cwd=folder,
            env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        try:
            code = await running.wait()
        except asyncio.CancelledError:
            running.kill()
            raise
    text = log.read_text(encoding="utf-8", errors="replace")
    return _outcome(visit, report, text, code, time.monotonic() - started)


def _outcome(visit: Visit, report: Path, text: str, code: int, seconds: float) -> Outcome:
    if not report.exists():
        return Outcome(visit, 0, 0, 1, seconds, f"Schemathesis ended with {code}:\n{text[-4000:]}")
    told = json.loads(report.read_text(encoding="utf-8"))
    found = told["test_cases"]["unique_failures"] + len(told["errors"])
    said = FOUND.search(text)
    failures = said[1].strip() if said else text[-4000:] if code else ""
    return Outcome(
        visit, told["operations"]["tested"], told["test_cases"]["generated"], max(found, code), seconds, failures
    )


def _command(house: House, visit: Visit, config: Path, report: Path) -> list[str]:
    """As a person would type it."""
    credentials = ["--header", f"Authorization: Bearer {house.system.keys[visit.role]}"] if visit.role else []
    return [
        *(str(Path(sys.executable).parent / "st"), "--config-file", str(config)),
        *("run", f"{house.url(visit.service)}/openapi.json", *credentials),
        *("--max-examples", str(visit.examples), "--max-time", str(round(visit.within)), "--seed", str(visit.seed)),
        *("--phases", ",".join(visit.phases), "--checks", ",".join(CHECKS)),
        *("--continue-on-failure", "--generation-database", "none", "--no-shrink", "--no-color"),
        *("--report", "json", "--report-json-path", str(report)),
    ]


def _config(words: dict[str, list[str]]) -> str:
    """Schemathesis's own file: the words that mean something, by the place where they are said."""
    names = {place: re.sub(r"\W+", "_", place).strip("_") for place in words}
    lists = [f"[dictionaries.{names[place]}]\nvalues = {json.dumps(said)}\n" for place, said in words.items()]
    bound = [f'"{place}" = {{ dictionary = "{name}", probability = {OFTEN} }}' for place, name in names.items()]
    return "\n".join([*lists, "[parameters]", *bound, ""])
