"""How does a report get from the database into a file?

The ending of the file's name says in which form. The file appears whole or not at all. Caller: daemon/commands.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from daemon.looking import looking
from daemon.saying import BAD_INPUT, fail, say
from rules.facts import SHANGHAI, local_day
from rules.lookback import ReportPeriod
from rules.reports import Report, Split
from store.reports import report_on
from templates.reports import ReportView, as_html, as_markdown, view_of

PART: Final = ".part"
Writer = Callable[[ReportView, datetime], bytes]


def _xlsx(view: ReportView, _made_at: datetime) -> bytes:
    from templates.report_xlsx import as_xlsx

    return as_xlsx(view)


def _pdf(view: ReportView, made_at: datetime) -> bytes:
    from templates.report_pdf import as_pdf

    return as_pdf(view, made_at)


#: the ending of a file's name → what writes it; the libraries of XLSX and PDF are loaded when they are asked for
WRITERS: Final[Mapping[str, Writer]] = {
    ".xlsx": _xlsx,
    ".html": lambda view, _: as_html(view).encode(),
    ".pdf": _pdf,
    ".md": lambda view, _: as_markdown(view).encode(),
}


def write_report(
    period_of: Callable[[str], ReportPeriod], typed: str, out: Path | None, at: datetime | None, *, as_json: bool
) -> None:
    """Print the report on the period typed, or write it into a file; a wrong word is one line and status 2."""
    try:
        period = period_of(typed)
    except ValueError as err:
        fail(str(err), BAD_INPUT)
    writer = _writer(out)
    with looking() as (connection, desks, services):
        now = services.clock.now()
        made_at = at or now
        if made_at > now:  # what will be known by then is not known yet
            fail(f"--at {_local(made_at)} is yet to come: it is {_local(now)}; name an earlier instant", BAD_INPUT)
        if period.first > local_day(made_at):
            fail(f"{period.label} has not begun on {local_day(made_at)}; name an earlier one", BAD_INPUT)
        desk = desks.of(connection)
        report = report_on(connection, desk, period, made_at)
        view = view_of(report, desk.house, services.settings.office_name)
    if out is not None:
        _write_whole(out, writer(view, made_at))
    if out is None or as_json:
        say(as_markdown(view).splitlines(), as_facts(report), as_json=as_json)
    else:
        say([f"the report on {period.label} is in {out}"], None, as_json=False)


def _local(at: datetime) -> str:
    return at.astimezone(SHANGHAI).isoformat(timespec="seconds")


def _writer(out: Path | None) -> Writer:
    ending = out.suffix.lower() if out else ".md"
    if ending not in WRITERS:
        admitted = ", ".join(WRITERS)
        fail(f"--out {out}: {ending or 'no ending'!r} is not a form of report; want one of {admitted}", BAD_INPUT)
    return WRITERS[ending]


def _write_whole(path: Path, content: bytes) -> None:
    """Put a file in place at once: whoever opens it never sees half of it, and a failure leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


# For programs ------------------------------------------------------------------------------


def as_facts(report: Report) -> dict[str, Any]:
    """Return the report's figures for programs; offices, levels and kinds by their ids."""
    return {
        "period": report.period.label,
        "from": report.period.first.isoformat(),
        "to": report.period.last.isoformat(),
        "made_at": _local(report.made_at),
        "closing_day": report.closing_day.isoformat(),
        "headline": _split(report.headline, "towns"),
        "by_month": _split(report.by_month, "months"),
        "duties": _split(report.duties_by_level, "levels") | {"towns": _split(report.duties_by_town, "towns")["towns"]},
        "matters": _split(report.works, "kinds"),
        "overdue": _split(report.overdue_by_town, "towns")
        | {"kinds": _split(report.overdue_by_kind, "kinds")["kinds"]},
        "petitions": _split(report.petitions, "towns"),
        "projects": _split(report.projects, "towns") | {"key": _figures(report.key_projects)},
        "coverage": _split(report.gaps, "towns"),
        "findings": [asdict(finding) for finding in report.findings],
    }


def _split(split: Split[Any], parts: str) -> dict[str, Any]:
    return {"all": _figures(split.total), parts: {str(k): _figures(v) for k, v in split.parts.items()}}


def _figures(figures: Any) -> dict[str, Any]:
    """Return counts by name, with those reckoned from them; a rate to four places."""
    if isinstance(figures, Mapping):
        return {str(name): count for name, count in figures.items()}
    found = asdict(figures)
    for name in ("closed", "rate"):
        if name not in found and hasattr(figures, name):
            value = getattr(figures, name)
            found[name] = round(value, 4) if isinstance(value, float) else value
    return found
