"""How do the matters stand, which is due for a rung, and which subject must be reckoned anew?

An open matter's next look stands in an index, so that a round costs what is due in it, at any size: in the matter's own
row when its facts have changed, and with the rung once one has fired since. Looks up to the last round are done with;
one too many finds nothing to fire. Callers: actors/.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Date,
    Row,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    tuple_,
    union,
    union_all,
)

from rules.derivations import Measure, Reckoning
from rules.digests import Counts
from rules.facts import VisitKind
from rules.making import made_fast
from rules.matters import LIVE, Cause, Hold, Matter, MatterKind, Status, Subject, SubjectKind, subject_of
from store import filling
from store.facts import MATTERS_OF
from store.lots import Writer, Written, fill_lot, update_lot, upsert_lot
from store.many import is_one_of
from store.schema import matters, rungs, stale, subjects
from store.types import UtcDateTime
from store.upserts import upsert

BATCH: Final = 1000
PLAIN: Final = tuple(f.name for f in fields(Matter) if f.name not in ("reckoned", "holds"))
RECKONED: Final = ("measure", "start", "count", "leave")
NAMES: Final = (*PLAIN, *RECKONED, "holds")
COLUMNS: Final = tuple(matters.c[name] for name in NAMES)


class Stale(NamedTuple):
    """A mark that somebody changed a fact."""

    kind: str
    id: str


FIRST: Final = Stale("", "")  #: before all marks
HOUSE: Final = "house"  #: the mark of the organisation


@made_fast
@dataclass(frozen=True, slots=True)
class SubjectRow:
    """How far a subject has been reckoned, and when it must be looked at again."""

    kind: SubjectKind
    id: str
    town: str
    reckoned_to: datetime
    next_reckon_at: datetime | None


SUBJECT_NAMES: Final = tuple(f.name for f in fields(SubjectRow))


# Subjects ----------------------------------------------------------------------------------


_SOME_STALE: Final = (
    select(stale.c.kind, stale.c.id)
    .where(tuple_(stale.c.kind, stale.c.id) > tuple_(bindparam("kind"), bindparam("id")), stale.c.kind != HOUSE)
    .order_by(stale.c.kind, stale.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("some")
)
_TAKE_STALE: Final = (
    delete(stale)
    .where(tuple_(stale.c.kind, stale.c.id).in_(select(_SOME_STALE.c.kind, _SOME_STALE.c.id)))
    .returning(stale.c.kind, stale.c.id)
)
_SOME_HOUSE: Final = (
    select(stale.c.kind).where(stale.c.kind == HOUSE).with_for_update(skip_locked=True).cte("some_house")
)
_TAKE_HOUSE: Final = delete(stale).where(stale.c.kind.in_(select(_SOME_HOUSE.c.kind))).returning(stale.c.kind)
_STALE: Final = select(stale.c.kind, stale.c.id).where(is_one_of(stale.c.id, "ids"))
_LAGGING: Final = select(subjects.c.kind, subjects.c.id).where(
    subjects.c.next_reckon_at <= bindparam("known_by"), is_one_of(subjects.c.id, "ids")
)
_MOVING: Final = union_all(_STALE, _LAGGING)


def take_stale(connection: Connection, limit: int, after: Stale = FIRST) -> list[Stale]:
    """Remove some of the marks behind `after`, but that of the organisation, and return them in their order.

    Whoever changes such a fact meanwhile waits for this transaction, and then marks it again. A mark that another
    transaction is just setting is left for later.
    """
    # From the start each time, PostgreSQL would pass over all that this transaction has removed.
    values = {"kind": after.kind, "id": after.id, "most": limit}
    return sorted(Stale(*row) for row in connection.execute(_TAKE_STALE, values))


def take_house(connection: Connection) -> bool:
    """Remove the mark of the organisation, by which everything must be reckoned anew; False if there is none."""
    return connection.execute(_TAKE_HOUSE).first() is not None


def count_marks(connection: Connection) -> int:
    """Return how many marks there are of what has changed and is not reckoned yet."""
    return connection.scalar(select(func.count()).select_from(stale)) or 0


def mark_all_stale(connection: Connection) -> None:
    """Have every subject reckoned anew."""
    upsert(connection, stale, [{"kind": HOUSE, "id": "", "mark": 1}])


def stale_among(connection: Connection, wanted: Mapping[str, str], known_by: datetime | None = None) -> set[str]:
    """Return those of some matters (id → responsible) about which a fact is on record that has not been reckoned yet.

    `known_by`: a step that lags behind has seen the facts of its own instant only; those known by then count too.
    """
    marks = {ident: _marks_of(ident, responsible) for ident, responsible in wanted.items()}
    ids = sorted({ident for of in marks.values() for _, ident in of} | {""})
    query, values = (_STALE, {"ids": ids}) if known_by is None else (_MOVING, {"ids": ids, "known_by": known_by})
    found = {(kind, ident) for kind, ident in connection.execute(query, values)}
    return {ident for ident, of in marks.items() if (HOUSE, "") in found or not found.isdisjoint(of)}


def _marks_of(matter: str, responsible: str) -> list[tuple[str, str]]:
    subject = subject_of(matter)
    marks = [(str(subject.kind), subject.id), ("matter", matter)]
    who, _, ident = responsible.partition(":")
    return [*marks, ("deputy", ident)] if subject.kind is SubjectKind.SEAT and who == "deputy" else marks


_SUBJECTS_DUE: Final = select(subjects.c.kind, subjects.c.id).where(subjects.c.next_reckon_at <= bindparam("at"))
_SUBJECTS: Final = select(subjects).where(subjects.c.kind == bindparam("kind"), is_one_of(subjects.c.id, "ids"))


def subjects_due(connection: Connection, at: datetime, size: int) -> Iterator[list[Subject]]:
    """Yield the subjects that time or a fact on record brings up by `at`, so many at a time.

    They are those of this instant, whatever is done with them meanwhile. One question for all of them: asked again for
    each lot, PostgreSQL would pass over all that this transaction has dealt with.
    """
    for lot in connection.execute(_SUBJECTS_DUE, {"at": at}, execution_options={"yield_per": size}).partitions():
        yield [Subject(SubjectKind(kind), ident) for kind, ident in lot]


def subject_rows(connection: Connection, wanted: Iterable[Subject]) -> dict[Subject, SubjectRow]:
    """Return how far the subjects have been reckoned; one that never was is not among them."""
    found = {}
    for kind, ids in _by_kind(wanted).items():
        for some in _slices(ids):
            for row in connection.execute(_SUBJECTS, {"kind": kind, "ids": some}).all():
                known = SubjectRow(kind, row.id, row.town, row.reckoned_to, row.next_reckon_at)
                found[Subject(kind, row.id)] = known
    return found


def is_empty(connection: Connection) -> bool:
    """Say whether nothing was reckoned yet."""
    return all(filling.is_empty(connection, table) for table in (subjects, matters))


def save_subjects(writer: Writer, rows: Iterable[SubjectRow]) -> None:
    """Note how far subjects have been reckoned."""
    upsert_lot(writer, subjects, _subject_columns(rows))


def _subject_columns(rows: Iterable[SubjectRow]) -> dict[str, list[Any]]:
    known = list(rows)
    return {name: _each(known, name) for name in SUBJECT_NAMES}


def _each(rows: Sequence[Any], name: str) -> list[Any]:
    return list(map(attrgetter(name), rows))


_DROP_SUBJECT: Final = delete(subjects).where(subjects.c.kind == bindparam("kind"), subjects.c.id == bindparam("of"))


def drop_subjects(connection: Connection, gone: Iterable[Subject]) -> None:
    """Forget subjects that are no longer on record."""
    for subject in gone:
        connection.execute(_DROP_SUBJECT, {"kind": subject.kind, "of": subject.id})


def _by_kind(wanted: Iterable[Subject]) -> dict[SubjectKind, list[str]]:
    ids: dict[SubjectKind, list[str]] = defaultdict(list)
    for subject in wanted:
        ids[subject.kind].append(subject.id)
    return ids


def _slices(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))


# Matters -----------------------------------------------------------------------------------


def matter_of(row: Sequence[Any]) -> Matter:
    """Make a matter of a row that begins with the columns COLUMNS."""
    # Cell by cell: a dictionary between them takes half as long again, and a round reads a million matters.
    ident, kind, subject, town, responsible, ladder, stage, cause, opened, due, *rest = row[: len(COLUMNS)]
    began, closed, settled, missed_from, silent, owed, arrivals, slips, label, *how, holds = rest
    return Matter(
        id=ident,
        kind=_kind_of(kind),
        subject=subject,
        town=town,
        responsible=responsible,
        ladder=ladder,
        stage=stage,
        cause=_cause_of(cause),
        opened=opened,
        due=due,
        reckoned=_reckoning_of(*how),
        began=began,
        closed=Status(closed) if closed else None,
        settled=settled,
        missed_from=missed_from,
        silent=silent,
        owed=_visit_kinds_of(owed),
        arrivals=_visit_kinds_of(arrivals),
        slips=slips,
        holds=tuple(map(_hold_of, holds)) if holds else (),
        label=label,
    )


def _hold_of(cells: Sequence[str]) -> Hold:
    office, due, until = cells
    return Hold(office, date.fromisoformat(due), date.fromisoformat(until))


# What was found once is not looked for again: there are few.
_kind_of = lru_cache(MatterKind)
_cause_of = lru_cache(Cause)


@lru_cache(4096)
def _reckoning_of(measure: str, start: date, count: int, leave: int) -> Reckoning:
    return Reckoning(Measure(measure), start, count, leave)


@lru_cache
def _visit_kinds_of(words: tuple[str, ...]) -> tuple[VisitKind, ...]:
    return tuple(map(VisitKind, words))


def ids_of(rows: Iterable[Sequence[Any]]) -> list[str]:
    """Return the ids of the matters in such rows."""
    return [row[0] for row in rows]


def save_matters(writer: Writer, changed: Iterable[tuple[Matter, datetime | None]]) -> None:
    """Put matters, with the instant of their next rung, in place of what was known."""
    upsert_lot(writer, matters, _matter_columns(changed))


def fill(written: Written, found: Iterable[tuple[Matter, datetime | None]], of: Iterable[SubjectRow]) -> None:
    """Note matters and subjects where none of either was, without a look at what is known."""
    fill_lot(written, matters, _matter_columns(found))
    fill_lot(written, subjects, _subject_columns(of))


def _matter_columns(found: Iterable[tuple[Matter, datetime | None]]) -> dict[str, list[Any]]:
    looks = list(found)
    each = [matter for matter, _ in looks]
    how = [matter.reckoned for matter in each]
    return {
        **{name: _each(each, name) for name in PLAIN},
        **{name: _each(how, name) for name in RECKONED},
        "holds": [[[hold.office, hold.due.isoformat(), hold.until.isoformat()] for hold in m.holds] for m in each],
        "next_rung_at": [at for _, at in looks],
    }


_DROP_MATTERS: Final = delete(matters).where(is_one_of(matters.c.id, "ids"))
_MATTERS_OF: Final = select(*COLUMNS).where(is_one_of(matters.c.kind, "kinds"), is_one_of(matters.c.subject, "ids"))
_MATTERS_BY_ID: Final = select(*COLUMNS).where(is_one_of(matters.c.id, "ids"))
_LIVE: Final = (
    select(*COLUMNS)
    .where(matters.c.closed.is_(None), matters.c.id > bindparam("after"))
    .order_by(matters.c.id)
    .limit(bindparam("most"))
)
_HELD_TO: Final = bindparam("since", type_=UtcDateTime())
#: where it stands which matter is looked at next, and when
_LOOKS: Final = (
    (matters.c.id, matters.c.next_rung_at),
    (rungs.c.matter, rungs.c.next_at),
)
# By id: neighbours stand together in the indexes of what is written about them.
_DUE: Final = union(
    *(select(of.label("id")).where(at > _HELD_TO, at <= bindparam("at")) for of, at in _LOOKS)
).order_by("id")
_OPEN_BY_ID: Final = _MATTERS_BY_ID.where(matters.c.closed.is_(None)).order_by(matters.c.id)
_LOOKS_AT: Final = union(*(select(of, at).where(at > _HELD_TO, is_one_of(of, "ids")) for of, at in _LOOKS))


def drop_matters(connection: Connection, ids: Sequence[str]) -> None:
    """Forget matters that were reckoned away."""
    for some in _slices(ids):
        connection.execute(_DROP_MATTERS, {"ids": some})


def matters_of(connection: Connection, wanted: Iterable[Subject]) -> dict[Subject, dict[str, Matter]]:
    """Return the matters of some subjects, by subject and id."""
    found: dict[Subject, dict[str, Matter]] = defaultdict(dict)
    for kind, ids in _by_kind(wanted).items():
        for some in _slices(ids):
            for row in connection.execute(_MATTERS_OF, {"kinds": MATTERS_OF[kind], "ids": some}).all():
                matter = matter_of(row)
                found[Subject(kind, matter.subject)][matter.id] = matter
    return found


def matters_by_id(connection: Connection, ids: Sequence[str]) -> dict[str, Matter]:
    """Return the matters with these ids, as far as there are any."""
    rows = (row for some in _slices(ids) for row in connection.execute(_MATTERS_BY_ID, {"ids": some}).all())
    return {matter.id: matter for matter in map(matter_of, rows)}


def matters_due(connection: Connection, since: datetime, at: datetime, size: int) -> Iterator[Sequence[Row[Any]]]:
    """Yield the matters to be looked at after `since`, the last round, and by `at`, so many at a time.

    Which they are is one question, as for the subjects. They are rows: `matter_of` makes matters of them and asks no
    connection.
    """
    values, options = {"since": since, "at": at}, {"yield_per": size}
    for lot in connection.execute(_DUE, values, execution_options=options).scalars().partitions():
        yield connection.execute(_OPEN_BY_ID, {"ids": lot}).all()


def live_matters(connection: Connection, size: int) -> Iterator[list[Matter]]:
    """Yield all matters that are not closed, in lots of `size`."""
    after = ""
    while True:
        lot = [matter_of(row) for row in connection.execute(_LIVE, {"after": after, "most": size}).all()]
        if not lot:
            return
        yield lot
        after = lot[-1].id


def looks_at(connection: Connection, ids: Sequence[str], since: datetime) -> dict[str, set[datetime]]:
    """Return when some matters will be looked at after `since`, the last round."""
    found: dict[str, set[datetime]] = {ident: set() for ident in ids}
    for some in _slices(ids):
        for ident, at in connection.execute(_LOOKS_AT, {"ids": some, "since": since}):
            found[ident].add(at)
    return found


def set_next_rung(writer: Writer, calls: Sequence[tuple[str, datetime | None]]) -> None:
    """Note when matters must be looked at again of which no rung has fired."""
    update_lot(writer, matters, "id", [{"id": ident, "next_rung_at": at} for ident, at in calls])


def _status_on(day: date | BindParameter[date]) -> Any:
    """Return how a matter stands on `day`, as SQL: the same as Matter.status_on."""
    return case(
        (matters.c.closed.is_not(None), matters.c.closed),
        (matters.c.missed_from <= day, Status.MISSED.value),
        (matters.c.due < day, Status.OVERDUE.value),
        else_=Status.OPEN.value,
    )


_DAY, _SOON, _SINCE = (bindparam(name, type_=Date()) for name in ("day", "soon", "since"))
_IS_LIVE: Final = and_(
    matters.c.closed.is_(None),
    matters.c.silent.is_(False),
    or_(matters.c.missed_from.is_(None), matters.c.missed_from > _DAY),
)


def _how_many(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


_COUNT_BY_TOWN: Final = (
    select(matters.c.town, func.count(), _how_many(matters.c.due < _DAY))
    .where(_IS_LIVE, matters.c.due <= _SOON)
    .group_by(matters.c.town)
)
_COUNT_BY_KIND: Final = (
    select(
        matters.c.kind,
        _how_many(and_(matters.c.due >= _DAY, matters.c.due <= _SOON)),
        _how_many(matters.c.due < _DAY),
        _how_many(matters.c.opened >= _SINCE),
    )
    .where(_IS_LIVE)
    .group_by(matters.c.kind)
)
_COUNT_BY_KIND_IN: Final = _COUNT_BY_KIND.where(matters.c.town == bindparam("in"))


def count_by_town(connection: Connection, day: date, limit: date) -> dict[str | None, Counts]:
    """Return what is due soon (up to `limit`) and overdue, by town; under None, of the whole municipality (R7.1)."""
    rows = connection.execute(_COUNT_BY_TOWN, {"day": day, "soon": limit})
    by_town: dict[str | None, Counts] = {town: Counts(int(count - late), int(late)) for town, count, late in rows}
    due_soon, late = (sum(getattr(c, name) for c in by_town.values()) for name in ("due_soon", "overdue"))
    return {None: Counts(due_soon, late), **by_town}


def count_by_kind(
    connection: Connection, day: date, limit: date, *, town: str | None, since: date
) -> dict[str, tuple[Counts, int]]:
    """Return what is due soon and overdue, and how many were opened since, by kind of matter; a town's, or all."""
    values = {"day": day, "soon": limit, "since": since}
    if town is None:
        rows = connection.execute(_COUNT_BY_KIND, values)
    else:
        rows = connection.execute(_COUNT_BY_KIND_IN, {**values, "in": town})
    return {kind: (Counts(int(soon), int(late)), int(new)) for kind, soon, late, new in rows}


