"""What does a cell say? Both sides of each limit."""

from contextlib import suppress
from datetime import UTC, date, datetime, time

import pytest

from intake.columns import OFFICE_KIND, SEAT_LEVEL
from intake.values import (
    Channels,
    Count,
    Day,
    Email,
    FormulaError,
    Id,
    Instant,
    Mobile,
    Reference,
    Text,
    Unreadable,
    YesNo,
    as_text,
    reader,
)
from rules.facts import Channel, OfficeKind, SeatLevel


def read(cell, raw):
    return reader(cell, required=False, empty=None)(raw)


@pytest.mark.parametrize(
    ("raw", "day"),
    [
        ("2026-03-31", date(2026, 3, 31)),
        ("2026/3/31", date(2026, 3, 31)),
        ("2026/03/31", date(2026, 3, 31)),
        (" 2026-03-31 ", date(2026, 3, 31)),
        (date(2026, 3, 31), date(2026, 3, 31)),
        (datetime(2026, 3, 31), date(2026, 3, 31)),  # noqa: DTZ001 - as a spreadsheet gives it
        ("1950-01-01", date(1950, 1, 1)),
        ("2199-12-31", date(2199, 12, 31)),
        ("2024-02-29", date(2024, 2, 29)),
        ("", None),
        ("   ", None),
        (None, None),
    ],
)
def test_a_day_is_read(raw, day):
    assert read(Day(), raw) == day


@pytest.mark.parametrize(
    "raw",
    [
        "2026-02-29",
        "2026-13-01",
        "31/03/2026",
        "2026-03/31",
        "20260331",
        "2026-03-31T00:00",
        "２０２６-03-31",
        "1949-12-31",
        "2200-01-01",
        "tomorrow",
        46112,
        46112.0,
        True,
        datetime(2026, 3, 31, 9, 30),  # noqa: DTZ001 - as a spreadsheet gives it
        date(1949, 12, 31),
        time(9, 0),
    ],
)
def test_what_is_no_day_is_refused(raw):
    with pytest.raises(Unreadable):
        read(Day(), raw)


@pytest.mark.parametrize(
    ("raw", "instant"),
    [
        ("2026-03-09T10:00", datetime(2026, 3, 9, 2, 0, tzinfo=UTC)),
        ("2026-03-09 10:00:00", datetime(2026, 3, 9, 2, 0, tzinfo=UTC)),
        ("2026/3/9 9:05", datetime(2026, 3, 9, 1, 5, tzinfo=UTC)),
        ("2026-03-09T10:00:00.5", datetime(2026, 3, 9, 2, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-03-09T10:00:00,123456789", datetime(2026, 3, 9, 2, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-03-09T10:00+08:00", datetime(2026, 3, 9, 2, 0, tzinfo=UTC)),
        ("2026-03-09T10:00:00 +0800", datetime(2026, 3, 9, 2, 0, tzinfo=UTC)),
        ("2026-03-09T10:00Z", datetime(2026, 3, 9, 10, 0, tzinfo=UTC)),
        ("2026-03-09t10:00z", datetime(2026, 3, 9, 10, 0, tzinfo=UTC)),
        ("2026-03-09T10:00-05", datetime(2026, 3, 9, 15, 0, tzinfo=UTC)),
        ("2026-03-09", datetime(2026, 3, 8, 16, 0, tzinfo=UTC)),
        ("2026/3/9", datetime(2026, 3, 8, 16, 0, tzinfo=UTC)),
        (datetime(2026, 3, 9, 10, 0), datetime(2026, 3, 9, 2, 0, tzinfo=UTC)),  # noqa: DTZ001 - as a spreadsheet gives it
        (date(2026, 3, 9), datetime(2026, 3, 8, 16, 0, tzinfo=UTC)),
        ("1950-01-01T00:00", datetime(1949, 12, 31, 16, 0, tzinfo=UTC)),
        ("2199-12-31T23:59:59", datetime(2199, 12, 31, 15, 59, 59, tzinfo=UTC)),
        ("", None),
    ],
)
def test_an_instant_is_kept_in_utc(raw, instant):
    found = read(Instant(), raw)
    assert found == instant
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    "raw",
    [
        "2026-03-09T24:00",
        "2026-03-09T10",
        "2026-03-09T10:60",
        "2026-03-09T10:00:60",
        "2026-02-30T10:00",
        "2026-W11-1T10:00",
        "2026-03-09T10:00+25:00",
        "2026-03-09T10:00+08:60",
        "1949-12-31T23:59",
        "2200-01-01T00:00",
        "2199-12-31T20:00Z",
        "0001-01-01T00:00+14:00",
        "9999-12-31T23:59-12:00",
        "10:00",
        time(10, 0),
        46112.5,
    ],
)
def test_what_is_no_instant_is_refused(raw):
    with pytest.raises(Unreadable):
        read(Instant(), raw)


