"""Which matters are there, and how do they stand, on the facts known at an instant? (R3, R4, R4b)

Each of the three functions starts from nothing: it takes the facts known by an instant and returns every matter of one
seat, petition or project. What only the passing of days changes (open, overdue, missed) is left to `Matter.status`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from .days import forward, months, span, workdays
from .tables import Petition, PetitionEvent, Project, ProjectEvent, Record, Seat, Visit

Responsible = tuple[str, tuple[str, ...]]  #: who answers for a matter, and the chain above

PERIOD_MONTHS = {"province": 6, "prefecture": 6, "county": 3, "town": 1}
KINDS = ("station", "grid")
LEVELS = ("self", "town", "municipal")
HANDLE_DAYS = {"self": 5, "town": 7, "municipal": 15}
REHANDLE_DAYS = 10
STAGE_DAYS = {"assign": 3, "accept": 2, "verify": 5, "feedback": 3}
FOR_EVER = date.max


@dataclass(frozen=True)
class Duty:
    """The settings of R3."""

    period: str = "calendar"
    arrivals: str = "both"
    place: str = "assigned"


@dataclass(frozen=True)
class Ladder:
    """Which rungs a matter has: reminders before due (in calendar days or workdays), climbs in workdays after it."""

    reminders: tuple[int, ...]
    climbs: tuple[int, ...]
    in_workdays: bool = True


VISIT_LADDERS = {
    6: Ladder((30, 7), (5, 10), in_workdays=False),
    3: Ladder((15, 5), (5, 10), in_workdays=False),
    1: Ladder((7, 2), (5, 10), in_workdays=False),
}
PETITION_LADDER = Ladder((2,), (3, 7, 12))
MILESTONE_LADDER = Ladder((5,), (5, 10))
KEY_MILESTONE_LADDER = Ladder((10, 3), (2, 5, 8))
INSPECTION_LADDER = Ladder((3,), (5,))


@dataclass(frozen=True, kw_only=True)
class Matter:
    """One matter on the facts known at some instant."""

    id: str
    town: str
    opened: date
    due: date
    responsible: str
    chain: tuple[str, ...]
    ladder: Ladder
    ended: str | None = None  #: met, late, settled, excused or cancelled
    settled: date | None = None
    missed_after: date | None = None  #: visits only: the last day on which it may still be open or overdue
    arrivals: tuple[str, ...] | None = None  #: visits only
    period_end: date | None = None  #: calendar visits only
    reopened: bool = False  #: a handle stage opened by rework or dissatisfaction
    slips: int = 0  #: milestones only

    def status(self, today: date) -> str:
        """How does the matter stand on this day?"""
        if self.ended:
            return self.ended
        if self.missed_after is not None and today > self.missed_after:
            return "missed"
        return "overdue" if self.due < today else "open"


def responsible_deputy(record: Record, deputy: str | None, town: str) -> Responsible:
    """Who answers for what a deputy does, and which chain stands above? Without a deputy, the town office (R2.2)."""
    above = record.ancestors(town)
    return (f"deputy:{deputy}", (town, *above)) if deputy else (f"office:{town}", above)


# --- visits -----------------------------------------------------------------------------------------------------------


def central_stations(record: Record, town: str) -> set[str]:
    """Which central stations has the town?"""
    return {
        office.id
        for office in record.offices.values()
        if office.kind == "station" and office.station_kind == "central" and office.parent == town
    }


def owed_kinds(record: Record, seat: Seat) -> tuple[str, ...]:
    """Which kinds of arrival can the seat owe at all? (R3.4)"""
    has = {"station": bool(seat.station or central_stations(record, seat.town)), "grid": bool(seat.grid)}
    return tuple(kind for kind in KINDS if has[kind])


def fits(record: Record, duty: Duty, seat: Seat, visit: Visit) -> bool:
    """Is the visit's place one that counts for the seat? (R3.4)"""
    if visit.kind == "station":
        office = record.offices.get(visit.place)
        if office is None or office.kind != "station":
            return False
        return duty.place == "any" or visit.place == seat.station or visit.place in central_stations(record, seat.town)
    if visit.place not in record.grids:
        return False
    return duty.place == "any" or seat.grid in record.grid_and_above(visit.place)


