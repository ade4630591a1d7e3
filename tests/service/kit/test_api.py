"""The way in: answers, problems, health, documentation."""

from uuid import UUID

from libs.service.testing import running
from tests.service.kit.sample.service import sample


async def test_a_command_commits_before_it_answers_and_its_fact_is_published(sample_url: str, bus_url: str) -> None:
    async with running(sample, sample_url, bus_url) as api:
        made = await api.post("/v1/mugs", json={"name": "blue"})
        assert made.status_code == 201
        assert made.headers["etag"] == '"1"'
        assert UUID(made.headers["x-correlation-id"])
        read = await api.get(made.headers["location"])
        assert read.json() == made.json()
