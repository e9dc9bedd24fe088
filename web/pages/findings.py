"""What must somebody look at? Gaps in coverage, what could not be delivered, what nobody knows the outcome of.

Coverage is reckoned live from the organisation (R6), once a minute at most: it reads every seat.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from rules.coverage import Finding, Gap, coverage
from store import audit
from store.accounts import Role
from store.views import work
from templates.console_texts import term
from templates.gaps import gap_in_words
from web.pages.exports import MOST_ROWS, Columns, as_file, wanted_format
from web.pages.frame import SUPERVISORS, Look, asked, asked_page, look_at, looking, office, path_number, towns_of
from web.rendering import Flash, redirect
from web.viewers import require_role, viewer_of

KEEPS: Final = timedelta(minutes=1)
SHOWN: Final = 100


def routes() -> list[BaseRoute]:
    """Return the addresses."""
    return [
        Route("/findings", index, methods=["GET"]),
        Route("/findings/{finding:int}/done", done, methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class Covered:
    """The gaps as they were at an instant."""

    at: datetime
    found: Sequence[Finding]


class Coverage:
    """The gaps of the whole municipality, reckoned once a minute at most, or when the organisation changed."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = Lock()
        self._house: object = None
        self._last: Covered | None = None

    def of(self, look: Look) -> Covered:
        """Return the gaps."""
        with self._lock:
            last = self._last
            is_old = last is None or self._house is not look.house or not last.at <= look.now < last.at + KEEPS
            if last is None or is_old:
                seats = work.all_seats(look.connection)
                last = self._last = Covered(look.now, coverage(look.house, seats, look.today))
                self._house = look.house
            return last


_coverage: Final = Coverage()


def gaps(look: Look) -> Covered:
    """Return the gaps that the viewer is shown: a town's own; operators and the municipality all."""
    covered = _coverage.of(look)
    scope = look.scope
    sees_all = scope.everything or scope.climbed_only
    return Covered(covered.at, [gap for gap in covered.found if sees_all or gap.town in scope.towns])


def index(request: Request) -> Response:
    """Show the work list."""
    with looking(request, *SUPERVISORS) as look:
        covered = gaps(look)
        wanted = asked(request, "gap", Gap)
        town = asked(request, "town", [town for town, _ in towns_of(look)])
        found = [f for f in covered.found if (not wanted or f.gap == wanted) and (not town or f.town == town)]
        if wanted_format(request):
            return as_file(request, "coverage", _columns(look), found[:MOST_ROWS])
        is_operator = look.viewer.role is Role.OPERATOR
        closed = asked(request, "closed", ["yes"]) == "yes"
        return look.page(
            "findings.html.j2",
            covered=covered,
            found=[(gap, gap_in_words(gap, look.house)) for gap in found[:SHOWN]],
            left_out=max(len(found) - SHOWN, 0),
            counts=Counter(gap.gap for gap in covered.found),
            gaps=list(Gap),
            is_operator=is_operator,
            closed=closed,
            work=work.list_findings(look.connection, asked_page(request), kind=asked(request, "kind"), closed=closed)
            if is_operator
            else None,
            kinds=sorted(work.count_findings(look.connection)) if is_operator else [],
        )


def _columns(look: Look) -> Columns[Finding]:
    t, house = look.t, look.house
    return [
        (t("缺口", "Gap"), lambda row: term("gap", row.gap, look.lang)),
        (t("镇街", "Town"), lambda row: office(row.town, house)),
        (t("对象", "Subject"), lambda row: row.subject),
        (t("说明", "In words"), lambda row: gap_in_words(row, house)),
    ]


def done(request: Request) -> Response:
    """Note that a finding has been dealt with."""
    viewer, ident = viewer_of(request), path_number(request, "finding")
    require_role(viewer, Role.OPERATOR)
    with request.app.state.services.engine.begin() as connection:
        look = look_at(request, viewer, connection)
        is_closed = work.close_finding(connection, ident, viewer.actor, look.now)
        if is_closed:
            audit.append(connection, at=look.now, actor=viewer.actor, action="finding-done", subject=f"finding:{ident}")
    said = (
        ("已处理", "Dealt with")
        if is_closed
        else ("这一项已经处理过，或不存在", "It has been dealt with, or is not there")
    )
    return redirect("/findings", Flash("done" if is_closed else "wrong", look.t(*said)))
