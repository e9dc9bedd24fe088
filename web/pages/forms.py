"""What did somebody type into a form, and what is wrong with it?

A form that is refused comes back as it was sent, with the reasons beside its fields. Callers: web/pages/.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from starlette.requests import Request

from intake.faults import Fault, Refused
from rules.facts import SHANGHAI
from templates.refusals import refusal_in
from web.pages.frame import Look
from web.sessions import form_of

LONGEST: Final = 2000
Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a form; `field` empty: with the whole."""

    field: str
    text: str


class Wrong(Exception):
    """A form that cannot be taken as it is."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(problem.text for problem in problems))


def values_of(request: Request) -> dict[str, str]:
    """Return what was typed, field by field; any blank is a plain one, and what no text can hold is left out."""
    typed = form_of(request)
    return {name: _clean(value) for name, value in typed.items() if isinstance(value, str) and name != "csrf"}


def _clean(value: str) -> str:
    lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    # Tabs, no-break and full-width blanks are not printable; left out, they would join the words beside them.
    plain = ("".join(" " if c.isspace() else c for c in line if c.isspace() or c.isprintable()) for line in lines)
    return "\n".join(plain).strip()


def faults_as_problems(refused: Refused, lang: str, fields: Mapping[str, str] | None = None) -> list[Problem]:
    """Return what intake refuses, each beside the field that holds it; `fields`: column → field of the form."""
    named = fields or {}
    return [Problem(named.get(fault.column, fault.column), _text(fault, lang)) for fault in refused.faults]


def _text(fault: Fault, lang: str) -> str:
    said = refusal_in(lang, fault.problem)
    if said != fault.problem:
        return said
    return f"{fault.column}: {fault}" if fault.column and fault.column not in str(fault) else str(fault)


class Reader:
    """Reads the fields of a form one by one, and remembers what is wrong."""

    def __init__(self, look: Look, values: Values) -> None:
        """Take what was typed."""
        self._look = look
        self._values = values
        self.problems: list[Problem] = []

    def wrong(self, field: str, chinese: str, english: str) -> None:
        """Remember that something is wrong with a field."""
        self.problems.append(Problem(field, self._look.t(chinese, english)))

    def text(self, field: str, *, needed: bool = False, longest: int = LONGEST) -> str | None:
        """Return a text, or None if there is none."""
        value = self._values.get(field, "")
        if needed and not value:
            self.wrong(field, "请填写此项", "This is needed")
        if len(value) > longest:
            self.wrong(
                field, f"最多{longest}个字，现有{len(value)}个", f"At most {longest} characters; it has {len(value)}"
            )
        return value or None

    def line(self, field: str, *, needed: bool = False, longest: int = 200) -> str | None:
        """Return a text of one line."""
        value = self.text(field, needed=needed, longest=longest)
        return " ".join(value.split("\n")) if value else None

    def day(self, field: str, *, needed: bool = False) -> date | None:
        """Return a day."""
        value = self.text(field, needed=needed)
        try:
            return date.fromisoformat(value) if value else None
        except ValueError:
            self.wrong(field, "日期应如 2026-03-31", "A date such as 2026-03-31")
            return None

    def count(self, field: str, most: int = 100_000) -> int | None:
        """Return a whole number."""
        value = self.text(field)
        if value is None:
            return None
        if not (value.isascii() and value.isdecimal() and len(value) < 10 and int(value) <= most):  # noqa: PLR2004
            self.wrong(field, f"应为0至{most}的整数", f"A whole number from 0 to {most}")
            return None
        return int(value)

    def one_of(self, field: str, admitted: Iterable[object], *, needed: bool = False) -> str | None:
        """Return one of some words."""
        value = self.text(field, needed=needed)
        if value is not None and value not in {str(word) for word in admitted}:
            self.wrong(field, "请从列表中选择", "Please choose from the list")
            return None
        return value

    def instant(self, field: str) -> datetime:
        """Return an instant up to now; now if none is given."""
        value = self.text(field)
        now = self._look.now.replace(microsecond=0)
        if value is None:
            return now
        try:
            at = datetime.fromisoformat(value).replace(tzinfo=SHANGHAI).astimezone(UTC)
        except (ValueError, OverflowError):
            self.wrong(field, "时间应如 2026-03-31T09:00", "A time such as 2026-03-31T09:00")
            return now
        if at > self._look.now:
            self.wrong(field, "不能晚于现在", "Not later than now")
        return at

    def done(self) -> None:
        """Raise Wrong if anything is."""
        if self.problems:
            raise Wrong(*self.problems)
