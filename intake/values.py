"""What does the text or number of a cell say, and how is a value written back?

A kind of cell reads what a spreadsheet or a CSV file gives, and writes the value so that reading it again
gives the same. Source: INTERFACES "The record"; rules R1.1, R2.5, R8. Caller: columns.py.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final, Literal, TypeVar

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from intake.faults import nearest
from rules.facts import SHANGHAI, Channel, local_day
from rules.offices import email_address, mainland_mobile

# A made-up municipality may use .test or .invalid, an inner network .local: whether mail gets there is not asked here.
SPECIAL_USE_DOMAIN_NAMES.clear()

Language = Literal["en", "zh"]
Value = TypeVar("Value")

FIRST_DAY: Final = date(1950, 1, 1)
LAST_DAY: Final = date(2199, 12, 31)
LONGEST_TEXT: Final = 32_767  #: what a spreadsheet's cell can hold
LONGEST_ID: Final = 100
LONGEST_EMAIL: Final = 254  #: RFC 5321
LONGEST_WORD: Final = 100  #: of a date, a number, a choice: with room for much that is wrong
LARGEST_COUNT: Final = 2_147_483_647  #: what a database's integer can hold
CACHED: Final = 1 << 16

FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
LINE_BREAK: Final = re.compile("[\t\n\r\x85\u2028\u2029]")
DAY: Final = re.compile(r"([0-9]{4})([-/])([0-9]{1,2})\2([0-9]{1,2})")
INSTANT: Final = re.compile(
    DAY.pattern + r"(?:[Tt]| +)([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r" *([Zz]|([+-])([01][0-9])(?::?([0-5][0-9]))?)?"
)
#: the usual way to write a day and a time of day, whose parts are remembered
PLAIN_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
PLAIN_CLOCK: Final = re.compile(r"[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[+-][01][0-9]:[0-5][0-9])?)?")
#: since this year the clocks of Shanghai have never been changed: local midnight is 16:00 UTC
NO_SUMMER_TIME: Final = 1992
A_DAY: Final = date(2026, 1, 1)
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


FORMULA: Final = "="  #: so begins one that was never computed
FAILED: Final = "is the error of a formula; mend it in the spreadsheet"
NEVER_COMPUTED: Final = "is a formula that was never computed; open the workbook in a spreadsheet and save it"


class FormulaError(str):
    """What a spreadsheet shows where a formula failed, such as #REF!, or one that no spreadsheet has computed.

    Never equal to the same text typed in.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(other) is FormulaError and str.__eq__(self, other)

    def __hash__(self) -> int:
        return hash((FormulaError, str(self)))


class _Remembered(dict[Any, Value]):
    """What texts were found to say. Faster than lru_cache, which counts in a column of a million cells."""

    def __init__(self, read: Callable[[Any], Value]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, raw: object) -> Value:
        value = self._read(raw)
        # Texts alone: in a workbook 1, 1.0 and TRUE are equal and say different things. Long ones take room.
        if isinstance(raw, str) and len(raw) <= LONGEST_ID:
            if len(self) == CACHED:
                self.clear()
            self[raw] = value
        return value


class Cell:
    """A kind of cell. `read_text` gets a text that is neither empty nor surrounded by blanks."""

    wanted = "a value"  #: completes: nothing is given; want …
    longest = LONGEST_WORD  #: characters; a longer text is not read: to take it apart would take its time
    is_repeated = True  #: few different values in many rows: what was read once is remembered

    def read_text(self, text: str) -> object:
        raise NotImplementedError

    def read_native(self, raw: object) -> object:
        """Read what a spreadsheet holds as something other than text."""
        return self.read_text(as_text(raw))

    def read_texts(self, texts: Sequence[str]) -> Sequence[Any] | None:
        """Read very many texts at once, or return None: then one of them is out of the ordinary.

        They are as for `read_text`, but may be empty: what an empty one says is not asked.
        """
        del texts
        return None

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
    longest = LONGEST_TEXT
    is_repeated = False

    def read_text(self, text: str) -> str:
        return printable(text)

    def read_texts(self, texts: Sequence[str]) -> Sequence[str] | None:
        return _plain_texts(texts, self.longest)


