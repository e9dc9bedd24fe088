"""What is on record, and how does a row get there?

The thirteen tables as the dataclasses of rules/facts.py. Writing is by natural key: a row that is there already and
the same is not touched, so nothing is reckoned anew for it. Source: INTERFACES "The record". Callers: intake/,
actors/.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import islice
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import Column, Connection, Select, Table, and_, bindparam, insert, select, update

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
from store.schema import FACTS
from store.statements import chunks

Fact = TypeVar("Fact", bound=Row)
Key = tuple[Any, ...]
Values = tuple[Any, ...]

#: rows compared and written at a time: bounds memory, not meaning
BATCH: Final = 4_000


class Tally(NamedTuple):
    """What became of rows that were given."""

    added: int = 0
    changed: int = 0
    same: int = 0

    def plus(self, other: "Tally") -> "Tally":
        """Return the sum of both."""
        return Tally(self.added + other.added, self.changed + other.changed, self.same + other.same)


@dataclass(frozen=True, slots=True)
class Shape:
    """How the rows of a table are told apart and ordered."""

    table: Table
    row: type[Row]
    names: tuple[str, ...]  #: the fields, which are columns
    key: tuple[str, ...]  #: the fields that tell one row from another
    order: tuple[str, ...]  #: the record's order
    is_event: bool = False  #: the key's rows are counted: `occurrence`

    @property
    def columns(self) -> list[Column[Any]]:
        """The columns of the fields."""
        return [self.table.c[name] for name in self.names]

    def select(self) -> Select[Any]:
        """Return the question for all rows, in the record's order."""
        return select(*self.columns).order_by(*(self.table.c[name] for name in self.order))

    def made(self, values: Iterable[Any]) -> Row:
        """Return the row of its values."""
        return self.row(**dict(zip(self.names, values, strict=True)))


_EVENT_KEYS: Final = {
    "petition_events": ("petition", "at", "event"),
    "project_events": ("project", "at", "event", "seq"),
    "acknowledgements": ("matter", "at", "office"),
}


def _shape(name: str, row: type[Row]) -> Shape:
    names = tuple(f.name for f in fields(row))
    if name in _EVENT_KEYS:
        return Shape(FACTS[name], row, names, _EVENT_KEYS[name], ("at", "position", "id"), is_event=True)
    key = ("project", "seq") if name == "milestones" else ("id",)
    return Shape(FACTS[name], row, names, key, key)


SHAPES: Final[Mapping[str, Shape]] = {name: _shape(name, row) for name, row in Record.TABLES.items()}


# Writing ---------------------------------------------------------------------------------------


def upsert(connection: Connection, table: str, rows: Iterable[Row]) -> Tally:
    """Write rows that stream in: add the new, change the different, leave the same untouched.

    A key given twice counts as given the second time. Events have no id: the n-th of a kind and subject at an
    instant is the n-th given, so an event must be given together with those like it.
    """
    shape = SHAPES[table]
    tally = Tally()
    keyed = _counted(shape, rows) if shape.is_event else _keyed(shape, rows)
    while batch := dict(islice(keyed, BATCH)):
        tally = tally.plus(_upsert_batch(connection, shape, batch))
    return tally


def _keyed(shape: Shape, rows: Iterable[Row]) -> Iterator[tuple[Key, Values]]:
    values = attrgetter(*shape.names)
    places = [shape.names.index(name) for name in shape.key]
    for row in rows:
        given = values(row)
        yield tuple(given[i] for i in places), given


def _counted(shape: Shape, rows: Iterable[Row]) -> Iterator[tuple[Key, Values]]:
    seen: Counter[int] = Counter()  # by hash: a million keys would be a quarter of a gigabyte
    for key, values in _keyed(shape, rows):
        name = hash(key)
        yield (*key, seen[name]), values
        seen[name] += 1


def _upsert_batch(connection: Connection, shape: Shape, given: Mapping[Key, Values]) -> Tally:
    stored = _stored(connection, shape, given)
    new = [_parameters(shape, key, values) for key, values in given.items() if key not in stored]
    changed = [(key, values) for key, values in given.items() if stored.get(key, values) != values]
    if new:
        connection.execute(insert(shape.table), new)
    if changed:
        connection.execute(_change(shape), [_located(shape, key, values) for key, values in changed])
    return Tally(len(new), len(changed), len(given) - len(new) - len(changed))


def _stored(connection: Connection, shape: Shape, given: Mapping[Key, Values]) -> dict[Key, Values]:
    """Return what is on record under the keys given, and perhaps more."""
    table = shape.table
    first = table.c[shape.key[0]]
    extra = [table.c.occurrence] if shape.is_event else []
    statement = select(*shape.columns, *extra)
    if shape.is_event:
        instants = [key[1] for key in given]
        statement = statement.where(table.c.at.between(min(instants), max(instants)))
    places = [*(shape.names.index(name) for name in shape.key), *((len(shape.names),) if shape.is_event else ())]
    found: dict[Key, Values] = {}
    for piece in chunks({key[0] for key in given}):
        for row in connection.execute(statement.where(first.in_(piece))):
            found[tuple(row[i] for i in places)] = tuple(row[: len(shape.names)])
    return found