def arrivals_known(record: Record, duty: Duty, seat: Seat, instant: datetime) -> list[tuple[date, str]]:
    """Which arrivals of the seat, day and kind, are known by the instant? (R3.4, R3.5)"""
    owed = owed_kinds(record, seat)
    counted = KINDS if duty.place == "any" and duty.arrivals == "either" else owed
    return [
        (visit.day, visit.kind)
        for visit in record.visits
        if visit.deputy == seat.deputy
        and visit.known <= instant
        and seat.holds(visit.day)
        and visit.kind in counted
        and fits(record, duty, seat, visit)
    ]


def leave_days_known(record: Record, deputy: str, instant: datetime) -> set[date]:
    """On which days is the deputy on leave, as known by the instant?"""
    days: set[date] = set()
    for leave in record.leaves:
        if leave.deputy == deputy and leave.known <= instant:
            days.update(span(leave.first, leave.last))
    return days


def completed_on(duty: Duty, owed: tuple[str, ...], arrivals: list[tuple[date, str]]) -> date | None:
    """On which day was the last missing one of these arrivals made? None while one is missing. (R3.3)"""
    if duty.arrivals == "either":
        return min((day for day, _ in arrivals), default=None)
    firsts = [min((day for day, made in arrivals if made == kind), default=None) for kind in owed]
    return None if None in firsts else max(day for day in firsts if day)


def kinds_made(arrivals: list[tuple[date, str]], last: date) -> tuple[str, ...]:
    """Which kinds were made up to this day, station first?"""
    return tuple(kind for kind in KINDS if any(made == kind and day <= last for day, made in arrivals))


def period_label(start: date, length: int) -> str:
    """What is the calendar period called?"""
    if length == 1:
        return f"{start.year:04d}-{start.month:02d}"
    letter = {6: "H", 3: "Q"}[length]
    return f"{start.year:04d}-{letter}{(start.month - 1) // length + 1}"


def calendar_periods(first: date, last: date, length: int) -> Iterator[tuple[date, date, date]]:
    """Which periods are there, from that of the first day on: start, end, and the end of the next one?"""
    start = date(first.year, first.month - (first.month - 1) % length, 1)
    while start <= last:
        following = months(start, length)
        yield start, following - timedelta(days=1), months(following, length) - timedelta(days=1)
        start = following


def seat_matters(
    record: Record, duty: Duty, seat: Seat, instant: datetime, start_on: date, horizon: date
) -> dict[str, Matter]:
    """Which visit matters has the seat, on the facts known at the instant? Those opened up to the horizon."""
    if not owed_kinds(record, seat):
        return {}
    if duty.period == "rolling":
        found = _rolling_matters(record, duty, seat, instant, start_on)
    else:
        found = _calendar_matters(record, duty, seat, instant, horizon)
    return {matter.id: matter for matter in found if matter.opened <= horizon}


def _calendar_matters(record: Record, duty: Duty, seat: Seat, instant: datetime, horizon: date) -> Iterator[Matter]:
    owed = owed_kinds(record, seat)
    length = PERIOD_MONTHS[seat.level]
    responsible, chain = responsible_deputy(record, seat.deputy, seat.town)
    every = arrivals_known(record, duty, seat, instant)
    leave = leave_days_known(record, seat.deputy, instant)
    for start, end, next_end in calendar_periods(seat.start, horizon, length):
        total = (end - start).days + 1
        if start < seat.start and 2 * ((end - seat.start).days + 1) < total:
            continue
        if seat.end is not None and seat.end < end:
            continue
        arrivals = [(day, kind) for day, kind in every if start <= day <= next_end]
        done = completed_on(duty, owed, arrivals)
        on_leave = sum(1 for day in span(start, end) if day in leave)
        ended, settled, counted_to = None, None, next_end
        if done is not None and done <= end:
            ended, settled, counted_to = "met", done, end
        elif 2 * on_leave >= total:
            ended, counted_to = "excused", end
        elif done is not None:
            ended, settled, counted_to = "late", done, done
        yield Matter(
            id=f"visit:{seat.id}:{period_label(start, length)}",
            town=seat.town,
            opened=max(start, seat.start),
            due=end,
            responsible=responsible,
            chain=chain,
            ladder=VISIT_LADDERS[length],
            ended=ended,
            settled=settled,
            missed_after=min(next_end, seat.end or FOR_EVER),
            arrivals=kinds_made(arrivals, counted_to),
            period_end=end,
        )


