"""What is a source: files or sheets that hold the tables of a record?

Rows stream: a table of a million rows is never held. Cells come as the file gives them; rows.py reads them.
Source: INTERFACES "The record". Callers: csv_folder.py, workbook.py, and all that reads rows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from intake.columns import TABLES, Table
from intake.faults import LONGEST_NAME, Fault, Where, nearest

Cells = Sequence[object]

NEAR: Final = 0.75
WIDEST_ROW: Final = 256  #: cells; no table of the record has more than a dozen


class Unopenable(ValueError):
    """A source that cannot be read at all."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(str(fault))


class Broken(ValueError):
    """A table that cannot be read on from some row."""

    def __init__(self, row: int, problem: str) -> None:
        self.row = row
        self.problem = problem
        super().__init__(problem)


@dataclass(slots=True)
class Meter:
    """How many bytes of a source have been read; kept by its sheets."""

    total: int = 0
    done: dict[str, int] = field(default_factory=dict)  #: by table

    @property
    def read(self) -> int:
        """The bytes read so far, of all tables."""
        return sum(self.done.values())


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table in its file or sheet."""

    table: Table
    place: str
    header_row: int
    headings: tuple[str, ...]
    iterate: Callable[[], Iterator[tuple[int, Cells]]]

    def rows(self) -> Iterator[tuple[int, Cells]]:
        """Yield each row with its number, as a spreadsheet shows it. May be asked again. Raises Broken."""
        return self.iterate()


class Closable(Protocol):
    """A file that is read little by little."""

    def close(self) -> None:
        """Let go of it."""


@dataclass(slots=True)
class Source:
    """A record as it lies on the disk."""

    path: Path
    meter: Meter
    sheets: dict[str, Sheet] = field(default_factory=dict)  #: by the table's English name
    unreadable: set[str] = field(default_factory=set)  #: tables that are there and cannot be read
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    book: Closable | None = None  #: kept open while its sheets are read

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.book is not None:
            self.book.close()


def unopenable(path: Path, problem: str) -> Unopenable:
    """Return the error of a source that cannot be read at all."""
    return Unopenable(Where("", str(path)).fault(0, "", "", problem))


def table_names() -> dict[str, Table]:
    """Return the tables by every name of theirs, in small letters."""
    return {name.lower(): table for table in TABLES.values() for name in (table.name, table.chinese)}


@dataclass(slots=True)
class Naming:
    """Finds the table of each file or sheet, and says what is wrong with the names."""

    source: Source
    suffix: str  #: of a file; a sheet has none
    given: dict[str, str] = field(default_factory=dict)  #: table → the first place that has it

    def table_of(self, name: str, place: str) -> Table | None:
        """Return the table that `name` means, or None where it means none or one already given."""
        names = table_names()
        table = names.get(name.strip().lower())
        if table is None:
            near = nearest(name.strip().lower(), names, NEAR)
            if near:
                problem = "is not a table of the record"
                self.source.faults.append(Where("", place).fault(0, "", name, problem, near + self.suffix))
                # What the misnamed table holds is not known: references to it are not judged.
                self.source.unreadable.add(names[near].name)
            else:
                problem = f"is not a table of the record, so it is passed over; the tables are {', '.join(TABLES)}"
                self.source.warnings.append(Where("", place).fault(0, "", name, problem))
            return None
        first = self.given.setdefault(table.name, place)
        if first != place:
            problem = f"gives the table {table.name} once more; {first} has it"
            self.source.faults.append(Where(table.name, place).fault(0, "", name, problem))
            return None
        return table

    def finish(self) -> Source:
        """Return the source; one without any table is refused."""
        source = self.source
        if not self.given and not source.faults:
            raise unopenable(source.path, f"holds no table of the record; want one of {', '.join(TABLES)}")
        order = list(TABLES)
        source.sheets = dict(sorted(source.sheets.items(), key=lambda item: order.index(item[0])))
        return source


def add_sheet(
    source: Source,
    table: Table,
    place: str,
    header_row: int,
    headings: Cells,
    rows: Callable[[], Iterator[tuple[int, Cells]]],
) -> None:
    """Add a table's sheet to its source, or say why it has none. `rows` yields the headings first."""
    where = Where(table.name, place)
    names = tuple("" if name is None else str(name).strip() for name in headings)
    if not names:
        source.warnings.append(where.fault(0, "", "", "is empty: it has not even headings"))
        return
    for mark, called in (("\t", "tabs"), (";", "semicolons")):
        if len(names) == 1 and mark in names[0]:
            source.faults.append(where.fault(header_row, "", "", f"has {called} between its cells; want commas"))
            source.unreadable.add(table.name)
            return
    if long := next((name for name in names if len(name) > LONGEST_NAME), ""):
        problem = f"is longer than {LONGEST_NAME} characters; want the name of a column"
        source.faults.append(where.fault(header_row, "", long, problem))
        source.unreadable.add(table.name)
        return

    def body() -> Iterator[tuple[int, Cells]]:
        all_rows = rows()
        next(all_rows, None)
        return all_rows

    source.sheets[table.name] = Sheet(table, place, header_row, names, body)
