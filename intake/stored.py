"""What does the database hold, as far as the checks need to know?

Callers: importing.py, commands.py.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

from sqlalchemy import Connection

from intake.existing import Existing
from rules.facts import Row
from rules.matters import SubjectKind, subject_of
from store import facts


def on_record(connection: Connection) -> Existing:
    """Return what the database holds."""
    return Existing(partial(facts.load, connection), partial(facts.ids, connection), partial(_select, connection))


def _select(connection: Connection, table: str, field: str, wanted: Collection[str]) -> Iterable[Row]:
    if table == "acknowledgements":
        return [word for word in _words(connection, wanted) if word.matter in wanted]
    if table in ("visits", "leaves"):
        visits, leaves = facts.facts_of_deputies(connection, sorted(wanted))
        return visits if table == "visits" else leaves
    ask: dict[tuple[str, str], Callable[[Connection, list[str]], Iterable[Row]]] = {
        ("seats", "id"): facts.seats,
        ("petitions", "id"): facts.petitions,
        ("petition_events", "petition"): facts.petition_events,
        ("projects", "id"): facts.projects,
        ("milestones", "project"): facts.milestones,
        ("project_events", "project"): facts.project_events,
    }
    return ask[table, field](connection, sorted(wanted))


def _words(connection: Connection, matters: Collection[str]) -> Iterable[Any]:
    subjects: dict[SubjectKind, set[str]] = defaultdict(set)
    for matter in matters:
        try:
            kind, ident = subject_of(matter)
        except ValueError:
            continue  # a faulty row names it; acknowledging.py says so
        subjects[kind].add(ident)
    return [word for kind, ids in subjects.items() for word in facts.acknowledgements_of(connection, kind, sorted(ids))]
