"""Which tables does a workbook hold, and what stands in their rows?

Read as a stream; a formula counts as the value last computed. Source: INTERFACES "The record". Caller:
reading.py.
"""

import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from openpyxl.cell import Cell
from openpyxl.cell.read_only import EmptyCell, ReadOnlyCell
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from intake.bombs import UNREADABLE, open_watched, watched_rows
from intake.faults import Where, shorten
from intake.sources import Broken, Cells, Meter, Naming, Source, Unopenable, add_sheet, table_names
from intake.values import FormulaError

PACKED_ROW: Final = 30.0  #: bytes of a row in a workbook that does not say how many it has
LAST_SHEET_ROW: Final = 1_048_576
MOST_BLANK_ROWS: Final = 1_000  #: before the headings; a file of some bytes can leave out a million rows
LONGEST_REASON: Final = 200  #: of what openpyxl says, which may quote a whole cell

# openpyxl warns of what it leaves out (colours, data validation, odd dates): of no concern to a record.
warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\.")


class _BlankAbove(Broken):
    """A sheet that begins with more blank rows than anybody looks for headings in."""


def open_workbook(path: Path) -> Source:
    """Look at the sheets of a workbook. Raises Unopenable."""
    book = open_watched(path)
    source = Source(path, Meter(total=path.stat().st_size), book=book)
    sheets = [sheet for sheet in book.worksheets if isinstance(sheet, ReadOnlyWorksheet)]
    declared = sum(sheet.max_row or 0 for sheet in sheets)
    naming = Naming(source, "")
    try:
        for sheet in sheets:
            sheet.reset_dimensions()  # some programs declare them wrongly: rows would be lost
            _open_sheet(sheet, naming, source.meter.total / declared if declared else PACKED_ROW)
        return naming.finish()
    except Unopenable:
        book.close()
        raise


def _open_sheet(sheet: ReadOnlyWorksheet, naming: Naming, bytes_a_row: float) -> None:
    source = naming.source
    is_known = sheet.title.strip().lower() in table_names()
    place = f"{source.path.name}, sheet {shorten(sheet.title)}"

    def rows(table: str = "") -> Iterator[tuple[int, Cells]]:
        return _sheet_rows(sheet, table, source.meter, bytes_a_row)

    try:
        header_row, headings = next(rows(), (0, ()))
    except _BlankAbove as err:
        if is_known:
            source.faults.append(Where("", place).fault(0, "", "", err.problem))
            source.unreadable.add(table_names()[sheet.title.strip().lower()].name)
        else:
            naming.table_of(sheet.title, place)
        return
    except Broken as err:
        source.faults.append(Where("", place).fault(err.row, "", "", err.problem))
        source.unreadable |= {table_names()[sheet.title.strip().lower()].name} if is_known else set()
        return
    if not headings and not is_known:
        return  # the empty sheet of a new workbook
    table = naming.table_of(sheet.title, place)
    if table is not None:
        add_sheet(source, table, place, header_row, headings, partial(rows, table.name))


def _sheet_rows(sheet: ReadOnlyWorksheet, table: str, meter: Meter, bytes_a_row: float) -> Iterator[tuple[int, Cells]]:
    """Yield the rows of a sheet from its headings on; a formula counts as the value last computed."""
    number = 0
    try:
        for number, cells in enumerate(watched_rows(sheet), 1):
            if number > LAST_SHEET_ROW:
                raise Broken(number, f"lies beyond the last row of a sheet, {LAST_SHEET_ROW}")
            if not table and number > MOST_BLANK_ROWS:
                raise _BlankAbove(number, f"its first {MOST_BLANK_ROWS:,} rows are blank; want the headings at the top")
            values = [_value_of(cell) for cell in cells] if cells else ()  # a million rows may be left out
            if values and any(value is not None for value in values):
                yield number, values
            if table and not number % 1_000:
                meter.done[table] = min(int(number * bytes_a_row), meter.total)
    except UNREADABLE as err:
        if isinstance(err, Broken):
            raise
        reason = shorten(str(err), LONGEST_REASON)
        raise Broken(number + 1, f"cannot be read on: {reason}; save the workbook anew as XLSX") from err
    if table:
        meter.done[table] = min(int(number * bytes_a_row), meter.total)


def _value_of(cell: Cell | EmptyCell | ReadOnlyCell) -> object:
    return FormulaError(str(cell.value)) if cell.data_type == "e" else cell.value
