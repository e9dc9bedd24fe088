"""What stands in the record, and how does a row get there?

Callers: intake/ (which checks rows before), actors/reckoning.py, coverage.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, Final, get_args, get_type_hints

from sqlalchemy import Connection, Engine, Select, and_, bindparam, or_, select
from sqlalchemy.sql.expression import ColumnElement

from rules.facts import (
    Acknowledgement,
    Contact,
    Deputy,
    Grid,
    Leave,
    Milestone,
    Office,
    Petition,
    PetitionEvent,
    Project,
    ProjectEvent,
    Record,
    Row,
    Seat,
    Visit,
)
from rules.matters import SubjectKind
from store import filling
from store.engine import reading
from store.many import is_one_of
from store.schema import FACTS, KEYS, NO_SEQ
from store.upserts import Cells, Tally, put_rows

#: rows looked up at a time: under SQLite's limit of 32,766 parameters with 13 columns
BATCH: Final = 2000
#: the order of the record where it is not the key's; a position says something among those of one subject alone
ORDER: Final = {
    "petition_events": ("at", "petition", "position"),
    "project_events": ("at", "project", "position"),
    "acknowledgements": ("at", "matter", "position"),
}


# Writing -----------------------------------------------------------------------------------


def upsert(connection: Connection, table: str, rows: Iterable[Row]) -> Tally:
    """Add new rows, update changed ones, and leave the same alone, so that nothing is reckoned anew for them."""
    return put_rows(connection, FACTS[table], _cells(table, rows))


def upsert_values(connection: Connection, table: str, rows: Iterable[Sequence[Any]]) -> Tally:
    """Do the same with rows of a table without events, given as their values in the order of their fields."""
    return put_rows(connection, FACTS[table], rows)


def _cells(table: str, rows: Iterable[Row]) -> Iterator[Cells]:
    """Yield the rows' values in the order of the columns; equal acknowledgements are one."""
    names = [f.name for f in fields(Record.TABLES[table])]
    values = attrgetter(*names)
    if "occurrence" in KEYS[table]:
        return _numbered(table, rows, values)
    if table == "acknowledgements":
        key = attrgetter(*KEYS[table])
        first: dict[Any, Row] = {}
        for row in rows:
            first.setdefault(key(row), row)
        rows = first.values()
    return map(values, rows)


def _numbered(table: str, rows: Iterable[Any], values: Callable[[Any], Cells]) -> Iterator[Cells]:
    """Yield the values of events with their target, if they have any; equal events of one instant are numbered."""
    own = [name for name in KEYS[table] if name not in ("target", "occurrence")]
    seen: Counter[Cells] = Counter()
    for row in rows:
        target = (NO_SEQ if row.seq is None else row.seq,) if "target" in KEYS[table] else ()
        lead = (*(getattr(row, name) for name in own), *target)
        yield (*values(row), *target, seen[lead])
        seen[lead] += 1


# Reading -----------------------------------------------------------------------------------


def _rows(
    connection: Connection, kind: Any, query: Select[Any], values: Mapping[str, Any] | None = None
) -> Iterator[Any]:
    return map(_maker(kind), connection.execute(query, values).all())


@cache
def _maker(kind: Any) -> Callable[[Iterable[Any]], Any]:
    """Return what makes a row of its columns, which stand in the order of its fields, enumerations included."""
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind)]
    members = {name: _member_of(enum) for name in names if (enum := _enum_in(hints[name])) is not None}

    def make(cells: Iterable[Any]) -> Any:
        values = dict(zip(names, cells, strict=False))  # what comes behind the fields tells equal events apart
        for name, member in members.items():
            values[name] = member(values[name])
        return kind(**values)

    return make


def _member_of(enum: Any) -> Callable[[Any], Any]:
    """Return what makes members of a word, of several words, or of none."""

    @lru_cache(None)  # so many words there are: a call of an enumeration takes ten times as long
    def member(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(enum, value))
        return None if value is None else enum(value)

    return member


def _enum_in(hint: Any) -> Any:
    from enum import StrEnum  # noqa: PLC0415

    candidates = (hint, *get_args(hint))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, StrEnum)), None)


