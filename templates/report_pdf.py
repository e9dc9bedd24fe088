"""How does a report look on paper?

A4, with its font embedded, so that Chinese shows and prints wherever it is opened. Caller: daemon/reporting.py.
"""

from datetime import datetime
from importlib.resources import as_file, files
from typing import Final

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, WrapMode, XPos, YPos
from fpdf.fonts import FontFace, TTFFont

from templates.reports import Cell, Column, Form, ReportTable, ReportView, told

FONT: Final = "Noto Sans SC"
FONT_FILE: Final = files("pylopdf_fonts_zh_cn") / "NotoSansSC-Regular.otf"
MISSING: Final = "〓"  #: printers' mark for a character that the font does not have
INK: Final = (26, 26, 26)
GREY: Final = (90, 90, 90)
BLUE: Final = (0, 114, 178)
HEAD: Final = (220, 230, 241)
FOOT: Final = (242, 242, 242)
MARGIN: Final = 15  #: mm
NAME_WIDTH: Final = 42  #: mm, beside the bars
BAR: Final = 4.2  #: mm, height of a bar
STEP: Final = 5.6  #: mm, from one bar to the next
ROW: Final = 6  #: mm, of a table
HEADED: Final = 36  #: mm, of a section beside its rows and bars


class _Paper(FPDF):
    """A4 pages with their number at the foot."""

    def __init__(self, view: ReportView, made_at: datetime) -> None:
        super().__init__(format="A4")
        self.view = view
        self.set_margin(MARGIN)
        self.set_auto_page_break(auto=True, margin=MARGIN + 4)
        with as_file(FONT_FILE) as font:
            self.add_font(FONT, "", font)
        self.set_font(FONT, size=10)
        self.set_title(f"{view.title} {view.period}")
        self.set_author(view.office)
        self.set_lang("zh-CN")
        self.set_creation_date(made_at)

    def footer(self) -> None:
        """Number the page."""
        self.set_y(-MARGIN)
        self.set_font(FONT, size=8)
        self.set_text_color(*GREY)
        self.cell(0, 5, f"{self.fit(self.view.title)}　{self.view.period}　第{self.page_no()}页", align="C")

    def fit(self, text: str) -> str:
        """Return text of which the font has every character."""
        font = self.fonts[FONT.lower()]
        assert isinstance(font, TTFFont)  # noqa: S101 - it is the one that was added
        return "".join(c if ord(c) in font.cmap else MISSING for c in text)

    def paragraph(self, text: str, size: float, colour: tuple[int, int, int] = INK) -> None:
        """Write lines across the page."""
        self.set_font(FONT, size=size)
        self.set_text_color(*colour)
        # Chinese breaks after any character; the library would otherwise break at blanks only.
        self.multi_cell(
            0, size * 0.55, self.fit(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT, wrapmode=WrapMode.CHAR
        )


def as_pdf(view: ReportView, made_at: datetime) -> bytes:
    """Return the report as a PDF; the same report gives the same file."""
    paper = _Paper(view, made_at)
    paper.add_page()
    paper.paragraph(view.title, 18)
    paper.paragraph(f"{view.period}　{view.as_of}。", 9, GREY)
    paper.ln(2)
    paper.paragraph(view.lead, 11)
    for table in view.tables:
        _section(paper, table)
    return bytes(paper.output())


def _section(paper: _Paper, table: ReportTable) -> None:
    height = HEADED + ROW * len(table.every_row) + STEP * len(table.bars)
    if paper.will_page_break(min(height, paper.eph * 0.9)) and paper.get_y() > paper.eph / 3:
        paper.add_page()
    paper.ln(4)
    paper.start_section(table.title)
    paper.paragraph(table.title, 13, BLUE)
    if table.note:
        paper.paragraph(table.note, 8, GREY)
    paper.ln(1)
    if not table.rows:
        paper.paragraph("无。", 10)
        return
    _table(paper, table)
    _bars(paper, table)


def _table(paper: _Paper, table: ReportTable) -> None:
    paper.set_font(FONT, size=8.5)
    paper.set_text_color(*INK)
    paper.set_draw_color(190)
    paper.set_fill_color(255)
    with paper.table(
        col_widths=_widths(table),
        text_align=tuple("LEFT" if c.form is Form.WORDS else "RIGHT" for c in table.columns),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis="", fill_color=HEAD),
        line_height=4.6,
        padding=0.6,
        wrapmode=WrapMode.CHAR,
    ) as sheet:
        sheet.row([column.name for column in table.columns])
        for row in table.every_row:
            style = FontFace(fill_color=FOOT) if row is table.total else None
            sheet.row([_cell(paper, cell, c) for cell, c in zip(row, table.columns, strict=True)], style=style)


def _cell(paper: _Paper, cell: Cell, column: Column) -> str:
    return paper.fit(told(cell, column.form))


def _widths(table: ReportTable) -> tuple[int, ...]:
    """Return the columns' shares of the page: that of words is wider."""
    words = sum(column.form is Form.WORDS for column in table.columns)
    if words > 1:
        return (1, 4)
    return (26, *(10 for _ in table.columns[1:]))


def _bars(paper: _Paper, table: ReportTable) -> None:
    """Draw the charted column as bars."""
    if not table.full or table.charted is None:
        return
    column = table.columns[table.charted]
    paper.ln(2)
    paper.paragraph(column.name, 8, GREY)
    room = paper.epw - NAME_WIDTH - 16
    paper.set_fill_color(*BLUE)
    paper.set_font(FONT, size=8)
    paper.set_text_color(*INK)
    for name, figure in table.bars:
        x, y = paper.l_margin + NAME_WIDTH, paper.get_y()
        length = max(float(figure or 0) / table.full * room, 0.1)
        paper.set_xy(paper.l_margin, y)
        paper.cell(NAME_WIDTH - 2, BAR, _shortened(paper, paper.fit(name)), align="R")
        paper.rect(x, y, length, BAR, style="F")
        paper.set_xy(x + length + 1, y)
        paper.cell(15, BAR, told(figure, column.form))
        paper.set_y(y + STEP)


def _shortened(paper: _Paper, name: str) -> str:
    """Return as much of a name as stands beside a bar."""
    short = name
    while paper.get_string_width(short) > NAME_WIDTH - 4:
        short = short[:-2] + "…"
    return short
