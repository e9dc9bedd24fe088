"""What is wrong with a row, where does it stand, and what would be right?

One mistake is one fault. Nothing here shows a petitioner's name, phone or the title of an opinion. Rules:
R8, R5.10. Callers: all of intake/; the command line and the API show `str(fault)` or `fault.as_json()`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

LONGEST_SHOWN: Final = 60
LONGEST_NAME: Final = 100  #: nothing that the record names is longer; what is resembles none of it
MANY: Final = 5_000  #: above that, a search for the nearest name would cost more than it helps
HIDDEN: Final = "…"


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake. `row` 0: the table or the source as a whole; `place` empty: a single fact, not a file."""

    table: str  #: as in the record's definition, such as `visits`; empty for the source as a whole
    place: str  #: file or sheet
    row: int  #: as a spreadsheet shows it: the headings are row 1
    column: str  #: English name of the column; empty for the row as a whole
    heading: str  #: how the file itself names that column
    value: str  #: what was found, hidden where it must not be shown
    problem: str  #: what is wrong with it, and what is expected
    near: str = ""  #: the nearest value that would be right

    def __str__(self) -> str:
        """Return one line for people.

        >>> print(Where("visits", "visits.csv").fault(18, "place", "G-19", "is not a grid or station", "G-190"))
        visits.csv, row 18, column place: 'G-19' is not a grid or station; did you mean 'G-190'?
        """
        parts = [self.place, f"row {self.row}" if self.row else "", f"column {self.heading}" if self.heading else ""]
        where = ", ".join(part for part in parts if part)
        shown = f"{self.value!r} " if self.value else ""
        hint = f"; did you mean {self.near!r}?" if self.near else ""
        return f"{where}: {shown}{self.problem}{hint}" if where else f"{shown}{self.problem}{hint}"

    def as_json(self) -> dict[str, str | int]:
        """Return the fault for `--json` and the API."""
        return {
            "table": self.table,
            "place": self.place,
            "row": self.row,
            "column": self.column,
            "value": self.value,
            "expected": self.problem,
            "message": str(self),
        }


class Refused(ValueError):
    """A fact that does not hold; its text is one line for each fault."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class Where:
    """A table in a file, a sheet, or (with no place) in a single command."""

    table: str
    place: str = ""
    headings: Mapping[str, str] = field(default_factory=dict)  #: English name of a column → as the file has it

    def fault(self, row: int, column: str, value: object, problem: str, near: str = "") -> Fault:
        """Make a fault of one cell."""
        return Fault(
            table=self.table,
            place=self.place,
            row=row,
            column=column,
            heading=self.headings.get(column, column),
            value=shorten(str(value)),
            problem=problem,
            near=near,
        )


def shorten(text: str, longest: int = LONGEST_SHOWN) -> str:
    """Return a text that fits on a line."""
    return text if len(text) <= longest else text[: longest - 1] + HIDDEN


def mask_phone(text: str) -> str:
    """Return a phone number of which only head and tail can be read.

    >>> mask_phone("+86 138 0000 5678"), mask_phone("1380000"), mask_phone("陈一")
    ('138****5678', '…', '…')
    """
    if len(text) > LONGEST_NAME:
        return HIDDEN  # to look through a book for digits takes its time
    digits = "".join(c for c in text.removeprefix("+86") if c.isascii() and c.isdigit())
    shortest = 8
    return f"{digits[:3]}****{digits[-4:]}" if len(digits) >= shortest else HIDDEN


def nearest(name: str, known: Collection[str], cutoff: float = 0.6) -> str:
    """Return the known name that is most like `name`, or an empty text.

    >>> nearest("plaec", ["place", "date"]), nearest("weather", ["place", "date"])
    ('place', '')
    """
    if len(name) > LONGEST_NAME:
        return ""  # to compare takes the product of both lengths
    if len(known) > MANY:
        known = [k for k in known if k[:2] == name[:2] and abs(len(k) - len(name)) <= 1][:MANY]
    return next(iter(get_close_matches(name, known, n=1, cutoff=cutoff)), "")