def _parameters(shape: Shape, key: Key, values: Values) -> dict[str, Any]:
    parameters = dict(zip(shape.names, values, strict=True))
    if shape.is_event:
        parameters["occurrence"] = key[-1]
    return parameters


def _change(shape: Shape) -> Any:
    table = shape.table
    key = [*shape.key, *(("occurrence",) if shape.is_event else ())]
    where = and_(*(table.c[name].is_not_distinct_from(bindparam(f"key_{name}", type_=table.c[name].type)) for name in key))
    return update(table).where(where).values({name: bindparam(name) for name in shape.names if name not in shape.key})


def _located(shape: Shape, key: Key, values: Values) -> dict[str, Any]:
    names = [*shape.key, *(("occurrence",) if shape.is_event else ())]
    parameters = dict(zip(shape.names, values, strict=True))
    where = {f"key_{name}": value for name, value in zip(names, key, strict=True)}
    return {name: value for name, value in parameters.items() if name not in shape.key} | where


# Reading ---------------------------------------------------------------------------------------


def load(connection: Connection, table: str) -> Iterator[Row]:
    """Yield all rows of a table: by id; events by their instant, then their position. Streams."""
    shape = SHAPES[table]
    for row in connection.execute(shape.select().execution_options(yield_per=BATCH)):
        yield shape.made(row)


def ids(connection: Connection, table: str) -> set[str]:
    """Return the ids of a table whose rows have one."""
    return set(connection.scalars(select(FACTS[table].c.id)))


def load_house(connection: Connection) -> tuple[list[Office], list[Contact], list[Grid], list[Deputy]]:
    """Return the organisation: what `rules.offices.House` is made from."""
    return (
        _all(connection, Office, "offices"),
        _all(connection, Contact, "contacts"),
        _all(connection, Grid, "grids"),
        _all(connection, Deputy, "deputies"),
    )


def seats(connection: Connection, ids: Collection[str]) -> list[Seat]:
    """Return the seats of these ids that are on record."""
    return _among(connection, Seat, "seats", "id", ids)


def seats_of_deputies(connection: Connection, deputies: Collection[str]) -> list[Seat]:
    """Return all seats of these deputies."""
    return _among(connection, Seat, "seats", "deputy", deputies)


def facts_of_deputies(connection: Connection, deputies: Collection[str]) -> tuple[list[Visit], list[Leave]]:
    """Return all visits and leaves of these deputies."""
    return (
        _among(connection, Visit, "visits", "deputy", deputies),
        _among(connection, Leave, "leaves", "deputy", deputies),
    )


def petitions(connection: Connection, ids: Collection[str]) -> list[Petition]:
    """Return the petitions of these ids that are on record."""
    return _among(connection, Petition, "petitions", "id", ids)


def petition_events(connection: Connection, petitions: Collection[str]) -> list[PetitionEvent]:
    """Return what happened to these petitions; each one's in order."""
    return _among(connection, PetitionEvent, "petition_events", "petition", petitions)


def projects(connection: Connection, ids: Collection[str]) -> list[Project]:
    """Return the projects of these ids that are on record."""
    return _among(connection, Project, "projects", "id", ids)


def milestones(connection: Connection, projects: Collection[str]) -> list[Milestone]:
    """Return the milestones of these projects; each one's by their number."""
    return _among(connection, Milestone, "milestones", "project", projects)


def project_events(connection: Connection, projects: Collection[str]) -> list[ProjectEvent]:
    """Return what happened to these projects; each one's in order."""
    return _among(connection, ProjectEvent, "project_events", "project", projects)


def acknowledgements_of(connection: Connection, kind: SubjectKind, ids: Collection[str]) -> list[Acknowledgement]:
    """Return the acknowledgements of matters of these seats, petitions or projects; each one's in order."""
    table = FACTS["acknowledgements"]
    statement = SHAPES["acknowledgements"].select().where(table.c.subject_kind == kind.value)
    found: list[Acknowledgement] = []
    for piece in chunks(ids):
        found += _made(connection, Acknowledgement, statement.where(table.c.subject.in_(piece)))
    return found


def _all(connection: Connection, kind: type[Fact], table: str) -> list[Fact]:
    return list(_made(connection, kind, SHAPES[table].select()))


def _among(connection: Connection, kind: type[Fact], table: str, column: str, wanted: Collection[str]) -> list[Fact]:
    shape = SHAPES[table]
    found: list[Fact] = []
    for piece in chunks(wanted):
        found += _made(connection, kind, shape.select().where(shape.table.c[column].in_(piece)))
    return found


def _made(connection: Connection, kind: type[Fact], statement: Select[Any]) -> Iterator[Fact]:
    names = [f.name for f in fields(kind)]
    for row in connection.execute(statement):
        yield kind(**dict(zip(names, row, strict=True)))
