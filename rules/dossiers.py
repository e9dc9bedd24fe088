"""What do a subject's rows say, instant by instant?

A dossier is all that is on record about one seat, petition or project. From it a docket is made that has
learnt what was known at an instant: for the daemon's next step, a rebuild, or `explain --at`.
Rules: R3.5, R4.1, R4b.1, R5.1. Callers: actors/, intake's checks.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from rules.dockets import Change, Desk, Docket, Fact
from rules.duties import CalendarSeat, seat_docket
from rules.facts import (
    Acknowledgement,
    Leave,
    Milestone,
    Petition,
    PetitionEvent,
    Project,
    ProjectEvent,
    Seat,
    Visit,
    midnight,
)
from rules.making import made_fast
from rules.matters import Matter, Subject, SubjectKind
from rules.petitions import PetitionDocket
from rules.projects import ProjectDocket

#: what one subject learns at one instant
Learnt = tuple[list[Fact], list[Acknowledgement]]


@made_fast
@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """All rows about one seat, petition or project."""

    subject: Subject
    town: str
    found: Callable[[], Docket]
    known_at: datetime | None = None  #: `recorded_at` of a petition or project; a seat holds throughout
    facts: Sequence[Fact] = ()
    acknowledgements: Sequence[Acknowledgement] = ()

    def instants(self) -> dict[datetime, Learnt]:
        """Return what became known at each instant, in order; events of one instant in the order of the record."""
        learnt: dict[datetime, Learnt] = defaultdict(lambda: ([], []))
        if self.known_at:
            learnt[self.known_at]
        for fact in sorted(self.facts, key=lambda f: getattr(f, "position", 0)):
            learnt[known(fact)][0].append(fact)
        for word in sorted(self.acknowledgements, key=attrgetter("position")):
            learnt[word.at][1].append(word)
        return dict(sorted(learnt.items()))


def known(fact: Fact) -> datetime:
    """Return the instant from which a fact counts."""
    return fact.recorded_at if isinstance(fact, (Visit, Leave)) else fact.at


def seat_dossier(
    seat: Seat, facts: Iterable[Visit | Leave], acknowledgements: Iterable[Acknowledgement], desk: Desk
) -> Dossier:
    """Return the dossier of a seat; `facts` are its deputy's."""
    return Dossier(
        subject=Subject(SubjectKind.SEAT, seat.id),
        town=seat.town,
        found=lambda: seat_docket(seat, desk),
        facts=tuple(facts),
        acknowledgements=tuple(acknowledgements),
    )


def petition_dossier(
    petition: Petition, events: Iterable[PetitionEvent], acknowledgements: Iterable[Acknowledgement], desk: Desk
) -> Dossier:
    """Return the dossier of a resident's opinion."""
    return Dossier(
        subject=Subject(SubjectKind.PETITION, petition.id),
        town=petition.town,
        found=lambda: PetitionDocket(petition, desk),
        known_at=petition.recorded_at,
        facts=tuple(events),
        acknowledgements=tuple(acknowledgements),
    )


def project_dossier(
    project: Project,
    milestones: Sequence[Milestone],
    events: Iterable[ProjectEvent],
    acknowledgements: Iterable[Acknowledgement],
    desk: Desk,
) -> Dossier:
    """Return the dossier of a project."""
    return Dossier(
        subject=Subject(SubjectKind.PROJECT, project.id),
        town=project.town,
        found=lambda: ProjectDocket(project, milestones, desk),
        known_at=project.recorded_at,
        facts=tuple(events),
        acknowledgements=tuple(acknowledgements),
    )


@dataclass(frozen=True, slots=True)
class Happened:
    """A change, and the instant of the facts that made it."""

    at: datetime
    change: Change


@dataclass(slots=True)
class Reckoned:
    """How a subject stands at an instant, and what has changed since it was last reckoned."""

    matters: dict[str, Matter]
    happened: list[Happened] | None = field(default_factory=list)  #: None: nobody has followed it
    next_at: datetime | None = None  #: when facts on record become known, or time opens a matter


def reckon(
    dossier: Dossier,
    at: datetime,
    stored: Mapping[str, Matter] | None = None,
    reckoned_to: datetime | None = None,
) -> Reckoned:
    """Return how the subject stands at `at` on the facts known by then.

    `stored` is the outcome of the last time, at `reckoned_to`; what differs from it has happened since. A fact
    that was recorded behind the last time's back (dated up to `reckoned_to`) happens at `reckoned_to`.
    """
    instants = dossier.instants()
    docket = dossier.found()
    happened: list[Happened] = []
    if reckoned_to is not None:
        for instant in [i for i in instants if i <= reckoned_to]:
            docket.learn(instant, *instants.pop(instant))
        if _is_known(dossier, reckoned_to):
            docket.learn(reckoned_to)
        happened += [Happened(reckoned_to, change) for change in _differences(stored or {}, docket)]
    for instant in [i for i in instants if i <= at]:
        happened += [Happened(instant, change) for change in docket.learn(instant, *instants.pop(instant))]
    if _is_known(dossier, at):
        happened += [Happened(at, change) for change in docket.learn(at)]
    coming = list(instants)[:1]
    opening = docket.next_opening()
    if opening is not None:
        coming.append(midnight(opening))
    return Reckoned(docket.matters, happened, min(coming, default=None))


def stand(dossier: Dossier, at: datetime) -> Reckoned:
    """Return how the subject stands at `at`, as `reckon` does.

    Where that depends only on what is known, and not on the order in which it became known, all of it is learnt at
    once, in a third of the time. Then nobody has followed what happened.
    """
    docket = dossier.found()
    if dossier.acknowledgements or not isinstance(docket, CalendarSeat):
        return reckon(dossier, at)
    learnt, coming = [], []
    for fact in dossier.facts:
        instant = known(fact)
        if instant <= at:
            learnt.append(fact)
        else:
            coming.append(instant)
    docket.learn_at_once(at, learnt)
    opening = docket.next_opening()
    if opening is not None:
        coming.append(midnight(opening))
    return Reckoned(docket.matters, None, min(coming, default=None))


def _is_known(dossier: Dossier, at: datetime) -> bool:
    return dossier.known_at is None or dossier.known_at <= at


def _differences(stored: Mapping[str, Matter], docket: Docket) -> list[Change]:
    changed = [Change(stored.get(i), m) for i, m in docket.matters.items() if stored.get(i) != m]
    return changed + [Change(m, None) for i, m in stored.items() if i not in docket.matters]
