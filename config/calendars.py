"""Which yearly holiday notices are known?

Those of the library chinesecalendar from 2023 on, and over them the tables that an operator lays beside duban
when a notice is out before the library has it (settings key `calendar`, columns date, is_workday, name).
Rules: R1.2, R1.8.
"""

import csv
from collections.abc import Iterator
from datetime import date
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Final

import chinese_calendar
from chinese_calendar.constants import Holiday, holidays, workdays

from config.layers import WrongSettings
from rules.workdays import ONE_DAY, SATURDAY, Calendar, DayNotice

FIRST_YEAR: Final = 2023  #: earlier years are reckoned as years without a notice (R1.8)
YES_NO: Final = {"1": True, "0": False}
CHINESE: Final = {holiday.value: holiday.chinese for holiday in Holiday}


def _library_years() -> Iterator[int]:
    year = FIRST_YEAR
    while True:
        try:
            chinese_calendar.is_workday(date(year, 12, 31))
        except NotImplementedError:
            return
        yield year
        year += 1


def _days_of(year: int) -> Iterator[date]:
    day = date(year, 1, 1)
    while day.year == year:
        yield day
        day += ONE_DAY


def _library_notices() -> Iterator[DayNotice]:
    # From its tables: asked day by day it goes through all of them each time, a tenth of a second of every start.
    for year in _library_years():
        for day in _days_of(year):
            if day in workdays:
                yield DayNotice(day, is_workday=True)
            elif day in holidays:
                yield DayNotice(day, is_workday=False, name=CHINESE[holidays[day]])
            else:
                yield DayNotice(day, is_workday=day.weekday() < SATURDAY)


def read_table(path: Path) -> list[DayNotice]:
    """Return the notices of a table of whole years; raise WrongSettings that names the row at fault."""
    notices: list[DayNotice] = []
    for number, row in enumerate(csv.DictReader(_opened(path)), 2):
        try:
            notices.append(DayNotice(date.fromisoformat(row["date"]), YES_NO[row["is_workday"]], row.get("name") or ""))
        except (KeyError, ValueError, TypeError) as err:
            raise WrongSettings([f"{path}, row {number}: want date,is_workday,name such as 2027-01-01,0,元旦"]) from err
    given = {notice.day for notice in notices}
    for year in sorted({day.year for day in given}):
        missing = [day for day in _days_of(year) if day not in given]
        if missing:
            raise WrongSettings([f"{path}: {year} is not whole; {missing[0]} is missing"])
    return notices


def _opened(path: Path) -> StringIO:
    """Return the text of a table in UTF-8 or GB18030, told apart by itself as in the record."""
    content = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return StringIO(content.decode(encoding), newline="")
        except UnicodeDecodeError:
            continue
    raise WrongSettings([f"{path} is neither UTF-8 nor GB18030; save it as CSV UTF-8"])


@cache
def load_calendar(folder: Path | None = None) -> Calendar:
    """Return the calendar in force; `folder` holds tables that go before the library's years."""
    notices = {notice.day: notice for notice in _library_notices()}
    for path in sorted(folder.glob("*.csv")) if folder and folder.is_dir() else ():
        notices |= {notice.day: notice for notice in read_table(path)}
    return Calendar(notices.values())
