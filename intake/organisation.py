"""Do the offices form one tree, and the grids no circle?

Rules: R2.1, R8. Callers: examining.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from intake.faults import Fault, Where
from intake.references import CALLED, Anything, Known
from intake.rows import Draft
from rules.facts import Grid, Office, OfficeKind

Kind = OfficeKind
#: what each kind of office hangs under (R2.1)
PARENTS: Final[Mapping[Kind, tuple[Kind, ...]]] = {
    Kind.DIRECTORS: (),
    Kind.MUNICIPAL: (Kind.DIRECTORS,),
    Kind.TOWN: (Kind.MUNICIPAL,),
    Kind.STATION: (Kind.TOWN,),
    Kind.DEPARTMENT: (Kind.TOWN, Kind.MUNICIPAL),
}
ONLY_ONE: Final = (Kind.DIRECTORS, Kind.MUNICIPAL)


class Tree:
    """Judges each office after the one above it, so that one mistake is one fault."""

    def __init__(self, drafts: Sequence[Draft], known: Known, where: Where) -> None:
        """Take the offices of the file; those of the database are in `known`."""
        self.known = known
        self.where = where
        self.faults: list[Fault] = []
        self._drafts: dict[str, Draft] = {}
        self._loose = []  # rows whose id says nothing, or is another's
        for draft in drafts:
            ident = draft.row.id if isinstance(draft.row, Office) else ""
            if "id" in draft.bad or ident in self._drafts:
                self._loose.append(draft)
            else:
                self._drafts[ident] = draft
        self._only: dict[Kind, str] = {}
        self._judged: set[str] = set()

    def judge(self) -> list[Fault]:
        """Return the faults; offices with one are in doubt from then on."""
        for ident in self.known.offices:
            for office in reversed(self._path(ident)):
                self._judge(office)
        for draft in self._loose:
            if isinstance(draft.row, Office) and (fault := self._fault(draft, draft.row)):
                self.faults.append(fault)
        return self.faults

    def _path(self, ident: str) -> list[str]:
        """Return the office and those above it that have not been judged, nearest first."""
        path: list[str] = []
        while ident in self.known.offices and ident not in self._judged:
            self._judged.add(ident)
            path.append(ident)
            ident = self.known.offices[ident].parent or ""
        return path

    def _judge(self, ident: str) -> None:
        office = self.known.offices[ident]
        draft = self._drafts.get(ident)
        fault = self._fault(draft or Draft("offices", 0, office), office)
        if fault is None:
            if office.kind in ONLY_ONE and ident not in self.known.doubtful:
                self._only.setdefault(office.kind, ident)
            return
        self.known.doubtful.add(ident)
        if draft is None:
            self._blame(office)
        else:
            self.faults.append(fault)

    def _blame(self, office: Office) -> None:
        """Report what the file does to an office of the database that it does not give."""
        above = self._drafts.get(office.parent or "")
        if above is not None and isinstance(above.row, Office):
            problem = f"does not hold: in the database {office.id}, {CALLED[office.kind]}, hangs under it"
            self.faults.append(self.where.fault(above.number, "kind", above.row.kind, problem))

    def _fault(self, draft: Draft, office: Office) -> Fault | None:
        if "kind" in draft.bad:
            return self._unknown_parent(draft, office)
        if office.kind in ONLY_ONE and self._only.get(office.kind, office.id) != office.id:
            problem = f"is given twice: {self._only[office.kind]} is {CALLED[office.kind]}, and there is only one"
            return self.where.fault(draft.number, "kind", office.kind, problem)
        if "parent" in draft.bad:
            return None
        return self._unknown_parent(draft, office) or self._wrong_parent(draft, office)

    def _unknown_parent(self, draft: Draft, office: Office) -> Fault | None:
        parent = office.parent
        if parent is None or "parent" in draft.bad or parent in self.known.ids("offices"):
            return None
        near = self.known.near(parent, "offices", () if "kind" in draft.bad else PARENTS[office.kind])
        return self.where.fault(draft.number, "parent", parent, "is not an office", near)

    def _wrong_parent(self, draft: Draft, office: Office) -> Fault | None:
        parent, admitted = office.parent, PARENTS[office.kind]
        wanted = " or ".join(CALLED[kind] for kind in admitted)
        if parent is None:
            if not admitted:
                return None
            problem = f"nothing is given; {CALLED[office.kind]} hangs under {wanted}"
        elif not admitted:
            problem = "does not belong here: nothing is above the directors office"
        elif (kind := self.known.kind(parent)) is None or kind in admitted:
            return None
        else:
            problem = f"is {CALLED[kind]}; {CALLED[office.kind]} hangs under {wanted}"
        return self.where.fault(draft.number, "parent", parent or "", problem)


def circles(drafts: Sequence[Draft], known: Known, where: Where) -> Iterator[Fault]:
    """Yield a fault for each circle of grids, at the row that names a parent further down."""
    if isinstance(known.ids("grids"), Anything):
        return
    rows = {d.row.id: d for d in reversed(drafts) if isinstance(d.row, Grid) and not d.bad & {"id", "parent"}}
    seen: set[str] = set()
    for start in rows:
        path: list[str] = []
        ident: str | None = start
        while ident is not None and ident in known.grids and ident not in seen:
            seen.add(ident)
            path.append(ident)
            ident = known.grids[ident].parent
        if ident in path:
            yield _circle(path[path.index(ident) :], rows, where)


def _circle(members: Sequence[str], rows: Mapping[str, Draft], where: Where) -> Fault:
    numbers = {ident: rows[ident].number for ident in members if ident in rows}
    above = dict(zip(members, [*members[1:], members[0]], strict=True))
    forward = [i for i in numbers if numbers.get(above[i], 0) >= numbers[i]] or list(numbers)
    ident = min(forward, key=numbers.__getitem__)
    circle = " under ".join([*members, members[0]])
    problem = f"closes a circle: {circle}" if len(members) > 1 else "is the grid itself"
    return where.fault(numbers[ident], "parent", above[ident], problem)