def load(connection: Connection, table: str) -> Iterator[Any]:
    """Yield all rows of a table in the order of an export: by key, events by instant, subject and position."""
    kind: Any = Record.TABLES[table]
    return map(_maker(kind), connection.execute(_all_of(table)))


@cache
def _all_of(table: str) -> Select[Any]:
    target = FACTS[table]
    order = [target.c[name] for name in (*ORDER.get(table, ()), *KEYS[table])]
    # A lot at a time; of those below a call reads few, for which a cursor of the server's would be three more waits.
    return select(target).order_by(*order).execution_options(yield_per=BATCH)


def ids(connection: Connection, table: str) -> set[str]:
    """Return the ids of a table."""
    return set(connection.execute(select(FACTS[table].c.id)).scalars())


def is_on_record(connection: Connection, table: str, ident: str) -> bool:
    """Say whether a row has this id."""
    query = select(FACTS[table].c.id).where(FACTS[table].c.id == ident)
    return connection.execute(query).first() is not None


def load_house(connection: Connection) -> tuple[list[Office], list[Contact], list[Grid], list[Deputy]]:
    """Return the organisation."""
    return (
        list(load(connection, "offices")),
        list(load(connection, "contacts")),
        list(load(connection, "grids")),
        list(load(connection, "deputies")),
    )


class DeputiesOnRecord(Mapping[str, Deputy]):
    """The deputies, each looked up when somebody asks for it: where there are millions, and few are asked for."""

    def __init__(self, engine: Engine) -> None:
        """Look nobody up yet."""
        self._engine = engine

    def __getitem__(self, ident: str) -> Deputy:
        """Return the deputy with this id; KeyError if there is none."""
        with reading(self._engine) as connection:
            found: list[Deputy] = list(_having(connection, "deputies", "id", [ident]))
        if not found:
            raise KeyError(ident)
        return found[0]

    def __iter__(self) -> Iterator[str]:
        """Yield all ids."""
        with reading(self._engine) as connection:
            return iter(ids(connection, "deputies"))

    def __len__(self) -> int:
        """Count them."""
        return sum(1 for _ in self)


class MicroGridsOnRecord(Mapping[str, Grid]):
    """The micro-grids of some places, and those above them: where there are a million, and few are asked for."""

    def __init__(self) -> None:
        """Know none yet."""
        self._known: dict[str, Grid] = {}

    def read(self, connection: Connection, places: Iterable[str]) -> None:
        """Know those of these places, and no others."""
        self._known = {}
        wanted = set(places)
        while wanted:
            ids = {"ids": sorted(wanted)}
            found: list[Grid] = list(_rows(connection, Grid, _MICRO_GRIDS, ids))
            self._known |= {grid.id: grid for grid in found}
            wanted = {grid.parent for grid in found if grid.parent} - self._known.keys()

    def __getitem__(self, ident: str) -> Grid:
        """Return the micro-grid with this id; KeyError if it is none of those."""
        return self._known[ident]

    def __iter__(self) -> Iterator[str]:
        """Yield the ids of those known."""
        return iter(self._known)

    def __len__(self) -> int:
        """Count them."""
        return len(self._known)


_MICRO_GRIDS: Final = select(FACTS["grids"]).where(
    is_one_of(FACTS["grids"].c.id, "ids"), FACTS["grids"].c.parent.is_not(None)
)


def is_empty(connection: Connection) -> bool:
    """Say whether nothing is on record yet."""
    return filling.is_empty(connection, FACTS["offices"])


@cache
def _those_having(table: str, column: str) -> Select[Any]:
    target = FACTS[table]
    order = [target.c[name] for name in (*ORDER.get(table, ()), *KEYS[table])]
    return select(target).where(is_one_of(target.c[column], "wanted")).order_by(*order)


def _having(connection: Connection, table: str, column: str, values: Sequence[str]) -> Iterator[Any]:
    query = _those_having(table, column)
    for start in range(0, len(values), BATCH):
        yield from _rows(connection, Record.TABLES[table], query, {"wanted": values[start : start + BATCH]})


