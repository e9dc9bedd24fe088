"""Which days are workdays, and which day is n workdays, days or months away?

Working days are those of the State Council's yearly notice, make-up Saturdays and Sundays included. Years
without a notice are reckoned by the statutory dates fixed in the solar calendar, and marked provisional.
Rules: R1. Caller: all of rules/; config/calendars.py supplies the notices.
"""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

ONE_DAY: Final = timedelta(days=1)
SATURDAY: Final = 5
#: month, day of the statutory holidays that are fixed in the solar calendar (R1.8)
FIXED_HOLIDAYS: Final = {(1, 1): "元旦", (5, 1): "劳动节", (5, 2): "劳动节"} | {(10, d): "国庆节" for d in (1, 2, 3)}


@dataclass(frozen=True, slots=True)
class DayNotice:
    """What the yearly notice says of one day; `name` is that of its holiday."""

    day: date
    is_workday: bool
    name: str = ""


def add_months(day: date, months: int) -> date:
    """Return the same day of the month, `months` later, or that month's last day.

    Source: Civil Code, art. 202 (R1.4). The result may be a holiday: callers that need a
    workday move it with `forward`.

    >>> add_months(date(2025, 11, 30), 3)
    datetime.date(2026, 2, 28)
    """
    years, month0 = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month0 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


class Calendar:
    """The workdays of every year: noticed ones as the notice says, others provisionally (R1.2, R1.8)."""

    def __init__(self, notices: Iterable[DayNotice] = ()) -> None:
        """Take the notices of whole years."""
        self._days = {notice.day: notice for notice in notices}
        self._noticed = frozenset(day.year for day in self._days)
        self._counted: dict[tuple[date, int], date] = {}

    @property
    def noticed_years(self) -> frozenset[int]:
        """The years whose notice is known."""
        return self._noticed

    def fingerprint(self) -> list[tuple[date, bool]]:
        """Return what distinguishes this calendar from another: the noticed days, in order."""
        return [(day, self._days[day].is_workday) for day in sorted(self._days)]

    def is_provisional(self, day: date) -> bool:
        """Say whether the year of `day` has no notice (R1.8)."""
        return day.year not in self._noticed

    def is_workday(self, day: date) -> bool:
        """Say whether people work on `day`.

        >>> Calendar().is_workday(date(2030, 10, 1)), Calendar().is_workday(date(2030, 10, 4))
        (False, True)
        """
        notice = self._days.get(day)
        if notice is not None:
            return notice.is_workday
        return day.weekday() < SATURDAY and (day.month, day.day) not in FIXED_HOLIDAYS

    def holiday(self, day: date) -> str:
        """Return the name of the holiday on `day`, or an empty text."""
        notice = self._days.get(day)
        if notice is not None:
            return "" if notice.is_workday else notice.name
        return FIXED_HOLIDAYS.get((day.month, day.day), "")

    def workdays(self, day: date, n: int) -> date:
        """Return the n-th workday strictly after `day`; strictly before it if n is negative (R1.3).

        >>> Calendar().workdays(date(2030, 4, 30), 2)  # 1 and 2 May are holidays, then 3 May is a Friday
        datetime.date(2030, 5, 6)
        """
        if n == 0:
            raise ValueError("the 0-th workday after a day is not defined; ask forward(day) or back(day)")
        key = (day, n)
        found = self._counted.get(key)
        if found is None:
            found = self._counted[key] = self._count(day, n)
        return found

    def _count(self, day: date, n: int) -> date:
        step, left = (ONE_DAY, n) if n > 0 else (-ONE_DAY, -n)
        while left:
            day += step
            left -= self.is_workday(day)
        return day

    def forward(self, day: date) -> date:
        """Return the first workday on or after `day` (R1.5)."""
        while not self.is_workday(day):
            day += ONE_DAY
        return day

    def back(self, day: date) -> date:
        """Return the last workday on or before `day` (R1.5)."""
        while not self.is_workday(day):
            day -= ONE_DAY
        return day

    def first_workday_of_week(self, day: date) -> date | None:
        """Return the first workday of the ISO week of `day`, or None if it has none (R7.1)."""
        monday = day - timedelta(days=day.weekday())
        week = (monday + timedelta(days=i) for i in range(7))
        return next((d for d in week if self.is_workday(d)), None)
