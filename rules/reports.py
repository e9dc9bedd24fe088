"""What was done in a month or a year, and what was left undone, by town and in all?

Every figure is counted from the record and from matters reckoned anew, never kept up on the side. What each one
means is in docs/report.md. Rules: R7.3, R3.5, R3.9, R4.1, R5.3, R6. Callers: store/reports.py.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Generic, TypeVar

from rules.coverage import Finding, coverage
from rules.dockets import Desk
from rules.facts import (
    MilestoneStage,
    OfficeKind,
    Petition,
    PetitionEventKind,
    Record,
    Result,
    SeatLevel,
    Visit,
    VisitKind,
    local_day,
)
from rules.ladders import Fired, RungKind
from rules.lookback import ReportPeriod, Standing
from rules.matters import Matter, MatterKind, Status
from rules.offices import House

Figures = TypeVar("Figures")
#: part of a split (a town, a level, a kind), column, by how much
Mark = tuple[str, str, int]
#: town, day, column, by how much
Deed = tuple[str, date, str, int]
#: matters overdue, by the highest rung that has told of them; NOT_TOLD: none has
Rungs = Mapping[str, int]

NOT_TOLD: Final = "none"
NOWHERE: Final = ""  #: the part of a visit to a place that is not on record
DONE: Final = frozenset({Status.MET, Status.LATE, Status.SETTLED})
_ENDS: Final = frozenset({Status.MET, Status.LATE, Status.MISSED, Status.EXCUSED})


@dataclass(frozen=True, slots=True)
class Split(Generic[Figures]):
    """The same figures in all and for each part."""

    total: Figures
    parts: Mapping[str, Figures]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What the municipality is proud of (R7.3)."""

    visits: int = 0  #: dated in the period, arrivals or not (R3.5)
    at_stations: int = 0
    in_grids: int = 0
    voters: int = 0
    opinions: int = 0
    petitions_closed: int = 0
    projects_done: int = 0

    @property
    def closed(self) -> int:
        """Residents' matters closed: opinions closed to their satisfaction, and projects brought to acceptance."""
        return self.petitions_closed + self.projects_done


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """What became of the visit periods whose due date lies in the report's (R3.9)."""

    owed: int = 0
    met: int = 0
    late: int = 0
    missed: int = 0
    excused: int = 0
    outstanding: int = 0  #: open or overdue: may still be met or made up

    @property
    def rate(self) -> float | None:
        """Periods met of those owed and not excused; None where none is left to meet."""
        base = self.owed - self.excused
        return self.met / base if base else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """Matters of all kinds: what came, what was done, what lies."""

    opened: int = 0
    closed: int = 0
    in_time: int = 0
    overdue: int = 0  #: when the period closed

    @property
    def rate(self) -> float | None:
        """Matters closed in time of those closed."""
        return self.in_time / self.closed if self.closed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Petitions:
    """Residents' opinions (R4)."""

    registered: int = 0
    registered_late: int = 0  #: R4.1
    satisfied: int = 0
    basically: int = 0
    dissatisfied: int = 0
    withdrawn: int = 0
    in_hand: int = 0  #: when the period closed

    @property
    def closed(self) -> int:
        """Opinions that a satisfied feedback closed (R4.4)."""
        return self.satisfied + self.basically

    @property
    def rate(self) -> float | None:
        """Satisfied and basically satisfied feedback of all feedback."""
        base = self.closed + self.dissatisfied
        return self.closed / base if base else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Projects:
    """Livelihood projects that were under way in the period (R4b)."""

    under_way: int = 0
    key: int = 0
    on_time: int = 0  #: no milestone was moved to a later day, done late, or overdue when the period closed
    slipped: int = 0  #: a milestone was moved to a later day
    overdue: int = 0  #: a milestone was overdue when the period closed
    done: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report; towns are in the order of the record, those with nothing included."""

    period: ReportPeriod
    made_at: datetime  #: facts known later do not count
    closing_day: date  #: the period's last day, or the day of making while it runs
    headline: Split[Headline]
    by_month: Split[Headline]  #: by month, such as 2026-03
    duties_by_level: Split[Duties]
    duties_by_town: Split[Duties]
    works: Split[Works]  #: by kind of matter
    overdue_by_town: Split[Rungs]
    overdue_by_kind: Split[Rungs]
    petitions: Split[Petitions]
    projects: Split[Projects]
    key_projects: Projects
    gaps: Split[Mapping[str, int]]  #: coverage by town; of the municipality itself under NOWHERE
    findings: tuple[Finding, ...]


def report(
    period: ReportPeriod, record: Record, standing: Standing, fired: Mapping[str, Collection[Fired]], desk: Desk
) -> Report:
    """Count everything. `fired`: the rungs that had told of the overdue matters when the period closed."""
    house, day = desk.house, standing.closing_day
    towns = [office.id for office in house.offices.values() if office.kind is OfficeKind.TOWN]
    steps = list(_petition_steps(period, record, standing))
    works = list(_works(period, record, standing))
    deeds = [*_visits(period, record, standing, house), *_closings(period, steps, works)]
    periods = [m for m in standing.now if m.kind is MatterKind.VISIT and period.holds(m.due)]
    overdue = [(m, highest_rung(m, fired.get(m.id, ()))) for m in standing.then if m.status_on(day) is Status.OVERDUE]
    findings = coverage(house, record.seats, day)
    return Report(
        period=period,
        made_at=standing.at,
        closing_day=day,
        headline=_split(Headline, towns, [(town, column, n) for town, _, column, n in deeds]),
        by_month=_split(Headline, _months(period), [(_month(on), column, n) for _, on, column, n in deeds]),
        duties_by_level=_split(Duties, list(SeatLevel), _duties(periods, standing.today, lambda m: m.ladder)),
        duties_by_town=_split(Duties, towns, _duties(periods, standing.today, lambda m: m.town)),
        works=_split(Works, list(MatterKind), _matters(period, standing)),
        overdue_by_town=_split(dict, towns, [(m.town, rung, 1) for m, rung in overdue]),
        overdue_by_kind=_split(dict, list(MatterKind), [(m.kind, rung, 1) for m, rung in overdue]),
        petitions=_split(Petitions, towns, _petitions(period, record, standing, steps, desk)),
        projects=_split(Projects, towns, [mark for work in works for mark in work.marks(period)]),
        key_projects=_split(Projects, [], [mark for w in works if w.is_key for mark in w.marks(period)]).total,
        gaps=_split(dict, towns, [(f.town or NOWHERE, f.gap, 1) for f in findings]),
        findings=tuple(findings),
    )


def _split(kind: Callable[..., Figures], parts: Iterable[str], marks: Iterable[Mark]) -> Split[Figures]:
    """Add up marks, in all and for each part; a part that was not asked for comes last."""
    tallies: dict[str, Counter[str]] = {part: Counter() for part in parts}
    total: Counter[str] = Counter()
    for part, column, count in marks:
        tallies.setdefault(part, Counter())[column] += count
        total[column] += count
    return Split(kind(**total), {part: kind(**tally) for part, tally in tallies.items()})


# The headline ------------------------------------------------------------------------------


def town_of_visit(visit: Visit, house: House) -> str:
    """Return the town where a visit went: that of the station or grid, wherever the deputy's seat is."""
    if visit.kind is VisitKind.STATION:
        return house.town_of(visit.place) or NOWHERE
    grid = house.grids.get(visit.place)
    return grid.town if grid else NOWHERE


