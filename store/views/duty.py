"""Who has been to the station and to the grid, and who has not? The 631 board, one seat, its deputy's visits.

Rules: R3. Callers: web/pages/duty.py, the forms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, String, and_, case, func, or_, select, true, type_coerce

from rules.duties import Span
from rules.facts import Leave, Seat, SeatLevel, Visit, VisitForm, VisitKind, local_day
from rules.matters import MatterKind, Status
from store import facts
from store.schema import FACTS, matters
from store.scoping import Scope, matters_in, seats_in, seats_to_record, visits_in
from store.views.matters import standing, status_on
from store.views.paging import Page, Slice, like, read_page

seats, deputies, visits, leaves = (FACTS[name] for name in ("seats", "deputies", "visits", "leaves"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyFilter:
    """What is looked for on the board; without `period`: whatever runs today, and what is overdue."""

    town: str = ""
    level: str = ""
    status: str = ""
    period: Span | None = None
    search: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """How the seats of a town and level stand in their period."""

    town: str
    level: SeatLevel
    seats: int
    station_owed: int
    station_made: int
    grid_owed: int
    grid_made: int
    done: int
    excused: int
    overdue: int


@dataclass(frozen=True, slots=True)
class DutyLine:
    """One seat in one period."""

    matter: str
    seat: str
    deputy: str
    name: str
    level: SeatLevel
    town: str
    station: str | None
    grid: str | None
    period: str
    due: date
    status: Status
    owed: tuple[str, ...]
    arrivals: tuple[str, ...]


def _has(column: Any, kind: VisitKind) -> ColumnElement[bool]:
    return type_coerce(column, String).contains(kind)


def _runs(day: date) -> ColumnElement[bool]:
    """Return: a period that has begun, and whose last day has not passed."""
    return and_(matters.c.kind == MatterKind.VISIT, matters.c.due >= day, matters.c.opened <= day)


def _is_of(span: Span) -> ColumnElement[bool]:
    # The last day goes along because there is an index of due dates.
    return and_(matters.c.kind == MatterKind.VISIT, matters.c.due == span.last, matters.c.label == span.label)


def _is_overdue(day: date, span: Span | None = None) -> ColumnElement[bool]:
    """Return: a period is overdue; one that is asked for by name also if it ended before the system's use (R5.3)."""
    return and_(matters.c.kind == MatterKind.VISIT, standing(Status.OVERDUE, day, with_silent=span is not None))


def _is_wanted(wanted: DutyFilter, day: date) -> ColumnElement[bool]:
    if wanted.period:
        return _is_of(wanted.period)
    return _is_overdue(day) if wanted.status == Status.OVERDUE else or_(_runs(day), _is_overdue(day))


def _counted(condition: ColumnElement[bool]) -> Any:
    return func.sum(case((condition, 1), else_=0))


def tally(connection: Connection, scope: Scope, day: date, wanted: DutyFilter) -> list[Tally]:
    """Return how the seats of a town, or of all, stand by level: counts, which the municipality gets of all towns."""
    span = wanted.period
    within = matters.c.town == wanted.town if wanted.town else true()
    runs = and_(_is_of(span) if span else _runs(day), within)
    counts = (
        func.count(),
        _counted(_has(matters.c.owed, VisitKind.STATION)),
        _counted(_has(matters.c.arrivals, VisitKind.STATION)),
        _counted(_has(matters.c.owed, VisitKind.GRID)),
        _counted(_has(matters.c.arrivals, VisitKind.GRID)),
        _counted(matters.c.closed.in_([Status.MET, Status.LATE])),
        _counted(matters.c.closed == Status.EXCUSED),
    )
    late = and_(_is_overdue(day, span), runs if span else within)
    overdue = {(town, level): n for town, level, n in _by_town_and_level(connection, scope, late, func.count())}
    found = {(row[0], row[1]): row[2:] for row in _by_town_and_level(connection, scope, runs, *counts)}
    none = (0,) * len(counts)
    made: list[Tally] = []
    for town, level in sorted(found.keys() | overdue.keys()):
        cells: list[Any] = [*found.get((town, level), none), overdue.get((town, level), 0)]
        made.append(Tally(town, SeatLevel(level), *map(int, cells)))
    return made


def _by_town_and_level(
    connection: Connection, scope: Scope, wanted: ColumnElement[bool], *counts: Any
) -> Sequence[Any]:
    seen = true() if scope.climbed_only else matters_in(scope)
    query = select(matters.c.town, matters.c.ladder, *counts).where(wanted, seen)
    return connection.execute(query.group_by(matters.c.town, matters.c.ladder)).all()


BOARD: Final = (
    matters.c.id, matters.c.subject, seats.c.deputy, deputies.c.name, seats.c.level, matters.c.town, seats.c.station,
    seats.c.grid, matters.c.label, matters.c.due, matters.c.closed, matters.c.missed_from, matters.c.owed,
    matters.c.arrivals,
)  # fmt: skip


