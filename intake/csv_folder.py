"""Which tables does a folder of CSV files hold, and what stands in their rows?

Source: INTERFACES "The record". Caller: reading.py.
"""

import csv
from collections.abc import Iterator
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from intake.bombs import refuse_endless_line
from intake.columns import Table
from intake.encoding import Encodings
from intake.faults import Where
from intake.sources import Broken, Cells, Meter, Naming, Source, add_sheet

CELL_LIMIT: Final = 1 << 20


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
        refuse_endless_line(file)
        encoding = encodings.of(file)
        header_row, headings = next(_csv_rows(file, encoding, table.name, source.meter), (0, ()))
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
        partial(_csv_rows, file, encoding, table.name, source.meter),
    )


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