@dataclass(frozen=True, slots=True)
class Listed:
    """A matter, and how it stands."""

    matter: Matter
    status: Status


def list_matters(
    connection: Connection,
    day: date,
    *,
    statuses: Sequence[str] = (),
    town: str | None = None,
    kind: str | None = None,
    subject: str | None = None,
    limit: int | None = None,
) -> list[Listed]:
    """Return matters as they stand on `day`, the earliest due date first."""
    given = {"town": town, "kind": kind, "subject": subject, "statuses": list(statuses), "most": limit}
    values = {name: value for name, value in given.items() if value or (name == "most" and value is not None)}
    listing = _listing(*values, are_live=bool(statuses) and LIVE.issuperset(statuses))
    rows = connection.execute(listing, {"day": day, **values})
    return [Listed(matter_of(row), Status(row.status)) for row in rows]


@cache
def _listing(*by: str, are_live: bool) -> Select[Any]:
    """Return the question for matters, chosen by values of these names; `are_live`: none that is closed is wanted."""
    status = _status_on(_DAY)
    query = select(*COLUMNS, status.label("status")).order_by(matters.c.due, matters.c.id)
    query = query.where(*(matters.c[name] == bindparam(name) for name in by if name not in ("statuses", "most")))
    if "statuses" in by:
        query = query.where(is_one_of(status, "statuses"))
    if are_live:  # which follows from the statuses, but an index is asked only for its own words
        query = query.where(matters.c.closed.is_(None))
    return query.limit(bindparam("most")) if "most" in by else query


def live_by_town(connection: Connection, day: date) -> dict[str, int]:
    """Return how many matters of each town are open or overdue on `day`."""
    live = or_(matters.c.missed_from.is_(None), matters.c.missed_from > day)
    query = (
        select(matters.c.town, func.count())
        .where(matters.c.closed.is_(None), matters.c.silent.is_(False), live)
        .group_by(matters.c.town)
    )
    return dict(connection.execute(query).all())


def count_by_status(connection: Connection, day: date) -> dict[tuple[str, str], int]:
    """Return how many matters there are, by kind and status; silent ones left out."""
    status = _status_on(day).label("status")
    query = (
        select(matters.c.kind, status, func.count()).where(matters.c.silent.is_(False)).group_by(matters.c.kind, status)
    )
    return {(kind, how): count for kind, how, count in connection.execute(query)}
