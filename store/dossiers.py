"""What is on record about a seat, a petition or a project?

Callers: actors/reckoning.py, intake/explaining.py, a rebuild.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from rules.dockets import Desk
from rules.dossiers import Dossier, petition_dossier, project_dossier, seat_dossier
from rules.facts import Acknowledgement, Leave, Visit
from rules.matters import Subject, SubjectKind, subject_of
from store import facts


def read_dossiers(connection: Connection, desk: Desk, subjects: Sequence[Subject]) -> list[Dossier]:
    """Return all rows about the subjects; one that is no longer on record has no dossier."""
    ids = {kind: [s.id for s in subjects if s.kind is kind] for kind in SubjectKind}
    return [
        *_seat_dossiers(connection, desk, ids[SubjectKind.SEAT]),
        *_petition_dossiers(connection, desk, ids[SubjectKind.PETITION]),
        *_project_dossiers(connection, desk, ids[SubjectKind.PROJECT]),
    ]


def _seat_dossiers(connection: Connection, desk: Desk, ids: list[str]) -> Iterator[Dossier]:
    seats = facts.seats(connection, ids)
    visits, leaves = facts.facts_of_deputies(connection, sorted({seat.deputy for seat in seats}))
    known: dict[str, list[Visit | Leave]] = defaultdict(list)
    for leave in leaves:
        known[leave.deputy].append(leave)
    for visit in visits:
        known[visit.deputy].append(visit)
    words = _words(connection, SubjectKind.SEAT, ids)
    for seat in seats:
        yield seat_dossier(seat, known[seat.deputy], words[seat.id], desk)


def _petition_dossiers(connection: Connection, desk: Desk, ids: list[str]) -> Iterator[Dossier]:
    events = defaultdict(list)
    for event in facts.petition_events(connection, ids):
        events[event.petition].append(event)
    words = _words(connection, SubjectKind.PETITION, ids)
    for petition in facts.petitions(connection, ids):
        yield petition_dossier(petition, events[petition.id], words[petition.id], desk)


def _project_dossiers(connection: Connection, desk: Desk, ids: list[str]) -> Iterator[Dossier]:
    events, plans = defaultdict(list), defaultdict(list)
    for event in facts.project_events(connection, ids):
        events[event.project].append(event)
    for milestone in facts.milestones(connection, ids):
        plans[milestone.project].append(milestone)
    words = _words(connection, SubjectKind.PROJECT, ids)
    for project in facts.projects(connection, ids):
        yield project_dossier(project, plans[project.id], events[project.id], words[project.id], desk)


def _words(connection: Connection, kind: SubjectKind, ids: list[str]) -> dict[str, list[Acknowledgement]]:
    words = defaultdict(list)
    for word in facts.acknowledgements_of(connection, kind, ids):
        words[subject_of(word.matter).id].append(word)
    return words
