"""What stands in the files, opened again; and what do hostile names do in them?"""

import io
import re
import zipfile
import zlib
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from openpyxl import load_workbook

from templates.report_pdf import as_pdf
from templates.report_xlsx import as_xlsx
from templates.reports import Column, Form, ReportTable, as_html, as_markdown, told, view_of
from tests.reports.spring import reported
from tests.rules.builders import OFFICES, at, house

FORMULA = '=HYPERLINK("http://example.cn","点我")'
MARKUP = "<script>alert(1)</script>|`*_[甲](乙)"
STRANGE = "\u202e镇\x00\x1b[31m\r\n𠮷"
MADE = at("06-30 12:00")


def view(on="2026-03", office="某市人大常委会代表工委", within=None):
    return view_of(reported(on), within or house(), office)


def named(first, second):
    """The house with other names of its towns."""
    names = {"T1": first, "T2": second}
    return house(offices=[replace(o, name=names.get(o.id, o.name)) for o in OFFICES])


def table(of, sheet):
    return next(t for t in of.tables if t.sheet == sheet)


# The view ---------------------------------------------------------------------------------


def test_the_headline_in_one_sentence():
    assert view().lead == (
        "2026年3月，代表进站、入网格履职5次，接待选民22人次，收集意见3条，办结民生事项2件；"
        "到期631履职5项，按期率25.0%；期末逾期事项3件。"
    )


def test_a_month_that_still_runs_says_so():
    assert view().as_of == "期末数截至2026年3月31日；按2026年6月30日12:00已登记的记录统计"
    running = view_of(reported(made="03-20 09:00"), house(), "某市")
    assert "期末数截至2026年3月20日" in running.as_of
    assert running.as_of.endswith("阶段性数字")


def test_the_rows_of_a_table():
    duties = table(view(), "631按级别")
    assert duties.rows[-1] == ("镇代表", 4, 1, 1, 1, 1, 0, pytest.approx(1 / 3))
    assert duties.rows[0] == ("省代表", 0, 0, 0, 0, 0, 0, None)
    assert duties.total == ("合计", 5, 1, 2, 1, 1, 0, 0.25)


def test_key_projects_stand_below_the_total():
    projects = table(view(), "民生项目")
    assert [row[0] for row in projects.every_row] == ["机构T1", "机构T2", "合计", "其中：重点督办项目"]
    assert projects.every_row[2][1:] == (4, 1, 1, 1, 1, 1)
    assert projects.every_row[3][1:] == (1, 1, 1, 0, 0, 1)


def test_only_a_year_has_a_table_by_month():
    assert "按月" not in [t.sheet for t in view().tables]
    months = table(view("2026"), "按月")
    assert [row[0] for row in months.rows] == [f"{n}月" for n in range(1, 13)]
    assert [row[1] for row in months.rows] == [0, 0, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0]


def test_no_name_of_a_person_an_opinion_or_a_project_is_told():
    text = as_markdown(view())
    assert not re.search(r"代表D[ABCD]|联系人C|路灯|项目J", text)


def test_bars_of_rates_are_measured_against_all():
    columns = (Column("镇街", Form.WORDS), Column("次"), Column("率", Form.RATE))
    drawn = ReportTable(title="", sheet="", columns=columns, rows=(("甲", 4, 0.5), ("乙", 8, None)), charted=2)
    assert drawn.bars == (("甲", 0.5), ("乙", None))
    assert drawn.full == 1.0
    assert replace(drawn, charted=1).full == 8
    assert replace(drawn, charted=None).bars == ()


# Markdown and HTML ------------------------------------------------------------------------


def test_markdown_shows_every_table():
    lines = as_markdown(view()).splitlines()
    assert lines[0] == "# 某市人大常委会代表工委督办月报"
    assert "| 机构T1 | 2 | 1 | 1 | 15 | 3 | 1 | 1 | 2 |" in lines
    assert "| 合计 | 5 | 1 | 2 | 1 | 1 | 0 | 25.0% |" in lines
    assert [line for line in lines if line.startswith("## ")] == [f"## {t.title}" for t in view().tables]


def test_a_table_without_rows_says_so():
    none = replace(table(view(), "缺口清单"), rows=())
    assert as_markdown(replace(view(), tables=(none,))).endswith("\n\n无。\n")
    assert "<p>无。</p>" in as_html(replace(view(), tables=(none,)))


def test_names_do_not_break_a_markdown_table():
    text = as_markdown(view(within=named(MARKUP, STRANGE)))
    rows = [line for line in text.splitlines() if line.startswith("|") and "script" in line]
    assert rows
    for row in rows:
        assert "<script" not in row.replace("\\<", "")
        assert len(re.findall(r"(?<!\\)\|", row)) == len(re.findall(r"(?<!\\)\|", rows[0])) or "\\|" in row
    assert all(ord(c) >= 0x20 or c == "\n" for c in text)


class Tags(HTMLParser):
    """Which elements does a page open, with what, and does it close them?"""

    def __init__(self):
        super().__init__()
        self.opened, self.attributes, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        self.opened.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.opened.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read_html(text):
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    return tags


