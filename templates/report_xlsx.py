"""How does a report look as a workbook?

A sheet a table: numbers are numbers, names are texts whatever they begin with, charts are the program's own.
Callers: daemon/reporting.py, digest_sheets.py, the console.
"""

from io import BytesIO
from typing import Any, Final

from xlsxwriter.worksheet import Worksheet

from templates.reports import Column, Form, ReportTable, ReportView
from templates.workbooks import Book, new_book

FORMATS: Final = {Form.WORDS: "@", Form.COUNT: "#,##0", Form.RATE: "0.0%"}
HEAD: Final = {"bold": True, "bg_color": "#DCE6F1", "text_wrap": True, "valign": "vcenter"}
TOTAL: Final = {"bold": True, "top": 1}
A4: Final = 9
COVER_WIDTH: Final = 100
MOST_WIDTH: Final = 60
CHART_WIDTH: Final = 680  #: pixels
ROW_HEIGHT: Final = 26
LEAST_HEIGHT: Final = 227


def as_xlsx(view: ReportView) -> bytes:
    """Return the report as an XLSX workbook."""
    file = BytesIO()
    with new_book(file) as book:
        _cover(book, view)
        for table in view.tables:
            _sheet(book, table)
    return file.getvalue()


def _cover(book: Book, view: ReportView) -> None:
    sheet = _on_a4(book.sheet("说明"))
    sheet.set_column(0, 0, COVER_WIDTH)
    lines = [f"{view.period}　{view.as_of}。", view.lead]
    notes = [f"{table.sheet}：{table.note}" for table in view.tables if table.note]
    looks = {"text_wrap": True, "valign": "top"}
    book.put(sheet, 0, 0, view.title, bold=True, font_size=16, **looks)
    for i, line in enumerate([*lines, *notes], 1):
        book.put(sheet, i, 0, line, **looks)


def _sheet(book: Book, table: ReportTable) -> None:
    sheet = _on_a4(book.sheet(table.sheet))
    for i, column in enumerate(table.columns):
        book.put(sheet, 0, i, column.name, align=_side(column), **HEAD)
        sheet.set_column(i, i, _width(table, i))
    looks = [_look(column) for column in table.columns]
    for number, row in enumerate(table.every_row, 1):
        last = TOTAL if row is table.total else {}
        for i, (value, look) in enumerate(zip(row, looks, strict=True)):
            book.put(sheet, number, i, value, **look, **last)
    sheet.freeze_panes(1, 1)
    if table.bars:
        _chart(book, sheet, table)


def _look(column: Column) -> dict[str, Any]:
    return {
        "num_format": FORMATS[column.form],
        "align": _side(column),
        "text_wrap": column.form is Form.WORDS,
    }


def _side(column: Column) -> str:
    return "left" if column.form is Form.WORDS else "right"


def _width(table: ReportTable, i: int) -> float:
    """Return a column's width in characters; a Chinese one takes two. Long headings wrap."""
    cells = [_span(str(row[i])) for row in table.every_row if isinstance(row[i], str)]
    heading = _span(table.columns[i].name)
    return min(max([*cells, heading if heading <= MOST_WIDTH // 4 else heading / 2, 8]) + 2, MOST_WIDTH)


def _span(text: str) -> int:
    return sum(1 if c.isascii() else 2 for c in text)


def _chart(book: Book, sheet: Worksheet, table: ReportTable) -> None:
    column = table.charted or 0
    last = len(table.rows)
    chart = book.book.add_chart({"type": "bar"})
    chart.add_series(
        {
            "name": [table.sheet, 0, column],
            "categories": [table.sheet, 1, 0, last, 0],
            "values": [table.sheet, 1, column, last, column],
        }
    )
    chart.set_title({"name": f"{table.title}：{table.columns[column].name}"})
    chart.set_legend({"none": True})
    chart.set_y_axis({"reverse": True})  # of a bar chart the names: the first row on top, as in the table
    chart.set_x_axis({"num_format": FORMATS[table.columns[column].form], "min": 0})
    chart.set_size({"width": CHART_WIDTH, "height": max(last * ROW_HEIGHT + ROW_HEIGHT * 4, LEAST_HEIGHT)})
    sheet.insert_chart(len(table.every_row) + 3, 0, chart)


def _on_a4(sheet: Worksheet) -> Worksheet:
    sheet.set_paper(A4)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    return sheet
