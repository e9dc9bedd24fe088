"""How does what is on the screen become a file?

The rows are those that the page's own query finds within the viewer's scope, up to a bound. A text stays a text,
whatever it begins with: a spreadsheet runs nothing. Callers: the lists of web/pages/.
"""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final, TypeVar

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.worksheet._write_only import WriteOnlyWorksheet
from starlette.requests import Request
from starlette.responses import Response

from store.views.paging import Slice
from templates.texts import LOOKS_LIKE_CODE, inert
from web.pages.frame import asked, asked_page, moment

T = TypeVar("T")
Columns = Sequence[tuple[str, Callable[[T], object]]]

FORMATS: Final = ("csv", "xlsx")
MOST_ROWS: Final = 10_000
#: what XML cannot hold
UNPRINTABLE: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32)])
TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def wanted_format(request: Request) -> str:
    """Return the format of the file that is asked for; empty: the page."""
    return asked(request, "format", FORMATS)


def wanted_part(request: Request) -> Slice:
    """Return which rows are wanted: a page, or all up to a bound for a file."""
    return Slice(1, MOST_ROWS) if wanted_format(request) else asked_page(request)


def as_file(request: Request, name: str, columns: Columns[T], rows: Iterable[T]) -> Response:
    """Return the rows as a file."""
    form = wanted_format(request)
    headings = [heading for heading, _ in columns]
    lines = ([_plain(get(row)) for _, get in columns] for row in rows)
    content = _csv(headings, lines) if form == "csv" else _xlsx(name, headings, lines)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return Response(content, media_type=TYPES[form], headers=headers)


def _plain(value: object) -> str | int | date:
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, bool) or value is None:
        return "是" if value else ""
    if isinstance(value, (int, date)):
        return value
    return str(value).translate(UNPRINTABLE)


def _csv(headings: Sequence[str], lines: Iterable[Sequence[object]]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(headings)
    writer.writerows([inert(cell) if isinstance(cell, str) else cell for cell in line] for line in lines)
    # With a byte order mark Excel takes it for UTF-8.
    return file.getvalue().encode("utf-8-sig")


def _xlsx(name: str, headings: Sequence[str], lines: Iterable[Sequence[object]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(name)
    assert isinstance(sheet, WriteOnlyWorksheet)  # noqa: S101 - what write_only makes
    sheet.freeze_panes = "A2"
    sheet.append(headings)
    for line in lines:
        sheet.append([_cell(sheet, value) for value in line])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _cell(sheet: WriteOnlyWorksheet, value: object) -> Any:
    if not isinstance(value, str):
        return value
    cell: Cell = WriteOnlyCell(sheet, value=value[:32_767])
    cell.data_type = "s"
    cell.quotePrefix = value.startswith(LOOKS_LIKE_CODE)
    return cell
