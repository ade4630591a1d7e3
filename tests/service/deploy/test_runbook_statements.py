"""The statements of the runbook run as they stand."""

import re
from pathlib import Path

import asyncpg
import pytest

from tests.databases import Databases

PAGE = (Path(__file__).parents[3] / "docs" / "runbook.md").read_text()
STATEMENTS = re.findall(r"^```sql (\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("service", "statement"), STATEMENTS)
async def test_every_statement_of_the_runbook_runs(service: str, statement: str, database: Databases) -> None:
    link = await asyncpg.connect(await database(service))
    await link.fetch(statement)
    await link.close()


def test_the_runbook_has_statements() -> None:
    assert len(STATEMENTS) > 3
