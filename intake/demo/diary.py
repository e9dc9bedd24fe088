"""On which days and at what hours does the municipality work, within the year that is told?

Offices work on the calendar's workdays. Nothing of the record becomes known before the year's first day
or after its last. Rules: R1.2, R1.3. Callers: all of intake/demo.
"""

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Final, Protocol

from intake.demo.chances import chance
from rules.facts import local_day, midnight
from rules.workdays import ONE_DAY, SATURDAY, add_months

MONTHS_A_YEAR: Final = 12
#: how far beyond the year its plans reach, in days
BEFORE: Final = 40
AFTER: Final = 900
DOUBT: Final = 7
OPENS_S: Final = 9 * 3600
CLOSES_S: Final = 18 * 3600
#: between two steps of one matter on one day
PAUSE_S: Final = 600
#: a visit that would fall on a day of rest moves to a workday so often
ON_WORKDAYS: Final = 0.85
SHANGHAI_OFFSET: Final = timedelta(hours=8)


class WorkCalendar(Protocol):
    """What the demo needs to know of a calendar; rules.workdays.Calendar answers it."""

    def is_workday(self, day: date) -> bool:
        """Say whether people work on `day`."""
        ...


class MondayToFriday:
    """The approximation where no calendar is given."""

    def is_workday(self, day: date) -> bool:
        """Say whether `day` is none of a weekend."""
        return day.weekday() < SATURDAY


class Diary:
    """The days from `first` to `last`, both told, and the hours drawn in them."""

    def __init__(self, rng: Random, first: date, last: date, calendar: WorkCalendar | None = None) -> None:
        """List the workdays once: the year asks for thousands of them."""
        calendar = calendar or MondayToFriday()
        if last < first:
            raise ValueError(f"the year ends on {last}, before it begins on {first}: give a later --to")
        self.rng = rng
        self.first = first
        self.last = last
        #: workdays by which a due date may be wrong: without a calendar, the longest holiday and a weekday
        self.doubt = DOUBT if isinstance(calendar, MondayToFriday) else 0
        self.end = midnight(last + ONE_DAY)  #: first instant after the year
        span = (first + timedelta(days=i) for i in range(-BEFORE, (last - first).days + AFTER))
        self._workdays = [day for day in span if calendar.is_workday(day)]

    @property
    def share(self) -> Fraction:
        """The length in years, months counted as parts of twelve: 12 months are exactly 1."""
        months = Fraction(0)
        month = self.first.replace(day=1)
        while month <= self.last:
            after = add_months(month, 1)
            told = (min(self.last + ONE_DAY, after) - max(self.first, month)).days
            months += Fraction(told, (after - month).days)
            month = after
        return months / MONTHS_A_YEAR

    @property
    def days(self) -> int:
        """The number of days told."""
        return (self.last - self.first).days + 1

    # Days ------------------------------------------------------------------------------------

    def forward(self, day: date) -> date:
        """Return the first workday on or after `day`."""
        return self._workdays[bisect_left(self._workdays, day)]

    def workday(self, day: date, n: int) -> date:
        """Return the n-th workday strictly after `day`, or strictly before it; for 0 `forward(day)`."""
        if n > 0:
            return self._workdays[bisect_right(self._workdays, day) + n - 1]
        return self._workdays[bisect_left(self._workdays, day) + n]

    def workdays_between(self, day: date, later: date) -> int:
        """Return how many workdays lie strictly after `day`, up to `later`; negative if it is earlier."""
        return bisect_right(self._workdays, later) - bisect_right(self._workdays, day)

    def some_day(self, low: date, high: date) -> date:
        """Return a day from `low` to `high`, mostly a workday."""
        day = low + timedelta(days=int(self.rng.random() * ((high - low).days + 1)))
        moved = self.forward(day)
        return moved if moved <= high and chance(self.rng, ON_WORKDAYS) else day

    # Hours -----------------------------------------------------------------------------------

    def hour(self, day: date) -> datetime:
        """Return an instant of `day` between 09:00 and 18:00."""
        return self._instant(day, OPENS_S, CLOSES_S)

    def afternoon(self, day: date) -> datetime:
        """Return an instant of the second half of the working day."""
        return self._instant(day, (OPENS_S + CLOSES_S) // 2, CLOSES_S)

    def _instant(self, day: date, opens_s: int, closes_s: int) -> datetime:
        minute = int(opens_s + self.rng.random() * (closes_s - opens_s)) // 60
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute) - SHANGHAI_OFFSET

    def later(self, instant: datetime, n: int) -> datetime:
        """Return an instant on the n-th workday after that of `instant`, always after it."""
        day = local_day(instant)
        if n > 0:
            return self.hour(self.workday(day, n))
        pause = timedelta(seconds=PAUSE_S + 60 * int(self.rng.random() * 50))
        closing = midnight(day) + timedelta(seconds=CLOSES_S)
        if self.forward(day) == day and instant + pause < closing:
            return instant + pause
        return self.hour(self.workday(day, 1))

    def within(self, instant: datetime, otherwise: date) -> datetime:
        """Return `instant`, or if the year is over by then an instant in the afternoon of `otherwise`."""
        return instant if instant < self.end else self.afternoon(otherwise)
