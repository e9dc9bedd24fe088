"""What stands in the record, and how does a row get there?

Callers: intake/ (which checks rows before), actors/reckoning.py, coverage.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any, Final, TypeVar, get_args, get_type_hints

from sqlalchemy import Connection, Select, and_, insert, or_, select, update
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
from store.schema import FACTS, KEYS, NO_SEQ

#: rows written or looked up at a time: under SQLite's limit of 32,766 parameters with 13 columns
BATCH: Final = 2000
#: the order of the record where it is not the key's
ORDER: Final = {
    "petition_events": ("at", "position"),
    "project_events": ("at", "position"),
    "acknowledgements": ("at", "position"),
}
AnyRow = TypeVar("AnyRow", bound=Row)


@dataclass(slots=True)
class Tally:
    """How many rows were added, changed, and the same as before."""

    added: int = 0
    changed: int = 0
    same: int = 0


# Writing -----------------------------------------------------------------------------------


def upsert(connection: Connection, table: str, rows: Iterable[Row]) -> Tally:
    """Add new rows, update changed ones, and leave the same alone, so that nothing is reckoned anew for them."""
    tally = Tally()
    seen: Counter[tuple[Any, ...]] = Counter()
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        _upsert_batch(connection, table, _values(table, batch, seen), tally)
    return tally


def _values(table: str, rows: Iterable[Row], seen: Counter[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return the rows' columns; equal events of one instant are numbered, equal acknowledgements are one."""
    key = KEYS[table]
    numbered = "occurrence" in key
    if not numbered and table != "acknowledgements":
        return [_columns(row) for row in rows]
    found = []
    for row in rows:
        values = _columns(row)
        if "target" in key:
            values["target"] = NO_SEQ if values["seq"] is None else values["seq"]
        lead = tuple(values[name] for name in key if name != "occurrence")
        if numbered:
            values["occurrence"] = seen[lead]
        if numbered or not seen[lead]:
            found.append(values)
        seen[lead] += 1
    return found


def _columns(row: Row) -> dict[str, Any]:
    return {f.name: getattr(row, f.name) for f in fields(row)}


def _upsert_batch(connection: Connection, table: str, rows: list[dict[str, Any]], tally: Tally) -> None:
    target, key = FACTS[table], KEYS[table]
    known = _known(connection, table, rows)
    new, changed = [], []
    for values in rows:
        before = known.get(tuple(values[name] for name in key))
        if before is None:
            new.append(values)
        elif before != values:
            changed.append(values)
    if new:
        connection.execute(insert(target), new)
    for values in changed:
        connection.execute(update(target).where(*(target.c[name] == values[name] for name in key)).values(values))
    tally.added += len(new)
    tally.changed += len(changed)
    tally.same += len(rows) - len(new) - len(changed)


def _known(connection: Connection, table: str, rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    target, key = FACTS[table], KEYS[table]
    lead = target.c[key[0]]
    found = connection.execute(select(target).where(lead.in_({values[key[0]] for values in rows}))).mappings()
    return {tuple(row[name] for name in key): dict(row) for row in found}


# Reading -----------------------------------------------------------------------------------


def _rows(connection: Connection, kind: type[AnyRow], query: Select[Any]) -> Iterator[AnyRow]:
    names = [f.name for f in fields(kind)]
    make = _maker(kind)
    result = connection.execute(query, execution_options={"yield_per": BATCH})
    for row in result.mappings():
        yield make({name: row[name] for name in names})


def _maker(kind: type[AnyRow]) -> Any:
    """Return what makes a row of its columns, enumerations included."""
    hints = get_type_hints(kind)
    enums = {name: found for name, hint in hints.items() if name != "TABLES" and (found := _enum_in(hint)) is not None}

    def make(values: dict[str, Any]) -> AnyRow:
        for name, enum in enums.items():
            value = values[name]
            if isinstance(value, tuple):
                values[name] = tuple(enum(word) for word in value)
            elif value is not None:
                values[name] = enum(value)
        return kind(**values)

    return make


def _enum_in(hint: Any) -> Any:
    from enum import StrEnum  # noqa: PLC0415

    candidates = (hint, *get_args(hint))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, StrEnum)), None)


def load(connection: Connection, table: str) -> Iterator[Any]:
    """Yield all rows of a table in the order of an export: by key, events by instant and position."""
    target = FACTS[table]
    order = [target.c[name] for name in (*ORDER.get(table, ()), *KEYS[table])]
    return _rows(connection, Record.TABLES[table], select(target).order_by(*order))


def ids(connection: Connection, table: str) -> set[str]:
    """Return the ids of a table."""
    return set(connection.execute(select(FACTS[table].c.id)).scalars())


def load_house(connection: Connection) -> tuple[list[Office], list[Contact], list[Grid], list[Deputy]]:
    """Return the organisation."""
    return (
        list(load(connection, "offices")),
        list(load(connection, "contacts")),
        list(load(connection, "grids")),
        list(load(connection, "deputies")),
    )


def is_empty(connection: Connection) -> bool:
    """Say whether nothing is on record yet."""
    return connection.execute(select(FACTS["offices"].c.id).limit(1)).first() is None


def _having(connection: Connection, table: str, column: str, values: Sequence[str]) -> Iterator[Any]:
    target = FACTS[table]
    order = [target.c[name] for name in (*ORDER.get(table, ()), *KEYS[table])]
    for start in range(0, len(values), BATCH):
        some = values[start : start + BATCH]
        yield from _rows(
            connection, Record.TABLES[table], select(target).where(target.c[column].in_(some)).order_by(*order)
        )


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


def acknowledgements_of(connection: Connection, kind: SubjectKind, of: Sequence[str]) -> list[Acknowledgement]:
    """Return the acknowledgements of the matters of these subjects."""
    target = FACTS["acknowledgements"]
    found: list[Acknowledgement] = []
    for start in range(0, len(of), BATCH // 8):
        some = of[start : start + BATCH // 8]
        # ':' and its successor ';' bound all ids that begin with the subject's: the key's index serves them.
        spans: list[ColumnElement[bool]] = [
            and_(target.c.matter > f"{prefix}:{ident}:", target.c.matter < f"{prefix}:{ident};")
            for ident in some
            for prefix in MATTERS_OF[kind]
        ]
        query = select(target).where(or_(*spans)).order_by(target.c.at, target.c.position)
        found += _rows(connection, Acknowledgement, query)
    return found
