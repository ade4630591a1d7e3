"""`python -m deploy.documents`: write what is generated from the contracts and the services; `--check` only compares.

docs/events.md, docs/settings.md, docs/access.md, docs/api/asyncapi.json, docs/api/SERVICE.json (OpenAPI), and each
contract's recorded form with examples in tests/contract/golden. A recorded form changes only where no reader of the old
one breaks; its old examples stay.
"""

import argparse
import asyncio
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import httpx

from deploy import access_page, asyncapi, events_page, settings_page
from deploy.system import PROCESSES
from libs.contracts import every_contract
from libs.events.contract import Event
from libs.events.documentation import breaks, example_of, form_of
from libs.service.app import make_app
from libs.service.main import opened
from libs.service.service import Service

CHECKOUT = Path(__file__).parent.parent
GOLDEN = Path("tests/contract/golden")
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


def main() -> int:
    """Write or compare; 1 when a document is not what it must be."""
    parser = argparse.ArgumentParser(prog="python -m deploy.documents")
    parser.add_argument("--check", action="store_true", help="write nothing, fail where something is stale")
    check = parser.parse_args().check
    broken = broken_contracts()
    if broken:
        print("These contracts break their readers; say it in a new topic:", *broken, sep="\n", file=sys.stderr)
        return 1
    stale = stale_documents()
    if check:
        print(*(f"{path} is stale: make docs" for path in stale), sep="\n", file=sys.stderr)
        return 1 if stale else 0
    for path, text in stale.items():
        (CHECKOUT / path).parent.mkdir(parents=True, exist_ok=True)
        (CHECKOUT / path).write_text(text, encoding="utf-8")
        print(path)
    return 0


def stale_documents() -> dict[Path, str]:
    """Every generated file that is not what it must be, with what it must be."""
    return {path: text for path, text in {**contracts(), **apis()}.items() if _read(path) != text}


def contracts() -> dict[Path, str]:
    """What follows from the contracts."""
    found = {Path("docs/events.md"): events_page.page(), Path("docs/api/asyncapi.json"): _json(asyncapi.document())}
    return found | {golden_path(contract): _json(golden(contract)) for contract in every_contract()}


def apis() -> dict[Path, str]:
    """The OpenAPI document of every service, the settings of all, and who may call what."""
    services = [importlib.import_module(f"{process.module}.__main__").service for process in PROCESSES]
    found = {Path(f"docs/api/{service.name}.json"): _json(asyncio.run(openapi(service))) for service in services}
    pages = {Path("docs/settings.md"): settings_page.page(), Path("docs/access.md"): access_page.page()}
    return found | pages


async def openapi(service: Service[Any]) -> Any:
    """What a service's API says of itself; nothing is connected for it."""
    settings = service.settings(mode="development", database_url=NOWHERE, events_bus=NOWHERE)
    async with opened(service, settings) as context:
        transport = httpx.ASGITransport(make_app(service, context))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return (await client.get("/openapi.json")).json()


def golden_path(contract: type[Event]) -> Path:
    """Where the recorded form of a contract stands."""
    return GOLDEN / f"{contract.dataschema()}.json"


def recorded(contract: type[Event]) -> dict[str, Any] | None:
    """What is recorded of a contract."""
    text = _read(golden_path(contract))
    return json.loads(text) if text is not None else None


def golden(contract: type[Event]) -> dict[str, Any]:
    """What must be recorded: its form, its old examples, and one of its present form with every member set."""
    old = recorded(contract) or {"examples": []}
    examples, newest = old["examples"], example_of(contract)
    return {
        "dataschema": contract.dataschema(),
        "form": form_of(contract),
        "examples": examples if newest in examples else [*examples, newest],
    }


def broken_contracts() -> list[str]:
    """What in the present contracts breaks a reader of a recorded form."""
    found = [
        f"{path.stem}: is gone" for path in sorted((CHECKOUT / GOLDEN).glob("*.json")) if path.stem not in _names()
    ]
    for contract in every_contract():
        old = recorded(contract)
        found += breaks(old["form"], form_of(contract), contract.dataschema()) if old else []
    return found


def _names() -> set[str]:
    return {contract.dataschema() for contract in every_contract()}


def _read(path: Path) -> str | None:
    file = CHECKOUT / path
    return file.read_text(encoding="utf-8") if file.exists() else None


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
