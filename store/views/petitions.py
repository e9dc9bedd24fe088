"""Which residents' opinions are there, where does each stand, and what does one say?

A confidential opinion gives its number alone to whoever it is not open to (R5.10): its words are left out where the
query is made. The petitioner's name and number come by one statement of their own, for a look that is audited.
How an opinion stands, its level too, is as the last step has reckoned it: the register has what it was at first.
Callers: web/pages/petitions.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, not_, or_, select, true

from rules.facts import PetitionEventKind, PetitionLevel, local_day
from rules.matters import MatterKind, Status
from rules.petitions import Stage
from store.schema import FACTS, matters
from store.scoping import Scope, has_step, petition_is_municipal, petitions_in, petitions_open_to, steps
from store.views.matters import live, rank_of, standing, status_on
from store.views.paging import Page, Slice, like, read_page

petitions, deputies, events = FACTS["petitions"], FACTS["deputies"], FACTS["petition_events"]

#: how an opinion stands of which no stage is open
UNRECKONED: Final = "unreckoned"  #: it is new: the next step opens its first stage
WITHDRAWN: Final = "withdrawn"
CLOSED: Final = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PetitionFilter:
    """What is looked for among the opinions; `status`: open, overdue or closed, the withdrawn among these."""

    search: str = ""
    town: str = ""
    level: str = ""
    stage: str = ""
    status: str = ""
    deputy: str = ""


@dataclass(frozen=True, slots=True)
class PetitionLine:
    """An opinion as a list shows it; where it is not open nothing but its number is given."""

    id: str
    is_open: bool = False
    town: str = ""
    deputy: str | None = None
    deputy_name: str | None = None
    level: PetitionLevel | None = None  #: the present one
    confidential: bool = True
    recorded_at: datetime | None = None
    title: str = ""
    stage: str = ""  #: empty: none is open
    responsible: str | None = None
    due: date | None = None
    status: str = ""  #: open, overdue, closed, withdrawn or unreckoned
    rank: int | None = None


def _is_open_stage() -> ColumnElement[bool]:
    return and_(matters.c.kind == MatterKind.PETITION, matters.c.subject == petitions.c.id, matters.c.closed.is_(None))


def _ended(now: datetime) -> ColumnElement[str]:
    """Return how an opinion stands of which no stage is open."""
    withdrawal = (events.c.petition == petitions.c.id, events.c.event == PetitionEventKind.WITHDRAWN)
    is_withdrawn = exists().where(*withdrawal, events.c.at <= now)
    return case((not_(_is_reckoned()), UNRECKONED), (is_withdrawn, WITHDRAWN), else_=CLOSED)


def _is_reckoned() -> ColumnElement[bool]:
    """Return: the opinion has matters."""
    return has_step(true())


def _is_closed() -> ColumnElement[bool]:
    return and_(matters.c.id.is_(None), _is_reckoned())


def _level() -> ColumnElement[str]:
    """Return the present level. What was the deputy's own at first has been raised if it came to be assigned (R4.2)."""
    is_own = and_(petitions.c.level == PetitionLevel.SELF, not_(has_step(steps.c.stage == Stage.ASSIGN)))
    own, town, municipal = (level.value for level in PetitionLevel)
    return case((petition_is_municipal(), municipal), (is_own, own), else_=town)


def _title(scope: Scope) -> Any:
    return case((petitions_open_to(scope), petitions.c.title), else_=None)


