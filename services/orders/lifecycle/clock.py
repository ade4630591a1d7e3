"""When something is due, in calendar or working hours of a channel. Pure.

Hours are as they pass, also where a day has 23 or 25 of them; days keep the time on the wall. Working time stands still
outside the channel's hours, on days it does not work, and on its holidays.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Self
from zoneinfo import ZoneInfo

from libs.contracts.orders import Overdue

DAY = timedelta(days=1)
FAR = 366 * 20
"""Days ahead after which a channel counts as one that never works: nothing is due then."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Unit(StrEnum):
    """How a deadline is counted."""

    HOURS = "hours"
    DAYS = "days"
    WORKING_HOURS = "working_hours"
    WORKING_DAYS = "working_days"


@dataclass(frozen=True, slots=True)
class Rule:
    """How long after its clock started something is due; `method` None: of every method that has no rule of its own."""

    kind: Overdue
    method: str | None
    after: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class Hours:
    """When a channel works."""

    time_zone: str
    working_days: frozenset[str]
    opens: str  # HH:MM
    closes: str
    holidays: frozenset[date]

    def windows(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The times when it works, from `start` on, in UTC and in their order; the first may begin at `start`."""
        first = start.astimezone(ZoneInfo(self.time_zone)).date()
        for day in (first + n * DAY for n in range(FAR)):
            if WEEKDAYS[day.weekday()] not in self.working_days or day in self.holidays:
                continue
            opens, closes = self.at(day, time.fromisoformat(self.opens)), self.at(day, time.fromisoformat(self.closes))
            if closes > start and closes > opens:
                yield max(opens, start), closes

    def at(self, day: date, wall: time) -> datetime:
        """The moment, in UTC, when clocks on the wall show that; one that a change of clocks leaves out is after it."""
        return datetime.combine(day, wall, ZoneInfo(self.time_zone)).astimezone(UTC)


def end(start: datetime, after: int, unit: Unit, hours: Hours) -> datetime | None:
    """When that much time has passed since `start`; None where the channel never works."""
    start = start.astimezone(UTC)
    wall = start.astimezone(ZoneInfo(hours.time_zone))
    match unit:
        case Unit.HOURS:
            return start + timedelta(hours=after)
        case Unit.DAYS:
            return hours.at(wall.date() + after * DAY, wall.time())
        case Unit.WORKING_HOURS:
            return _working_hours(start, timedelta(hours=after), hours)
        case Unit.WORKING_DAYS:
            return _working_days(start, after, hours)


def _working_hours(start: datetime, left: timedelta, hours: Hours) -> datetime | None:
    for opens, closes in hours.windows(start):
        if left <= closes - opens:
            return opens + left
        left -= closes - opens
    return None


def _working_days(start: datetime, after: int, hours: Hours) -> datetime | None:
    """Out of hours it counts from the next opening; then as many working days on, at the same time on the wall."""
    begun: datetime | None = None
    for n, (opens, _) in enumerate(hours.windows(start)):
        if begun is None:
            begun = opens.astimezone(ZoneInfo(hours.time_zone))
        if n == after:
            return hours.at(opens.astimezone(ZoneInfo(hours.time_zone)).date(), begun.time())
    return None


@dataclass(frozen=True, slots=True)
class Clock:
    """What an order's deadlines are counted by: its channel's hours, and the rules as they are set now."""

    hours: Hours
    rules: tuple[Rule, ...]

    @classmethod
    def of(cls, hours: Hours, rules: str) -> Self:
        """From the rules as they are stored."""
        return cls(hours, rules_of(json.loads(rules)))

    def due(self, kind: Overdue, method: str | None, start: datetime) -> datetime | None:
        """When that is due; None where no rule says so."""
        found = {rule.method: rule for rule in self.rules if rule.kind is kind}
        rule = found.get(method) or found.get(None)
        return end(start, rule.after, rule.unit, self.hours) if rule else None


def rules_of(rows: list[dict[str, Any]]) -> tuple[Rule, ...]:
    """Rules as they are stored."""
    return tuple(Rule(Overdue(row["kind"]), row["method"], row["after"], Unit(row["unit"])) for row in rows)
