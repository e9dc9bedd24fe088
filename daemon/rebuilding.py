"""Do the matters in the database equal a fresh reckoning of all facts?

Very many subjects are shared among helpers, a process for each core. They read with connections of their own, and
write nothing: all is written in the one transaction of the process that asked, or nothing is.
Callers: `duban matters --rebuild`, `duban doctor`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import chain, islice
from typing import Any, Final

from sqlalchemy import Connection

from actors.desks import Desks
from actors.reckoning import Lot, decide_lot, drop, keep, keep_first, read_lot
from actors.steps import cursor, hold_cursor, last_round
from daemon import helpers
from rules.dockets import Desk
from rules.dossiers import Reckoned, stand
from rules.facts import Visit, VisitKind, local_day, midnight
from rules.matters import Matter, Subject
from rules.notices import next_attention
from rules.offices import House
from rules.policy import Policy
from rules.workdays import Calendar
from store import facts, notices, projection
from store.engine import look_up, make_engine, reading
from store.lots import Written, write_all
from store.standing import subjects_in_lots

LOT: Final = 2_000  #: subjects read, reckoned and written at a time: bounds memory, not meaning
FEW: Final = 5  #: lots that are not worth the start of helpers
SHOWN: Final = 3  #: differing fields named for one matter


@dataclass(frozen=True, slots=True)
class Compared:
    """What a lot of subjects came to."""

    lines: Sequence[str] = ()  #: one for each matter that differs
    written: Sequence[tuple[str, Any]] = ()  #: statements that bring them in line
    gone: Sequence[str] = ()  #: matters to drop
    forgotten: Sequence[Subject] = ()  #: subjects to drop


def rebuild_matters(connection: Connection, desks: Desks, *, write: bool) -> Iterator[str]:
    """Yield one line for each matter that differs; with `write` they are brought in line, and told of as usual.

    Meanwhile no step is taken: what it found would be overwritten with how things stood before it.
    """
    look_up(connection)
    if write:
        hold_cursor(connection)
    desk = desks.without_house(connection)
    at = cursor(connection, desk)
    # Of a table that was empty, PostgreSQL knows no better than to go through all that is being written into it.
    kept = not (write and projection.is_empty(connection))
    lots = subjects_in_lots(connection, LOT, kept=kept)
    few = list(islice(lots, FEW))
    count = helpers.cores() if len(few) == FEW else 1
    if count > 1:
        url = connection.engine.url.render_as_string(hide_password=False)
        terms = Terms(url, desk.calendar, desk.policy, desk.start_on, at, write, kept)
        found = helpers.shared(chain(few, lots), prepare, terms, count)
    else:
        desk = desks.of(connection)
        read = (read_lot(connection, desk, lot) for lot in chain(few, lots))
        found = (compare(connection, desk, lot, at, write=write) for lot in read)
    for compared in found:
        write_all(connection, compared.written)
        drop(connection, compared.forgotten, compared.gone)
        yield from compared.lines


def compare(connection: Connection, desk: Desk, lot: Lot, at: datetime, *, write: bool, kept: bool = True) -> Compared:
    """Return in what some subjects differ, and with `write` also what brings them in line; nothing is written.

    `kept`: whether any matter of anybody was there before.
    """
    fresh = {dossier.subject: stand(dossier, at) for dossier in lot.dossiers}
    differing = _differing(connection, desk, lot, fresh, at)
    lines = [line for lines in differing.values() for line in lines]
    if not (write and differing):
        return Compared(lines)
    decided = decide_lot(connection, desk, _part(lot, differing), at, at, fresh)
    written = Written(connection.dialect)
    (keep if kept else keep_first)(written, decided)
    return Compared(lines, written.statements, decided.gone, list(decided.forgotten))


@dataclass(frozen=True, slots=True)
class Terms:
    """By what a helper decides, so that it decides as the process that asked would."""

    url: str = field(repr=False)  #: with its password
    calendar: Calendar
    policy: Policy
    start_on: date
    at: datetime
    write: bool
    kept: bool  #: whether any matter was there before


def prepare(terms: Terms) -> Callable[[Sequence[Subject]], Compared]:
    """Return what a helper does with each lot.

    It reads the organisation once, but of grids and deputies, of which a country has millions, those that it needs.
    """
    engine = make_engine(terms.url)
    with reading(engine) as connection:
        offices, contacts = (facts.load(connection, table) for table in ("offices", "contacts"))
        house = House(offices, contacts, grids := facts.MicroGridsOnRecord(), facts.DeputiesOnRecord(engine))
    desk = Desk(house, terms.calendar, terms.policy, terms.start_on)

    def work(subjects: Sequence[Subject]) -> Compared:
        with reading(engine) as connection:
            look_up(connection)
            lot = read_lot(connection, desk, subjects, kept=terms.kept)
            grids.read(connection, _places(lot))
            return compare(connection, desk, lot, terms.at, write=terms.write, kept=terms.kept)

    return work


def _places(lot: Lot) -> Iterator[str]:
    """Yield the grids to which somebody has been."""
    visits = (fact for dossier in lot.dossiers for fact in dossier.facts if isinstance(fact, Visit))
    return (visit.place for visit in visits if visit.kind is VisitKind.GRID)


def _part(lot: Lot, subjects: Mapping[Subject, object]) -> Lot:
    """Return what a lot holds of some of its subjects."""
    return replace(lot, subjects=list(subjects), dossiers=[d for d in lot.dossiers if d.subject in subjects])


def _differing(
    connection: Connection, desk: Desk, lot: Lot, fresh: Mapping[Subject, Reckoned], at: datetime
) -> dict[Subject, list[str]]:
    """Return the subjects that differ from a fresh reckoning, with what differs."""
    lines: dict[Subject, list[str]] = {subject: [] for subject in lot.subjects}
    right: list[tuple[Subject, Matter]] = []
    for subject in lot.subjects:
        new: Mapping[str, Matter] = fresh[subject].matters if subject in fresh else {}
        known = lot.stored.get(subject, {})
        for ident in sorted(new.keys() | known.keys()):
            kept = known.get(ident)
            if kept is not None and new.get(ident) == kept:
                right.append((subject, kept))
            else:
                lines[subject].append(f"{ident}: {_difference(new.get(ident), kept)}")
    for subject, line in _wrong_calls(connection, desk, right, at):
        lines[subject].append(line)
    return {subject: found for subject, found in lines.items() if found}


def _wrong_calls(
    connection: Connection, desk: Desk, matters: Sequence[tuple[Subject, Matter]], at: datetime
) -> Iterator[tuple[Subject, str]]:
    """Yield the live matters that would not be looked at in the next round that is theirs; looks may be too many."""
    today = local_day(at)
    live = [(subject, matter) for subject, matter in matters if matter.is_live(today)]
    if not live:
        return
    ids = [matter.id for _, matter in live]
    fired, calls = notices.fired(connection, ids), projection.looks_at(connection, ids, last_round(connection))
    after = max(at + timedelta(microseconds=1), midnight(desk.start_on))
    for subject, matter in live:
        known, reckoned = calls[matter.id], next_attention(matter, fired.get(matter.id, ()), after, desk)
        is_still_due = any(look <= at for look in known)
        if reckoned is not None and reckoned not in known and not is_still_due:
            looks = ", ".join(map(str, sorted(known))) or "no round"
            yield subject, f"{matter.id}: is looked at in {looks}, reckoned {reckoned}"


def _difference(fresh: object, known: object) -> str:
    if known is None:
        return "is not in the database"
    if fresh is None:
        return "is in the database, but the facts do not lead to it"
    names = [n for n in type(fresh).__slots__ if getattr(fresh, n) != getattr(known, n)]  # type: ignore[attr-defined]
    return ", ".join(f"{n} is {getattr(known, n)!s}, reckoned {getattr(fresh, n)!s}" for n in names[:SHOWN])
