"""Where are the monthly and yearly reports?

A report reads the whole record, so one that was made is kept for a while; two asked for at once are made once.
Rules: R7.3.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from rules.lookback import ReportPeriod, month_of, year_of
from rules.workdays import add_months
from store.accounts import Role
from store.reports import report_on
from templates.reports import ReportView, as_html, as_markdown, view_of
from web.pages.exports import TYPES
from web.pages.frame import Look, asked, looking, not_there

KEEPS: Final = timedelta(minutes=10)
MOST_KEPT: Final = 24
MONTHS: Final = 18
FORMS: Final = ("html", "xlsx", "pdf", "md")


def routes() -> list[BaseRoute]:
    """Return the addresses."""
    return [
        Route("/report", index, methods=["GET"]),
        Route("/report/{period:str}", one, methods=["GET"]),
    ]


def index(request: Request) -> Response:
    """Show which reports there are."""
    with looking(request, Role.OPERATOR, Role.MUNICIPAL) as look:
        first = look.today.replace(day=1)
        months = [month_of(f"{add_months(first, -i):%Y-%m}") for i in range(MONTHS)]
        return look.page("reports.html.j2", months=months, years=sorted({m.label[:4] for m in months}, reverse=True))


@dataclass(frozen=True, slots=True)
class Made:
    """A report in words, and when it was made."""

    at: datetime
    view: ReportView


class Shelf:
    """The reports that were made of late."""

    def __init__(self) -> None:
        """Keep none yet."""
        self._lock = Lock()
        self._made: OrderedDict[tuple[object, str], Made] = OrderedDict()

    def of(self, look: Look, period: ReportPeriod) -> Made:
        """Return a report, made now unless it was a short while ago."""
        key = (look.services.engine, period.label)
        with self._lock:
            made = self._made.get(key)
            if made is None or not made.at <= look.now < made.at + KEEPS:
                report = report_on(look.connection, look.desk, period, look.now)
                made = Made(look.now, view_of(report, look.house, look.services.settings.office_name))
                self._made[key] = made
                while len(self._made) > MOST_KEPT:
                    self._made.popitem(last=False)
            return made


_shelf: Final = Shelf()


def one(request: Request) -> Response:
    """Answer with a report as a page, a workbook, a PDF or a text."""
    with looking(request, Role.OPERATOR, Role.MUNICIPAL) as look:
        period = _period(request.path_params["period"])
        if period.first > look.today:
            raise not_there()
        made = _shelf.of(look, period)
    form = asked(request, "format", FORMS) or "html"
    headers = {} if form == "html" else {"Content-Disposition": f'attachment; filename="report-{period.label}.{form}"'}
    match form:
        case "xlsx":
            from templates.report_xlsx import as_xlsx  # noqa: PLC0415 - XlsxWriter, likewise in digest_sheets.py

            return Response(as_xlsx(made.view), media_type=TYPES["xlsx"], headers=headers)
        case "pdf":
            from templates.report_pdf import as_pdf  # noqa: PLC0415 - its library and fonts take a second to load

            return Response(as_pdf(made.view, made.at), media_type="application/pdf", headers=headers)
        case "md":
            return Response(as_markdown(made.view), media_type="text/markdown; charset=utf-8", headers=headers)
        case _:
            return HTMLResponse(as_html(made.view))


def _period(text: str) -> ReportPeriod:
    for read in (month_of, year_of):
        try:
            return read(text)
        except ValueError:
            continue
    raise not_there()
