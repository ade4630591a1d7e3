import base64
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.service.paging import decode, encode, page_of
from libs.service.problems import Invalid

KINDS = (datetime, int, UUID)


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-(2**63) + 1, 2**63 - 1), st.uuids())
def test_a_cursor_reads_back_as_it_was_written(at: datetime, number: int, row: UUID) -> None:
    assert decode(encode(at, number, row), KINDS) == (at, number, row)


@given(st.text(max_size=60))
def test_anything_else_is_invalid_and_names_the_parameter(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        decode(text, KINDS)
    assert refused.value.errors[0].field == "after"


@pytest.mark.parametrize(
    "place", ['["2026-01-01T00:00:00",1,"x"]', "[1,1]", "{}", "null", '["a\\u0000b"]', f"[{2**63}]", "[true]"]
)
def test_a_cursor_that_somebody_made_up_is_invalid(place: str) -> None:
    made_up = base64.urlsafe_b64encode(place.encode()).decode()
    for kinds in (KINDS, (str,), (int,)):
        with pytest.raises(Invalid):
            decode(made_up, kinds)


def test_no_cursor_is_the_first_page() -> None:
    assert decode(None, KINDS) is None


def test_the_last_page_has_no_next() -> None:
    rows = [uuid4() for _ in range(3)]
    assert page_of(rows, 3, encode).next is None
    page = page_of(rows, 2, encode)
    assert (page.items, page.next) == (rows[:2], encode(rows[1]))
