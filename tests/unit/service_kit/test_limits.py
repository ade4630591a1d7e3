import json
import time
from typing import Any

import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st

from libs.service import limits
from libs.service.limits import RateLimit, check_json, depth_of
from libs.service.problems import Problem, TooMany


def refusal(body: bytes) -> Problem | None:
    try:
        check_json(body)
    except HTTPException as error:
        return error.__cause__ if isinstance(error.__cause__, Problem) else None
    return None


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.booleans())
def test_the_depth_of_json_is_found_whatever_its_strings_hold(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert depth_of(text) == depth(value)


@given(st.text(), st.booleans())
def test_text_is_refused_exactly_when_it_holds_control_characters(text: str, ascii_only: bool) -> None:
    body = json.dumps({"a": [text]}, ensure_ascii=ascii_only).encode("utf-8")
    bad = any(
        ch not in "\t\n\r" and (ord(ch) < 32 or 127 <= ord(ch) < 160 or 0xD800 <= ord(ch) < 0xE000) for ch in text
    )
    assert (refusal(body) is not None) == bad


@given(st.integers())
def test_whole_numbers_are_refused_when_no_column_holds_them(number: int) -> None:
    assert (refusal(json.dumps({"a": number}).encode()) is not None) == (abs(number) > limits.MAX_INT)


@pytest.mark.parametrize("body", [b"9223372036854775808", b"-9223372036854775809", b"1e400", b"NaN", b"[-Infinity]"])
def test_numbers_that_no_column_holds_are_refused(body: bytes) -> None:
    assert refusal(body)


@pytest.mark.parametrize(
    "body", [b"9223372036854775807", b"1e40", b'"NaN"', b'"4006381333931 4006381333931"', b'"\\\\u0000"']
)
def test_what_only_looks_doubtful_passes(body: bytes) -> None:
    assert refusal(body) is None


@pytest.mark.parametrize(
    "body", [b"[" * 1_000_000, b'"\\' * 500_000, b'["' * 500_000, b"\\" * 1_000_000, b'{"a":' * 200_000]
)
def test_looking_at_a_body_takes_time_that_grows_with_its_length_alone(body: bytes) -> None:
    began = time.process_time()
    refusal(body)
    assert time.process_time() - began < 2


def test_a_bucket_gives_its_burst_then_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("libs.service.limits.time.monotonic", lambda: now)
    limit = RateLimit(per_second=2, burst=3)
    for _ in range(3):
        limit.take("a")
    with pytest.raises(TooMany) as refused:
        limit.take("a")
    assert refused.value.headers["Retry-After"] == "1"
    limit.take("b")
    now = 0.5
    limit.take("a")
    with pytest.raises(TooMany):
        limit.take("a")


def test_callers_that_never_come_back_are_forgotten() -> None:
    limit = RateLimit(per_second=1, burst=1, remembered=10)
    for number in range(1000):
        limit.take(str(number))
    assert len(limit._buckets) == 10


BIG = 10**19


@pytest.mark.parametrize("number", [str(BIG), f"-{BIG}", "1e999", "-1.5E+999", "1e0999"])
@pytest.mark.parametrize("place", ["{}", "  {}", "[{}]", "[1,{}]", "[1, {}]", '{{"a":{}}}', '{{"a" : {}}}', "[\n{}]"])
def test_a_number_too_large_is_found_wherever_it_stands(place: str, number: str) -> None:
    assert refusal(place.format(number).encode()) is not None


def test_digits_inside_an_id_are_not_looked_at_closely() -> None:
    for text in ("0e3e1234-5e99-7000-8000-12345678901234567890", "WH-1234567890123456789012", "9e9999"):
        assert limits._DOUBTFUL.search(json.dumps({"id": text}).encode()) is None
