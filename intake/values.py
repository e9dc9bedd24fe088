"""What does the text or number of a cell say, and how is a value written back?

A kind of cell reads what a spreadsheet or a CSV file gives, and writes the value so that reading it again
gives the same. Source: INTERFACES "The record"; rules R1.1, R2.5, R8. Caller: columns.py.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from functools import lru_cache
from typing import Final, Literal

from email_validator import EmailNotValidError, validate_email

from intake.faults import nearest
from rules.facts import SHANGHAI, Channel, local_day
from rules.offices import email_address, mainland_mobile

Language = Literal["en", "zh"]

FIRST_DAY: Final = date(1950, 1, 1)
LAST_DAY: Final = date(2199, 12, 31)
LONGEST_TEXT: Final = 32_767  #: what a spreadsheet's cell can hold
LONGEST_ID: Final = 100
LARGEST_COUNT: Final = 2_147_483_647  #: what a database's integer can hold
CACHED: Final = 1 << 16

FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
LINE_BREAK: Final = re.compile("[\t\n\r\x85\u2028\u2029]")
DAY: Final = re.compile(r"([0-9]{4})([-/])([0-9]{1,2})\2([0-9]{1,2})")
INSTANT: Final = re.compile(
    DAY.pattern + r"(?:[Tt]| +)([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r" *([Zz]|([+-])([0-9]{2})(?::?([0-9]{2}))?)?"
)
WHOLE: Final = re.compile(r"\+?([0-9]{1,10})(?:\.0*)?")

WANTED_DAY: Final = "want 2026-03-31 or 2026/3/31"
WANTED_INSTANT: Final = "want 2026-03-09T10:00 (local time) or 2026-03-09T10:00:00+08:00"


class Unreadable(ValueError):
    """A cell that does not say what its column wants. Its text completes: 'value' …"""

    def __init__(self, problem: str, near: str = "", value: str | None = None) -> None:
        self.problem = problem
        self.near = near
        self.value = value  #: the part of the cell that is wrong, if not all of it
        super().__init__(problem)


class FormulaError(str):
    """What a spreadsheet shows where a formula failed, such as #REF!."""

    __slots__ = ()


class Cell:
    """A kind of cell. `read_text` gets a text that is neither empty nor surrounded by blanks."""

    wanted = "a value"  #: completes: nothing is given; want …

    def read_text(self, text: str) -> object:
        raise NotImplementedError

    def read_native(self, raw: object) -> object:
        """Read what a spreadsheet holds as something other than text."""
        return self.read_text(as_text(raw))

    def write(self, value: object, language: Language = "en") -> str:
        """Write a value that is not empty."""
        del language
        return str(value)


def as_text(raw: object) -> str:
    """Return a spreadsheet's number, truth or date as a person reads it there.

    >>> as_text(13800000001.0), as_text(2.5), as_text(True), as_text(datetime(2026, 3, 1))
    ('13800000001', '2.5', 'TRUE', '2026-03-01')
    """
    if isinstance(raw, bool):
        return "TRUE" if raw else "FALSE"
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    if isinstance(raw, datetime):
        return raw.date().isoformat() if raw.time() == time() else raw.isoformat(sep=" ")
    return raw.isoformat() if isinstance(raw, date | time) else str(raw)


def printable(text: str) -> str:
    """Return the text with plain line ends; a control character in it is refused."""
    if text.isprintable():
        return text
    if found := FORBIDDEN.search(text):
        raise Unreadable(f"holds the control character U+{ord(found[0]):04X}; take it out")
    return text.replace("\r\n", "\n").replace("\r", "\n")


class Text(Cell):
    """Any text of any length that a spreadsheet can hold."""

    wanted = "a text"

    def read_text(self, text: str) -> str:
        if len(text) > LONGEST_TEXT:
            raise Unreadable(f"has {len(text)} characters; want at most {LONGEST_TEXT}")
        return printable(text)


class Id(Cell):
    """An id of the record's own: one line, blanks inside allowed."""

    wanted = "an id"

    def __init__(self, longest: int = LONGEST_ID) -> None:
        """Admit ids of so many characters."""
        self.longest = longest

    def read_text(self, text: str) -> str:
        if len(text) > self.longest:
            raise Unreadable(f"has {len(text)} characters; want at most {self.longest}")
        if not text.isprintable() and LINE_BREAK.search(text):
            raise Unreadable("breaks the line; want an id on one line")
        return printable(text)