def _plain_texts(texts: Sequence[str], longest: int) -> Sequence[str] | None:
    """Return the texts as they are if nothing need be looked at in any of them."""
    return texts if max(map(len, texts)) <= longest and "".join(texts).isprintable() else None


class Id(Cell):
    """An id of the record's own: one line, blanks inside allowed."""

    wanted = "an id"
    is_repeated = False

    def __init__(self, longest: int = LONGEST_ID) -> None:
        """Admit ids of so many characters."""
        self.longest = longest

    def read_text(self, text: str) -> str:
        if text.isprintable():
            return text
        if LINE_BREAK.search(text):
            raise Unreadable("breaks the line; want an id on one line")
        return printable(text)

    def read_texts(self, texts: Sequence[str]) -> Sequence[str] | None:
        return _plain_texts(texts, self.longest)


class Reference(Id):
    """The id of another row: many rows share it."""

    is_repeated = True


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
    longest = LONGEST_EMAIL

    def read_text(self, text: str) -> str:
        wanted = "is not an e-mail address; want one such as name@example.cn"
        try:
            found = validate_email(text, check_deliverability=False, allow_smtputf8=False).ascii_email
        except EmailNotValidError as err:
            raise Unreadable(wanted) from err
        if found is None or email_address(found) != found:
            raise Unreadable(wanted)
        return found


class Day(Cell):
    """A day in Shanghai."""

    wanted = "a date such as 2026-03-31"

    def read_text(self, text: str) -> date:
        match = DAY.fullmatch(text)
        if match is None:
            raise Unreadable(f"is not a date; {WANTED_DAY}")
        try:
            day = date(int(match[1]), int(match[3]), int(match[4]))
        except ValueError as err:
            raise Unreadable(f"is no day of the calendar; {WANTED_DAY}") from err
        return _sane(day)

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


class Instant(Cell):
    """An instant, kept in UTC; without an offset it is local time (R1.1)."""

    wanted = "a time such as 2026-03-09T10:00"
    is_repeated = False

    def __init__(self) -> None:
        """Remember the days and the times of day: in a million rows hardly an instant comes twice, but its parts do."""
        self._days = _Remembered(_plain_day)
        self._clocks = _Remembered(_plain_clock)

    def read_text(self, text: str) -> datetime:
        day, clock = self._days[text[:10]], self._clocks[text[10:]]
        if day is not None and clock is not None:
            return day + clock
        match = INSTANT.fullmatch(text)
        if match is None:
            if DAY.fullmatch(text):
                return self.read_native(Day().read_text(text))
            raise Unreadable(f"is not a time; {WANTED_INSTANT}")
        return _in_utc(_clocked(_plain(match)))

    def read_texts(self, texts: Sequence[str]) -> Sequence[datetime] | None:
        if max(map(len, texts)) > self.longest:
            return None
        days, clocks = self._days, self._clocks
        try:
            return [days[text[:10]] + clocks[text[10:]] for text in texts]  # type: ignore[operator,misc]
        except TypeError:  # one of them is not written in the usual way, or is empty
            return None

    def read_native(self, raw: object) -> datetime:
        if isinstance(raw, datetime):
            return _in_utc(raw)
        if isinstance(raw, date):
            return _in_utc(datetime(raw.year, raw.month, raw.day))  # noqa: DTZ001 - local until _in_utc
        raise Unreadable(f"is not a time; {WANTED_INSTANT}")

    def write(self, value: object, language: Language = "en") -> str:
        del language
        assert isinstance(value, datetime)  # noqa: S101 - the column's own type
        return _in_utc(value).astimezone(SHANGHAI).isoformat()


