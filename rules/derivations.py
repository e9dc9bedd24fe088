"""Why this date?

A due date keeps the reckoning that gave it, so that anybody can follow it day by day.
Rules: R1. Callers: rules/ (which make reckonings), `duban explain` and the console (which show them).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from rules.workdays import ONE_DAY, SATURDAY, Calendar, add_months


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
        case Measure.PERIOD | Measure.GIVEN:  # seats' periods are by far the most
            return how.start
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
            found.append(Step(day, counted, "make-up workday" if day.weekday() >= SATURDAY else "workday"))
        else:
            found.append(Step(day, None, calendar.holiday(day) or "weekend"))
    return found


def is_provisional(start: date, end: date, calendar: Calendar) -> bool:
    """Say whether the way from `start` to `end` touches a year without a notice (R1.8)."""
    return any(calendar.is_provisional(date(year, 1, 1)) for year in range(start.year, end.year + 1))


def in_words(how: Reckoning, calendar: Calendar) -> str:
    """Return the reckoning in one sentence, day by day (R1).

    >>> in_words(Reckoning(Measure.WORKDAYS, date(2030, 4, 30), 2), Calendar())
    '2 workdays after 2030-04-30: 3, 6 May; passed over: 1–2 May 劳动节, 4–5 May weekend (provisional)'
    >>> in_words(Reckoning(Measure.CYCLE, date(2026, 3, 9), 1, 1), Calendar())
    '1 month after 2026-03-09: 2026-04-09, moved by 1 day of leave to 2026-04-10 (provisional)'
    """
    due = due_date(how, calendar)
    text = _counted_in_words(how, due, calendar)
    return f"{text} (provisional)" if is_provisional(how.start, due, calendar) else text


def _many(count: int, units: str) -> str:
    return f"{count} {units.removesuffix('s') if count == 1 else units}"


def _after(how: Reckoning, units: str = "") -> str:
    return f"{_many(how.count, units or how.measure)} after {how.start}"


def _counted_in_words(how: Reckoning, due: date, calendar: Calendar) -> str:
    match how.measure:
        case Measure.WORKDAYS:
            way = steps(how.start, due, calendar)
            counted = _days_in_words([s.day for s in way if s.counted])
            passed = _passed_in_words(way)
            return f"{_after(how)}: {counted}{f'; passed over: {passed}' if passed else ''}"
        case Measure.DAYS | Measure.MONTHS | Measure.PLANNED:
            plain = _plain_day(how)
            what = "planned for" if how.measure is Measure.PLANNED else f"{_after(how)}:"
            passed = _passed_in_words(steps(plain - ONE_DAY, due, calendar)) if due != plain else ""
            return f"{what} {plain}" + (f", moved to the next workday, {due}; passed over: {passed}" if passed else "")
        case Measure.CYCLE:
            moved = f", moved by {_many(how.leave, Measure.DAYS)} of leave to {due}" if how.leave else ""
            return f"{_after(how, Measure.MONTHS)}: {add_months(how.start, how.count)}{moved}"
        case Measure.PERIOD:
            return f"the last day of the period, {due}; it does not move"
        case Measure.GIVEN:
            return f"{due}, as given in the record"


def _plain_day(how: Reckoning) -> date:
    if how.measure is Measure.DAYS:
        return how.start + timedelta(days=how.count)
    return add_months(how.start, how.count) if how.measure is Measure.MONTHS else how.start


def _days_in_words(days: list[date]) -> str:
    """Return days as `6, 7, 8 May`.

    >>> _days_in_words([date(2030, 4, 30), date(2030, 5, 6), date(2030, 5, 7)])
    '30 April, 6, 7 May'
    """
    months = {(d.year, d.month): [x.day for x in days if (x.year, x.month) == (d.year, d.month)] for d in days}
    return ", ".join(f"{', '.join(map(str, found))} {date(y, m, 1):%B}" for (y, m), found in months.items())


def _passed_in_words(way: list[Step]) -> str:
    """Return the days that did not count, runs of one kind together."""
    runs: list[list[Step]] = []
    for step in way:
        if step.counted:
            continue
        if runs and runs[-1][-1].why == step.why and step.day - runs[-1][-1].day == ONE_DAY:
            runs[-1].append(step)
        else:
            runs.append([step])
    return ", ".join(f"{_span_in_words(run[0].day, run[-1].day)} {run[0].why}" for run in runs)


def _span_in_words(first: date, last: date) -> str:
    if first == last:
        return f"{first.day} {first:%B}"
    if first.month == last.month:
        return f"{first.day}–{last.day} {first:%B}"
    return f"{first.day} {first:%B} – {last.day} {last:%B}"
