"""What does the database hold, as far as the checks need to know?

Asked once for each check, and only for what it concerns. Callers: examining.py, judging.py, hearing.py,
commands.py.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

from sqlalchemy import Connection

from rules.facts import Row
from rules.matters import SubjectKind, subject_of
from store import facts

#: table, field and values wanted → the rows, in the record's order
Select = Callable[[str, str, Collection[str]], Iterable[Row]]


class Existing:
    """The facts on record before the check."""

    def __init__(
        self, load: Callable[[str], Iterable[Row]], ids: Callable[[str], Collection[str]], select: Select
    ) -> None:
        """Take the ways to ask: all rows of a table, all its ids, and the rows that concern somebody."""
        self._load = load
        self._ids = ids
        self._select = select
        self._held: dict[str, list[Any]] = {}

    def rows(self, table: str) -> list[Any]:
        """Return all rows of a table of the organisation, or of any that is small."""
        if table not in self._held:
            self._held[table] = list(self._load(table))
        return self._held[table]

    def stream(self, table: str) -> Iterable[Any]:
        """Yield all rows of a table that may be large."""
        return self._load(table)

    def ids(self, table: str) -> Collection[str]:
        """Return the ids of a table whose rows have one."""
        return self._ids(table)

    def of(self, table: str, field: str, wanted: Collection[str]) -> dict[str, list[Any]]:
        """Return the rows of a table whose `field` is one of `wanted`, by that field, in the record's order."""
        found: dict[str, list[Any]] = defaultdict(list)
        for row in self._select(table, field, wanted) if wanted else ():
            found[getattr(row, field)].append(row)
        return found


def nothing() -> Existing:
    """Return an empty database's facts."""
    return Existing(lambda _: (), lambda _: (), lambda _table, _field, _wanted: ())


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