def test_the_page_needs_nothing_else_and_shows_tables_and_bars():
    text = as_html(view("2026"))
    tags = read_html(text)
    assert not {"src", "href", "onclick"} & set(tags.attributes)
    assert not {"script", "link", "img"} & set(tags.opened)
    assert "@import" not in text
    assert "url(" not in text
    assert tags.opened.count("table") == len(view("2026").tables)
    assert tags.opened.count("svg") >= 5
    assert text.count('<tr class="total">') == len(view("2026").tables) - 1


def test_names_are_only_text_on_the_page():
    text = as_html(view(within=named(MARKUP, FORMULA), office="<b>工委</b>"))
    tags = read_html(text)
    assert not {"script", "b"} & set(tags.opened)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


# The workbook -----------------------------------------------------------------------------


def opened(content):
    return load_workbook(io.BytesIO(content))


def test_the_workbook_has_a_sheet_a_table_with_numbers_as_numbers():
    book = opened(as_xlsx(view("2026")))
    assert book.sheetnames == ["说明", *(t.sheet for t in view("2026").tables)]
    duties = book["631按级别"]
    assert [cell.value for cell in duties[1]][:3] == ["级别", "到期应完成", "按期完成"]
    assert [cell.value for cell in duties[5]][:3] == ["镇代表", 16, 1]
    assert (duties["H5"].data_type, duties["H5"].number_format) == ("n", "0.0%")
    assert duties["H5"].value == pytest.approx(1 / 15)
    assert duties["H3"].value is None or isinstance(duties["H3"].value, float)
    assert duties.freeze_panes == "B2"
    assert duties.column_dimensions["A"].width >= 10
    assert duties.page_setup.paperSize == 9


def test_charts_are_the_program_s_own_and_draw_the_rows_without_the_total():
    book = opened(as_xlsx(view()))
    charts = {sheet.title: sheet._charts for sheet in book.worksheets}
    assert [len(charts[name]) for name in ("总体情况", "631按级别", "缺口清单")] == [1, 1, 0]
    series = charts["总体情况"][0].series[0]
    assert series.val.numRef.f == "总体情况!$B$2:$B$3"
    assert series.cat.strRef.f == "总体情况!$A$2:$A$3"


@pytest.mark.parametrize("name", [FORMULA, "=1+1", "+8613800000000", "-1", "@SUM(A1)", "\t=1"])
def test_a_name_that_begins_like_a_formula_stays_a_text(name):
    content = as_xlsx(view(within=named(name, "二镇"), office=name))
    sheet = opened(content)["总体情况"]
    assert sheet["A2"].data_type == "s"
    assert sheet["A2"].value == name.strip()
    assert sheet["A2"].quotePrefix
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheets = [parts.read(part) for part in parts.namelist() if part.startswith("xl/worksheets/sheet")]
    assert not any(b"<f>" in sheet for sheet in sheets)


def test_characters_that_a_workbook_cannot_hold_are_left_out():
    assert opened(as_xlsx(view(within=named(STRANGE, MARKUP))))["总体情况"]["A2"].value == "镇[31m 𠮷"


# The PDF ----------------------------------------------------------------------------------


def streams(content):
    return [
        zlib.decompress(match[1])
        for match in re.finditer(rb"/FlateDecode.*?stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
    ]


def letters(content):
    """The characters of which the PDF's font is told to be."""
    codes = re.findall(rb"^<[0-9A-F]{4}> <([0-9A-F]{4})>$", content, re.MULTILINE)
    return {chr(int(code, 16)) for code in codes}


def test_the_pdf_has_its_font_with_it():
    content = as_pdf(view(), MADE)
    assert content.startswith(b"%PDF-1.")
    assert content.rstrip().endswith(b"%%EOF")
    assert b"/FontFile3" in content
    assert b"/BaseFont /MPDFAA+NotoSansSC" in content
    assert set("某市人大常委会代表工委督办月报履职覆盖缺口5") <= letters(content)
    assert len(content) < 200_000


def test_the_pdf_is_on_a4_with_filled_bars():
    content = as_pdf(view(), MADE)
    assert re.search(rb"/MediaBox \[0 0 595\.2\d* 841\.8\d*\]", content)
    assert len(re.findall(rb"/Type /Page\b", content)) >= 2
    drawn = b"".join(stream for stream in streams(content) if b" re f" in stream)
    assert drawn.count(b" re f") > 10


def test_the_same_report_gives_the_same_pdf():
    assert as_pdf(view(), MADE) == as_pdf(view(), MADE)


def test_a_character_that_the_font_lacks_is_marked(recwarn):
    content = as_pdf(view(within=named(STRANGE, MARKUP), office="𠮷县"), MADE)
    assert "〓" in letters(content)
    assert not recwarn.list


def test_a_long_table_runs_over_pages():
    table = view().tables[0]
    rows = tuple((f"第{n}镇" * 12, *table.rows[0][1:]) for n in range(90))
    content = as_pdf(replace(view(), tables=(replace(table, rows=rows),)), MADE)
    assert len(re.findall(rb"/Type /Page\b", content)) >= 4


# Cells ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "form", "text"),
    [
        (0, Form.COUNT, "0"),
        (1234, Form.COUNT, "1234"),
        (0.0, Form.RATE, "0.0%"),
        (1.0, Form.RATE, "100.0%"),
        (None, Form.RATE, "—"),
        ("甲", Form.WORDS, "甲"),
    ],
)
def test_a_cell_as_people_read_it(cell, form, text):
    assert told(cell, form) == text
