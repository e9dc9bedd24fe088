"""What is wrong with rows as they stand among all others: of their file and of the database?

One judgement for a whole record and for a single fact. Leaves and visits, which stream, are judged by
examining.py with what is known from here. Rules: R2.1, R4.3, R4b, R8. Callers: examining.py, commands.py.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from intake.acknowledging import named_by, wrong_matter
from intake.columns import TABLES
from intake.existing import Existing
from intake.faults import Fault, Where
from intake.merging import Merged, merge, subjects
from intake.order import Court, Order
from intake.organisation import Tree, circles
from intake.plans import Plans
from intake.references import Known, dependents, rows_given_twice, wrong_references
from intake.rows import Draft
from intake.values import FIRST_DAY
from rules.dockets import Desk
from rules.facts import Office
from rules.matters import SubjectKind
from rules.offices import House
from rules.policy import Policy
from rules.workdays import Calendar

Drafts = Mapping[str, Sequence[Draft]]
Key = tuple[str, int]  #: table and row

EVENTS: Final = ("petition_events", "project_events", "acknowledgements")


@dataclass(slots=True)
class Judgement:
    """What came out, and what was made for it that others need."""

    drafts: dict[str, list[Draft]]  #: with the events' positions
    known: Known
    desk: Desk
    plans: Plans
    left: dict[str, Mapping[str, Sequence[Any]]]  #: events on record that the file does not give, by table
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)

    def rows(self, table: str, but: Collection[Key] = ()) -> list[Any]:
        """Return the table's rows but those in `but`."""
        return [draft.row for draft in self.drafts.get(table, ()) if (table, draft.number) not in but]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a judgement goes by."""

    calendar: Calendar
    policy: Policy
    existing: Existing
    wheres: Mapping[str, Where] = field(default_factory=dict)
    unreadable: Collection[str] = ()  #: tables of which some or all ids cannot be told
    thorough: bool = True  #: look for the one mistake behind several refusals

    def where(self, table: str) -> Where:
        """Return where a table stands."""
        return self.wheres.get(table) or Where(table)


def judge(drafts: Drafts, bench: Bench) -> Judgement:
    """Judge all rows among each other."""
    existing = bench.existing
    known = Known(existing, drafts, bench.unreadable)
    faults = _organisation(drafts, known, bench)
    for table, rows in drafts.items():
        faults += rows_given_twice(rows, bench.where(table))
    drafts = {table: [_referred(draft, known, bench, faults) for draft in rows] for table, rows in drafts.items()}
    merged = {table: _merged(table, drafts, existing) for table in EVENTS}
    projects = {*subjects("project_events", drafts.get("project_events", ()))}
    projects |= {d.row.project for d in drafts.get("milestones", ()) if "project" not in d.bad}
    projects |= {d.row.id for d in drafts.get("projects", ()) if "id" not in d.bad}
    projects |= named_by(drafts.get("acknowledgements", ()), SubjectKind.PROJECT)
    plans = Plans(drafts.get("milestones", ()), existing.of("milestones", "project", projects))
    faults += plans.faults(bench.where("milestones"))
    judgement = Judgement(
        drafts={table: list(rows) for table, rows in drafts.items()}
        | {table: found.drafts for table, found in merged.items() if table in drafts},
        known=known,
        desk=_desk(known, bench),
        plans=plans,
        left={table: found.left for table, found in merged.items()},
        faults=faults,
        warnings=list(plans.warnings(bench.where("milestones"))),
    )
    _judge_events("petition_events", "petitions", judgement, bench)
    _judge_events("project_events", "projects", judgement, bench)
    for draft in drafts.get("acknowledgements", ()):
        judgement.faults += wrong_matter(draft, known, plans, bench.where("acknowledgements"))
    return judgement


def _referred(draft: Draft, known: Known, bench: Bench, faults: list[Fault]) -> Draft:
    """Add the faults of a row's references; return the row with these fields as bad ones."""
    found = list(wrong_references(draft, known, bench.where(draft.table)))
    if not found:
        return draft
    faults += found
    columns = TABLES[draft.table].named
    return replace(draft, bad=draft.bad | {columns[fault.column].field for fault in found})


def _merged(table: str, drafts: Drafts, existing: Existing) -> Merged:
    rows = drafts.get(table, ())
    subject = {"petition_events": "petition", "project_events": "project", "acknowledgements": "matter"}[table]
    touched = set(subjects(table, rows))
    own = {"petition_events": "petitions", "project_events": "projects"}.get(table)
    if own:
        # A petition or project that changes is judged with the events on record.
        touched |= {d.row.id for d in drafts.get(own, ()) if "id" not in d.bad}
        if own == "projects":
            touched |= {d.row.project for d in drafts.get("milestones", ()) if "project" not in d.bad}
        touched |= named_by(
            drafts.get("acknowledgements", ()), SubjectKind.PETITION if own == "petitions" else SubjectKind.PROJECT
        )
    return merge(table, rows, existing.of(table, subject, touched))


def _organisation(drafts: Drafts, known: Known, bench: Bench) -> list[Fault]:
    where = bench.where("offices")
    offices = drafts.get("offices", ())
    faults = Tree(offices, known, where).judge()
    faults += circles(drafts.get("grids", ()), known, bench.where("grids"))
    before = {row.id: row.kind for row in bench.existing.rows("offices") if isinstance(row, Office)}
    changed: dict[str, Draft] = {}
    for draft in offices:
        row = draft.row
        if isinstance(row, Office) and row.id in before and known.kind(row.id) not in (None, before[row.id]):
            changed[row.id] = draft
    broken = dependents(known, changed, bench.existing, drafts) if changed else {}
    for office, why in broken.items():
        draft = changed[office]
        faults.append(where.fault(draft.number, "kind", known.kind(office), f"does not hold: on record, {why}"))
    return faults


def _desk(known: Known, bench: Bench) -> Desk:
    offices = [office for office in known.offices.values() if office.id not in known.doubtful]
    house = House(offices, (), known.grids.values())
    return Desk(house, bench.calendar, bench.policy, bench.policy.start_on or FIRST_DAY)


def _judge_events(table: str, own: str, judgement: Judgement, bench: Bench) -> None:
    """Judge the events of all petitions, or of all projects, that the file touches."""
    found: dict[str, Any] = {}
    for draft in reversed(judgement.drafts.get(own, [])):
        if "id" not in draft.bad:
            found[draft.row.id] = draft
    events = judgement.drafts.get(table, [])
    wanted = (set(subjects(table, events)) | set(judgement.left[table])) - set(found)
    found |= {ident: rows[0] for ident, rows in bench.existing.of(own, "id", wanted).items()}
    order = Order(
        table=table,
        court=Court(judgement.desk, judgement.known, bench.thorough),
        where=bench.where(table),
        subjects=found,
        subjects_where=bench.where(own),
        plans=judgement.plans if own == "projects" else None,
    )
    order.judge(events, judgement.left[table])
    judgement.faults += order.faults
    judgement.warnings += order.warnings


def row_key(fault: Fault) -> Key:
    """Return which row a fault refuses."""
    return fault.table, fault.row