def board(connection: Connection, scope: Scope, day: date, wanted: DutyFilter, part: Slice) -> Page[DutyLine]:
    """Return the seats in their period, town by town."""
    conditions = [matters.c.kind == MatterKind.VISIT, _is_wanted(wanted, day), matters_in(scope)]
    order = [matters.c.subject, matters.c.due]
    if scope.deputy or scope.station:
        # Said once more of the seats, which are few here, and in their order: from them the matters are soon found.
        conditions.append(matters.c.subject.in_(select(seats.c.id).where(seats_in(scope)).correlate(None)))
    else:
        order.insert(0, matters.c.town)
    if wanted.town:
        conditions.append(matters.c.town == wanted.town)
    if wanted.level:
        conditions.append(matters.c.ladder == wanted.level)
    if wanted.status:
        conditions.append(standing(wanted.status, day, with_silent=wanted.period is not None))
    if wanted.search:
        pattern = like(wanted.search)
        conditions.append(or_(deputies.c.name.like(pattern, escape="\\"), seats.c.id == wanted.search))
    query = (
        select(*BOARD)
        .join(seats, seats.c.id == matters.c.subject)
        .join(deputies, deputies.c.id == seats.c.deputy)
        .where(*conditions)
        .order_by(*order)
    )

    def make(row: Any) -> DutyLine:
        status = status_on(row.closed, row.missed_from, row.due, day)
        cells: list[Any] = [*row[:4], SeatLevel(row.level), *row[5:10], status, row.owed, row.arrivals]
        return DutyLine(*cells)

    return read_page(connection, query, part, make)


# One seat ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeatCard:
    """A seat and who sits on it."""

    seat: Seat
    name: str


def find_seat(connection: Connection, scope: Scope, seat: str) -> SeatCard | None:
    """Return a seat, if it is there and somebody may see it."""
    query = select(deputies.c.name).join(seats, seats.c.deputy == deputies.c.id)
    name = connection.execute(query.where(seats.c.id == seat, seats_in(scope))).scalar()
    return SeatCard(facts.seats(connection, [seat])[0], name) if name is not None else None


def visits_of(connection: Connection, scope: Scope, now: datetime, deputy: str, part: Slice) -> Page[Visit]:
    """Return a deputy's visits known by now, the latest first."""
    query = (
        select(*(visits.c[f.name] for f in fields(Visit)))
        .where(visits.c.deputy == deputy, visits.c.recorded_at <= now, visits_in(scope))
        .order_by(visits.c.day.desc(), visits.c.id)
    )
    return read_page(connection, query, part, _visit)


def _visit(row: Any) -> Visit:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public way in, whatever its name says
    values["kind"] = VisitKind(values["kind"])
    values["form"] = VisitForm(values["form"]) if values["form"] else None
    return Visit(**values)


def register(connection: Connection, scope: Scope, now: datetime, since: date, part: Slice) -> Page[Visit]:
    """Return the visits since a day known by now, the latest first: the register of a station, a town, a deputy."""
    query = (
        select(*(visits.c[f.name] for f in fields(Visit)))
        .where(visits.c.day >= since, visits.c.day <= local_day(now), visits.c.recorded_at <= now, visits_in(scope))
        .order_by(visits.c.day.desc(), visits.c.id)
    )
    return read_page(connection, query, part, _visit)


def leaves_of(connection: Connection, now: datetime, deputy: str) -> list[Leave]:
    """Return a deputy's leaves known by now, the latest first; whose seat somebody may see, their leaves he may see."""
    query = select(*(leaves.c[f.name] for f in fields(Leave))).where(
        leaves.c.deputy == deputy, leaves.c.recorded_at <= now
    )
    return [Leave(**row) for row in connection.execute(query.order_by(leaves.c.begins.desc())).mappings()]


# Who may be chosen in a form ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """A deputy as a form offers him."""

    deputy: str
    name: str
    town: str
    station: str | None
    grid: str | None


CHOICE: Final = (deputies.c.id, deputies.c.name, seats.c.town, seats.c.station, seats.c.grid)


def choices(connection: Connection, scope: Scope, day: date, search: str, limit: int) -> list[Choice]:
    """Return some of the sitting deputies for whom somebody may record, by town and seat; a name holds `search`."""
    sitting = and_(seats.c.begins <= day, or_(seats.c.ends.is_(None), seats.c.ends >= day))
    query = (
        select(*CHOICE)
        .join(seats, seats.c.deputy == deputies.c.id)
        .where(sitting, seats_to_record(scope))
        .order_by(seats.c.town, seats.c.id)
    )
    if search:
        query = query.where(or_(deputies.c.name.like(like(search), escape="\\"), deputies.c.id == search))
    return [Choice(*row) for row in connection.execute(query.limit(limit))]


def find_deputies(connection: Connection, scope: Scope, text: str) -> Sequence[Choice]:
    """Return the seats for which somebody may record of the deputies with this id or name, which several may share."""
    query = (
        select(*CHOICE)
        .join(seats, seats.c.deputy == deputies.c.id)
        .where(or_(deputies.c.id == text, deputies.c.name == text), seats_to_record(scope))
        .order_by(deputies.c.id, seats.c.id)
    )
    return [Choice(*row) for row in connection.execute(query)]


def names_of(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Return the names of some deputies."""
    query = select(deputies.c.id, deputies.c.name).where(deputies.c.id.in_(ids))
    return dict(connection.execute(query).all()) if ids else {}


def is_recorded(connection: Connection, table: str, ident: str) -> bool:
    """Say whether a visit or a leave is on record."""
    return connection.execute(select(FACTS[table].c.id).where(FACTS[table].c.id == ident)).first() is not None


def is_visited(connection: Connection, deputy: str, day: date, place: str) -> bool:
    """Say whether a visit of a deputy to a place on a day is on record."""
    alike = (visits.c.place == place, visits.c.day == day, visits.c.deputy == deputy)
    return connection.execute(select(visits.c.id).where(*alike)).first() is not None
