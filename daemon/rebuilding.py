"""Do the matters in the database equal a fresh reckoning of all facts?

Callers: `duban matters --rebuild`, `duban doctor`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from actors.desks import Desks
from actors.reckoning import Lot, read_lot, reckon_lot
from actors.steps import cursor, hold_cursor
from rules.dockets import Desk
from rules.dossiers import Reckoned, reckon
from rules.facts import local_day, midnight
from rules.matters import Matter, Subject
from rules.notices import next_attention
from store import notices, projection
from store.standing import subjects_in_lots

LOT: Final = 2_000  #: subjects read, reckoned and written at a time: bounds memory, not meaning
SHOWN: Final = 3  #: differing fields named for one matter


def rebuild_matters(connection: Connection, desks: Desks, *, write: bool) -> Iterator[str]:
    """Yield one line for each matter that differs; with `write` they are brought in line, and told of as usual.

    Meanwhile no step is taken: what it found would be overwritten with how things stood before it.
    """
    if write:
        hold_cursor(connection)
    desk = desks.of(connection)
    at = cursor(connection, desk)
    for subjects in subjects_in_lots(connection, LOT):
        lot = read_lot(connection, desk, subjects)
        fresh = {dossier.subject: reckon(dossier, at) for dossier in lot.dossiers}
        differing = _differing(connection, desk, lot, fresh, at)
        if write and differing:
            reckon_lot(connection, desk, _part(lot, differing), at, at, fresh)
        for lines in differing.values():
            yield from lines


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
    """Yield the live matters that would be looked at in another round than the next that is theirs."""
    today = local_day(at)
    live = [(subject, matter) for subject, matter in matters if matter.is_live(today)]
    if not live:
        return
    ids = [matter.id for _, matter in live]
    fired, calls = notices.fired(connection, ids), projection.next_rungs(connection, ids)
    after = max(at + timedelta(microseconds=1), midnight(desk.start_on))
    for subject, matter in live:
        known, reckoned = calls[matter.id], next_attention(matter, fired.get(matter.id, ()), after, desk)
        is_still_due = known is not None and known <= at
        if known != reckoned and not is_still_due:
            yield subject, f"{matter.id}: its next rung is at {known}, reckoned {reckoned}"


def _difference(fresh: object, known: object) -> str:
    if known is None:
        return "is not in the database"
    if fresh is None:
        return "is in the database, but the facts do not lead to it"
    names = [n for n in type(fresh).__slots__ if getattr(fresh, n) != getattr(known, n)]  # type: ignore[attr-defined]
    return ", ".join(f"{n} is {getattr(known, n)!s}, reckoned {getattr(fresh, n)!s}" for n in names[:SHOWN])
