"""Which days are workdays, and how are days and months counted? (R1)"""

from __future__ import annotations

import calendar
import csv
from datetime import date, timedelta
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("china_workdays_2023_2026.csv")
FIXED_HOLIDAYS = {(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)}
ONE_DAY = timedelta(days=1)


@cache
def _notices() -> dict[date, bool]:
    """What do the yearly holiday notices say, day by day?"""
    with TABLE.open(encoding="utf-8", newline="") as stream:
        return {date.fromisoformat(row["date"]): row["is_workday"] == "1" for row in csv.DictReader(stream)}


@cache
def is_workday(day: date) -> bool:
    """Is this day worked? Without a notice of its year: Monday to Friday less the fixed dates (R1.8)."""
    known = _notices().get(day)
    if known is not None:
        return known
    return day.weekday() < 5 and (day.month, day.day) not in FIXED_HOLIDAYS


@cache
def workdays(day: date, n: int) -> date:
    """Which is the n-th workday strictly after the day (n > 0), or strictly before it (n < 0)? (R1.3)"""
    step = ONE_DAY if n > 0 else -ONE_DAY
    left = abs(n)
    while left:
        day += step
        left -= is_workday(day)
    return day


def months(day: date, n: int) -> date:
    """Which is the same day n months later, or that month's last day? (R1.4)"""
    index = day.year * 12 + (day.month - 1) + n
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def forward(day: date) -> date:
    """Which is the first workday on or after the day? (R1.5)"""
    return day if is_workday(day) else workdays(day, 1)


def back(day: date) -> date:
    """Which is the last workday on or before the day? (R1.5)"""
    return day if is_workday(day) else workdays(day, -1)


def span(first: date, last: date) -> list[date]:
    """Which days lie from the first to the last, both included?"""
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]


def is_first_workday_of_week(day: date) -> bool:
    """Is the day the first workday of its ISO week?"""
    monday = day - timedelta(days=day.weekday())
    return is_workday(day) and not any(is_workday(other) for other in span(monday, day - ONE_DAY))


def is_first_workday_of_month(day: date) -> bool:
    """Is the day the first workday of its month?"""
    return is_workday(day) and not any(is_workday(other) for other in span(day.replace(day=1), day - ONE_DAY))