def rolling_due(start: date, length: int, leave: set[date], done: date | None) -> date:
    """When is the cycle due, each day of leave in it moving the date by one? (R3.2, R3.7)"""
    due = months(start, length)
    day = start + timedelta(days=1)
    while day <= due and (done is None or day <= done):
        if day in leave:
            due += timedelta(days=1)
        day += timedelta(days=1)
    return due


def _rolling_matters(record: Record, duty: Duty, seat: Seat, instant: datetime, start_on: date) -> Iterator[Matter]:
    owed = owed_kinds(record, seat)
    length = PERIOD_MONTHS[seat.level]
    responsible, chain = responsible_deputy(record, seat.deputy, seat.town)
    every = arrivals_known(record, duty, seat, instant)
    leave = leave_days_known(record, seat.deputy, instant)
    start: date | None = max(seat.start, start_on)
    while start is not None:
        arrivals = [(day, kind) for day, kind in every if day > start]
        done = completed_on(duty, owed, arrivals)
        due = rolling_due(start, length, leave, done)
        if seat.end is None or due <= seat.end:
            yield Matter(
                id=f"visit:{seat.id}:{start.isoformat()}",
                town=seat.town,
                opened=start,
                due=due,
                responsible=responsible,
                chain=chain,
                ladder=VISIT_LADDERS[length],
                ended=None if done is None else "met" if done <= due else "late",
                settled=done,
                missed_after=seat.end,
                arrivals=kinds_made(arrivals, done or FOR_EVER),
            )
        start = done


# --- petitions --------------------------------------------------------------------------------------------------------


@dataclass
class Stage:
    """One stage of a petition while it is replayed."""

    name: str
    round: int
    opened: date
    due: date
    responsible: str
    chain: tuple[str, ...]
    reopened: bool = False
    extended: bool = False
    ended: str | None = None
    settled: date | None = None


