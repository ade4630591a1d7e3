"""The chain over a timeline: whatever was written verifies, any single change of it is found where it was made."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.orders.lifecycle.audit import Walk, canonical, digest_of, hidden_digest, link, sealed
from services.orders.lifecycle.timeline import Entry

ORDER = UUID("0198a0c0-0000-7000-8000-0000000000aa")
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
DOCUMENT = st.dictionaries(TEXT, PLAIN | st.lists(PLAIN, max_size=3), max_size=3)
ENTRY = st.builds(
    Entry,
    st.uuids(),
    TEXT,
    st.datetimes(
        datetime(2, 1, 1),  # noqa: DTZ001 - the zone is drawn; its year 1 begins before that of UTC
        datetime(9000, 1, 1),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=3))]),
    ),
    TEXT,
    st.uuids(),
    st.none() | st.uuids(),
    DOCUMENT,
    st.none() | DOCUMENT,
    st.none() | DOCUMENT,
    st.none() | st.dictionaries(TEXT, TEXT, min_size=1, max_size=2),
)
COLUMNS = (
    *("number", "event_id", "topic", "at", "actor", "correlation_id", "causation_id", "detail", "before", "after"),
    *("personal", "salt", "personal_digest", "chain"),
)


def written(entries: list[Entry]) -> list[dict[str, Any]]:
    """The rows of a timeline, as a database gives them back."""
    rows, chain = [], None
    for number, entry in enumerate(entries, 1):
        seal = sealed(ORDER, entry)
        chain = link(chain, number, seal.digest)
        named = {name: getattr(entry, name) for name in COLUMNS if hasattr(entry, name)}
        rows.append(
            named
            | {"number": number, "at": entry.at.astimezone(UTC), "salt": seal.salt, "chain": chain}
            | {"personal_digest": seal.personal_digest}
        )
    return rows


def walked(rows: list[dict[str, Any]], events: int | None = None, end: bytes | None = None) -> list[int]:
    """Where these rows break."""
    walk = Walk(ORDER)
    for row in rows:
        walk.step(row)
    walk.end(len(rows) if events is None else events, end or (rows[-1]["chain"] if rows else None))
    return [found.number for found in walk.breaks]


def other(column: str, value: Any) -> Any:
    """Something else that this column could hold."""
    if column == "number":
        return value + 1
    if column in {"event_id", "correlation_id", "causation_id"}:
        return uuid4()
    if column == "at":
        return value + timedelta(microseconds=1)
    if column in {"topic", "actor"}:
        return value + "x"
    return (value or b"") + b"x" if column in {"salt", "personal_digest", "chain"} else (value or {}) | {"another": 1}


@given(st.lists(ENTRY, max_size=5))
def test_b13_whatever_was_written_verifies(entries: list[Entry]) -> None:
    assert walked(written(entries)) == []


@given(st.lists(ENTRY, min_size=1, max_size=5), st.data())
def test_b13_any_single_change_is_found_at_its_row(entries: list[Entry], data: st.DataObject) -> None:
    rows = written(entries)
    place = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(COLUMNS))
    end, changed = rows[-1]["chain"], dict(rows[place])
    changed[column] = other(column, changed[column])
    rows[place] = changed
    assert walked(rows, end=end)[0] == place + 1


@given(st.lists(ENTRY, min_size=1, max_size=6), st.data())
def test_b13_a_row_taken_out_put_elsewhere_or_cut_off_is_found(entries: list[Entry], data: st.DataObject) -> None:
    rows = written(entries)
    place = data.draw(st.integers(0, len(rows) - 1))
    assert walked(rows[:place] + rows[place + 1 :], len(rows), rows[-1]["chain"])[0] == place + 1
    assert walked(rows[:place], place, rows[-1]["chain"]), "the count was made to fit"
    if place:
        swapped = [dict(row) for row in rows]
        swapped[place], swapped[place - 1] = (
            swapped[place - 1] | {"number": place + 1},
            swapped[place] | {"number": place},
        )
        assert walked(swapped, end=rows[-1]["chain"])[0] <= place + 1


@given(st.lists(ENTRY, min_size=1, max_size=5), st.sets(st.integers(0, 4)))
def test_part_b13_salts_and_values_die_and_the_chain_still_verifies(entries: list[Entry], erased: set[int]) -> None:
    rows = written(entries)
    for place in erased & set(range(len(rows))):
        rows[place] |= {"personal": None, "salt": None}
    assert walked(rows) == []


def test_rows_of_an_older_release_are_not_chained_and_only_counted() -> None:
    entry = Entry(uuid4(), "order.held", datetime.now(UTC), "user:ana", uuid4(), None, {})
    old = written([entry])[0] | {"chain": None}
    new = written([entry])[0] | {"number": 2}
    walk = Walk(ORDER)
    new["chain"] = link(None, 2, sealed(ORDER, entry).digest)
    walk.step(old)
    walk.step(new)
    walk.end(2, new["chain"])
    assert (walk.breaks, walk.since) == ([], 2)
    walk.step(old | {"number": 3})
    assert [found.number for found in walk.breaks] == [3]


def test_what_is_personal_is_not_guessed_from_its_digest() -> None:
    entry = Entry(uuid4(), "order.held", datetime.now(UTC), "user:ana", uuid4(), None, {}, personal={"reason": "Ana"})
    first, second = sealed(ORDER, entry), sealed(ORDER, entry)
    assert first.personal_digest != second.personal_digest
    assert first.salt
    assert len(first.salt) == 16
    assert first.personal_digest == hidden_digest(first.salt, {"reason": "Ana"})
    assert sealed(ORDER, replace(entry, personal=None)).salt is None


@given(DOCUMENT)
def test_a_document_has_one_form_before_and_after_it_was_kept(document: dict[str, Any]) -> None:
    kept = dict(reversed(json.loads(json.dumps(document)).items()))
    assert canonical(kept) == canonical(document)


def test_a_row_of_another_order_does_not_fit() -> None:
    row = written([Entry(uuid4(), "order.held", datetime.now(UTC), "user:ana", uuid4(), None, {})])[0]
    walk = Walk(uuid4())
    walk.step(row)
    assert [found.number for found in walk.breaks] == [1]
    assert digest_of(ORDER, (row["event_id"], "a", row["at"], "b", ORDER, None), ({}, None, None), None)
