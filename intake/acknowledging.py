"""Which matter does an acknowledgement name, and does it hold at its time?

One that names nothing is a fault; one that does not hold is a warning and is passed over. Rules: R5.4, R8.
Callers: examining.py, commands.py.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, TypeVar

from intake.faults import Fault, Where
from intake.plans import Plans
from intake.references import Known
from intake.rows import Draft
from intake.values import Day, Unreadable
from rules.dockets import Desk, Docket
from rules.dossiers import Dossier, petition_dossier, project_dossier, seat_dossier
from rules.facts import Acknowledgement, Leave, PetitionEvent, PetitionEventKind, Record, Row, Visit
from rules.matters import MatterKind, SubjectKind, subject_of
from rules.petitions import PetitionDocket, Stage
from rules.refusals import Refusal

Word = Acknowledgement | PetitionEvent
R = TypeVar("R")

PERIOD: Final = re.compile(r"[0-9]{4}-(?:H[12]|Q[1-4]|0[1-9]|1[0-2])")
NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")
SEQ: Final = re.compile(r"0|[1-9][0-9]{0,9}")
STAGES: Final = tuple(stage for stage in Stage if stage is not Stage.CLOSED)
FORMS: Final = {
    MatterKind.VISIT: "visit:<seat>:<period>, the period as 2026-H1, 2026-Q1, 2026-03 or 2026-03-09",
    MatterKind.PETITION: f"petition:<id>:<stage>:<round>, the stage one of {', '.join(STAGES)}",
    MatterKind.MILESTONE: "milestone:<project>:<seq>",
    MatterKind.INSPECTION: "inspection:<project>:<n>",
}
TABLES: Final = {SubjectKind.SEAT: "seats", SubjectKind.PETITION: "petitions", SubjectKind.PROJECT: "projects"}


# What a matter's id names ---------------------------------------------------------------


def wrong_matter(draft: Draft, known: Known, plans: Plans, where: Where) -> Iterator[Fault]:
    """Yield a fault if the matter of an acknowledgement is malformed, or of a subject that there is not."""
    row = draft.row
    if not isinstance(row, Acknowledgement) or "matter" in draft.bad:
        return
    kind = row.matter.partition(":")[0]
    if kind not in FORMS:
        wanted = ", ".join(f"{kind}:…" for kind in FORMS)
        yield where.fault(draft.number, "matter", row.matter, f"is not the id of a matter; want {wanted}")
        return
    try:
        subject = subject_of(row.matter)
    except ValueError:
        subject = None
    if subject is None or not _is_well_formed(MatterKind(kind), row.matter):
        yield where.fault(
            draft.number, "matter", row.matter, f"is not the id of a matter; want {FORMS[MatterKind(kind)]}"
        )
        return
    table = TABLES[subject.kind]
    if subject.id not in known.ids(table):
        near = known.near(subject.id, table)
        yield where.fault(
            draft.number, "matter", row.matter, f"names no {subject.kind}: there is no {subject.id!r}", near
        )
    elif kind == MatterKind.MILESTONE and not plans.names(subject.id, int(row.matter.rpartition(":")[2])):
        seqs = ", ".join(str(m.seq) for m in plans.of(subject.id)) or "none"
        problem = f"names no milestone; project {subject.id} has {seqs}"
        yield where.fault(draft.number, "matter", row.matter, problem)


def _is_well_formed(kind: MatterKind, matter: str) -> bool:
    last = matter.rpartition(":")[2]
    if kind is MatterKind.VISIT:
        return bool(PERIOD.fullmatch(last)) or _is_day(last)
    if kind is MatterKind.MILESTONE:
        return bool(SEQ.fullmatch(last))
    if kind is MatterKind.PETITION and matter.split(":")[-2] not in STAGES:
        return False
    return bool(NUMBER.fullmatch(last))


def _is_day(text: str) -> bool:
    try:
        return Day().read_text(text).isoformat() == text
    except Unreadable:
        return False


# Whether it holds ----------------------------------------------------------------------


def is_word(row: Row) -> bool:
    """Say whether a row acknowledges a matter: of the table acknowledgements, or an event `acknowledged`."""
    if isinstance(row, PetitionEvent):
        return row.event is PetitionEventKind.ACKNOWLEDGED
    return isinstance(row, Acknowledgement)


def acknowledgements_that_do_not_hold(record: Record, desk: Desk) -> list[tuple[Word, Refusal]]:
    """Return the acknowledgements of a record that do not hold at their time, with the reason (R5.4).

    `record` needs only the subjects that have acknowledgements, each with all its facts: a seat with its
    deputy's visits and leaves, a petition with its events, a project with its milestones and events.
    """
    refused: list[tuple[Word, Refusal]] = []
    for dossier in _dossiers(record, desk):
        docket = dossier.found()
        for at, (facts, words) in dossier.instants().items():
            docket.take(at, facts)
            refused += [(word, refusal) for word in words if (refusal := _hear(docket, word))]
            for fact in facts:
                if isinstance(fact, PetitionEvent) and is_word(fact) and (refusal := _hear_event(docket, fact)):
                    refused.append((fact, refusal))
    return refused


def _hear(docket: Docket, word: Acknowledgement) -> Refusal | None:
    refusal = docket.refuse_acknowledgement(word.matter, word.at, word.office)
    if refusal is None:
        docket.acknowledge(word)
    return refusal


def _hear_event(docket: Docket, event: PetitionEvent) -> Refusal | None:
    words = docket.acknowledged_in([event])
    if words:
        return _hear(docket, words[0])
    closed = isinstance(docket, PetitionDocket) and docket.stage is Stage.CLOSED
    return Refusal("event", event.event, "an open stage; the petition is closed", out_of_order=True) if closed else None


def _dossiers(record: Record, desk: Desk) -> Iterator[Dossier]:
    """Yield the dossiers of all subjects that have acknowledgements."""
    words: dict[tuple[SubjectKind, str], list[Acknowledgement]] = defaultdict(list)
    for word in record.acknowledgements:
        words[subject_of(word.matter)].append(word)
    made: list[Leave | Visit] = [*record.leaves, *record.visits]
    visits_of = _by(lambda row: row.deputy, made)
    for seat in record.seats:
        if mine := words[SubjectKind.SEAT, seat.id]:
            yield seat_dossier(seat, visits_of[seat.deputy], mine, desk)
    events_of = _by(lambda event: event.petition, record.petition_events)
    for petition in record.petitions:
        mine, events = words[SubjectKind.PETITION, petition.id], events_of[petition.id]
        if mine or any(map(is_word, events)):
            yield petition_dossier(petition, events, mine, desk)
    milestones_of = _by(lambda milestone: milestone.project, record.milestones)
    progress_of = _by(lambda event: event.project, record.project_events)
    for project in record.projects:
        if mine := words[SubjectKind.PROJECT, project.id]:
            yield project_dossier(project, milestones_of[project.id], progress_of[project.id], mine, desk)


def _by(key: Callable[[R], str], rows: Iterable[R]) -> dict[str, list[R]]:
    found: dict[str, list[R]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def subjects_of(rows: Collection[Row]) -> dict[SubjectKind, set[str]]:
    """Return the seats, petitions and projects that acknowledgements concern."""
    found: dict[SubjectKind, set[str]] = {kind: set() for kind in SubjectKind}
    for row in rows:
        if isinstance(row, Acknowledgement):
            kind, ident = subject_of(row.matter)
            found[kind].add(ident)
        elif isinstance(row, PetitionEvent) and is_word(row):
            found[SubjectKind.PETITION].add(row.petition)
    return found


def named_by(drafts: Iterable[Draft], kind: SubjectKind) -> set[str]:
    """Return the seats, petitions or projects whose matters the rows of acknowledgements name."""
    found: set[str] = set()
    for draft in drafts:
        if "matter" not in draft.bad and isinstance(draft.row, Acknowledgement):
            try:
                found |= subjects_of([draft.row])[kind]
            except ValueError:
                continue  # wrong_matter reports it
    return found
