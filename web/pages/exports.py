"""How does what is on the screen become a file?

The rows are those that the page's own query finds within the viewer's scope, up to a bound. A text stays a text,
whatever it begins with: a spreadsheet runs nothing. Callers: the lists of web/pages/.
"""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from itertools import chain
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from store.views.paging import Slice
from templates.texts import inert
from templates.workbooks import Value, new_book
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


def _xlsx(name: str, headings: Sequence[str], lines: Iterable[Sequence[Value]]) -> bytes:
    file = io.BytesIO()
    with new_book(file, row_by_row=True) as book:
        sheet = book.sheet(name)
        sheet.freeze_panes(1, 0)
        book.fill(sheet, chain([headings], lines))
    return file.getvalue()