def seats(connection: Connection, wanted: Sequence[str]) -> list[Seat]:
    """Return the seats with these ids."""
    return list(_having(connection, "seats", "id", wanted))


def seats_of_deputies(connection: Connection, deputies: Sequence[str]) -> list[Seat]:
    """Return the seats of these deputies."""
    return list(_having(connection, "seats", "deputy", deputies))


def facts_of_deputies(connection: Connection, deputies: Sequence[str]) -> tuple[list[Visit], list[Leave]]:
    """Return the visits and leaves of these deputies."""
    visits = _having(connection, "visits", "deputy", deputies)
    return list(visits), list(_having(connection, "leaves", "deputy", deputies))


def petitions(connection: Connection, wanted: Sequence[str]) -> list[Petition]:
    """Return the petitions with these ids."""
    return list(_having(connection, "petitions", "id", wanted))


def petition_events(connection: Connection, of: Sequence[str]) -> list[PetitionEvent]:
    """Return the events of these petitions, in order."""
    return list(_having(connection, "petition_events", "petition", of))


def projects(connection: Connection, wanted: Sequence[str]) -> list[Project]:
    """Return the projects with these ids."""
    return list(_having(connection, "projects", "id", wanted))


def milestones(connection: Connection, of: Sequence[str]) -> list[Milestone]:
    """Return the milestones of these projects."""
    return list(_having(connection, "milestones", "project", of))


def project_events(connection: Connection, of: Sequence[str]) -> list[ProjectEvent]:
    """Return the events of these projects, in order."""
    return list(_having(connection, "project_events", "project", of))


#: how the matters of a subject are named
MATTERS_OF: Final = {
    SubjectKind.SEAT: ("visit",),
    SubjectKind.PETITION: ("petition",),
    SubjectKind.PROJECT: ("milestone", "inspection"),
}


_OF: Final = FACTS["acknowledgements"].c
_WORDS_BETWEEN: Final = (
    select(FACTS["acknowledgements"])
    .where(_OF.matter > bindparam("first"), _OF.matter < bindparam("last"))
    .limit(bindparam("most"))
)


def acknowledgements_of(connection: Connection, kind: SubjectKind, of: Sequence[str]) -> list[Acknowledgement]:
    """Return the acknowledgements of the matters of these subjects."""
    found: list[Acknowledgement] = []
    for prefix in MATTERS_OF[kind] if of else ():
        near = _words_near(connection, prefix, of)
        found += _words_of_each(connection, prefix, of) if near is None else near
    return sorted(found, key=attrgetter("at", "position"))


def _words_near(connection: Connection, prefix: str, of: Sequence[str]) -> list[Acknowledgement] | None:
    """Return their acknowledgements from one look at all between the first and the last of them; None if too many.

    Acknowledgements are few: a condition for each of hundreds of subjects costs far more than to pass over others'.
    """
    # ':' and its successor ';' bound all ids that begin with the subject's: the key's index serves them.
    first, last = min(f"{prefix}:{ident}:" for ident in of), max(f"{prefix}:{ident};" for ident in of)
    rows = _rows(connection, Acknowledgement, _WORDS_BETWEEN, {"first": first, "last": last, "most": len(of) + 1})
    words: list[Acknowledgement] = list(rows)
    return None if len(words) > len(of) else [word for word in words if _is_of(word.matter, prefix, frozenset(of))]


def _is_of(matter: str, prefix: str, wanted: Collection[str]) -> bool:
    begin = len(prefix) + 1
    return any(matter[begin:i] in wanted for i in range(begin, len(matter)) if matter[i] == ":")


def _words_of_each(connection: Connection, prefix: str, of: Sequence[str]) -> Iterator[Acknowledgement]:
    target = FACTS["acknowledgements"]
    for start in range(0, len(of), BATCH // 8):
        spans: list[ColumnElement[bool]] = [
            and_(target.c.matter > f"{prefix}:{ident}:", target.c.matter < f"{prefix}:{ident};")
            for ident in of[start : start + BATCH // 8]
        ]
        yield from _rows(connection, Acknowledgement, select(target).where(or_(*spans)))