@pytest.mark.parametrize(
    ("raw", "truth"),
    [
        *[(word, True) for word in ("yes", "YES", "是", "true", "True", "TRUE", "1", 1, 1.0, True)],
        *[(word, False) for word in ("no", "No", "否", "false", "0", 0, 0.0, False)],
        ("", None),
    ],
)
def test_yes_and_no_in_many_words(raw, truth):
    assert read(YesNo(), raw) is truth


@pytest.mark.parametrize("raw", ["y", "2", 2, "on", "是的"])
def test_neither_yes_nor_no(raw):
    with pytest.raises(Unreadable):
        read(YesNo(), raw)


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("0", 0),
        ("3", 3),
        (3, 3),
        (3.0, 3),
        ("3.0", 3),
        ("+3", 3),
        (" 7 ", 7),
        ("2147483647", 2_147_483_647),
        ("", None),
    ],
)
def test_a_whole_number(raw, number):
    assert read(Count(), raw) == number


@pytest.mark.parametrize("raw", ["-1", -1, "1.5", 1.5, "1,000", "three", "2147483648", True, "３", date(2026, 3, 1)])
def test_what_is_no_whole_number_is_refused(raw):
    with pytest.raises(Unreadable):
        read(Count(), raw)


@pytest.mark.parametrize(
    ("raw", "digits"),
    [
        ("13800000001", "13800000001"),
        ("19912345678", "19912345678"),
        ("+86 138 0000 0001", "13800000001"),
        ("+8613800000001", "13800000001"),
        ("138\u00a00000\u30000001", "13800000001"),
        (13800000001, "13800000001"),
        (13800000001.0, "13800000001"),
    ],
)
def test_a_mobile_is_kept_as_its_eleven_digits(raw, digits):
    assert read(Mobile(), raw) == digits


@pytest.mark.parametrize(
    "raw",
    [
        "12800000001",
        "1380000000",
        "138000000011",
        "86 13800000001",
        "138-0000-0001",
        "１３８００００００01",
        "0750-8888888",
    ],
)
def test_what_is_no_mainland_mobile_is_refused(raw):
    with pytest.raises(Unreadable):
        read(Mobile(), raw)


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        ("a@example.cn", "a@example.cn"),
        (" a.b+c@Example.CN ", "a.b+c@example.cn"),
        ("a@x.test", "a@x.test"),
        ("a@x.invalid", "a@x.invalid"),
        ("a@mail.local", "a@mail.local"),
    ],
)
def test_an_email_address(raw, address):
    assert read(Email(), raw) == address


@pytest.mark.parametrize(
    "raw", ["a@example", "a.example.cn", "@example.cn", "a b@example.cn", "a@@example.cn", "陈@example.cn", "a@"]
)
def test_what_is_no_email_address_is_refused(raw):
    with pytest.raises(Unreadable):
        read(Email(), raw)


@pytest.mark.parametrize(
    ("raw", "channels"),
    [
        ("sms,email", (Channel.SMS, Channel.EMAIL)),
        ("email；sms", (Channel.EMAIL, Channel.SMS)),
        ("短信、邮件", (Channel.SMS, Channel.EMAIL)),
        ("邮箱 SMS", (Channel.EMAIL, Channel.SMS)),
        ("sms，sms", (Channel.SMS,)),
        ("Email", (Channel.EMAIL,)),
    ],
)
def test_channels_in_their_order_and_once_each(raw, channels):
    assert read(Channels(), raw) == channels


def test_the_channel_that_is_none_is_named():
    with pytest.raises(Unreadable) as refused:
        read(Channels(), "sms,emial")
    assert (refused.value.value, refused.value.near) == ("emial", "email")


@pytest.mark.parametrize("raw", ["town", "TOWN", " Town ", "镇街"])
def test_an_enumeration_in_english_or_chinese(raw):
    assert read(OFFICE_KIND, raw) is OfficeKind.TOWN


def test_a_level_is_called_by_the_congress():
    assert [read(SEAT_LEVEL, word) for word in ("省", "江门市", "鹤山市", "镇")] == list(SeatLevel)


def test_a_near_miss_of_an_enumeration_is_hinted_at():
    with pytest.raises(Unreadable) as refused:
        read(OFFICE_KIND, "twon")
    assert refused.value.near == "town"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("=1+1", "=1+1"),
        ("  a b ", "a b"),
        ("a\r\nb\rc", "a\nb\nc"),
        (3.0, "3"),
        (2.5, "2.5"),
        (13800000001, "13800000001"),
        (True, "TRUE"),
        (datetime(2026, 3, 1), "2026-03-01"),  # noqa: DTZ001 - as a spreadsheet gives it
        (time(9, 30), "09:30:00"),
        ("\ufeff", "\ufeff"),
    ],
)
def test_a_text_from_whatever_a_spreadsheet_made_of_it(raw, text):
    assert read(Text(), raw) == text


@pytest.mark.parametrize("raw", ["a\x00b", "a\x1bb", "a\ufffeb", "x" * 32_768])
def test_what_no_database_or_workbook_keeps_is_refused(raw):
    with pytest.raises(Unreadable):
        read(Text(), raw)


