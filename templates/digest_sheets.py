"""What stands in the workbook that goes with a digest?

The same figures as in the letter, and every overdue matter instead of the worst: numbers, offices and dates only.
Rules: R5.10, R7.1. Caller: actors/digests.py.
"""

from collections.abc import Sequence

from templates import terms
from templates.letters import DigestLine, DigestView
from templates.reports import Column, Form, ReportTable, ReportView

COUNTS = (Column("即将到期"), Column("逾期"))


def digest_workbook(view: DigestView, overdue: Sequence[DigestLine], office_name: str) -> bytes:
    """Return the workbook of one digest."""
    from templates.report_xlsx import as_xlsx  # noqa: PLC0415 - XlsxWriter: 10 MB, only where digests are made

    title = terms.DIGESTS[view.kind]
    return as_xlsx(
        ReportView(
            title=title,
            period=terms.digest_period(view.kind, view.period),
            office=office_name,
            as_of=f"截至{terms.long_date(view.day)}",
            lead=f"{view.office}：即将到期{view.counts.due_soon}项，逾期{view.counts.overdue}项。",
            tables=(_by_kind(view), *([_by_town(view)] if view.towns else []), _by_rung(view), _overdue(overdue)),
        )
    )


def _by_kind(view: DigestView) -> ReportTable:
    return ReportTable(
        title="按事项类别",
        sheet="按类别",
        columns=(Column("类别", Form.WORDS), *COUNTS, Column("本期新增")),
        rows=tuple((kind, counts.due_soon, counts.overdue, new) for kind, counts, new in view.kinds),
        charted=2,
    )


def _by_town(view: DigestView) -> ReportTable:
    return ReportTable(
        title="各镇街",
        sheet="各镇街",
        columns=(Column("镇街", Form.WORDS), *COUNTS),
        rows=tuple((town, counts.due_soon, counts.overdue) for town, counts in view.towns),
        charted=2,
    )


def _by_rung(view: DigestView) -> ReportTable:
    return ReportTable(
        title="逾期事项，按督办进度",
        sheet="督办进度",
        columns=(Column("进度", Form.WORDS), Column("逾期")),
        rows=tuple((terms.rung_name(rung), count) for rung, count in view.rungs),
        charted=1,
    )


def _overdue(lines: Sequence[DigestLine]) -> ReportTable:
    return ReportTable(
        title="逾期事项",
        sheet="逾期事项",
        columns=(
            Column("事项", Form.WORDS),
            Column("责任方", Form.WORDS),
            Column("期限", Form.WORDS),
            Column("逾期工作日"),
        ),
        rows=tuple((line.name, line.office, line.due.isoformat(), line.late) for line in lines),
    )
