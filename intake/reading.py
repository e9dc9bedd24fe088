"""Which tables does a folder of CSV files or a workbook hold, and what stands in their rows?

Rows stream: a table of a million rows is never held. The encoding of a CSV file, UTF-8 or GB18030, is told
apart by itself. Cells come as the file gives them; rows.py reads them. Source: INTERFACES "The record".
"""

import csv
import warnings
import zipfile
import zlib
from codecs import BOM_UTF8, getincrementaldecoder
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from openpyxl import Workbook, load_workbook
from openpyxl.cell import Cell
from openpyxl.cell.read_only import EmptyCell, ReadOnlyCell
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from intake.columns import TABLES, Table
from intake.faults import Fault, Where, nearest
from intake.values import FormulaError

Cells = Sequence[object]

LARGEST_WORKBOOK: Final = 2 * 1024**3  #: bytes, unpacked
LARGEST_RATIO: Final = 200
SMALL_MEMBER: Final = 10 * 1024**2  #: bytes; below it a high ratio does no harm
PACKED_ROW: Final = 30.0  #: bytes of a row in a workbook that does not say how many it has
LAST_SHEET_ROW: Final = 1_048_576
CHUNK: Final = 1 << 20
#: so many characters that UTF-8 alone explains do not come about by chance in a text of GB18030
ENOUGH_UTF8: Final = 8
NEAR: Final = 0.75
CELL_LIMIT: Final = 1 << 20

# openpyxl warns of what it leaves out (colours, data validation, odd dates): of no concern to a record.
warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\.")


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


@dataclass(slots=True)
class Source:
    """A record as it lies on the disk."""

    path: Path
    meter: Meter
    sheets: dict[str, Sheet] = field(default_factory=dict)  #: by the table's English name
    unreadable: set[str] = field(default_factory=set)  #: tables that are there and cannot be read
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    book: Workbook | None = None  #: kept open while its sheets are read

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.book is not None:
            self.book.close()


def open_source(path: Path) -> Source:
    """Look at the folder or workbook at `path`: its tables and their headings. Raises Unopenable."""
    if path.is_dir():
        return _open_folder(path)
    if not path.exists():
        raise _unopenable(path, "does not exist; want a folder of CSV files or an XLSX workbook")
    if path.suffix.lower() in {".xlsx", ".xlsm"}:
        return _open_workbook(path)
    raise _unopenable(path, "is neither a folder of CSV files nor an XLSX workbook")


def _unopenable(path: Path, problem: str) -> Unopenable:
    return Unopenable(Where("", str(path)).fault(0, "", "", problem))


# Which table a name means ---------------------------------------------------------------


def _names() -> dict[str, Table]:
    return {name.lower(): table for table in TABLES.values() for name in (table.name, table.chinese)}


@dataclass(slots=True)
class _Naming:
    """Finds the table of each file or sheet, and says what is wrong with the names."""

    source: Source
    suffix: str  #: of a file; a sheet has none
    given: dict[str, str] = field(default_factory=dict)  #: table → the first place that has it

    def table_of(self, name: str, place: str) -> Table | None:
        """Return the table that `name` means, or None where it means none or one already given."""
        names = _names()
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
            raise _unopenable(source.path, f"holds no table of the record; want one of {', '.join(TABLES)}")
        order = list(TABLES)
        source.sheets = dict(sorted(source.sheets.items(), key=lambda item: order.index(item[0])))
        return source


# CSV ----------------------------------------------------------------------------------


def _open_folder(folder: Path) -> Source:
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() == ".csv" and f.name[0] not in ".~")
    source = Source(folder, Meter())
    naming = _Naming(source, ".csv")
    for file in files:
        table = naming.table_of(file.stem, file.name)
        if table is not None:
            _open_csv(file, table, source)
    return naming.finish()


def _open_csv(file: Path, table: Table, source: Source) -> None:
    where = Where(table.name, file.name)
    source.meter.total += file.stat().st_size
    try:
        encoding = encoding_of(file)
        header_row, headings = next(_csv_rows(file, encoding, table.name, source.meter), (0, ()))
    except Broken as err:
        source.faults.append(where.fault(err.row, "", "", err.problem))
        source.unreadable.add(table.name)
        return
    _add_sheet(
        source,
        table,
        file.name,
        header_row,
        headings,
        partial(_csv_rows, file, encoding, table.name, source.meter),
    )


def _add_sheet(
    source: Source,
    table: Table,
    place: str,
    header_row: int,
    headings: Cells,
    rows: Callable[[], Iterator[tuple[int, Cells]]],
) -> None:
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

    def body() -> Iterator[tuple[int, Cells]]:
        all_rows = rows()
        next(all_rows, None)
        return all_rows

    source.sheets[table.name] = Sheet(table, place, header_row, names, body)


def _csv_rows(file: Path, encoding: str, table: str, meter: Meter) -> Iterator[tuple[int, Cells]]:
    """Yield the rows of a file from its headings on, numbered as in a spreadsheet; blank lines count."""
    # Rows are counted by the reader's records, not its lines: a cell may hold line breaks.
    csv.field_size_limit(CELL_LIMIT)
    number = 0
    with file.open("rb") as raw, TextIOWrapper(raw, encoding=encoding, newline="") as text:
        reader = csv.reader(text, strict=True)
        try:
            for number, cells in enumerate(reader, 1):
                if cells:
                    yield number, cells
                if not number % 1_000:
                    meter.done[table] = raw.tell()
        except csv.Error as err:
            problem = f"cannot be read on from line {reader.line_num}: {err}; look for a stray quotation mark"
            raise Broken(number + 1, problem) from err
    meter.done[table] = file.stat().st_size


