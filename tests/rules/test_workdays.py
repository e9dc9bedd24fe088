"""The calendar of R1: noticed years, make-up days, provisional years, and the vectors of RULES.md."""

import csv
from datetime import date, timedelta
from pathlib import Path

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.calendars import CHINESE, load_calendar, read_table
from config.layers import WrongSettings
from rules.derivations import Measure, Reckoning, due_date, in_words, is_provisional, steps
from rules.workdays import Calendar, add_months

TABLE = Path(__file__).parents[1] / "oracle" / "china_workdays_2023_2026.csv"
CALENDAR = load_calendar()
DAYS = st.dates(date(2022, 1, 1), date(2028, 12, 31))


def test_the_calendar_equals_the_table_day_for_day():
    rows = list(csv.DictReader(TABLE.read_text("utf-8-sig").splitlines()))
    assert len(rows) == 1461
    for row in rows:
        day = date.fromisoformat(row["date"])
        assert CALENDAR.is_workday(day) == (row["is_workday"] == "1"), day
        assert not CALENDAR.is_provisional(day)


@pytest.mark.parametrize(
    ("day", "months", "due"),
    [
        pytest.param(date(2025, 11, 30), 3, date(2026, 2, 28), id="a working Saturday stays"),
        pytest.param(date(2025, 11, 15), 3, date(2026, 2, 24), id="a day of Spring Festival moves"),
    ],
)
def test_months_end_on_a_workday(day, months, due):
    assert due_date(Reckoning(Measure.MONTHS, day, months), CALENDAR) == due


@pytest.mark.parametrize(
    ("day", "n", "due"),
    [
        pytest.param(date(2026, 9, 18), 5, date(2026, 9, 24), id="Sunday the 20th works"),
        (date(2026, 2, 13), 5, date(2026, 2, 27)),
        (date(2026, 4, 30), 3, date(2026, 5, 8)),
        pytest.param(date(2026, 2, 28), -1, date(2026, 2, 27), id="backwards, strictly before"),
    ],
)
def test_the_nth_workday(day, n, due):
    assert CALENDAR.workdays(day, n) == due


def test_fifteen_days_that_end_in_a_holiday_end_after_it():
    assert due_date(Reckoning(Measure.DAYS, date(2026, 9, 16), 15), CALENDAR) == date(2026, 10, 8)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2027, 1, 1), False),
        (date(2027, 1, 4), True),
        (date(2027, 5, 1), False),
        (date(2027, 10, 1), False),
        (date(2027, 10, 4), True),
        (date(2022, 10, 4), True),
        pytest.param(date(2027, 2, 8), True, id="Spring Festival is not fixed in the solar calendar"),
    ],
)
def test_a_year_without_a_notice_is_reckoned_by_the_fixed_holidays(day, works):
    assert CALENDAR.is_workday(day) is works
    assert CALENDAR.is_provisional(day)


def test_a_date_reckoned_across_an_unnoticed_year_is_provisional():
    how = Reckoning(Measure.WORKDAYS, date(2026, 12, 28), 5)
    due = due_date(how, CALENDAR)
    assert due == date(2027, 1, 5)
    assert is_provisional(how.start, due, CALENDAR)
    assert in_words(how, CALENDAR).endswith("(provisional)")


def test_a_derivation_names_the_days_and_the_holiday():
    how = Reckoning(Measure.WORKDAYS, date(2026, 4, 30), 3)
    assert in_words(how, CALENDAR) == "3 workdays after 2026-04-30: 6, 7, 8 May; passed over: 1–5 May 劳动节"


def test_a_make_up_sunday_is_counted_and_named():
    way = steps(date(2026, 9, 18), date(2026, 9, 21), CALENDAR)
    assert [(s.day.day, s.counted, s.why) for s in way] == [
        (19, None, "weekend"),
        (20, 1, "make-up workday"),
        (21, 2, "workday"),
    ]


def test_each_day_of_the_librarys_years_is_what_the_library_says():
    told = {
        day: (bool(chinese_calendar.is_workday(day)), chinese_calendar.get_holiday_detail(day)[1])
        for year in CALENDAR.noticed_years
        for day in (date(year, 1, 1) + timedelta(days=n) for n in range(366))
        if day.year == year
    }
    assert len(told) >= 4 * 365 + 1
    assert {day: CALENDAR.is_workday(day) for day in told} == {day: works for day, (works, _) in told.items()}
    named = {day: CHINESE[name] for day, (works, name) in told.items() if name and not works}
    assert {day: CALENDAR.holiday(day) for day in named} == named


def test_an_operators_table_goes_before_the_library(tmp_path):
    days = [date(2027, 1, 1) + timedelta(days=i) for i in range(365)]
    table = tmp_path / "2027.csv"
    lines = [
        f"{d},{int(d.weekday() < 5 and d != date(2027, 2, 8))},{'春节' if d == date(2027, 2, 8) else ''}" for d in days
    ]
    table.write_text("date,is_workday,name\n" + "\n".join(lines), "utf-8")
    calendar = load_calendar(tmp_path)
    assert not calendar.is_workday(date(2027, 2, 8))
    assert calendar.holiday(date(2027, 2, 8)) == "春节"
    assert not calendar.is_provisional(date(2027, 2, 8))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("date,is_workday,name\n2027-01-01,maybe,", "row 2"), ("date,is_workday,name\n2027-01-01,0,元旦", "is not whole")],
)
def test_a_wrong_table_is_refused_with_its_row(tmp_path, text, complaint):
    table = tmp_path / "2027.csv"
    table.write_text(text, "utf-8")
    with pytest.raises(WrongSettings, match=complaint):
        read_table(table)


@given(day=DAYS, n=st.integers(1, 40))
def test_counting_there_and_back_meets(day, n):
    there = CALENDAR.workdays(day, n)
    assert CALENDAR.is_workday(there)
    assert sum(step.counted is not None for step in steps(day, there, CALENDAR)) == n
    assert CALENDAR.workdays(there, -n) <= CALENDAR.back(day)


@given(day=DAYS)
def test_forward_and_back_are_workdays_around_the_day(day):
    assert CALENDAR.back(day) <= day <= CALENDAR.forward(day)
    assert CALENDAR.is_workday(CALENDAR.back(day))
    assert CALENDAR.is_workday(CALENDAR.forward(day))


@given(day=DAYS, months=st.integers(0, 60))
def test_months_later_is_that_day_or_the_months_last(day, months):
    later = add_months(day, months)
    assert (later.year - day.year) * 12 + later.month - day.month == months
    assert later.day == day.day or (later + timedelta(days=1)).day == 1


def test_the_zeroth_workday_is_refused():
    with pytest.raises(ValueError, match="forward"):
        Calendar().workdays(date(2026, 1, 1), 0)
