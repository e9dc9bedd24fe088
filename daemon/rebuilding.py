"""Do the matters in the database equal a fresh reckoning of all facts?

Callers: `duban matters --rebuild`, `duban doctor`.
"""

from typing import Final

from sqlalchemy import Connection

from actors.desks import Desks
from actors.reckoning import all_subjects, batches, read_dossiers, reckon_subjects
from actors.steps import cursor
from rules.dossiers import reckon
from store import projection

SHOWN: Final = 3  #: differing fields named for one matter


def rebuild_matters(connection: Connection, desks: Desks, *, write: bool) -> list[str]:
    """Return one line for each matter that differs; with `write` they are brought in line, and told of as usual."""
    desk = desks.of(connection)
    at = cursor(connection, desk)
    lines: list[str] = []
    subjects = sorted(all_subjects(connection))
    for batch in batches(subjects):
        stored = projection.matters_of(connection, batch)
        wrong = []
        for dossier in read_dossiers(connection, desk, batch):
            fresh = reckon(dossier, at).matters
            known = stored.get(dossier.subject, {})
            differing = [i for i in sorted(fresh.keys() | known.keys()) if fresh.get(i) != known.get(i)]
            lines += [f"{ident}: {_difference(fresh.get(ident), known.get(ident))}" for ident in differing]
            if differing:
                wrong.append(dossier.subject)
        if write and wrong:
            reckon_subjects(connection, desk, wrong, at, since=at)
    return lines


def _difference(fresh: object, known: object) -> str:
    if known is None:
        return "is not in the database"
    if fresh is None:
        return "is in the database, but the facts do not lead to it"
    names = [n for n in type(fresh).__slots__ if getattr(fresh, n) != getattr(known, n)]  # type: ignore[attr-defined]
    return ", ".join(f"{n} is {getattr(known, n)!s}, reckoned {getattr(fresh, n)!s}" for n in names[:SHOWN])
