"""Do the acknowledgements of a file hold, given all that is known of their matters?

Those that do not are passed over with a warning. Needed are, from the file and from the database, the facts
about the subjects concerned and no others. Rules: R5.4, R8. Callers: examining.py, commands.py.
"""

from collections.abc import Collection, Sequence
from typing import Any

from intake.acknowledging import acknowledgements_that_do_not_hold, is_word, named_by, subjects_of
from intake.columns import STREAMED, TABLES
from intake.existing import Existing
from intake.faults import Fault
from intake.judging import Bench, Judgement, Key
from rules.facts import Acknowledgement, Leave, Record, Visit
from rules.matters import SubjectKind


def deputies_to_keep(judgement: Judgement, existing: Existing) -> set[str]:
    """Return the deputies whose leaves and visits decide whether an acknowledgement holds."""
    return {seat.deputy for seat in _seats(judgement, existing)}


def _seats(judgement: Judgement, existing: Existing) -> list[Any]:
    wanted = named_by(judgement.drafts.get("acknowledgements", ()), SubjectKind.SEAT)
    mine = [d.row for d in judgement.drafts.get("seats", ()) if not d.bad and d.row.id in wanted]
    wanted -= {seat.id for seat in mine}
    return mine + [row for rows in existing.of("seats", "id", wanted).values() for row in rows]


def passed_over(
    judgement: Judgement, bench: Bench, refused: Collection[Key], kept: Sequence[Leave | Visit], silent: Collection[str]
) -> list[tuple[Key, Fault]]:
    """Return the acknowledgements of the file that do not hold, each with a warning.

    `refused`: rows that are not to be considered; `kept`: leaves and visits of `deputies_to_keep`, in the file;
    `silent`: deputies with a leave or visit at fault, of whose seats nothing can be said.
    """
    words = {
        id(draft.row): draft
        for table in ("petition_events", "acknowledgements")
        for draft in judgement.drafts.get(table, ())
        if not draft.bad and is_word(draft.row) and (table, draft.number) not in refused
    }
    if not words:
        return []
    record = _concerned(judgement, bench, refused, kept, silent)
    found = []
    for word, refusal in acknowledgements_that_do_not_hold(record, judgement.desk):
        draft = words.get(id(word))
        if draft is not None:
            column = refusal.column if refusal.column in TABLES[draft.table].named else "event"
            problem = f"does not hold, so it is passed over; want {refusal.expected}"
            fault = bench.where(draft.table).fault(draft.number, column, refusal.value, problem)
            found.append(((draft.table, draft.number), fault))
    return found


def _concerned(
    judgement: Judgement, bench: Bench, refused: Collection[Key], kept: Sequence[Leave | Visit], silent: Collection[str]
) -> Record:
    """Return what is on record and in the file about every subject that has an acknowledgement."""
    existing = bench.existing
    words = [w for w in judgement.rows("acknowledgements", refused) if isinstance(w, Acknowledgement)]
    events = judgement.rows("petition_events", refused)
    touched = subjects_of([*words, *events])
    at_fault = _subjects_at_fault(judgement, refused)
    touched = {kind: idents - at_fault[kind] for kind, idents in touched.items()}
    seats = [s for s in _seats(judgement, existing) if s.deputy not in silent and s.id in touched[SubjectKind.SEAT]]
    petitions, projects = touched[SubjectKind.PETITION], touched[SubjectKind.PROJECT]
    ids = {SubjectKind.SEAT: {s.id for s in seats}, SubjectKind.PETITION: petitions, SubjectKind.PROJECT: projects}
    left_words = [word for rows in judgement.left["acknowledgements"].values() for word in rows]
    all_words = [
        w for w in [*words, *left_words] if any(i in ids[k] for k, found in subjects_of([w]).items() for i in found)
    ]
    deputies = {seat.deputy for seat in seats}
    given = {(type(row), row.id) for row in kept}
    on_record = [
        row
        for table in STREAMED
        for rows in existing.of(table, "deputy", deputies).values()
        for row in rows
        if (type(row), row.id) not in given
    ]
    facts = [row for row in (*on_record, *kept) if row.deputy in deputies]
    return Record(
        seats=seats,
        leaves=[row for row in facts if isinstance(row, Leave)],
        visits=[row for row in facts if isinstance(row, Visit)],
        petitions=_merged_rows("petitions", petitions, judgement, existing),
        petition_events=_merged_events("petition_events", petitions, judgement, refused),
        projects=_merged_rows("projects", projects, judgement, existing),
        milestones=[m for project in projects for m in judgement.plans.of(project)],
        project_events=_merged_events("project_events", projects, judgement, refused),
        acknowledgements=all_words,
    )


def _merged_rows(table: str, wanted: Collection[str], judgement: Judgement, existing: Existing) -> list[Any]:
    mine = {row.id: row for row in judgement.rows(table) if row.id in wanted}
    return [*mine.values(), *(r for rows in existing.of(table, "id", set(wanted) - set(mine)).values() for r in rows)]


def _merged_events(table: str, wanted: Collection[str], judgement: Judgement, refused: Collection[Key]) -> list[Any]:
    subject = "petition" if table == "petition_events" else "project"
    mine = [row for row in judgement.rows(table, refused) if getattr(row, subject) in wanted]
    return [*(row for name in wanted for row in judgement.left[table].get(name, ())), *mine]


def _subjects_at_fault(judgement: Judgement, refused: Collection[Key]) -> dict[SubjectKind, set[Any]]:
    """Return the subjects of whose rows one is refused: nothing can be said of their matters."""
    found: dict[SubjectKind, set[Any]] = {kind: set() for kind in SubjectKind}
    names = {
        "seats": (SubjectKind.SEAT, "id"),
        "petitions": (SubjectKind.PETITION, "id"),
        "petition_events": (SubjectKind.PETITION, "petition"),
        "projects": (SubjectKind.PROJECT, "id"),
        "milestones": (SubjectKind.PROJECT, "project"),
        "project_events": (SubjectKind.PROJECT, "project"),
    }
    for table, (kind, name) in names.items():
        for draft in judgement.drafts.get(table, ()):
            if (table, draft.number) in refused:
                found[kind].add(getattr(draft.row, name))
    return found
