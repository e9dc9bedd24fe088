"""What does the database hold, as far as the checks need to know?

Loaded once for each check, and only what is asked for. Callers: examining.py, importing.py, commands.py.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any

from sqlalchemy import Connection

from rules.facts import Row
from store import facts


class Existing:
    """The facts on record before the check."""

    def __init__(self, load: Callable[[str], Iterable[Row]], ids: Callable[[str], Collection[str]]) -> None:
        """Take the ways to ask: all rows of a table, and all ids of a table."""
        self._load = load
        self._ids = ids
        self._held: dict[str, list[Row]] = {}

    def rows(self, table: str) -> list[Row]:
        """Return all rows of a table of the organisation, or of any that is small."""
        if table not in self._held:
            self._held[table] = list(self._load(table))
        return self._held[table]

    def stream(self, table: str) -> Iterable[Row]:
        """Yield all rows of a table that may be large."""
        return self._load(table)

    def ids(self, table: str) -> Collection[str]:
        """Return the ids of a table whose rows have one."""
        return self._ids(table)

    def of(self, table: str, field: str, wanted: Collection[str]) -> dict[str, list[Any]]:
        """Return the rows of a table whose `field` is one of `wanted`, by that field, in the record's order."""
        found: dict[str, list[Any]] = defaultdict(list)
        if wanted:
            for row in self._load(table):
                key = getattr(row, field)
                if key in wanted:
                    found[key].append(row)
        return found


def nothing() -> Existing:
    """Return an empty database's facts."""
    return Existing(lambda _: (), lambda _: ())


def on_record(connection: Connection) -> Existing:
    """Return what the database holds."""
    return Existing(lambda table: facts.load(connection, table), lambda table: facts.ids(connection, table))
