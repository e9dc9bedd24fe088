"""How do the matters on record follow the facts?

Whatever changed a fact has marked its subject stale; time marks the others by the instant at which a fact on
record becomes known or a period begins. Both are reckoned anew by the rules, and what happened is told.
Rules: R3 to R5. Callers: actors/steps.py, `duban matters --rebuild`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection

from actors.desks import Desks
from rules.dockets import Desk
from rules.dossiers import Dossier, Reckoned, reckon
from rules.facts import local_day, midnight
from rules.matters import Matter, Subject, SubjectKind, subject_of
from rules.notices import Notice, event_notices, leaves_at, next_attention, once
from store import facts, findings, notices, projection
from store.ahead import note_changed_house
from store.dossiers import read_dossiers
from store.lots import Writer, Written
from store.projection import SubjectRow
from store.standing import subjects_in_lots

#: subjects read, reckoned and written at a time: bounds memory, not meaning
BATCH: Final = 500


def reckon_changes(connection: Connection, desks: Desks, desk: Desk, at: datetime, since: datetime) -> tuple[int, Desk]:
    """Reckon what is stale and what time brings, and tell what happened.

    Returns how many subjects that were, and the desk on the organisation as it is then.

    `desk`: as it was before; a mark of the organisation has it made anew.

    `since`: up to when all was done before; a round missed since then is still to be held.

    Running twice is harmless: the second finds nothing to do.
    """
    changed, due = _changed(connection, at), projection.subjects_due(connection, at, BATCH)
    lots, reckoned = chain(changed, due), 0
    lot: Sequence[Subject] | None = ()
    while lot is not None:
        facts_of_lot = read_lot(connection, desk, lot)
        # Only now: what was read may refer to an organisation that has come in since the desk was made.
        if projection.take_house(connection):
            note_changed_house(connection)
            for _ in changed:  # their marks are taken before any of them is read; then everything is reckoned, once
                pass
            desk, lots = desks.of(connection), chain(subjects_in_lots(connection, BATCH), due)
        else:
            reckon_lot(connection, desk, facts_of_lot, at, since)
            reckoned += len(lot)
        lot = next(lots, None)
    return reckoned, desk


def _changed(connection: Connection, at: datetime) -> Iterator[list[Subject]]:
    """Take the marks, each but once, and yield the seats, petitions and projects that they concern."""
    # What is marked from now on belongs to the next step: where facts keep coming, this one would never end.
    stale = projection.take_stale(connection, BATCH)
    while stale:
        yield from _batches(_subjects(connection, stale, at))
        stale = projection.take_stale(connection, BATCH, stale[-1]) if len(stale) == BATCH else []


def _batches(subjects: Iterable[Subject]) -> Iterator[list[Subject]]:
    """Part the subjects into lots that fit memory: a deputy may have more than one seat."""
    remaining = iter(subjects)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _subjects(connection: Connection, stale: Sequence[projection.Stale], at: datetime) -> set[Subject]:
    """Return the seats, petitions and projects that the marks concern."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for mark in stale:
        by_kind[mark.kind].append(mark.id)
    found = {Subject(kind, i) for kind in SubjectKind for i in by_kind[kind]}
    for matter in by_kind["matter"]:
        try:
            found.add(subject_of(matter))
        except ValueError as err:  # written by another program: it must not stop the others
            findings.note(connection, "record", f"acknowledgement:{matter}", str(err), at)
    seats = facts.seats_of_deputies(connection, by_kind["deputy"])
    return found | {Subject(SubjectKind.SEAT, seat.id) for seat in seats}


@dataclass(frozen=True, slots=True)
class Lot:
    """Some subjects: what is on record about them, how far they have been reckoned, and their matters as kept."""

    subjects: Sequence[Subject]
    dossiers: Sequence[Dossier]
    rows: Mapping[Subject, SubjectRow]
    stored: Mapping[Subject, Mapping[str, Matter]]


def read_lot(connection: Connection, desk: Desk, subjects: Sequence[Subject], *, kept: bool = True) -> Lot:
    """Read all that is needed to reckon some subjects; `kept`: whether any matter of anybody was kept before."""
    rows = projection.subject_rows(connection, subjects) if kept else {}
    stored = projection.matters_of(connection, subjects) if kept else {}
    return Lot(subjects, read_dossiers(connection, desk, subjects), rows, stored)


def reckon_lot(connection: Connection, desk: Desk, lot: Lot, at: datetime, since: datetime) -> None:
    """Bring the matters of some subjects up to `at`, and decide the notices of what happened."""
    decided = decide_lot(connection, desk, lot, at, since)
    keep(connection, decided)
    drop(connection, decided.forgotten, decided.gone)


@dataclass(frozen=True, slots=True)
class Decided:
    """What is to be written about some subjects."""

    at: datetime
    told: Mapping[datetime, Sequence[Notice]]  #: notices, by when they leave
    matters: Sequence[tuple[Matter, datetime | None]]  #: each with the round in which it is looked at next
    subjects: Sequence[SubjectRow]
    gone: Sequence[str]  #: ids of matters that were reckoned away, or whose subject is
    forgotten: Collection[Subject]  #: those that somebody has removed from the record


