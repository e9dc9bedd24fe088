"""How is the record changed by one fact: a visit, an opinion, an event, an acknowledgement, a leave?

Each command checks its fact as an import checks a row, by the same functions, among what is on record; then
writes it. One that does not hold raises Refused and changes nothing. Two about the same opinion, project or deputy
come one after the other, so that the second is judged by what the first has written; so do a command and an import.
Rules: R2.5, R4.3, R4b, R5.4, R8. Callers: web/ (409 on Refused), the command line.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection

from intake.existing import Existing
from intake.faults import Fault, Refused, Where
from intake.hearing import passed_over
from intake.judging import Bench, judge
from intake.merging import NATURAL_KEYS, with_those_beside
from intake.rows import Draft, RowReader, cells_of, layout_of_command
from intake.stored import on_record
from rules.facts import Acknowledgement, Leave, Petition, PetitionEvent, ProjectEvent, Row, Visit
from rules.matters import subject_of
from rules.policy import Policy
from rules.workdays import Calendar
from store import facts
from store.locks import Lock, alone_for, beside_others

Fact = TypeVar("Fact", Visit, Leave, Petition, PetitionEvent, ProjectEvent, Acknowledgement)


def record_visit(
    connection: Connection, visit: Visit, *, calendar: Calendar, policy: Policy, is_new: bool = False
) -> Visit:
    """Record a visit; one with an id on record changes that one, or is refused if it `is_new`."""
    return _change(connection, "visits", visit, calendar, policy, is_new=is_new)


def record_leave(connection: Connection, leave: Leave, *, calendar: Calendar, policy: Policy) -> Leave:
    """Record a leave; one with an id on record changes that one."""
    return _change(connection, "leaves", leave, calendar, policy)


def register_petition(
    connection: Connection, petition: Petition, *, calendar: Calendar, policy: Policy, is_new: bool = False
) -> Petition:
    """Register a resident's opinion; one with an id on record changes that one, or is refused if it `is_new`."""
    return _change(connection, "petitions", petition, calendar, policy, is_new=is_new)


def report_petition_event(
    connection: Connection, event: PetitionEvent, *, calendar: Calendar, policy: Policy
) -> PetitionEvent:
    """Report what happened to a resident's opinion; reporting it again changes nothing."""
    return _change(connection, "petition_events", event, calendar, policy)


def report_project_event(
    connection: Connection, event: ProjectEvent, *, calendar: Calendar, policy: Policy
) -> ProjectEvent:
    """Report the progress of a project; reporting it again changes nothing."""
    return _change(connection, "project_events", event, calendar, policy)


def acknowledge(
    connection: Connection, acknowledgement: Acknowledgement, *, calendar: Calendar, policy: Policy
) -> Acknowledgement:
    """Acknowledge an overdue matter (R5.4); one that does not hold is refused."""
    return _change(connection, "acknowledgements", acknowledgement, calendar, policy)


def _change(
    connection: Connection, table: str, fact: Fact, calendar: Calendar, policy: Policy, *, is_new: bool = False
) -> Fact:
    draft = _read(table, fact)
    row: Any = draft.row
    beside_others(connection, Lock.RECORDING)
    alone_for(connection, Lock.CHANGING, _about(table, row))
    if is_new and facts.is_on_record(connection, table, row.id):
        raise Refused([Where(table).fault(0, "id", row.id, "is on record already")])
    existing = on_record(connection)
    like = _like(table, draft, existing)
    for known in like:
        if replace(known, position=0) == draft.row:
            found: Fact = known
            return found
    # What is on record of the same kind, subject and instant goes along: the fact is one more of it.
    drafts = [Draft(table, -len(like) + i, row) for i, row in enumerate(like)] + [draft]
    bench = Bench(calendar=calendar, policy=policy, existing=existing)
    judgement = judge({table: drafts}, bench)
    faults = [fault for fault in judgement.faults if fault.row == draft.number]
    faults = faults or [_plainly(f) for key, f in passed_over(judgement, bench, (), (), ()) if key[1] == draft.number]
    if faults:
        raise Refused(faults)
    rows = judgement.rows(table)
    changed: Fact = rows[-1]
    if table in NATURAL_KEYS:
        rows, _ = with_those_beside(table, rows, judgement.left[table])
    facts.upsert(connection, table, rows)
    return changed


def _read(table: str, fact: Row) -> Draft:
    """Read a fact as if it stood in a file, so that its cells are checked alike."""
    layout = layout_of_command(table)
    reader = RowReader(layout)
    draft = reader.read(0, cells_of(layout.table, fact))
    if draft is None or reader.faults:
        raise Refused(reader.faults)
    return draft


def _about(table: str, fact: Any) -> list[str]:
    """Return what a fact is about, and by which others are judged that are about it too."""
    if table in ("visits", "leaves"):
        return [f"deputy:{fact.deputy}", f"{table}:{fact.id}"]
    if table == "petitions":
        return [f"petition:{fact.id}"]
    if table == "acknowledgements":
        with suppress(ValueError):  # what names no matter is refused in a moment
            return [f"{(of := subject_of(fact.matter)).kind}:{of.id}"]
        return []
    subject, _ = NATURAL_KEYS[table]
    return [f"{subject}:{getattr(fact, subject)}"]


def _like(table: str, draft: Draft, existing: Existing) -> list[Any]:
    """Return the events on record of the same kind, subject and instant."""
    if table not in NATURAL_KEYS:
        return []
    subject, kind = NATURAL_KEYS[table]
    fact = draft.row
    name = getattr(fact, subject)
    same = [row for row in existing.of(table, subject, {name}).get(name, []) if row.at == fact.at]
    same = [row for row in same if all(getattr(row, k) == getattr(fact, k) for k in kind)]
    return sorted(same, key=lambda row: row.position)


def _plainly(fault: Fault) -> Fault:
    """Return the warning of an import as the refusal of a command."""
    return replace(fault, problem=fault.problem.replace("does not hold, so it is passed over;", "does not hold;"))