@dataclass
class PetitionReplay:
    """A petition replayed from its registration, event by event (R4.2–R4.4). Takes valid events only."""

    record: Record
    petition: Petition
    level: str = ""
    stages: list[Stage] = field(default_factory=list)
    handler: str | None = None  #: the department assigned
    until: date | None = None
    proposal: bool = False
    assigned_on: date | None = None
    dissatisfactions: int = 0

    def __post_init__(self) -> None:
        self.level = self.petition.level
        day = self.petition.known.date()
        if self.level == "self":
            self.open_handle(day, workdays(day, HANDLE_DAYS["self"]))
        else:
            self.open_assign(day)

    @property
    def current(self) -> Stage | None:
        """Which stage is open? None once the petition is closed."""
        return self.stages[-1] if self.stages[-1].ended is None else None

    def open(self, name: str, day: date, due: date, who: Responsible, *, reopened: bool = False) -> None:
        """Open the stage's next round."""
        number = 1 + sum(1 for stage in self.stages if stage.name == name)
        self.stages.append(Stage(name, number, day, due, who[0], who[1], reopened))

    def close(self, day: date, how: str = "settled") -> None:
        """End the open stage."""
        self.stages[-1].ended, self.stages[-1].settled = how, day

    def office(self, office: str) -> Responsible:
        """How is an office responsible, and which chain has it?"""
        return f"office:{office}", self.record.ancestors(office)

    def deputy(self) -> Responsible:
        """Who stands as the petition's deputy?"""
        return responsible_deputy(self.record, self.petition.deputy, self.petition.town)

    def open_assign(self, day: date) -> None:
        """Back to assign, under the level's office; what an assignment gave has lapsed."""
        self.handler, self.until, self.proposal, self.assigned_on = None, None, False, None
        office = self.record.municipal() if self.level == "municipal" else self.petition.town
        self.open("assign", day, workdays(day, STAGE_DAYS["assign"]), self.office(office))

    def open_handle(self, day: date, due: date, *, reopened: bool = False) -> None:
        """Open handle for the department, or for the deputy at level self."""
        who = self.deputy() if self.level == "self" else self.office(self.handler or "")
        self.open("handle", day, due, who, reopened=reopened)

    def first_handle_due(self, day: date) -> date:
        """When is a handle stage due that `accepted` opens?"""
        if self.until:
            return self.until
        if self.proposal and self.assigned_on:
            return forward(months(self.assigned_on, 3))
        return workdays(day, HANDLE_DAYS[self.level])

    def apply(self, event: PetitionEvent) -> None:
        """Apply one event."""
        getattr(self, f"_{event.event}")(event, event.at.date())

    def _assigned(self, event: PetitionEvent, day: date) -> None:
        self.close(day)
        self.handler, self.until, self.proposal, self.assigned_on = event.office, event.until, event.proposal, day
        self.open("accept", day, workdays(day, STAGE_DAYS["accept"]), self.office(event.office or ""))

    def _accepted(self, event: PetitionEvent, day: date) -> None:
        self.close(day)
        self.open_handle(day, self.first_handle_due(day))

    def _returned(self, event: PetitionEvent, day: date) -> None:
        self.close(day, "cancelled")
        self.open_assign(day)

    def _raised(self, event: PetitionEvent, day: date) -> None:
        self.close(day, "cancelled")
        self.level = event.level or ""
        self.open_assign(day)

    def _extended(self, event: PetitionEvent, day: date) -> None:
        assert event.until is not None
        self.stages[-1].due, self.stages[-1].extended = event.until, True

    def _handled(self, event: PetitionEvent, day: date) -> None:
        self.close(day)
        name = "feedback" if self.level == "self" else "verify"
        self.open(name, day, workdays(day, STAGE_DAYS[name]), self.deputy())

    def _verified(self, event: PetitionEvent, day: date) -> None:
        self.close(day)
        if event.result == "ok":
            self.open("feedback", day, workdays(day, STAGE_DAYS["feedback"]), self.deputy())
        else:
            self.open_handle(day, workdays(day, REHANDLE_DAYS), reopened=True)

    def _fed_back(self, event: PetitionEvent, day: date) -> None:
        self.close(day)
        if event.result != "dissatisfied":
            return
        self.dissatisfactions += 1
        if self.dissatisfactions >= 2 and self.level != "municipal":
            self.level = "municipal"
            self.open_assign(day)
        else:
            self.open_handle(day, workdays(day, REHANDLE_DAYS), reopened=True)

    def _withdrawn(self, event: PetitionEvent, day: date) -> None:
        self.close(day, "cancelled")


def replay_petition(
    record: Record, petition: Petition, events: list[PetitionEvent], instant: datetime
) -> PetitionReplay:
    """How does the petition stand on the events known at the instant? Acknowledgements change no stage."""
    replay = PetitionReplay(record, petition)
    for event in sorted(events, key=lambda event: event.at):
        if event.at <= instant and event.event != "acknowledged":
            replay.apply(event)
    return replay


def petition_matters(
    record: Record, petition: Petition, events: list[PetitionEvent], instant: datetime
) -> dict[str, Matter]:
    """Which matters has the petition, on the facts known at the instant?"""
    if petition.known > instant:
        return {}
    found = [
        Matter(
            id=f"petition:{petition.id}:{stage.name}:{stage.round}",
            town=petition.town,
            opened=stage.opened,
            due=stage.due,
            responsible=stage.responsible,
            chain=stage.chain,
            ladder=PETITION_LADDER,
            ended=stage.ended,
            settled=stage.settled,
            reopened=stage.reopened,
        )
        for stage in replay_petition(record, petition, events, instant).stages
    ]
    return {matter.id: matter for matter in found}


