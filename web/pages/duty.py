"""Who has been to the station and to the grid, and who has not? The 631 board, and one seat."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from rules.duties import Span, span_of
from rules.facts import SeatLevel
from rules.matters import MatterKind, Status
from rules.policy import Period
from store.accounts import Role
from store.views import duty, matters
from store.views.duty import DutyFilter, DutyLine, Tally
from store.views.paging import Slice
from templates.console_texts import term
from templates.terms import full_period
from web.pages.counts import counted
from web.pages.exports import Columns, as_file, wanted_format, wanted_part
from web.pages.frame import Look, asked, asked_page, looking, not_there, office, towns_of

STATUSES: Final = (Status.OPEN, Status.OVERDUE, Status.MET, Status.LATE, Status.MISSED, Status.EXCUSED)
#: how far back the board's choice of periods goes
PERIODS: Final = {1: 6, 3: 4, 6: 2}
#: more towns than that are not shown side by side: choose one
MOST_TOWNS: Final = 40
RECENT: Final = 30


def routes() -> list[BaseRoute]:
    """Return the addresses."""
    return [
        Route("/duty", board, methods=["GET"]),
        Route("/duty/{seat:path}", seat, methods=["GET"]),
    ]


def periods(look: Look) -> list[Span]:
    """Return the periods that may be chosen. Rolling cycles have no common ones."""
    if look.desk.policy.duty.period is Period.ROLLING:
        return []
    found = []
    for months, back in PERIODS.items():
        span = span_of(look.today, months)
        for _ in range(back):
            found.append(span)
            span = span.previous
    return found


@dataclass(frozen=True, slots=True)
class TownDuty:
    """A town's tallies by level, and all levels together."""

    town: str
    levels: Sequence[Tally]
    total: Tally


def _tally(look: Look, wanted: DutyFilter) -> list[Tally]:
    where = DutyFilter(town=wanted.town, period=wanted.period)
    return counted(look, where, lambda: duty.tally(look.connection, look.scope, look.today, where))


def _by_town(found: Sequence[Tally]) -> list[TownDuty]:
    by_town: dict[str, list[Tally]] = defaultdict(list)
    for one in found:
        by_town[one.town].append(one)
    order = list(SeatLevel)
    return [
        TownDuty(town, sorted(mine, key=lambda one: order.index(one.level)), _sum(town, mine))
        for town, mine in sorted(by_town.items())
    ]


def _sum(town: str, found: Sequence[Tally]) -> Tally:
    counts = ("seats", "station_owed", "station_made", "grid_owed", "grid_made", "done", "excused", "overdue")
    return Tally(town, SeatLevel.TOWN, *(sum(getattr(one, name) for one in found) for name in counts))


def board(request: Request) -> Response:
    """Show the board."""
    with looking(request) as look:
        spans = {span.label: span for span in periods(look)}
        wanted = DutyFilter(
            town=asked(request, "town", [town for town, _ in towns_of(look)]),
            level=asked(request, "level", SeatLevel),
            status=asked(request, "status", STATUSES),
            period=spans.get(asked(request, "period")),
            search=asked(request, "q"),
        )
        page = duty.board(look.connection, look.scope, look.today, wanted, wanted_part(request))
        if wanted_format(request):
            return as_file(request, "duty", _columns(look), page.rows)
        tallies = _by_town(_tally(look, wanted))
        everybody = [tally for one in tallies for tally in one.levels]
        return look.page(
            "duty.html.j2",
            page=page,
            wanted=wanted,
            periods=[(label, full_period(label) if look.lang == "zh" else label) for label in spans],
            tallies=tallies[:MOST_TOWNS],
            total=_sum("", everybody) if everybody else None,
            with_tallies=look.viewer.role not in (Role.DEPUTY, Role.STATION),
            statuses=STATUSES,
            levels=list(SeatLevel),
            soon=look.soon,
        )


def _columns(look: Look) -> Columns[DutyLine]:
    t, house = look.t, look.house
    return [
        (t("席位", "Seat"), lambda row: row.seat),
        (t("代表", "Deputy"), lambda row: row.name),
        (t("级别", "Level"), lambda row: term("level", row.level, look.lang)),
        (t("镇街", "Town"), lambda row: office(row.town, house)),
        (t("联络站", "Station"), lambda row: office(row.station, house)),
        (t("网格", "Grid"), lambda row: office(row.grid, house)),
        (t("周期", "Period"), lambda row: row.period),
        (t("进站", "Station visited"), lambda row: _made(look, row, "station")),
        (t("入网格", "Grid visited"), lambda row: _made(look, row, "grid")),
        (t("期限", "Due"), lambda row: row.due),
        (t("状态", "Status"), lambda row: term("status", row.status, look.lang)),
    ]


def _made(look: Look, row: DutyLine, kind: str) -> str:
    if kind in row.arrivals:
        return look.t("已到", "yes")
    return look.t("未到", "no") if kind in row.owed else ""


def seat(request: Request) -> Response:
    """Show one seat: its periods, the deputy's visits and leaves."""
    with looking(request) as look:
        ident = request.path_params["seat"]
        card = duty.find_seat(look.connection, look.scope, ident)
        if card is None:
            raise not_there()
        seen = matters.MatterFilter(kind=MatterKind.VISIT, subject=ident)
        return look.page(
            "seat.html.j2",
            card=card,
            periods=matters.list_lines(
                look.connection, look.scope, look.today, seen, Slice(1, RECENT), newest_first=True
            ).rows,
            visits=duty.visits_of(look.connection, look.scope, look.now, card.seat.deputy, asked_page(request)),
            leaves=duty.leaves_of(look.connection, look.now, card.seat.deputy),
            in_words=full_period,
            may_record=look.viewer.role is not Role.MUNICIPAL,
            soon=look.soon,
        )
