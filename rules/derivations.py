"""Why this date?

A due date keeps the reckoning that gave it, so that anybody can follow it day by day.
Rules: R1. Callers: rules/ (which make reckonings), `duban explain` and the console (which show them).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from rules.workdays import ONE_DAY, Calendar, add_months


class Measure(StrEnum):
    """What a reckoning counts in."""

    WORKDAYS = "workdays"
    DAYS = "days"  #: calendar days, then forward to a workday
    MONTHS = "months"  #: calendar months, then forward to a workday
    CYCLE = "cycle"  #: calendar months; leave moves it, holidays do not (R3.2, R3.7)
    PERIOD = "period"  #: the last day of a half-year, quarter or month
    GIVEN = "given"  #: named in the record, not moved
    PLANNED = "planned"  #: named in the record, then forward to a workday


@dataclass(frozen=True, slots=True)
class Reckoning:
    """How a due date was found: `count` of `measure` after `start`; `leave` days were added (R3.7)."""

    measure: Measure
    start: date
    count: int = 0
    leave: int = 0


def due_date(how: Reckoning, calendar: Calendar) -> date:
    """Return the day that `how` leads to.

    >>> due_date(Reckoning(Measure.WORKDAYS, date(2030, 5, 6), 2), Calendar())
    datetime.date(2030, 5, 8)
    """
    match how.measure:
        case Measure.WORKDAYS:
            return calendar.workdays(how.start, how.count)
        case Measure.DAYS:
            return calendar.forward(how.start + timedelta(days=how.count))
        case Measure.MONTHS:
            return calendar.forward(add_months(how.start, how.count))
        case Measure.CYCLE:
            return add_months(how.start, how.count) + timedelta(days=how.leave)
        case Measure.PLANNED:
            return calendar.forward(how.start)
        case Measure.PERIOD | Measure.GIVEN:
            return how.start


@dataclass(frozen=True, slots=True)
class Step:
    """One day on the way from a start to a date, and what it counted for."""

    day: date
    counted: int | None  #: the how-manieth workday it is; None for a day that was passed over
    why: str  #: holiday's name, `weekend`, `make-up workday`, `workday`


def steps(start: date, end: date, calendar: Calendar) -> list[Step]:
    """Return every day strictly after `start` up to `end`, with what it counts for.

    >>> [(s.day.day, s.counted, s.why) for s in steps(date(2030, 4, 30), date(2030, 5, 3), Calendar())]
    [(1, None, '劳动节'), (2, None, '劳动节'), (3, 1, 'workday')]
    """
    found: list[Step] = []
    counted = 0
    day = start
    while day < end:
        day += ONE_DAY
        if calendar.is_workday(day):
            counted += 1
            found.append(Step(day, counted, "make-up workday" if day.weekday() >= 5 else "workday"))
        else:
            found.append(Step(day, None, calendar.holiday(day) or "weekend"))
    return found


def is_provisional(start: date, end: date, calendar: Calendar) -> bool:
    """Say whether the way from `start` to `end` touches a year without a notice (R1.8)."""
    return any(calendar.is_provisional(date(year, 1, 1)) for year in range(start.year, end.year + 1))