def _visits(period: ReportPeriod, record: Record, standing: Standing, house: House) -> Iterator[Deed]:
    for visit in record.visits:
        if period.holds(visit.day) and visit.recorded_at <= standing.at:
            town, day = town_of_visit(visit, house), visit.day
            yield town, day, "visits", 1
            yield town, day, "at_stations" if visit.kind is VisitKind.STATION else "in_grids", 1
            yield town, day, "voters", visit.voters or 0
            yield town, day, "opinions", visit.opinions or 0


def _closings(period: ReportPeriod, steps: "Iterable[_Step]", works: "Iterable[_Work]") -> Iterator[Deed]:
    for step in steps:
        if step.column in (Result.SATISFIED, Result.BASICALLY):
            yield step.town, step.day, "petitions_closed", 1
    for work in works:
        if work.ended is not None and period.holds(work.ended):
            yield work.town, work.ended, "projects_done", 1


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _months(period: ReportPeriod) -> list[str]:
    return [month.label for month in period.months]


# Matters -----------------------------------------------------------------------------------


def _duties(periods: Iterable[Matter], today: date, part: Callable[[Matter], str]) -> Iterator[Mark]:
    for matter in periods:
        status = matter.status_on(today)
        yield part(matter), "owed", 1
        yield part(matter), status if status in _ENDS else "outstanding", 1


def _matters(period: ReportPeriod, standing: Standing) -> Iterator[Mark]:
    for matter in standing.now:
        if period.holds(matter.opened):
            yield matter.kind, "opened", 1
        if matter.closed in DONE and matter.settled is not None and period.holds(matter.settled):
            yield matter.kind, "closed", 1
            yield matter.kind, "in_time", int(matter.settled <= matter.due)
    for matter in standing.then:
        if matter.status_on(standing.closing_day) is Status.OVERDUE:
            yield matter.kind, "overdue", 1