def _plain_day(text: str) -> datetime | None:
    """Return 00:00 UTC of a day that is written in the usual way."""
    if not PLAIN_DAY.fullmatch(text) or not NO_SUMMER_TIME <= int(text[:4]) < LAST_DAY.year:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def _plain_clock(text: str) -> timedelta | None:
    """Return how long after 00:00 UTC of its day a time of day is that is written in the usual way."""
    if not PLAIN_CLOCK.fullmatch(text):
        return None
    try:
        return _in_utc(_clocked(f"{A_DAY}{text}")) - datetime.combine(A_DAY, time(), UTC)
    except Unreadable:
        return None


def _plain(match: re.Match[str]) -> str:
    """Return what is written in one of the admitted ways as ISO 8601 in full."""
    year, _, month, day, hour, minute, second, fraction, offset, sign, hours, minutes = match.groups()
    text = f"{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute}:{second or '00'}.{(fraction or '0')[:6]:0<6}"
    if offset is None:
        return text
    return f"{text}{sign}{hours}:{minutes or '00'}" if sign else f"{text}+00:00"


def _clocked(text: str) -> datetime:
    try:
        # Newer versions of Python read 24:00 as the next day's 00:00.
        return datetime.fromisoformat(text if text[11:13] != "24" else "")
    except ValueError as err:
        raise Unreadable(f"is no time of the calendar and clock; {WANTED_INSTANT}") from err


def _in_utc(instant: datetime) -> datetime:
    # Before any arithmetic: the ends of the calendar cannot be moved to another zone.
    if not FIRST_DAY.year <= instant.year <= LAST_DAY.year:
        _sane(instant.date())
    if instant.tzinfo is None:
        return instant.replace(tzinfo=SHANGHAI).astimezone(UTC)
    if not FIRST_DAY.year < instant.year < LAST_DAY.year:
        _sane(local_day(instant))
    return instant.astimezone(UTC)


class YesNo(Cell):
    """Yes or no, in any of the usual words."""

    wanted = "yes or no"
    words: Final = {
        "yes": True,
        "是": True,
        "true": True,
        "1": True,
        "no": False,
        "否": False,
        "false": False,
        "0": False,
    }

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
        return str(value) if language == "en" else self.chinese[self.words[str(value)]]


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
    separators: Final = re.compile(r"[\s,，、;；]+")

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
    read_text, read_native, longest = cell.read_text, cell.read_native, cell.longest

    def read(raw: object) -> object:
        if isinstance(raw, str):
            text = raw.strip()
            if text:
                if type(raw) is FormulaError:
                    raise Unreadable(NEVER_COMPUTED if text.startswith(FORMULA) else FAILED)
                if len(text) > longest:
                    raise Unreadable(f"is longer than {longest} characters; want {cell.wanted}")
                return read_text(text)
        elif raw is not None:
            return read_native(raw)
        if required:
            raise Missing(f"nothing is given; want {cell.wanted}")
        return empty

    return _Remembered(read).__getitem__ if cell.is_repeated else read


def column_reader(
    cell: Cell, read: Callable[[object], object], *, required: bool, empty: object
) -> Callable[[Sequence[object]], Sequence[object]]:
    """Return the fastest way to read very many cells of a column; `read` reads a single one."""

    def read_each(column: Sequence[object]) -> list[object]:
        return list(map(read, column))

    def read_column(column: Sequence[object]) -> Sequence[object]:
        # No spreadsheet's numbers, and no error of a formula.
        if set(map(type, column)) != {str}:
            return read_each(column)
        texts: list[str] = list(map(str.strip, column))  # type: ignore[arg-type]
        values = cell.read_texts(texts)
        if values is None or (required and not all(texts)):
            return read_each(column)
        return values if all(texts) else [value if text else empty for text, value in zip(texts, values, strict=True)]

    return read_each if cell.is_repeated else read_column


class Missing(Unreadable):
    """A required cell that is empty."""
