"""In which words and tables does a report tell its figures?

A report becomes one view: tables of words, counts and rates. Markdown and HTML are written here, workbooks in
report_xlsx.py, PDF in report_pdf.py, all from the same view. What each figure means: docs/report.md.
Rules: R7.3. Callers: daemon/reporting.py, digests, the console.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from rules.coverage import Gap
from rules.facts import SHANGHAI, SeatLevel
from rules.ladders import RungKind
from rules.lookback import ReportPeriod
from rules.matters import MatterKind
from rules.offices import House
from rules.reports import NOT_TOLD, NOWHERE, Duties, Headline, Petitions, Projects, Report, Rungs, Split, Works
from templates import gaps, terms
from templates.pages import page
from templates.texts import clean

Cell = str | int | float | None
Row = tuple[Cell, ...]
Figures = TypeVar("Figures")

NAME: Final = 60  #: UTF-16 units that a name takes at most
FINDING: Final = 120
TOTAL: Final = "合计"
ELSEWHERE: Final = "未归属镇街"
LEVELS: Final = {
    SeatLevel.PROVINCE: "省代表",
    SeatLevel.PREFECTURE: "江门市代表",
    SeatLevel.COUNTY: "鹤山市代表",
    SeatLevel.TOWN: "镇代表",
}
#: what Markdown takes for more than a letter
MARKED: Final = re.compile(r"([\\`*_{}\[\]<>#|~$&])")


class Form(StrEnum):
    """How a column's cells are written."""

    WORDS = "words"
    COUNT = "count"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    form: Form = Form.COUNT


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTable:
    """One table; the first column names the row."""

    title: str
    sheet: str  #: a short title, for a workbook's tab
    note: str = ""
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: Row | None = None
    of_which: Row | None = None  #: a part of the total that cuts across the rows
    charted: int | None = None  #: the column that is drawn beside the table

    @property
    def every_row(self) -> tuple[Row, ...]:
        """The rows, then the total and what is of it."""
        return (*self.rows, *(row for row in (self.total, self.of_which) if row is not None))

    @property
    def bars(self) -> tuple[tuple[str, Cell], ...]:
        """What is drawn: the names of the rows, and their figures."""
        return tuple((str(row[0]), row[self.charted]) for row in self.rows) if self.charted else ()

    @property
    def full(self) -> float:
        """The figure of a bar of full length: the highest, and of rates all; 0 if there is nothing to draw."""
        figures = [float(figure) for _, figure in self.bars if isinstance(figure, (int, float))]
        return 1.0 if figures and self.columns[self.charted or 0].form is Form.RATE else max(figures, default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """A report in words."""

    title: str
    period: str
    office: str
    as_of: str
    lead: str
    tables: tuple[ReportTable, ...]


def view_of(report: Report, house: House, office: str) -> ReportView:
    """Return a report in words; `office`: in whose name it is made."""
    period = report.period
    tables = (
        _headline(report, house),
        *([_by_month(report)] if period.is_year else []),
        _duties("631履职情况（按代表级别）", "631按级别", report.duties_by_level, "级别", _levels),
        _duties("631履职情况（按镇街）", "631按镇街", report.duties_by_town, "镇街", _towns(house)),
        _works(report.works),
        _overdue("期末逾期事项（按类别）", "逾期按类别", report.overdue_by_kind, "类别", _kinds),
        _overdue("期末逾期事项（按镇街）", "逾期按镇街", report.overdue_by_town, "镇街", _towns(house)),
        _petitions(report, house),
        _projects(report, house),
        _coverage(report, house),
        _findings(report, house),
    )
    return ReportView(
        title=f"{clean(office, NAME)}督办{'年报' if period.is_year else '月报'}",
        period=period_name(period),
        office=clean(office, NAME),
        as_of=_as_of(report),
        lead=_lead(report),
        tables=tables,
    )


def period_name(period: ReportPeriod) -> str:
    """Return a report's period in words."""
    return f"{period.first.year}年" if period.is_year else f"{period.first.year}年{period.first.month}月"


def _as_of(report: Report) -> str:
    made = report.made_at.astimezone(SHANGHAI)
    instant = f"{terms.long_date(made.date())}{made:%H:%M}"
    text = f"期末数截至{terms.long_date(report.closing_day)}；按{instant}已登记的记录统计"
    return f"{text}；本期尚未结束，数字为阶段性数字" if report.closing_day < report.period.last else text


def _lead(report: Report) -> str:
    """Return the headline as one sentence."""
    all_, duties = report.headline.total, report.duties_by_level.total
    rate = f"，按期率{told(duties.rate, Form.RATE)}" if duties.rate is not None else ""
    return (
        f"{period_name(report.period)}，代表进站、入网格履职{all_.visits}次，接待选民{all_.voters}人次，"
        f"收集意见{all_.opinions}条，办结民生事项{all_.closed}件；"
        f"到期631履职{duties.owed}项{rate}；期末逾期事项{report.works.total.overdue}件。"
    )


# The tables --------------------------------------------------------------------------------

Namer = Callable[[str], str]


def _towns(house: House) -> Namer:
    def name(town: str) -> str:
        return clean(house.offices[town].name, NAME) if town in house.offices else ELSEWHERE

    return name


def _levels(level: str) -> str:
    return LEVELS[SeatLevel(level)]


def _kinds(kind: str) -> str:
    return terms.KINDS[MatterKind(kind)]


def _body(split: Split[Figures], name: Namer, cells: Callable[[Figures], Row]) -> tuple[tuple[Row, ...], Row]:
    """Return the rows and the total."""
    rows = tuple((name(part), *cells(figures)) for part, figures in split.parts.items())
    return rows, (TOTAL, *cells(split.total))


def _columns(first: str, *names: str) -> tuple[Column, ...]:
    """Return columns: words first, then counts, and rates where the name ends in 率."""
    rest = (Column(name, Form.RATE if name.endswith("率") else Form.COUNT) for name in names)
    return (Column(first, Form.WORDS), *rest)


HEADLINE: Final = ("履职", "进站", "入网格", "接待选民", "收集意见", "办结意见", "完成项目", "办结事项")


def _headline_cells(f: Headline) -> Row:
    return (
        f.visits, f.at_stations, f.in_grids, f.voters, f.opinions, f.petitions_closed, f.projects_done, f.closed,
    )  # fmt: skip


def _headline(report: Report, house: House) -> ReportTable:
    rows, total = _body(report.headline, _towns(house), _headline_cells)
    return ReportTable(
        title="总体情况（按镇街）",
        sheet="总体情况",
        note="履职按次、选民按人次、意见按条、事项按件。履职归所到联络站或网格的镇街，不算到位的也在内。"
        "办结事项＝办结意见（反馈满意、基本满意）＋完成项目（民生项目通过验收）。",
        columns=_columns("镇街", *HEADLINE),
        rows=rows,
        total=total,
        charted=1,
    )


def _by_month(report: Report) -> ReportTable:
    rows, total = _body(report.by_month, lambda month: f"{int(month[-2:])}月", _headline_cells)
    columns = _columns("月份", *HEADLINE)
    return ReportTable(title="总体情况（按月）", sheet="按月", columns=columns, rows=rows, total=total, charted=1)


def _duties(title: str, sheet: str, split: Split[Duties], first: str, name: Namer) -> ReportTable:
    def cells(f: Duties) -> Row:
        return (f.owed, f.met, f.late, f.missed, f.excused, f.outstanding, f.rate)

    rows, total = _body(split, name, cells)
    names = ("到期应完成", "按期完成", "补齐", "未完成", "准假免责", "待完成", "按期率")
    return ReportTable(
        title=title,
        sheet=sheet,
        note="期限在本期内的履职周期；启用本系统前的也在内。按期率＝按期完成÷（到期应完成－准假免责）。",
        columns=_columns(first, *names),
        rows=rows,
        total=total,
        charted=len(names),
    )


def _works(split: Split[Works]) -> ReportTable:
    rows, total = _body(split, _kinds, lambda f: (f.opened, f.closed, f.in_time, f.rate, f.overdue))
    return ReportTable(
        title="督办事项（按类别）",
        sheet="督办事项",
        note="一项督办事项是一个责任方须在一个期限前完成的一件事，一条群众意见按办理环节有多项。",
        columns=_columns("类别", "本期新立", "本期办结", "其中按期", "按期办结率", "期末逾期"),
        rows=rows,
        total=total,
    )


def _overdue(title: str, sheet: str, split: Split[Rungs], first: str, name: Namer) -> ReportTable:
    climbs = [rung for rung in split.total if rung.startswith(RungKind.CLIMB)]
    rungs = [NOT_TOLD, RungKind.OVERDUE, *sorted(climbs, key=lambda rung: int(rung.partition("-")[2]))]
    rows, total = _body(split, name, lambda f: (*(f.get(rung, 0) for rung in rungs), sum(f.values())))
    return ReportTable(
        title=title,
        sheet=sheet,
        note="每项只计一次，归入期末前已到达的最高梯级。",
        columns=_columns(first, *map(terms.rung_name, rungs), TOTAL),
        rows=rows,
        total=total,
        charted=len(rungs) + 1,
    )


def _petitions(report: Report, house: House) -> ReportTable:
    def cells(f: Petitions) -> Row:
        done = (f.closed, f.satisfied, f.basically, f.dissatisfied, f.rate)
        return (f.registered, f.registered_late, *done, f.withdrawn, f.in_hand)

    rows, total = _body(report.petitions, _towns(house), cells)
    done = ("办结", "满意", "基本满意", "不满意", "满意率")
    return ReportTable(
        title="群众意见",
        sheet="群众意见",
        note="登记超时：发现后超过规定工作日才登记。不满意的意见退回重办，不算办结。满意率＝（满意＋基本满意）÷反馈数。",
        columns=_columns("镇街", "本期登记", "其中登记超时", *done, "撤回", "期末在办"),
        rows=rows,
        total=total,
    )


def _projects(report: Report, house: House) -> ReportTable:
    def cells(f: Projects) -> Row:
        return (f.under_way, f.key, f.on_time, f.slipped, f.overdue, f.done)

    rows, total = _body(report.projects, _towns(house), cells)
    return ReportTable(
        title="民生项目",
        sheet="民生项目",
        note="按计划：各节点既未延后，也未逾期完成，期末没有逾期。有延后与有逾期可能是同一项目。",
        columns=_columns("镇街", "本期在建", "其中重点", "按计划", "有节点延后", "有节点逾期", "本期完成"),
        rows=rows,
        total=total,
        of_which=("其中：重点督办项目", *cells(report.key_projects)),
    )


def _coverage(report: Report, house: House) -> ReportTable:
    def cells(f: Mapping[str, int]) -> Row:
        return (*(f.get(gap, 0) for gap in Gap), sum(f.values()))

    def name(town: str) -> str:
        return "市本级" if town == NOWHERE else _towns(house)(town)

    rows, total = _body(report.gaps, name, cells)
    return ReportTable(
        title="网格覆盖缺口",
        sheet="覆盖缺口",
        note="期末在任席位；机构、网格与联系人按现有登记。",
        columns=_columns("镇街", *(gaps.WORDS[gap] for gap in Gap), TOTAL),
        rows=rows,
        total=total,
    )


def _findings(report: Report, house: House) -> ReportTable:
    name = _towns(house)
    rows = tuple(
        (name(f.town) if f.town else "市本级", clean(gaps.gap_in_words(f, house), FINDING)) for f in report.findings
    )
    columns = (Column("镇街", Form.WORDS), Column("缺口", Form.WORDS))
    return ReportTable(title="网格覆盖缺口清单", sheet="缺口清单", columns=columns, rows=rows)


# Markdown and HTML -------------------------------------------------------------------------


def told(cell: Cell, form: Form) -> str:
    """Return a cell as people read it.

    >>> told(0.875, Form.RATE), told(None, Form.RATE), told(12, Form.COUNT)
    ('87.5%', '—', '12')
    """
    if cell is None:
        return "—"
    return f"{cell:.1%}" if form is Form.RATE and not isinstance(cell, str) else str(cell)


def as_markdown(view: ReportView) -> str:
    """Return the report as Markdown."""
    parts = [f"# {_plain(view.title)}", f"**{view.period}**　{view.as_of}。", _plain(view.lead)]
    for table in view.tables:
        parts += [f"## {table.title}", *([table.note] if table.note else []), "\n".join(_lines(table))]
    return "\n\n".join(parts) + "\n"


def _lines(table: ReportTable) -> Iterable[str]:
    if not table.rows:
        yield "无。"
        return
    yield _line(column.name for column in table.columns)
    yield _line("---" if column.form is Form.WORDS else "---:" for column in table.columns)
    for row in table.every_row:
        yield _line(_plain(told(cell, column.form)) for cell, column in zip(row, table.columns, strict=True))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Return text that Markdown takes as it stands."""
    return MARKED.sub(r"\\\1", text)


def as_html(view: ReportView) -> str:
    """Return the report as a page that needs nothing else; it prints on A4."""
    return page("report.html.j2", view=view, told=told)