@pytest.mark.parametrize("raw", ["a\nb", "a\tb", "x" * 101, "a\u2028b"])
def test_what_is_no_id_is_refused(raw):
    with pytest.raises(Unreadable):
        read(Id(), raw)


@pytest.mark.parametrize("cell", [Text(), Id(), Day(), Count(), OFFICE_KIND])
def test_the_error_of_a_formula_is_no_value(cell):
    with pytest.raises(Unreadable, match="formula"):
        read(cell, FormulaError("#REF!"))


def test_the_text_that_looks_like_an_error_is_a_text():
    assert read(Text(), "#REF!") == "#REF!"


@pytest.mark.parametrize(
    ("cell", "value", "english", "chinese"),
    [
        (YesNo(), True, "yes", "是"),
        (YesNo(), False, "no", "否"),
        (OFFICE_KIND, OfficeKind.DEPARTMENT, "department", "承办单位"),
        (Channels(), (Channel.EMAIL, Channel.SMS), "email,sms", "邮件,短信"),
        (Day(), date(2026, 3, 1), "2026-03-01", "2026-03-01"),
        (Instant(), datetime(2026, 3, 9, 2, 0, tzinfo=UTC), "2026-03-09T10:00:00+08:00", "2026-03-09T10:00:00+08:00"),
        (Count(), 0, "0", "0"),
    ],
)
def test_what_is_written_is_read_again(cell, value, english, chinese):
    assert (cell.write(value, "en"), cell.write(value, "zh")) == (english, chinese)
    assert read(cell, english) == read(cell, chinese) == value


def test_numbers_that_are_equal_are_not_taken_for_each_other():
    truth = reader(YesNo(), required=False, empty=None)
    number = reader(Count(), required=False, empty=None)
    assert truth(1) is True
    assert number(1) == 1
    with pytest.raises(Unreadable):
        number(True)
    assert as_text(1) == "1"


DAYS = ["1950-01-01", "1950-12-31", "1986-07-01", "1991-08-01", "1992-01-01", "2026-02-28", "2199-12-31", "2026-02-29"]
CLOCKS = ["T00:00", " 07:59", "T08:00:00+08:00", "T23:59:59-08:00", "T00:00:00+19:59", "T24:00", "T12:60", "T12:00Z"]


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("clock", CLOCKS)
def test_an_instant_whose_parts_are_remembered_is_the_one_that_is_written(day, clock):
    fresh, used = Instant(), Instant()
    for known in ("2026-05-05T08:00:00+08:00", "2026-05-05 07:59", f"{day}T12:00", f"2026-05-05{clock}"):
        with suppress(Unreadable):
            used.read_text(known)
    # A fraction of nothing is never read by its parts.
    spelled = f"{day}{clock}:00.0" if len(clock) == len("T00:00") else f"{day}{clock[:9]}.0{clock[9:]}"
    wanted = outcome(fresh, f"{day}{clock}" if clock.endswith("Z") else spelled)
    assert outcome(fresh, f"{day}{clock}") == outcome(used, f"{day}{clock}") == wanted


def outcome(cell, text):
    try:
        return cell.read_text(text)
    except Unreadable:
        return None


def test_a_text_and_the_error_of_a_formula_are_told_apart_wherever_they_stand():
    read_id = reader(Reference(), required=True, empty=None)
    assert read_id("#REF!") == "#REF!"
    with pytest.raises(Unreadable, match="formula"):
        read_id(FormulaError("#REF!"))
    assert read_id("#REF!") == "#REF!"


def test_what_was_read_once_is_not_taken_for_what_only_equals_it():
    read_yes = reader(YesNo(), required=True, empty=None)
    assert [read_yes(raw) for raw in ("1", 1, True, 1.0, 0, False)] == [True, True, True, True, False, False]
    read_count = reader(Count(), required=True, empty=None)
    assert [read_count(raw) for raw in (1, "1", 1.0)] == [1, 1, 1]
    with pytest.raises(Unreadable):
        read_count(True)


@pytest.mark.parametrize(
    ("cell", "longest"),
    [(Text(), 32_767), (Id(), 100), (Id(longest=200), 200), (Email(), 254), (Mobile(), 100), (Channels(), 100)],
)
def test_a_text_that_is_too_long_is_not_even_looked_at(monkeypatch, cell, longest):
    """An address of sixty thousand accents took a quarter of a second."""
    looked_at = []
    monkeypatch.setattr(cell, "read_text", looked_at.append)
    read(cell, "x" * longest)
    with pytest.raises(Unreadable, match=f"is longer than {longest} characters; want {cell.wanted}"):
        read(cell, "x" * (longest + 1))
    assert [len(text) for text in looked_at] == [longest]


def test_instants_that_are_padded_are_not_remembered():
    cell = Instant()
    assert cell.read_texts(["2026-03-09T10:00", "2026-03-09T10:00" + "x" * 1_000]) is None