def list_petitions(
    connection: Connection, scope: Scope, now: datetime, wanted: PetitionFilter, part: Slice
) -> Page[PetitionLine]:
    """Return the opinions that are known by now and that somebody may know of, the last registered first."""
    day = local_day(now)
    query = (
        select(
            petitions.c.id,
            petitions.c.town,
            petitions.c.deputy,
            deputies.c.name,
            _level(),
            petitions.c.confidential,
            petitions.c.recorded_at,
            _title(scope),
            matters.c.stage,
            matters.c.responsible,
            matters.c.due,
            matters.c.missed_from,
            case((matters.c.id.is_not(None), rank_of()), else_=None),
            case((matters.c.id.is_(None), _ended(now)), else_=None),
        )
        .outerjoin(matters, _is_open_stage())
        .outerjoin(deputies, deputies.c.id == petitions.c.deputy)
        .where(petitions.c.recorded_at <= now, petitions_in(scope), *_conditions(scope, day, wanted))
        .order_by(petitions.c.recorded_at.desc(), petitions.c.id.desc())
    )

    def make(row: Any) -> PetitionLine:
        if row[7] is None:
            return PetitionLine(row[0])
        status = row[13] or status_on(None, row[11], row[10], day)
        cells: list[Any] = [*row[1:4], PetitionLevel(row[4]), *row[5:8], row[8] or "", *row[9:11], status, row[12]]
        return PetitionLine(row[0], True, *cells)  # noqa: FBT003 - a row's cells in their order

    return read_page(connection, query, part, make)


def _conditions(scope: Scope, day: date, wanted: PetitionFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.search:
        pattern = like(wanted.search)
        words = and_(petitions.c.title.like(pattern, escape="\\"), petitions_open_to(scope))
        found.append(or_(petitions.c.id.like(pattern, escape="\\"), words))
    chosen = [*_of_the_opinion(wanted), *_of_its_stage(wanted, day)]
    # What is not shown of a confidential one cannot be asked for either.
    return [*found, *chosen, petitions_open_to(scope)] if chosen else found


def _of_the_opinion(wanted: PetitionFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.town:
        yield petitions.c.town == wanted.town
    if wanted.deputy:
        yield petitions.c.deputy == wanted.deputy
    if wanted.level:
        yield _level() == wanted.level


def _of_its_stage(wanted: PetitionFilter, day: date) -> Iterator[ColumnElement[bool]]:
    if wanted.stage == Stage.CLOSED:
        yield _is_closed()
    elif wanted.stage:
        of_stage = matters.c.stage == wanted.stage
        yield from (of_stage, _is_among(and_(matters.c.closed.is_(None), of_stage)))
    match wanted.status:
        case "closed":
            yield _is_closed()
        case "open":
            is_new = not_(_is_reckoned())
            yield from (or_(live(day), is_new), or_(_is_among(live(day)), is_new))
        case "overdue":
            yield from (standing(Status.OVERDUE, day), _is_among(standing(Status.OVERDUE, day)))


def _is_among(standing_so: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return: has a matter that stands so. Those are few: from them their opinions are soon found."""
    few = select(matters.c.subject).where(matters.c.kind == MatterKind.PETITION, standing_so)
    return petitions.c.id.in_(few.correlate(None))


@dataclass(frozen=True, slots=True)
class Admittance:
    """Whether somebody may know of an opinion, and whether he may read it."""

    is_open: bool


def admit(connection: Connection, scope: Scope, petition: str) -> Admittance | None:
    """Say what somebody may see of an opinion; None: it is not there, or not for him to know of."""
    query = select(case((petitions_open_to(scope), 1), else_=0)).where(petitions.c.id == petition, petitions_in(scope))
    found = connection.execute(query).scalar()
    return None if found is None else Admittance(bool(found))


def next_number(connection: Connection, year: int) -> str:
    """Return the register number after the year's last, in the series `GH2026-0001`."""
    series = f"GH{year}-"
    length = func.length(petitions.c.id)
    in_series = and_(petitions.c.id > series, petitions.c.id < f"{series}:")
    query = select(petitions.c.id).where(in_series).order_by(length.desc(), petitions.c.id.desc())
    for last in connection.execute(query.limit(50)).scalars():
        number = str(last).removeprefix(series)
        if number.isascii() and number.isdecimal():
            return f"{series}{int(number) + 1:04d}"
    return f"{series}0001"
