"""Databases for the kernel's own tests."""

from collections.abc import AsyncIterator

import pytest

from libs.events.transaction import UnitOfWork
from tests.databases import Databases
from tests.service.events.kernel import prepare


@pytest.fixture
async def url(database: Databases) -> str:
    """A database with the kernel's tables and the counters'."""
    return await database("kernel", prepare)


@pytest.fixture
async def uow(url: str) -> AsyncIterator[UnitOfWork]:
    """It, opened."""
    opened = UnitOfWork.open(url, "counters")
    yield opened
    await opened.close()
