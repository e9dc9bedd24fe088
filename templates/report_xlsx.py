"""How does a report look as a workbook?

A sheet a table: numbers are numbers, names are texts whatever they begin with, charts are the program's own.
Caller: daemon/reporting.py.
"""

from io import BytesIO
from typing import Final

from openpyxl import Workbook
from openpyxl.cell import Cell as SheetCell
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from templates.reports import Cell, Column, Form, ReportTable, ReportView
from templates.texts import LOOKS_LIKE_CODE

FORMATS: Final = {Form.WORDS: "@", Form.COUNT: "#,##0", Form.RATE: "0.0%"}
HEAD: Final = PatternFill("solid", fgColor="DCE6F1")
BOLD: Final = Font(bold=True)
TOP: Final = Border(top=Side(style="thin"))
MOST_WIDTH: Final = 60
CHART_WIDTH_CM: Final = 18
ROW_CM: Final = 0.7


def as_xlsx(view: ReportView) -> bytes:
    """Return the report as an XLSX workbook."""
    book = Workbook()
    cover = book.active
    assert isinstance(cover, Worksheet)  # noqa: S101 - a new workbook has one sheet
    _cover(cover, view)
    for table in view.tables:
        _sheet(book.create_sheet(table.sheet), table)
    for sheet in book.worksheets:
        _print_on_a4(sheet)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _cover(sheet: Worksheet, view: ReportView) -> None:
    sheet.title = "说明"
    lines = [view.title, f"{view.period}　{view.as_of}。", view.lead]
    notes = [f"{table.sheet}：{table.note}" for table in view.tables if table.note]
    for i, line in enumerate([*lines, *notes], 1):
        cell = _put(sheet, i, 1, line)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet["A1"].font = Font(bold=True, size=16)
    sheet.column_dimensions["A"].width = 100


def _sheet(sheet: Worksheet, table: ReportTable) -> None:
    for i, column in enumerate(table.columns, 1):
        head = _put(sheet, 1, i, column.name)
        head.font, head.fill = BOLD, HEAD
        head.alignment = Alignment(wrap_text=True, vertical="center", horizontal=_side(column))
        sheet.column_dimensions[get_column_letter(i)].width = _width(table, i - 1)
    for number, row in enumerate(table.every_row, 2):
        for i, (value, column) in enumerate(zip(row, table.columns, strict=True), 1):
            cell = _put(sheet, number, i, value)
            cell.number_format = FORMATS[column.form]
            cell.alignment = Alignment(horizontal=_side(column), wrap_text=column.form is Form.WORDS)
            if row is table.total:
                cell.font, cell.border = BOLD, TOP
    sheet.freeze_panes = "B2"
    if table.bars:
        _chart(sheet, table)


def _put(sheet: Worksheet, row: int, column: int, value: Cell) -> SheetCell:
    """Write a cell; a text stays a text, also one that begins like a formula, and when somebody edits it."""
    cell = sheet.cell(row, column, value)
    assert isinstance(cell, SheetCell)  # noqa: S101 - nothing is merged
    if isinstance(value, str):
        cell.data_type = "s"
        cell.quotePrefix = value.startswith(LOOKS_LIKE_CODE)
    return cell


def _side(column: Column) -> str:
    return "left" if column.form is Form.WORDS else "right"


def _width(table: ReportTable, i: int) -> float:
    """Return a column's width in characters; a Chinese one takes two. Long headings wrap."""
    cells = [_span(str(row[i])) for row in table.every_row if isinstance(row[i], str)]
    heading = _span(table.columns[i].name)
    return min(max([*cells, heading if heading <= MOST_WIDTH // 4 else heading / 2, 8]) + 2, MOST_WIDTH)


def _span(text: str) -> int:
    return sum(1 if c.isascii() else 2 for c in text)


def _chart(sheet: Worksheet, table: ReportTable) -> None:
    column = (table.charted or 0) + 1
    last = len(table.rows) + 1
    chart = BarChart()
    chart.type = "bar"
    chart.title = f"{table.title}：{table.columns[column - 1].name}"
    chart.add_data(Reference(sheet, min_col=column, min_row=1, max_row=last), titles_from_data=True)
    chart.set_categories(Reference(sheet, min_col=1, min_row=2, max_row=last))
    chart.legend = None
    chart.x_axis.scaling.orientation = "maxMin"  # the first row on top, as in the table
    chart.x_axis.delete = chart.y_axis.delete = False
    chart.y_axis.numFmt = FORMATS[table.columns[column - 1].form]
    chart.y_axis.scaling.min = 0
    chart.width, chart.height = CHART_WIDTH_CM, max(len(table.rows) * ROW_CM + 3, 6)
    sheet.add_chart(chart, f"A{len(table.every_row) + 4}")


def _print_on_a4(sheet: Worksheet) -> None:
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_title_rows = "1:1"
