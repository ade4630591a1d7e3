"""When something is due: hours, days, working hours and working days of a channel."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.orders import Overdue
from services.orders.lifecycle.clock import WEEKDAYS, Clock, Hours, Rule, Unit, end

ROME = ZoneInfo("Europe/Rome")
WEEK = frozenset(WEEKDAYS[:5])
SHOP = Hours("Europe/Rome", WEEK, "09:00", "17:00", frozenset({date(2026, 4, 6)}))  # closed on Easter Monday
NEVER = Hours("Europe/Rome", frozenset(), "09:00", "17:00", frozenset())
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - given a zone


def rome(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ROME)


@pytest.mark.parametrize(
    ("placed", "after", "unit", "due"),
    [
        ("2026-03-28 12:00", 24, Unit.HOURS, "2026-03-29 13:00"),  # that night has an hour less
        ("2026-03-28 12:00", 1, Unit.DAYS, "2026-03-29 12:00"),
        ("2026-03-28 02:30", 1, Unit.DAYS, "2026-03-29 03:30"),  # half past two does not exist that night
        ("2026-10-24 12:00", 24, Unit.HOURS, "2026-10-25 11:00"),
        ("2026-10-24 12:00", 1, Unit.DAYS, "2026-10-25 12:00"),
        ("2026-03-02 10:00", 2, Unit.WORKING_HOURS, "2026-03-02 12:00"),
        ("2026-03-02 10:00", 7, Unit.WORKING_HOURS, "2026-03-02 17:00"),  # to the minute of closing
        ("2026-03-02 10:00", 8, Unit.WORKING_HOURS, "2026-03-03 10:00"),
        ("2026-03-06 16:00", 2, Unit.WORKING_HOURS, "2026-03-09 10:00"),  # over the week-end
        ("2026-03-06 20:00", 2, Unit.WORKING_HOURS, "2026-03-09 11:00"),  # placed when nobody is there
        ("2026-03-02 07:00", 2, Unit.WORKING_HOURS, "2026-03-02 11:00"),
        ("2026-04-03 16:00", 2, Unit.WORKING_HOURS, "2026-04-07 10:00"),  # over Easter
        ("2026-03-06 10:30", 1, Unit.WORKING_DAYS, "2026-03-09 10:30"),
        ("2026-03-06 17:00", 1, Unit.WORKING_DAYS, "2026-03-10 09:00"),  # at closing time the day is over
        ("2026-03-07 11:00", 1, Unit.WORKING_DAYS, "2026-03-10 09:00"),
        ("2026-04-03 10:30", 1, Unit.WORKING_DAYS, "2026-04-07 10:30"),
        ("2026-03-27 10:30", 1, Unit.WORKING_DAYS, "2026-03-30 10:30"),  # the clocks change between
    ],
)
def test_part_f78_a_deadline_is_counted_as_a_person_would(placed: str, after: int, unit: Unit, due: str) -> None:
    assert end(rome(placed), after, unit, SHOP) == rome(due).astimezone(UTC)


def test_part_f78_hours_that_a_change_of_clocks_gives_or_takes_are_worked() -> None:
    nights = Hours("Europe/Rome", frozenset(WEEKDAYS), "00:00", "06:00", frozenset())
    assert end(rome("2026-03-29 00:00"), 5, Unit.WORKING_HOURS, nights) == rome("2026-03-29 06:00").astimezone(UTC)
    assert end(rome("2026-10-25 00:00"), 7, Unit.WORKING_HOURS, nights) == rome("2026-10-25 06:00").astimezone(UTC)


def test_part_f78_where_nobody_ever_works_nothing_is_due() -> None:
    assert end(rome("2026-03-02 10:00"), 1, Unit.WORKING_HOURS, NEVER) is None
    assert end(rome("2026-03-02 10:00"), 1, Unit.WORKING_DAYS, NEVER) is None


def test_part_f78_a_method_has_its_own_rule_or_that_of_all() -> None:
    common = Rule(Overdue.PAYMENT, None, 2, Unit.HOURS)
    clock = Clock(SHOP, (common, Rule(Overdue.PAYMENT, "transfer", 5, Unit.HOURS)))
    start = rome("2026-03-02 10:00")
    assert clock.due(Overdue.PAYMENT, "transfer", start) == start + timedelta(hours=5)
    assert clock.due(Overdue.PAYMENT, "paypal", start) == start + timedelta(hours=2)
    assert clock.due(Overdue.DELIVERY, "courier", start) is None


HOURS = st.builds(
    Hours,
    st.sampled_from(["Europe/Rome", "Europe/Bucharest", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.frozensets(st.sampled_from(WEEKDAYS), min_size=1),
    st.sampled_from(["00:00", "02:30", "03:00"]),
    st.sampled_from(["03:15", "17:00", "23:59"]),
    st.frozensets(st.dates(date(2025, 1, 1), date(2027, 12, 31)), max_size=20),
)


def worked(start: datetime, until: datetime, hours: Hours) -> timedelta:
    """The working time between, counted quarter by quarter on the wall: slow, and nothing like the code."""
    zone, quarter, found = ZoneInfo(hours.time_zone), timedelta(minutes=15), timedelta()
    while start < until:
        wall = start.astimezone(zone)
        open_now = hours.opens <= f"{wall:%H:%M}" < hours.closes
        if open_now and WEEKDAYS[wall.weekday()] in hours.working_days and wall.date() not in hours.holidays:
            found += quarter
        start += quarter
    return found


@given(
    MOMENTS, st.integers(1, 6), st.sampled_from([SHOP, Hours("Europe/Bucharest", WEEK, "10:00", "18:30", frozenset())])
)
def test_part_f78_between_start_and_end_that_much_is_worked(start: datetime, after: int, hours: Hours) -> None:
    start = start.replace(minute=start.minute // 15 * 15, second=0, microsecond=0)
    due = end(start, after, Unit.WORKING_HOURS, hours)
    assert due is not None
    assert worked(start, due, hours) == timedelta(hours=after)


@settings(max_examples=40)
@given(MOMENTS, st.integers(1, 40), st.sampled_from(Unit), HOURS)
def test_part_f78_more_is_later_and_working_time_ends_while_somebody_works(
    start: datetime, after: int, unit: Unit, hours: Hours
) -> None:
    due, later = end(start, after, unit, hours), end(start, after + 1, unit, hours)
    assert due is not None
    assert later is not None
    assert start < due < later
    if unit in {Unit.WORKING_HOURS, Unit.WORKING_DAYS}:
        day = due.astimezone(ZoneInfo(hours.time_zone)).date()
        assert WEEKDAYS[day.weekday()] in hours.working_days
        assert day not in hours.holidays
