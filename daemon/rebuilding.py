"""Do the matters in the database equal a fresh reckoning of all facts?

Callers: `duban matters --rebuild`, `duban doctor`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from actors.desks import Desks
from actors.reckoning import all_subjects, batches, reckon_subjects
from actors.steps import cursor
from rules.dockets import Desk
from rules.dossiers import reckon
from rules.facts import local_day, midnight
from rules.matters import Matter, Subject
from rules.notices import next_attention
from store import notices, projection
from store.dossiers import read_dossiers

SHOWN: Final = 3  #: differing fields named for one matter


def rebuild_matters(connection: Connection, desks: Desks, *, write: bool) -> list[str]:
    """Return one line for each matter that differs; with `write` they are brought in line, and told of as usual."""
    desk = desks.of(connection)
    at = cursor(connection, desk)
    lines: list[str] = []
    for batch in batches(sorted(all_subjects(connection) | projection.known_subjects(connection))):
        differing = _differing(connection, desk, batch, at)
        lines += [line for found in differing.values() for line in found]
        if write and differing:
            reckon_subjects(connection, desk, list(differing), at, since=at)
    return lines


def _differing(connection: Connection, desk: Desk, batch: Sequence[Subject], at: datetime) -> dict[Subject, list[str]]:
    """Return the subjects that differ from a fresh reckoning, with what differs."""
    stored = projection.matters_of(connection, batch)
    fresh = {dossier.subject: reckon(dossier, at).matters for dossier in read_dossiers(connection, desk, batch)}
    found: dict[Subject, list[str]] = {}
    for subject in batch:
        new, known = fresh.get(subject, {}), stored.get(subject, {})
        wrong = [i for i in sorted(new.keys() | known.keys()) if new.get(i) != known.get(i)]
        lines = [f"{ident}: {_difference(new.get(ident), known.get(ident))}" for ident in wrong]
        lines += _wrong_calls(connection, desk, [m for i, m in known.items() if i not in wrong], at)
        if lines:
            found[subject] = lines
    return found


def _wrong_calls(connection: Connection, desk: Desk, matters: Sequence[Matter], at: datetime) -> Iterator[str]:
    """Yield the live matters that would be looked at in another round than the next that is theirs."""
    live = [matter for matter in matters if matter.is_live(local_day(at))]
    if not live:
        return
    ids = [matter.id for matter in live]
    fired, calls = notices.fired(connection, ids), projection.next_rungs(connection, ids)
    after = max(at + timedelta(microseconds=1), midnight(desk.start_on))
    for matter in live:
        known, reckoned = calls[matter.id], next_attention(matter, fired.get(matter.id, ()), after, desk)
        is_still_due = known is not None and known <= at
        if known != reckoned and not is_still_due:
            yield f"{matter.id}: its next rung is at {known}, reckoned {reckoned}"


def _difference(fresh: object, known: object) -> str:
    if known is None:
        return "is not in the database"
    if fresh is None:
        return "is in the database, but the facts do not lead to it"
    names = [n for n in type(fresh).__slots__ if getattr(fresh, n) != getattr(known, n)]  # type: ignore[attr-defined]
    return ", ".join(f"{n} is {getattr(known, n)!s}, reckoned {getattr(fresh, n)!s}" for n in names[:SHOWN])