def decide_lot(
    connection: Connection,
    desk: Desk,
    lot: Lot,
    at: datetime,
    since: datetime,
    fresh: Mapping[Subject, Reckoned] = MappingProxyType({}),
) -> Decided:
    """Return what there is to write, and write nothing.

    `fresh`: what has been reckoned up to `at` already, from the facts alone.
    """
    outcomes: list[tuple[Dossier, Reckoned]] = []
    for dossier in lot.dossiers:
        row = lot.rows.get(dossier.subject)
        before = lot.stored.get(dossier.subject, {})
        known = fresh.get(dossier.subject) if row is None else None
        outcomes.append((dossier, known or reckon(dossier, at, before, row.reckoned_to if row else None)))
    outcomes = _followed(connection, outcomes, at)
    forgotten = set(lot.subjects) - {dossier.subject for dossier, _ in outcomes}
    gone = [i for subject in forgotten for i in lot.stored.get(subject, {})]
    for dossier, outcome in outcomes:
        gone += [i for i in lot.stored.get(dossier.subject, {}) if i not in outcome.matters]
    return Decided(
        at=at,
        told=_told(connection, desk, [outcome for _, outcome in outcomes], at),
        matters=_with_next_rounds(connection, desk, outcomes, lot.stored, at, since),
        subjects=[
            SubjectRow(kind=d.subject.kind, id=d.subject.id, town=d.town, reckoned_to=at, next_reckon_at=o.next_at)
            for d, o in outcomes
        ],
        gone=gone,
        forgotten=forgotten,
    )


def _followed(
    connection: Connection, outcomes: Sequence[tuple[Dossier, Reckoned]], at: datetime
) -> list[tuple[Dossier, Reckoned]]:
    """Return the outcomes with what happened, as far as it may have to be told.

    A seat tells nothing but that a matter is settled of which somebody heard when it climbed (R5.8).
    """
    closed = {i: d.subject for d, o in outcomes if o.happened is None for i, m in o.matters.items() if m.closed}
    telling = {closed[ident] for ident in notices.reached(connection, list(closed))}
    return [(d, reckon(d, at) if d.subject in telling and o.happened is None else o) for d, o in outcomes]


def keep(writer: Writer, decided: Decided) -> None:
    """Write what is decided."""
    _tell(writer, decided)
    projection.save_matters(writer, decided.matters)
    projection.save_subjects(writer, decided.subjects)


def keep_first(written: Written, decided: Decided) -> None:
    """Write what is decided where nothing of anybody was kept before."""
    _tell(written, decided)
    projection.fill(written, decided.matters, decided.subjects)


def _tell(writer: Writer, decided: Decided) -> None:
    for leaves, told in decided.told.items():
        notices.decide(writer, told, decided_at=decided.at, leaves_at=leaves)


def drop(connection: Connection, forgotten: Collection[Subject], gone: Sequence[str]) -> None:
    """Drop subjects and matters that are no longer so."""
    projection.drop_subjects(connection, forgotten)
    projection.drop_matters(connection, gone)


def _told(
    connection: Connection, desk: Desk, outcomes: Sequence[Reckoned], at: datetime
) -> Mapping[datetime, Sequence[Notice]]:
    """Return the event notices of what happened, by when they leave: at once, or in the next round (R5.8).

    What happened just before the window opens and is reckoned just after waits for its round all the same.
    """
    happened = sorted((h for o in outcomes for h in o.happened or () if h.change.after), key=lambda h: h.at)
    closed = [h.change.after.id for h in happened if h.change.after and h.change.after.closed]
    reached = notices.reached(connection, closed) if closed else {}
    leaving: dict[datetime, list[Notice]] = defaultdict(list)
    for h in happened:
        ident = h.change.after.id if h.change.after else ""
        people = [p for p in map(desk.house.person, reached.get(ident, ())) if p is not None]
        # Of the changes that a rebuild finds hardly one is told: only then is it asked when that leaves.
        if found := event_notices(h.change, h.at, people, desk):
            leaving[max(leaves_at(h.at, desk), leaves_at(at, desk))] += found
    return {leaves: once(told) for leaves, told in leaving.items()}


def _with_next_rounds(
    connection: Connection,
    desk: Desk,
    outcomes: Sequence[tuple[Dossier, Reckoned]],
    stored: Mapping[Subject, Mapping[str, Matter]],
    at: datetime,
    since: datetime,
) -> list[tuple[Matter, datetime | None]]:
    """Return the matters that are to be written, each with the round in which it is looked at next."""
    today = local_day(at)
    changed: list[Matter] = []
    for dossier, outcome in outcomes:
        before = stored.get(dossier.subject, {})
        # Of a live matter the next rung may move with policy or calendar, though the matter stays the same.
        changed += [m for i, m in outcome.matters.items() if before.get(i) != m or m.is_live(today)]
    fired = notices.fired(connection, [m.id for m in changed if m.closed is None])
    after = max(since + timedelta(microseconds=1), midnight(desk.start_on))
    return [(m, next_attention(m, fired.get(m.id, ()), after, desk)) for m in changed]
