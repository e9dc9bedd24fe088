"""Which tables does a folder of CSV files hold, and what stands in their rows?

An apostrophe before what looks like a formula is taken away: an export has put it there (exporting.py). Source:
INTERFACES "The record". Caller: reading.py.
"""

import csv
import re
from collections.abc import Iterator
from functools import partial
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Final

from intake.columns import Table
from intake.encoding import Encodings
from intake.faults import Where
from intake.sources import WIDEST_ROW, Broken, Cells, Meter, Naming, Source, add_sheet
from templates.texts import MARK, as_was

CELL_LIMIT: Final = 1 << 20
MEGABYTE: Final = 1 << 20
LONGEST_LINE: Final = (
    3 * MEGABYTE
)  #: a row of the longest texts has less; in cells of two letters it fills 60 megabytes
#: the last two begin a full-width sign in UTF-8 and in GB18030; an apostrophe's byte is part of no other character
MARKED: Final = re.compile(rb"'['=+\-@\t\r\n\xef\xa3]")


def open_folder(folder: Path) -> Source:
    """Look at the CSV files of a folder; others are passed over."""
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() == ".csv" and f.name[0] not in ".~")
    source = Source(folder, Meter())
    naming = Naming(source, ".csv")
    tables = [(file, table) for file in files if (table := naming.table_of(file.stem, file.name)) is not None]
    encodings = Encodings(file for file, _ in tables)
    for file, table in tables:
        _open_csv(file, table, source, encodings)
    return naming.finish()


def _open_csv(file: Path, table: Table, source: Source, encodings: Encodings) -> None:
    where = Where(table.name, file.name)
    source.meter.total += file.stat().st_size
    try:
        _refuse_endless_line(file)
        rows = _unmarked if _has_marks(file) else _csv_rows
        encoding = encodings.of(file)
        header_row, headings = next(rows(file, encoding, table.name, source.meter), (0, ()))
    except Broken as err:
        source.faults.append(where.fault(err.row, "", "", err.problem))
        source.unreadable.add(table.name)
        return
    add_sheet(
        source,
        table,
        file.name,
        header_row,
        headings,
        partial(rows, file, encoding, table.name, source.meter),
    )


def _refuse_endless_line(file: Path) -> None:
    """Refuse a file with a line that no row is as long as: it would be read as a whole. Raises Broken."""
    line = 1
    since = 0
    with file.open("rb") as raw:
        while chunk := raw.read(MEGABYTE):
            last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            since = since + len(chunk) if last < 0 else len(chunk) - last
            if since > LONGEST_LINE:
                raise Broken(line, f"is longer than {LONGEST_LINE >> 20} megabytes; is this a table?")
            line += chunk.count(b"\n")


def _has_marks(file: Path) -> bool:
    """Say whether an apostrophe stands before what may begin a formula: to look at each cell takes its time."""
    before = b""
    with file.open("rb") as raw:
        for chunk in iter(partial(raw.read, MEGABYTE), b""):
            if MARKED.search(before + chunk):
                return True
            before = chunk[-1:]
    return False


def _unmarked(file: Path, encoding: str, table: str, meter: Meter) -> Iterator[tuple[int, Cells]]:
    """Yield the rows as they were before `inert` marked what looks like a formula."""
    for number, cells in _csv_rows(file, encoding, table, meter):
        yield number, [as_was(cell) if cell.startswith(MARK) else cell for cell in cells]


def _csv_rows(file: Path, encoding: str, table: str, meter: Meter) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a file from its headings on, numbered as in a spreadsheet; blank lines count."""
    # Rows are counted by the reader's records, not its lines: a cell may hold line breaks.
    csv.field_size_limit(CELL_LIMIT)
    number = 0
    with file.open("rb") as raw, TextIOWrapper(raw, encoding=encoding, newline="") as text:
        reader = csv.reader(text, strict=True)
        try:
            for number, cells in enumerate(reader, 1):
                if cells:
                    yield number, cells if len(cells) <= WIDEST_ROW else _narrowed(number, cells)
                if not number % 1_000:
                    meter.done[table] = raw.tell()
        except csv.Error as err:
            problem = f"cannot be read on from line {reader.line_num}: {err}; look for a stray quotation mark"
            raise Broken(number + 1, problem) from err
    meter.done[table] = file.stat().st_size


def _narrowed(number: int, cells: list[str]) -> list[str]:
    """Return a row without the blank cells beyond the widest table. Raises Broken where one is not blank."""
    if any(map(str.strip, islice(cells, WIDEST_ROW, None))):
        raise Broken(number, f"goes on to column {len(cells)}; want at most {WIDEST_ROW} columns")
    return cells[:WIDEST_ROW]
