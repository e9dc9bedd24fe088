"""Does what a row refers to exist, and is it of the right kind?

An id that stands on a faulty row exists: one mistake is one fault. Rules: R2.1, R8. Callers: examining.py,
commands.py.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from intake.columns import TABLES
from intake.existing import Existing
from intake.faults import Fault, Where, nearest
from intake.rows import Draft
from rules.facts import Grid, Office, OfficeKind, Visit, VisitKind

Drafts = Mapping[str, Sequence[Draft]]

HINTS: Final = 50  #: unknown ids of a table for which the nearest one is looked up


#: what messages call an office of each kind
CALLED: Final = {
    OfficeKind.DIRECTORS: "the directors office",
    OfficeKind.MUNICIPAL: "the municipal office",
    OfficeKind.TOWN: "a town office",
    OfficeKind.STATION: "a station",
    OfficeKind.DEPARTMENT: "a department",
}


class Anything(Collection[str]):
    """The ids of a table that cannot be read: any may be among them."""

    def __contains__(self, _: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Known:
    """Every id that there is, in the database and in the file."""

    def __init__(self, existing: Existing, drafts: Drafts, unreadable: Collection[str] = ()) -> None:
        """Lay the file's rows over the database's."""
        self.offices: dict[str, Office] = {o.id: o for o in existing.rows("offices") if isinstance(o, Office)}
        self.grids: dict[str, Grid] = {g.id: g for g in existing.rows("grids") if isinstance(g, Grid)}
        self.doubtful: set[str] = set()  #: offices whose kind is in doubt: any kind is admitted
        self._existing, self._drafts = existing, drafts
        self._add_offices(drafts.get("offices", ()))
        self.grids |= {d.row.id: d.row for d in _first_by_id(drafts.get("grids", ())) if isinstance(d.row, Grid)}
        self._ids: dict[str, Collection[str]] = {"offices": self.offices, "grids": self.grids}
        self._ids |= {table: Anything() for table in unreadable}
        self._hints: dict[tuple[str, str], str] = {}
        self._stations: Collection[str] | None = None

    def _add_offices(self, drafts: Iterable[Draft]) -> None:
        for draft in _first_by_id(drafts):
            office = draft.row
            if isinstance(office, Office):
                self.offices[office.id] = office
                if "kind" in draft.bad:
                    self.doubtful.add(office.id)

    def ids(self, table: str) -> Collection[str]:
        """Return the ids of a table; looked up when first asked for."""
        if table not in self._ids:
            given = {draft.row.id for draft in _first_by_id(self._drafts.get(table, ()))}
            self._ids[table] = given | set(self._existing.ids(table))
        return self._ids[table]

    def kind(self, office: str) -> OfficeKind | None:
        """Return the kind of an office; None if it is in doubt or the office is not known."""
        row = self.offices.get(office)
        return None if row is None or office in self.doubtful else row.kind

    def stations(self) -> Collection[str]:
        """Return every office that is, or may be, a station."""
        if self._stations is None:
            maybe = (None, OfficeKind.STATION)
            self._stations = frozenset(office for office in self.offices if self.kind(office) in maybe)
        return Anything() if isinstance(self.ids("offices"), Anything) else self._stations

    def near(self, value: str, table: str, kinds: Collection[OfficeKind] = ()) -> str:
        """Return the id most like `value`, or an empty text; after many such questions none."""
        key = (table, value)
        if key not in self._hints:
            if len(self._hints) >= HINTS:
                return ""
            ids = self.ids(table)
            wanted = [i for i in ids if self.kind(i) in kinds] if kinds else ids
            self._hints[key] = nearest(value, wanted)
        return self._hints[key]


def _first_by_id(drafts: Iterable[Draft]) -> Iterator[Draft]:
    """Yield the rows whose id can be read; of several with one id the first."""
    seen: set[str] = set()
    for draft in drafts:
        ident: str = getattr(draft.row, "id", "")
        if "id" not in draft.bad and ident not in seen:
            seen.add(ident)
            yield draft


@dataclass(frozen=True, slots=True)
class Reference:
    """A field that names a row of another table."""

    field: str
    table: str
    what: str  #: completes: is not …
    kinds: frozenset[OfficeKind] = frozenset()  #: of an office; empty: any


def _office(field: str, what: str = "an office", *kinds: OfficeKind) -> Reference:
    return Reference(field, "offices", what, frozenset(kinds))


_TOWN: Final = _office("town", "a town office", OfficeKind.TOWN)
_DEPUTY: Final = Reference("deputy", "deputies", "a deputy")
_PETITION: Final = Reference("petition", "petitions", "a petition")
_PROJECT: Final = Reference("project", "projects", "a project")
_STATION: Final = _office("place", "a station", OfficeKind.STATION)
_GRID: Final = Reference("place", "grids", "a grid")
_HANDLER: Final = (
    "a department, town or municipal office",
    OfficeKind.DEPARTMENT,
    OfficeKind.TOWN,
    OfficeKind.MUNICIPAL,
)

#: offices' own parents are judged in organisation.py, the matters of acknowledgements in acknowledging.py
REFERENCES: Final[Mapping[str, tuple[Reference, ...]]] = {
    "contacts": (_office("office"),),
    "grids": (_TOWN, Reference("parent", "grids", "a grid")),
    "seats": (
        _DEPUTY,
        _TOWN,
        _office("station", "a station", OfficeKind.STATION),
        Reference("grid", "grids", "a grid"),
    ),
    "leaves": (_DEPUTY,),
    "visits": (_DEPUTY,),
    "petitions": (_TOWN, _DEPUTY),
    "petition_events": (_PETITION, _office("office")),
    "projects": (_TOWN, _office("office", *_HANDLER), _DEPUTY, _PETITION),
    "milestones": (_PROJECT,),
    "project_events": (_PROJECT,),
    "acknowledgements": (_office("office"),),
}


def wrong_references(draft: Draft, known: Known, where: Where) -> Iterator[Fault]:
    """Yield a fault for each reference of a row that leads nowhere, or to something of a wrong kind."""
    for reference in REFERENCES.get(draft.table, ()):
        yield from _wrong(reference, draft, known, where)
    if isinstance(draft.row, Visit):
        yield from _wrong_place(draft, draft.row, known, where)


def _wrong(reference: Reference, draft: Draft, known: Known, where: Where) -> Iterator[Fault]:
    value = getattr(draft.row, reference.field)
    if value is None or reference.field in draft.bad:
        return
    column = TABLES[draft.table].fields[reference.field].name
    if value not in known.ids(reference.table):
        near = known.near(value, reference.table, reference.kinds)
        yield where.fault(draft.number, column, value, f"is not {reference.what}", near)
    elif reference.kinds:
        kind = known.kind(value)
        if kind is not None and kind not in reference.kinds:
            yield where.fault(draft.number, column, value, f"is {CALLED[kind]}, not {reference.what}")


def _wrong_place(draft: Draft, visit: Visit, known: Known, where: Where) -> Iterator[Fault]:
    if "kind" not in draft.bad:
        yield from _wrong(_STATION if visit.kind is VisitKind.STATION else _GRID, draft, known, where)
    elif "place" not in draft.bad and not any(visit.place in known.ids(table) for table in ("offices", "grids")):
        near = known.near(visit.place, "grids") or known.near(visit.place, "offices", _STATION.kinds)
        yield where.fault(draft.number, "place", visit.place, "is not a grid or station", near)


def rows_given_twice(drafts: Sequence[Draft], where: Where) -> Iterator[Fault]:
    """Yield a fault for each row whose id (or whose project and seq) another one above it has."""
    key = TABLES[drafts[0].table].key if drafts else ()
    seen: dict[tuple[object, ...], int] = {}
    for draft in drafts if key else ():
        if draft.bad.isdisjoint(key):
            value = tuple(getattr(draft.row, name) for name in key)
            first = seen.setdefault(value, draft.number)
            if first != draft.number:
                yield given_twice(where, draft.number, key, value, first)


def given_twice(where: Where, number: int, key: Sequence[str], value: Sequence[object], first: int) -> Fault:
    """Return the fault of a row whose key another row has."""
    of = f" in {key[0]} {value[0]}" if len(key) > 1 else ""
    return where.fault(number, key[-1], value[-1], f"is given twice{of}: row {first} has it")


def dependents(known: Known, changed: Collection[str], existing: Existing, drafts: Drafts) -> dict[str, str]:
    """Return, for each office of `changed`, a row of the database that its new kind makes wrong."""
    found: dict[str, str] = {}
    for table, references in REFERENCES.items():
        wanted = [reference for reference in references if reference.kinds]
        if not wanted and table != "visits":
            continue
        replaced = {getattr(draft.row, "id", "") for draft in drafts.get(table, ())}
        for row in existing.stream(table):
            ident = getattr(row, "id", "")
            place = [_STATION] if isinstance(row, Visit) and row.kind is VisitKind.STATION else []
            for reference in () if ident in replaced else (*wanted, *place):
                office = getattr(row, reference.field)
                if office in changed and known.kind(office) not in reference.kinds:
                    found.setdefault(office, f"{table} {ident} needs {reference.what}")
    return found