class Mobile(Cell):
    """A mainland mobile number, kept as its 11 digits (R2.5)."""

    wanted = "a mobile number"

    def read_text(self, text: str) -> str:
        plain = "".join(text.split())
        digits = mainland_mobile(plain) if plain.isascii() else None
        if digits is None:
            raise Unreadable("is not a mainland mobile number; want 11 digits from 13 to 19, such as 13800000001")
        return digits


class Email(Cell):
    """An e-mail address (R2.5)."""

    wanted = "an e-mail address"

    def read_text(self, text: str) -> str:
        return _email(text)


@lru_cache(CACHED)
def _email(text: str) -> str:
    wanted = "is not an e-mail address; want one such as name@example.cn"
    try:
        # Made-up municipalities use domains that are reserved for it: deliverability is not asked here.
        found = validate_email(
            text, check_deliverability=False, globally_deliverable=False, allow_smtputf8=False
        ).ascii_email
    except EmailNotValidError as err:
        raise Unreadable(wanted) from err
    if found is None or email_address(found) != found:
        raise Unreadable(wanted)
    return found


class Day(Cell):
    """A day in Shanghai."""

    wanted = "a date such as 2026-03-31"

    def read_text(self, text: str) -> date:
        return _day(text)

    def read_native(self, raw: object) -> date:
        if isinstance(raw, datetime):
            if raw.time() != time():
                raise Unreadable(f"is an instant, not a date; {WANTED_DAY}")
            return _sane(raw.date())
        if isinstance(raw, date):
            return _sane(raw)
        raise Unreadable(f"is not a date; {WANTED_DAY}")

    def write(self, value: object, language: Language = "en") -> str:
        del language
        assert isinstance(value, date)  # noqa: S101 - the column's own type
        return value.isoformat()


def _sane(day: date) -> date:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Unreadable(f"is out of range; want a day from {FIRST_DAY} to {LAST_DAY}")
    return day


@lru_cache(CACHED)
def _day(text: str) -> date:
    match = DAY.fullmatch(text)
    if match is None:
        raise Unreadable(f"is not a date; {WANTED_DAY}")
    try:
        day = date(int(match[1]), int(match[3]), int(match[4]))
    except ValueError as err:
        raise Unreadable(f"is no day of the calendar; {WANTED_DAY}") from err
    return _sane(day)


class Instant(Cell):
    """An instant, kept in UTC; without an offset it is local time (R1.1)."""

    wanted = "a time such as 2026-03-09T10:00"

    def read_text(self, text: str) -> datetime:
        return _instant(text)

    def read_native(self, raw: object) -> datetime:
        if isinstance(raw, datetime):
            return _in_utc(raw)
        if isinstance(raw, date):
            return _in_utc(datetime(raw.year, raw.month, raw.day))  # noqa: DTZ001 - local until _in_utc
        raise Unreadable(f"is not a time; {WANTED_INSTANT}")

    def write(self, value: object, language: Language = "en") -> str:
        del language
        assert isinstance(value, datetime)  # noqa: S101 - the column's own type
        return value.astimezone(SHANGHAI).isoformat()


def _in_utc(instant: datetime) -> datetime:
    # Before any arithmetic: the ends of the calendar cannot be moved to another zone.
    _sane(instant.date())
    aware = instant if instant.tzinfo else instant.replace(tzinfo=SHANGHAI)
    found = aware.astimezone(UTC)
    _sane(local_day(found))
    return found


@lru_cache(CACHED)
def _instant(text: str) -> datetime:
    match = INSTANT.fullmatch(text)
    if match is None:
        if DAY.fullmatch(text):
            day = _day(text)
            return _in_utc(datetime(day.year, day.month, day.day))  # noqa: DTZ001 - local until _in_utc
        raise Unreadable(f"is not a time; {WANTED_INSTANT}")
    year, _, month, day_, hour, minute, second, fraction, offset = match.groups()[:9]
    micro = int((fraction or "0").ljust(6, "0")[:6])
    try:
        local = datetime(  # noqa: DTZ001 - local until _in_utc
            int(year), int(month), int(day_), int(hour), int(minute), int(second or 0), micro
        )
        return _in_utc(local.replace(tzinfo=_offset(match)) if offset else local)
    except Unreadable:
        raise
    except ValueError as err:
        raise Unreadable(f"is no time of the calendar and clock; {WANTED_INSTANT}") from err


