"""What is a matter: one thing that somebody must do by a day?

Rules: R3.9, R4.2, R4b.2, R4b.3, R5.1. Callers: every rule that makes or reads matters.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

from rules.derivations import Reckoning
from rules.facts import VisitKind
from rules.making import made_fast


class MatterKind(StrEnum):
    """What a matter is about; also the first part of its id."""

    VISIT = "visit"
    PETITION = "petition"
    MILESTONE = "milestone"
    INSPECTION = "inspection"


class SubjectKind(StrEnum):
    """What a docket is about: whose facts decide a matter."""

    SEAT = "seat"
    PETITION = "petition"
    PROJECT = "project"


class Subject(NamedTuple):
    """A seat, petition or project."""

    kind: SubjectKind
    id: str


#: matter kind → kind of its subject, and how many parts of the matter's id follow the subject's
_SUBJECTS: Final = {
    MatterKind.VISIT: (SubjectKind.SEAT, 1),
    MatterKind.PETITION: (SubjectKind.PETITION, 2),
    MatterKind.MILESTONE: (SubjectKind.PROJECT, 1),
    MatterKind.INSPECTION: (SubjectKind.PROJECT, 1),
}


def subject_of(matter: str) -> Subject:
    """Return the seat, petition or project that a matter's id names; ValueError if it names none.

    >>> subject_of("visit:S1:2026-03").id, subject_of("petition:P:1:assign:1").id
    ('S1', 'P:1')
    """
    kind, _, rest = matter.partition(":")
    subject, parts = _SUBJECTS[MatterKind(kind)] if kind in set(MatterKind) else (None, 0)
    pieces = rest.rsplit(":", parts)
    if subject is None or len(pieces) != parts + 1 or not all(pieces):
        raise ValueError(f"{matter!r} is not the id of a matter")
    return Subject(subject, pieces[0])


class Status(StrEnum):
    """How a matter stands (R3.9, R4.2)."""

    OPEN = "open"
    OVERDUE = "overdue"
    MET = "met"
    LATE = "late"
    MISSED = "missed"
    EXCUSED = "excused"
    CANCELLED = "cancelled"
    SETTLED = "settled"


#: a matter in one of these still has a ladder (R5.1)
LIVE = frozenset({Status.OPEN, Status.OVERDUE})
#: a matter in one of these can still be settled, which tells whom the climb reached (R5.8)
UNSETTLED = LIVE | {Status.MISSED}


class Cause(StrEnum):
    """What opened a matter, where its notices depend on it (R5.8)."""

    REGISTERED = "registered"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    RAISED = "raised"
    HANDLED = "handled"
    VERIFIED = "verified"
    REWORK = "rework"
    DISSATISFIED = "dissatisfied"
    RECORDED = "recorded"
    PERIOD = "period"


@dataclass(frozen=True, slots=True)
class Hold:
    """An acknowledgement that holds the climb of one due date (R5.4)."""

    office: str
    due: date
    until: date  #: first day on which a held rung may fire


@made_fast
@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """One thing that one party must do by one day, as it stands on the facts known at an instant."""

    id: str
    kind: MatterKind
    subject: str  #: id of the seat, petition or project
    town: str  #: town office of the seat, petition or project
    responsible: str  #: `deputy:<id>` or `office:<id>`
    ladder: str  #: sort of ladder: see Policy.ladder
    stage: str = ""  #: petition: assign … feedback; milestone: its stage
    cause: Cause
    opened: date
    due: date
    reckoned: Reckoning  #: why that due date
    began: date  #: local day of the fact that opened it or last changed its due date
    closed: Status | None = None  #: met, late, excused, cancelled or settled; None while none of these
    settled: date | None = None
    missed_from: date | None = None  #: first day on which it is missed unless something closes it
    silent: bool = False  #: a visit period that ended before `start_on`: listed, never told (R5.3)
    owed: tuple[VisitKind, ...] = ()  #: visits: the arrivals that the period owes
    arrivals: tuple[VisitKind, ...] = ()  #: visits: the arrivals made
    slips: int = 0  #: milestones: moves to a later day
    holds: tuple[Hold, ...] = ()
    label: str = ""  #: what notices call it: register number, project and milestone, period

    def status_on(self, day: date) -> Status:
        """Return how the matter stands on `day`, on the same facts (R1.6, R3.9).

        An open matter becomes overdue, and a visit missed, by the passing of time alone.
        """
        if self.closed is not None:
            return self.closed
        if self.missed_from is not None and day >= self.missed_from:
            return Status.MISSED
        return Status.OVERDUE if day > self.due else Status.OPEN

    def is_live(self, day: date) -> bool:
        """Say whether the matter is open or overdue on `day`."""
        return self.closed is None and (self.missed_from is None or day < self.missed_from)
