"""Which matters are due soon or overdue, where, and how far have they climbed?

Counts are of everything that is open, so they read narrow indexes of what is open, never the table. The
municipality gets counts of all towns, but only the single matters that climbed (Scope.climbed_only).
Callers: web/pages.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Integer, and_, case, cast, func, or_, select, true

from rules.matters import MatterKind, Status
from store.schema import matters, rungs
from store.scoping import Scope, matters_in, matters_open_to
from store.views.paging import Page, Slice, like, read_page

#: rank of what has been done about an overdue matter: nothing yet, told, climbed n offices
UNTOLD: Final = -1
TOLD: Final = 0


@dataclass(frozen=True, slots=True)
class MatterLine:
    """A matter as a list shows it."""

    id: str
    kind: MatterKind
    subject: str
    town: str
    responsible: str
    ladder: str
    stage: str
    opened: date
    due: date
    closed: Status | None
    settled: date | None
    missed_from: date | None
    label: str
    rank: int

    def status_on(self, day: date) -> Status:
        """Return how the matter stands on `day`."""
        return status_on(self.closed, self.missed_from, self.due, day)


def status_on(closed: str | None, missed_from: date | None, due: date, day: date) -> Status:
    """Return how a matter stands on `day`: the same as Matter.status_on."""
    if closed is not None:
        return Status(closed)
    if missed_from is not None and missed_from <= day:
        return Status.MISSED
    return Status.OVERDUE if due < day else Status.OPEN


def live(day: date, *, with_silent: bool = False) -> ColumnElement[bool]:
    """Return: open or overdue on `day`, and told of; `with_silent`: or from before the system's use (R5.3)."""
    told = [] if with_silent else [matters.c.silent.is_(False)]
    not_missed = or_(matters.c.missed_from.is_(None), matters.c.missed_from > day)
    return and_(matters.c.closed.is_(None), *told, not_missed)


def standing(status: str, day: date, *, with_silent: bool = False) -> ColumnElement[bool]:
    """Return: stands so on `day`. As conditions on columns, not as a CASE, so that an index serves them."""
    match status:
        case Status.OPEN:
            return and_(live(day, with_silent=with_silent), matters.c.due >= day)
        case Status.OVERDUE:
            return and_(live(day, with_silent=with_silent), matters.c.due < day)
        case Status.MISSED:
            return and_(matters.c.closed.is_(None), matters.c.missed_from <= day)
        case _:
            return matters.c.closed == status


def rank_of(matter: Any = matters) -> Any:
    """Return how far a matter has climbed under its due date, as SQL."""
    number = case(
        (rungs.c.rung.startswith("climb-"), cast(func.substr(rungs.c.rung, len("climb-") + 1), Integer)),
        (rungs.c.rung == "overdue", TOLD),
        else_=UNTOLD,
    )
    highest = select(func.max(number)).where(rungs.c.matter == matter.c.id, rungs.c.due == matter.c.due)
    return func.coalesce(highest.scalar_subquery(), UNTOLD)


def _counted_in(scope: Scope) -> ColumnElement[bool]:
    """Return which matters are in somebody's counts: the municipality's are of all towns."""
    return true() if scope.climbed_only else matters_in(scope)


@dataclass(frozen=True, slots=True)
class Light:
    """How a town, or all towns, stand in one kind of matter."""

    town: str
    kind: MatterKind
    due_soon: int
    overdue: int


def count_live(connection: Connection, scope: Scope, day: date, soon: date) -> list[Light]:
    """Return what is due up to `soon` and what is overdue, by town and kind."""
    overdue = func.sum(case((matters.c.due < day, 1), else_=0))
    query = (
        select(matters.c.town, matters.c.kind, func.count(), overdue)
        .where(live(day), matters.c.due <= soon, _counted_in(scope))
        .group_by(matters.c.town, matters.c.kind)
    )
    found = connection.execute(query)
    return [Light(town, MatterKind(kind), int(all_ - late), int(late)) for town, kind, all_, late in found]


def count_overdue(connection: Connection, scope: Scope, day: date) -> Mapping[tuple[MatterKind, int], int]:
    """Return how many matters are overdue, by kind and how far they have climbed."""
    rank = rank_of().label("rank")
    late = select(matters.c.kind, rank).where(standing(Status.OVERDUE, day), _counted_in(scope)).subquery()
    query = select(late.c.kind, late.c.rank, func.count()).group_by(late.c.kind, late.c.rank)
    return {(MatterKind(kind), rank): count for kind, rank, count in connection.execute(query)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MatterFilter:
    """What is looked for among the matters."""

    kind: str = ""
    town: str = ""
    status: str = ""
    rank: int | None = None
    soon: date | None = None  #: due up to then
    subject: str = ""
    search: str = ""
    with_silent: bool = False  #: also those from before the system's use


COLUMNS: Final = tuple(matters.c[f.name] for f in fields(MatterLine) if f.name != "rank")


def list_lines(
    connection: Connection,
    scope: Scope,
    day: date,
    wanted: MatterFilter,
    part: Slice,
    *,
    newest_first: bool = False,
) -> Page[MatterLine]:
    """Return matters, the earliest due date first. Those from before the system's use are listed with their subject."""
    due = matters.c.due.desc() if newest_first else matters.c.due
    query = select(*COLUMNS, rank_of().label("rank")).where(matters_open_to(scope), *_conditions(wanted, day))
    return read_page(connection, query.order_by(due, matters.c.id), part, line)


def _conditions(wanted: MatterFilter, day: date) -> Iterator[ColumnElement[bool]]:
    if wanted.subject:
        yield matters.c.subject == wanted.subject
    elif not wanted.with_silent:
        yield matters.c.silent.is_(False)
    if wanted.kind:
        yield (matters.c.kind == wanted.kind)
    if wanted.town:
        yield (matters.c.town == wanted.town)
    if wanted.status:
        yield standing(wanted.status, day, with_silent=wanted.with_silent)
    if wanted.soon:
        yield (matters.c.due <= wanted.soon)
    if wanted.search:
        pattern = like(wanted.search)
        yield (or_(matters.c.id.like(pattern, escape="\\"), matters.c.label.like(pattern, escape="\\")))
    if wanted.rank is not None:
        yield (rank_of() == wanted.rank)


def line(row: Any) -> MatterLine:
    """Return a row of COLUMNS and the rank as a line."""
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public way in, whatever its name says
    values["kind"] = MatterKind(values["kind"])
    values["closed"] = Status(values["closed"]) if values["closed"] else None
    return MatterLine(**values)


def may_see(connection: Connection, scope: Scope, matter: str) -> bool:
    """Say whether a matter is there and somebody may see it."""
    query = select(matters.c.id).where(matters.c.id == matter, matters_open_to(scope))
    return connection.execute(query).first() is not None