def _offset(match: re.Match[str]) -> timezone:
    if match[10] is None:
        return UTC
    hours, minutes, most = int(match[11]), int(match[12] or 0), 59
    if minutes > most:
        raise ValueError("minutes of an offset")
    span = timedelta(hours=hours, minutes=minutes)
    return timezone(-span if match[10] == "-" else span)


class YesNo(Cell):
    """Yes or no, in any of the usual words."""

    wanted = "yes or no"
    words: Final = {"yes": True, "是": True, "true": True, "1": True, "no": False, "否": False, "false": False, "0": False}

    def read_text(self, text: str) -> bool:
        found = self.words.get(text.lower())
        if found is None:
            raise Unreadable("is neither yes nor no (是, 否)")
        return found

    def write(self, value: object, language: Language = "en") -> str:
        return ("yes" if value else "no") if language == "en" else ("是" if value else "否")


class Count(Cell):
    """A whole number."""

    wanted = "a whole number"

    def read_text(self, text: str) -> int:
        match = WHOLE.fullmatch(text)
        if match is None or int(match[1]) > LARGEST_COUNT:
            raise Unreadable(f"is not a whole number from 0 to {LARGEST_COUNT}")
        return int(match[1])

    def read_native(self, raw: object) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            raise Unreadable(f"is not a whole number from 0 to {LARGEST_COUNT}")
        return self.read_text(as_text(raw))


class Choice(Cell):
    """One value of an enumeration, in English or Chinese."""

    def __init__(self, what: str, chinese: Mapping[StrEnum, str]) -> None:
        """Take what a wrong value is said not to be, and the values with their Chinese words."""
        self.what = what
        self.chinese = chinese
        self.words = {str(member): member for member in chinese} | {word: member for member, word in chinese.items()}
        self.wanted = f"one of {', '.join(chinese)}"

    def read_text(self, text: str) -> StrEnum:
        found = self.words.get(text.lower())
        if found is None:
            listed = ", ".join(self.chinese if text.isascii() else self.chinese.values())
            raise Unreadable(f"is not {self.what}: want {listed}", nearest(text.lower(), self.words))
        return found

    def write(self, value: object, language: Language = "en") -> str:
        assert isinstance(value, StrEnum)  # noqa: S101 - the column's own type
        return str(value) if language == "en" else self.chinese[value]


class Channels(Cell):
    """Ways to reach a person, the preferred one first."""

    wanted = "sms, email or both"
    chinese: Final = {Channel.SMS: "短信", Channel.EMAIL: "邮件"}
    words: Final = {
        "sms": Channel.SMS,
        "短信": Channel.SMS,
        "email": Channel.EMAIL,
        "e-mail": Channel.EMAIL,
        "邮件": Channel.EMAIL,
        "邮箱": Channel.EMAIL,
        "电子邮件": Channel.EMAIL,
    }
    separators: Final = re.compile(r"[\s,，、;；]+")  # noqa: RUF001 - what people type

    def read_text(self, text: str) -> tuple[Channel, ...]:
        words = [word for word in self.separators.split(text) if word]
        for word in words:
            if word.lower() not in self.words:
                near = nearest(word.lower(), self.words)
                raise Unreadable("is not a channel: want sms, email or both (短信, 邮件)", near, value=word)
        return tuple(dict.fromkeys(self.words[word.lower()] for word in words))

    def write(self, value: object, language: Language = "en") -> str:
        assert isinstance(value, tuple)  # noqa: S101 - the column's own type
        return ",".join(value if language == "en" else [self.chinese[channel] for channel in value])


def reader(cell: Cell, *, required: bool, empty: object) -> Callable[[object], object]:
    """Return the fastest way to read a cell of that kind; `empty` is what an empty one says.

    A required cell that is empty is refused; the caller tells it from an unreadable one by `Missing`.
    """
    read_text, read_native = cell.read_text, cell.read_native

    def read(raw: object) -> object:
        if isinstance(raw, str):
            text = raw.strip()
            if text:
                if type(raw) is FormulaError:
                    raise Unreadable("is the error of a formula; mend it in the spreadsheet")
                return read_text(text)
        elif raw is not None:
            return read_native(raw)
        if required:
            raise Missing(f"nothing is given; want {cell.wanted}")
        return empty

    return read


class Missing(Unreadable):
    """A required cell that is empty."""
