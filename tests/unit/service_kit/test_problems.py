import pytest

from libs.service import problems
from libs.service.problems import Conflict, InProgress, NotFound, Problem, documented, field_path


@pytest.mark.parametrize(
    ("location", "path"),
    [
        (("body", "lines", 2, "quantity"), "lines[2].quantity"),
        (("query", "after"), "after"),
        (("body",), "body"),
        (("body", 0, "name"), "[0].name"),
        (("header", "if-match"), "if-match"),
    ],
)
def test_a_field_is_named_by_its_path(location: tuple[str | int, ...], path: str) -> None:
    assert field_path(location) == path


def test_problems_of_one_status_are_documented_together() -> None:
    found = documented(Conflict, InProgress, NotFound)
    assert set(found) == {409, 404}
    assert set(found[409]["content"][problems.MEDIA_TYPE]["examples"]) == {"conflict", "in-progress"}


def test_every_problem_has_a_slug_of_its_own() -> None:
    slugs = [kind.slug for kind in Problem.__subclasses__() if kind.__module__ == problems.__name__]
    assert len(slugs) == len(set(slugs))