# --- projects ---------------------------------------------------------------------------------------------------------


@dataclass
class ProjectReplay:
    """A project replayed event by event (R4b). Takes valid events only."""

    record: Record
    project: Project
    planned: dict[int, date] = field(default_factory=dict)
    stage: dict[int, str] = field(default_factory=dict)
    done: dict[int, date] = field(default_factory=dict)
    slips: dict[int, int] = field(default_factory=dict)
    inspected: list[date] = field(default_factory=list)
    groundbreaking: date | None = None
    accepted: date | None = None

    def __post_init__(self) -> None:
        for milestone in self.record.milestones:
            if milestone.project == self.project.id:
                self.planned[milestone.seq] = milestone.planned
                self.stage[milestone.seq] = milestone.stage

    @property
    def last_inspected_milestone(self) -> int:
        """Which milestone ends the inspections: acceptance, or without one the last?"""
        return next((seq for seq, stage in self.stage.items() if stage == "acceptance"), max(self.stage))

    def apply(self, event: ProjectEvent) -> None:
        """Apply one event."""
        if event.event == "inspected":
            self.inspected.append(event.day)
            return
        assert event.seq is not None
        if event.event == "replan":
            later = event.day > self.planned[event.seq]
            self.slips[event.seq] = self.slips.get(event.seq, 0) + later
            self.planned[event.seq] = event.day
            return
        self.done[event.seq] = event.day
        if self.stage[event.seq] == "groundbreaking":
            self.groundbreaking = event.day
        if event.seq == self.last_inspected_milestone:
            self.accepted = event.day


def replay_project(record: Record, project: Project, events: list[ProjectEvent], instant: datetime) -> ProjectReplay:
    """How does the project stand on the events known at the instant?"""
    replay = ProjectReplay(record, project)
    for event in sorted(events, key=lambda event: event.at):
        if event.at <= instant:
            replay.apply(event)
    return replay


def project_matters(
    record: Record, project: Project, events: list[ProjectEvent], instant: datetime
) -> dict[str, Matter]:
    """Which matters has the project, on the facts known at the instant?"""
    if project.known > instant:
        return {}
    replay = replay_project(record, project, events, instant)
    found = [*_milestones(replay), *_inspections(replay)]
    return {matter.id: matter for matter in found}


def _milestones(replay: ProjectReplay) -> Iterator[Matter]:
    project = replay.project
    for seq, planned in replay.planned.items():
        yield Matter(
            id=f"milestone:{project.id}:{seq}",
            town=project.town,
            opened=project.known.date(),
            due=forward(planned),
            responsible=f"office:{project.office}",
            chain=replay.record.ancestors(project.office),
            ladder=KEY_MILESTONE_LADDER if project.key else MILESTONE_LADDER,
            ended="settled" if seq in replay.done else None,
            settled=replay.done.get(seq),
            slips=replay.slips.get(seq, 0),
        )


def _inspections(replay: ProjectReplay) -> Iterator[Matter]:
    if replay.groundbreaking is None:
        return
    project = replay.project
    responsible, chain = responsible_deputy(replay.record, project.deputy, project.town)
    days = [replay.groundbreaking, *replay.inspected]
    for number, opened in enumerate(days, start=1):
        following = days[number] if number < len(days) else None
        ended = "settled" if following else "cancelled" if replay.accepted else None
        yield Matter(
            id=f"inspection:{project.id}:{number}",
            town=project.town,
            opened=opened,
            due=forward(opened + timedelta(days=15 if project.key else 30)),
            responsible=responsible,
            chain=chain,
            ladder=INSPECTION_LADDER,
            ended=ended,
            settled=following or replay.accepted,
        )
