"""How is a workbook written?

Numbers and days are such, and a text stays a text, whatever it begins with, also when somebody edits it. Reading is
intake's. Callers: report_xlsx.py, intake/exporting.py, the console's lists.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from io import BytesIO
from typing import Any, Final

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from templates.texts import LOOKS_LIKE_CODE

DAY: Final = "yyyy-mm-dd"
INSTANT: Final = "yyyy-mm-dd hh:mm:ss"
#: and what a spreadsheet takes for a formula's error
QUOTED: Final = (*LOOKS_LIKE_CODE, "#")

Value = str | int | float | date | None


class Book:
    """A workbook that is being written, sheet after sheet."""

    def __init__(self, book: Workbook) -> None:
        """Begin without a sheet."""
        self.book = book
        self._looks: dict[tuple[tuple[str, Any], ...], Format] = {}

    def sheet(self, name: str) -> Worksheet:
        """Return a new sheet."""
        return self.book.add_worksheet(name)

    def put(self, sheet: Worksheet, row: int, column: int, value: Value, **look: Any) -> None:
        """Write a cell, counted from 0; `look`: a format's properties. A text of more than 32,767 units is cut."""
        if value is None or value == "":
            if look:
                sheet.write_blank(row, column, None, self._look(look))
        elif isinstance(value, str):
            quoted = {"quote_prefix": True} if value.startswith(QUOTED) else {}
            sheet.write_string(row, column, value, self._look(look | quoted))
        elif isinstance(value, date):
            form = INSTANT if isinstance(value, datetime) else DAY
            sheet.write_datetime(row, column, value, self._look(look | {"num_format": form}))
        else:
            sheet.write_number(row, column, value, self._look(look))

    def fill(self, sheet: Worksheet, lines: Iterable[Sequence[Value]]) -> None:
        """Write lines one below the other, from the top."""
        for number, line in enumerate(lines):
            for i, value in enumerate(line):
                self.put(sheet, number, i, value)

    def _look(self, look: dict[str, Any]) -> Format | None:
        """Return a format, the same for all cells that look the same."""
        key = tuple(sorted(look.items()))
        if look and key not in self._looks:
            self._looks[key] = self.book.add_format(look)
        return self._looks.get(key)


@contextmanager
def new_book(file: BytesIO, *, row_by_row: bool = False) -> Iterator[Book]:
    """Write a workbook; with `row_by_row` no row stays in memory, and each must come after the one before."""
    with Workbook(file, {"constant_memory": row_by_row, "in_memory": not row_by_row}) as book:
        yield Book(book)