def highest_rung(matter: Matter, fired: Iterable[Fired]) -> str:
    """Return the highest rung that has told of an overdue matter under its present due date, or NOT_TOLD."""
    told = [f.rung for f in fired if f.due == matter.due and not f.rung.startswith(RungKind.REMIND)]
    return max(told, key=_height, default=NOT_TOLD)


def _height(rung: str) -> int:
    """Return 0 for overdue, n for climb-n."""
    return int(rung.partition("-")[2] or 0)


# Residents' opinions -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Step:
    """A feedback or a withdrawal within the period that took effect."""

    town: str
    day: date
    column: str


def _petition_steps(period: ReportPeriod, record: Record, standing: Standing) -> Iterator[_Step]:
    ended = {(m.subject, m.settled, m.closed) for m in standing.now if m.kind is MatterKind.PETITION}
    towns = {petition.id: petition.town for petition in record.petitions}
    for event in record.petition_events:
        day = local_day(event.at)
        if event.at > standing.at or not period.holds(day):
            continue
        if event.event is PetitionEventKind.FED_BACK and (event.petition, day, Status.SETTLED) in ended:
            yield _Step(towns[event.petition], day, event.result or "")
        elif event.event is PetitionEventKind.WITHDRAWN and (event.petition, day, Status.CANCELLED) in ended:
            yield _Step(towns[event.petition], day, "withdrawn")


def is_registered_late(petition: Petition, desk: Desk) -> bool:
    """Say whether it was registered more than a workday after it was found (R4.1)."""
    if petition.found_on is None:
        return False
    last = desk.calendar.workdays(petition.found_on, desk.policy.petition.days.register_)
    return local_day(petition.recorded_at) > last


def _petitions(
    period: ReportPeriod, record: Record, standing: Standing, steps: Iterable[_Step], desk: Desk
) -> Iterator[Mark]:
    for petition in record.petitions:
        if petition.recorded_at <= standing.at and period.holds(local_day(petition.recorded_at)):
            yield petition.town, "registered", 1
            yield petition.town, "registered_late", int(is_registered_late(petition, desk))
    for step in steps:
        yield step.town, step.column, 1
    in_hand = {m.subject: m.town for m in standing.then if m.kind is MatterKind.PETITION and m.closed is None}
    for town in in_hand.values():
        yield town, "in_hand", 1


# Projects ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A project as it stood when the period closed, and the day on which it ended."""

    town: str
    is_key: bool
    is_slipped: bool
    is_overdue: bool
    was_late: bool
    ended: date | None

    def marks(self, period: ReportPeriod) -> Iterator[Mark]:
        yield self.town, "under_way", 1
        yield self.town, "key", int(self.is_key)
        yield self.town, "on_time", int(not (self.is_slipped or self.is_overdue or self.was_late))
        yield self.town, "slipped", int(self.is_slipped)
        yield self.town, "overdue", int(self.is_overdue)
        yield self.town, "done", int(period.holds(self.ended))


def _works(period: ReportPeriod, record: Record, standing: Standing) -> Iterator[_Work]:
    """Yield the projects that were under way in the period, or ended in it."""
    then, now = _milestones(standing.then), _milestones(standing.now)
    for project in record.projects:
        ended = _ended(now[project.id])
        is_known = project.recorded_at <= standing.closed_at
        if period.holds(ended) or (is_known and (ended is None or ended > period.last)):
            plan = then[project.id]
            yield _Work(
                town=project.town,
                is_key=project.is_key,
                is_slipped=any(m.slips for m in plan),
                is_overdue=any(m.status_on(standing.closing_day) is Status.OVERDUE for m in plan),
                was_late=any(m.settled is not None and m.settled > m.due for m in plan),
                ended=ended,
            )


def _milestones(matters: Iterable[Matter]) -> dict[str, list[Matter]]:
    found: dict[str, list[Matter]] = defaultdict(list)
    for matter in matters:
        if matter.kind is MatterKind.MILESTONE:
            found[matter.subject].append(matter)
    return found


def _ended(plan: Iterable[Matter]) -> date | None:
    """Return the day of a project's acceptance; without an acceptance milestone, of its last one (R4b.3)."""
    ordered = sorted(plan, key=lambda m: int(m.id.rpartition(":")[2]))
    accepted = [m for m in ordered if m.stage == MilestoneStage.ACCEPTANCE]
    final = [*accepted, *ordered[-1:]]
    return final[0].settled if final else None
