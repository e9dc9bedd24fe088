"""How does the municipality stand this morning? Lights by town, what is due soon, overdue, sent, to be looked at."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from rules.matters import MatterKind, Status
from store import outbox
from store.accounts import Role
from store.views import matters, messages, work
from store.views.matters import Light, MatterFilter
from store.views.paging import Slice
from web.pages.counts import counted
from web.pages.frame import SUPERVISORS, Look, looking, towns_of
from web.rendering import redirect
from web.viewers import require_role, viewer_of

SHOWN: Final = 8
#: more towns than that are not shown at once: those with most overdue are
MOST_TOWNS: Final = 60
NEEDS_A_LOOK: Final = ("failed", "unknown", "undeliverable")
#: where Heshan's towns and streets lie, as row and column of a grid
PLACES: Final = {
    "440784103": "1 / 3", "440784112": "2 / 1", "440784101": "2 / 3", "440784001": "2 / 4", "440784108": "3 / 1",
    "440784105": "3 / 2", "440784104": "3 / 3", "440784102": "3 / 4", "440784107": "4 / 2", "440784106": "4 / 3",
}  # fmt: skip
RED: Final = "red"
AMBER: Final = "amber"
GREEN: Final = "green"


def routes() -> list[BaseRoute]:
    """Return the addresses."""
    return [Route("/", show, methods=["GET"])]


@dataclass(frozen=True, slots=True)
class TownLight:
    """A town as the map shows it."""

    id: str
    name: str
    place: str
    colour: str
    due_soon: int
    overdue: int
    by_kind: Mapping[MatterKind, int]


def colour_of(due_soon: int, overdue: int) -> str:
    """Return a town's light: red if anything is overdue, amber if anything is due soon."""
    return RED if overdue else AMBER if due_soon else GREEN


def show(request: Request) -> Response:
    """Show the overview; whoever works on cases of his own begins with his duty."""
    viewer = viewer_of(request)
    if viewer.role in (Role.STATION, Role.DEPUTY):
        return redirect("/duty")
    require_role(viewer, *SUPERVISORS)
    with looking(request) as look:
        return _show(look)


def _show(look: Look) -> Response:
    connection, scope, today, soon = look.connection, look.scope, look.today, look.soon
    lights = counted(look, "live", lambda: matters.count_live(connection, scope, today, soon))
    by_rank = counted(look, "overdue", lambda: matters.count_overdue(connection, scope, today))
    sent = messages.count_of_day(connection, scope, today)
    upcoming = MatterFilter(status=Status.OPEN, soon=soon)
    overdue = MatterFilter(status=Status.OVERDUE)
    is_operator = look.viewer.role is Role.OPERATOR
    towns = _towns(look, lights)
    if len(towns) > MOST_TOWNS:
        towns.sort(key=lambda town: (-town.overdue, -town.due_soon, town.id))
    return look.page(
        "overview.html.j2",
        soon=soon,
        lights=towns[:MOST_TOWNS],
        left_out=len(towns[MOST_TOWNS:]),
        is_heshan=all(town.id in PLACES for town in towns),
        due_soon=sum(light.due_soon for light in lights),
        overdue=sum(light.overdue for light in lights),
        kinds=_kinds(lights),
        ranks=sorted({rank for _, rank in by_rank}),
        by_rank=by_rank,
        sent=_sent(sent),
        sent_states=Counter({state: sum(n for (_, s), n in sent.items() if s == state) for _, state in sent}),
        upcoming=matters.list_lines(connection, scope, today, upcoming, Slice(1, SHOWN)).rows,
        latest=matters.list_lines(connection, scope, today, overdue, Slice(1, SHOWN)).rows,
        unsent=messages.count_in(connection, NEEDS_A_LOOK) if is_operator else {},
        to_look_at=work.count_findings(connection) if is_operator else {},
        held=outbox.held_because(connection),
        soon_days=look.desk.policy.soon_days,
    )


def _town_offices(look: Look) -> list[TownLight]:
    mine = {town for town, _ in towns_of(look)}
    towns = [o for o in look.house.offices.values() if o.id in mine]
    return [TownLight(o.id, o.name, PLACES.get(o.id, ""), GREEN, 0, 0, {}) for o in towns]


def _towns(look: Look, lights: Sequence[Light]) -> list[TownLight]:
    overdue: dict[str, dict[MatterKind, int]] = defaultdict(dict)
    due_soon: Counter[str] = Counter()
    for light in lights:
        due_soon[light.town] += light.due_soon
        if light.overdue:
            overdue[light.town][light.kind] = light.overdue
    found = []
    for town in _town_offices(look):
        late = sum(overdue[town.id].values())
        colour = colour_of(due_soon[town.id], late)
        found.append(TownLight(town.id, town.name, town.place, colour, due_soon[town.id], late, overdue[town.id]))
    return found


def _kinds(lights: Sequence[Light]) -> dict[MatterKind, tuple[int, int]]:
    """Return due soon and overdue by kind."""
    found = dict.fromkeys(MatterKind, (0, 0))
    for light in lights:
        soon, late = found[light.kind]
        found[light.kind] = (soon + light.due_soon, late + light.overdue)
    return found


def _sent(counts: Mapping[tuple[str, str], int]) -> Counter[str]:
    """Return how many messages have left, by channel."""
    found: Counter[str] = Counter()
    for (channel, state), count in counts.items():
        if state in ("accepted", "delivered"):
            found[channel] += count
    return found