def encoding_of(file: Path) -> str:
    """Return the encoding of a CSV file. Raises Broken if it is neither UTF-8 nor GB18030.

    A text of GB18030 is never UTF-8 but by an accident that a few characters rule out. One that was UTF-8
    for a while and then is not has been damaged: reading it as GB18030 would give nonsense.
    """
    with file.open("rb") as raw:
        name = "utf-8-sig" if raw.read(len(BOM_UTF8)) == BOM_UTF8 else "utf-8"
    line, seen = _first_wrong_line(file, "utf-8")
    if line == 0:
        return name
    if name == "utf-8-sig" or seen >= ENOUGH_UTF8:
        raise Broken(0, f"is damaged: line {line} is not UTF-8 while the text before it is")
    if _first_wrong_line(file, "gb18030")[0] == 0:
        return "gb18030"
    raise Broken(0, "is neither UTF-8 nor GB18030; save it as CSV UTF-8")


def _first_wrong_line(file: Path, encoding: str) -> tuple[int, int]:
    """Return the first line that is not in `encoding`, or 0; and the non-ASCII characters read until then."""
    decoder = getincrementaldecoder(encoding)()
    line, seen = 1, 0
    with file.open("rb") as raw:
        while True:
            chunk = raw.read(CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as err:
                good = err.object[: err.start].decode(encoding, "replace")
                return line + good.count("\n"), seen + _beyond_ascii(good)
            if not chunk:
                return 0, seen
            line += text.count("\n")
            seen += 0 if text.isascii() else _beyond_ascii(text)


def _beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


# XLSX ---------------------------------------------------------------------------------


def _open_workbook(path: Path) -> Source:
    _refuse_bomb(path)
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, KeyError, ValueError, OSError, SyntaxError) as err:
        raise _unopenable(path, f"cannot be opened as an XLSX workbook ({err}); save it anew as XLSX") from err
    source = Source(path, Meter(total=path.stat().st_size), book=book)
    sheets = [sheet for sheet in book.worksheets if isinstance(sheet, ReadOnlyWorksheet)]
    declared = sum(sheet.max_row or 0 for sheet in sheets)
    naming = _Naming(source, "")
    try:
        for sheet in sheets:
            sheet.reset_dimensions()  # some programs declare them wrongly: rows would be lost
            _open_sheet(sheet, naming, source.meter.total / declared if declared else PACKED_ROW)
        return naming.finish()
    except Unopenable:
        book.close()
        raise


def _open_sheet(sheet: ReadOnlyWorksheet, naming: _Naming, bytes_a_row: float) -> None:
    source = naming.source
    is_known = sheet.title.strip().lower() in _names()
    place = f"{source.path.name}, sheet {sheet.title}"

    def rows(table: str = "") -> Iterator[tuple[int, Cells]]:
        return _sheet_rows(sheet, table, source.meter, bytes_a_row)

    try:
        header_row, headings = next(rows(), (0, ()))
    except Broken as err:
        source.faults.append(Where("", place).fault(err.row, "", "", err.problem))
        source.unreadable |= {_names()[sheet.title.strip().lower()].name} if is_known else set()
        return
    if not headings and not is_known:
        return  # the empty sheet of a new workbook
    table = naming.table_of(sheet.title, place)
    if table is not None:
        _add_sheet(source, table, place, header_row, headings, partial(rows, table.name))


def _sheet_rows(sheet: ReadOnlyWorksheet, table: str, meter: Meter, bytes_a_row: float) -> Iterator[tuple[int, Cells]]:
    """Yield the rows of a sheet from its headings on; a formula counts as the value last computed."""
    number = 0
    untyped: Any = sheet  # the stubs know no read-only cells
    try:
        for number, cells in enumerate(untyped.iter_rows(), 1):
            if number > LAST_SHEET_ROW:
                raise Broken(number, f"lies beyond the last row of a sheet, {LAST_SHEET_ROW}")
            values = [_value_of(cell) for cell in cells]
            if any(value is not None for value in values):
                yield number, values
            if table and not number % 1_000:
                meter.done[table] = min(int(number * bytes_a_row), meter.total)
    except (zipfile.BadZipFile, zlib.error, EOFError, SyntaxError, KeyError, ValueError, OverflowError) as err:
        if isinstance(err, Broken):
            raise
        raise Broken(number + 1, f"cannot be read on: {err}; save the workbook anew as XLSX") from err
    if table:
        meter.done[table] = min(int(number * bytes_a_row), meter.total)


def _value_of(cell: Cell | EmptyCell | ReadOnlyCell) -> object:
    return FormulaError(str(cell.value)) if cell.data_type == "e" else cell.value


def _refuse_bomb(path: Path) -> None:
    """Refuse a file whose declared contents would fill the memory, before any of it is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError) as err:
        raise _unopenable(path, "is not an XLSX workbook; open it in a spreadsheet and save it as XLSX") from err
    total = sum(member.file_size for member in members)
    if total > LARGEST_WORKBOOK:
        raise _unopenable(path, f"unpacks to {total:,} bytes; want at most {LARGEST_WORKBOOK:,}")
    for member in members:
        if member.file_size > max(SMALL_MEMBER, LARGEST_RATIO * member.compress_size):
            ratio = f"{LARGEST_RATIO} to 1"
            raise _unopenable(path, f"is packed more than {ratio} ({member.filename}): not a workbook that people fill")
