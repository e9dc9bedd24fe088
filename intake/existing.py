"""What was on record before, as far as the checks need to know?

Asked once for each check, and only for what it concerns. A record that is checked by itself has nothing before it,
and needs no database: stored.py asks one. Callers: examining.py, judging.py, hearing.py.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any

from rules.facts import Row

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
