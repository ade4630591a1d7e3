"""What the models say is what the migrations made."""

import asyncpg
import pytest

from libs.service.migrations import assert_models_match
from tests.service.kit.sample.service import Table


async def test_models_and_migrations_agree(sample_url: str) -> None:
    await assert_models_match(sample_url, Table.metadata)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE mug ADD COLUMN colour text",
        "ALTER TABLE mug DROP COLUMN name",
        "ALTER TABLE mug ALTER COLUMN name DROP NOT NULL",
        "ALTER TABLE mug ALTER COLUMN version TYPE integer",
        "CREATE TABLE forgotten (id uuid)",
    ],
)
async def test_a_difference_is_found(sample_url: str, change: str) -> None:
    connection = await asyncpg.connect(sample_url)
    await connection.execute(change)
    await connection.close()
    with pytest.raises(AssertionError, match="differ"):
        await assert_models_match(sample_url, Table.metadata)
