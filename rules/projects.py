"""How far is a project, is its plan kept, and when must its site be inspected next?

Policy: config/policy.toml [project]. Rules: R4b. Callers: replay/, actors/, intake's checks, the commands.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise
from typing import Final

from rules.derivations import Measure, Reckoning, due_date
from rules.dockets import Desk, Docket, Fact
from rules.facts import Milestone, MilestoneStage, Project, ProjectEvent, ProjectEventKind, local_day
from rules.matters import Cause, Matter, MatterKind, Status
from rules.refusals import Refusal

STAGES: Final = tuple(MilestoneStage)
ONCE: Final = (MilestoneStage.GROUNDBREAKING, MilestoneStage.ACCEPTANCE)


def wrong_milestones(milestones: Sequence[Milestone]) -> list[tuple[Milestone, Refusal]]:
    """Return the milestones of one project that break the order of stages, with the reason (R4b.1)."""
    found = []
    ordered = sorted(milestones, key=lambda m: m.seq)
    for i, milestone in enumerate(ordered):
        stage, earlier = milestone.stage, ordered[:i]
        if stage in ONCE and any(m.stage is stage for m in earlier):
            found.append((milestone, Refusal("stage", stage, f"at most one {stage} in a project")))
        elif earlier and STAGES.index(stage) < STAGES.index(earlier[-1].stage):
            expected = f"a stage not before {earlier[-1].stage}, which milestone {earlier[-1].seq} has"
            found.append((milestone, Refusal("stage", stage, expected)))
    return found


def disordered(planned: Mapping[int, date], moved: int) -> list[tuple[int, int]]:
    """Return the milestones next to each other, `moved` one of them, whose planned days are not in their order (R4b.2).

    >>> disordered({10: date(2026, 3, 1), 20: date(2026, 7, 15), 40: date(2026, 6, 30)}, moved=20)
    [(20, 40)]
    """
    return [(a, b) for a, b in pairwise(sorted(planned)) if moved in (a, b) and planned[b] < planned[a]]


class ProjectDocket(Docket):
    """A project from its recording on: its milestones, and its inspections while the site is open."""

    def __init__(self, project: Project, milestones: Sequence[Milestone], desk: Desk) -> None:
        """Take the plan; the milestones' matters open with the first `learn` (R4b.2)."""
        super().__init__(desk)
        self.project = project
        self.milestones = {m.seq: m for m in sorted(milestones, key=lambda m: m.seq)}
        self.planned = {m.seq: m.planned for m in self.milestones.values()}
        self.done: dict[int, date] = {}
        self.replans: list[tuple[int, date, date, str]] = []  #: seq, old day, new day, reason
        self._visited: date | None = None  #: the last inspection, or groundbreaking
        self._inspections = 0  #: how many inspection matters have been opened
        self._ended = False
        self._recorded = False

    @property
    def _last_seq(self) -> int | None:
        """The milestone that ends the inspections: acceptance, or without one the last (R4b.3)."""
        accepted = (m.seq for m in self.milestones.values() if m.stage is MilestoneStage.ACCEPTANCE)
        return next(accepted, max(self.milestones, default=None))

    def take(self, at: datetime, facts: Sequence[Fact]) -> None:
        """Open the milestones if that has not been done, then step through the events of the instant."""
        if at < self.project.recorded_at:
            return  # an acknowledgement before that, which does not hold, makes no project known
        self.record()
        for fact in facts:
            if isinstance(fact, ProjectEvent) and not self.refuse(fact):
                self.apply(fact)

    def record(self) -> None:
        """Open a matter for each milestone (R4b.2)."""
        if self._recorded:
            return
        self._recorded = True
        day = local_day(self.project.recorded_at)
        for milestone in self.milestones.values():
            how = Reckoning(Measure.PLANNED, milestone.planned)
            self._put(
                f"milestone:{self.project.id}:{milestone.seq}",
                kind=MatterKind.MILESTONE,
                responsible=f"office:{self.project.office}",
                ladder="key_milestone" if self.project.is_key else "milestone",
                stage=milestone.stage,
                opened=day,
                how=how,
                began=day,
            )

    # What an event must be to be admitted -------------------------------------------------

    def refuse(self, event: ProjectEvent) -> tuple[Refusal, ...]:
        """Return the reasons why `event` does not hold now; none if it does (R4b.1 to R4b.3)."""
        self.record()
        day = event.day or local_day(event.at)
        found: list[Refusal] = []
        if event.event is not ProjectEventKind.REPLAN and day > local_day(event.at):
            found.append(Refusal("date", day.isoformat(), f"a day up to that of at, {local_day(event.at)}"))
        checks: dict[ProjectEventKind, Callable[[ProjectEvent, date], list[Refusal]]] = {
            ProjectEventKind.DONE: self._wrong_done,
            ProjectEventKind.REPLAN: self._wrong_replan,
            ProjectEventKind.INSPECTED: self._wrong_inspection,
        }
        return (*found, *checks[event.event](event, day))

    def _wrong_seq(self, event: ProjectEvent) -> list[Refusal]:
        if event.seq is None:
            return [Refusal("seq", "", f"a milestone's seq: {event.event} needs one")]
        if event.seq not in self.milestones:
            known = ", ".join(map(str, self.milestones)) or "none"
            return [Refusal("seq", str(event.seq), f"a milestone of project {self.project.id}: {known}")]
        if event.seq in self.done:
            when = self.done[event.seq]
            expected = f"a milestone that is not done; {event.seq} of project {self.project.id} is since {when}"
            return [Refusal("event", event.event, expected, out_of_order=True)]
        return []

    def _wrong_done(self, event: ProjectEvent, day: date) -> list[Refusal]:
        if wrong := self._wrong_seq(event):
            return wrong
        seq = event.seq or 0
        missing = [s for s in self.milestones if s < seq and s not in self.done]
        if missing:
            expected = f"milestone {missing[0]} of project {self.project.id} done first"
            return [Refusal("event", event.event, expected, out_of_order=True)]
        floor = max((d for s, d in self.done.items() if s < seq), default=day)
        if seq == self._last_seq and self._visited:
            floor = max(floor, self._visited)
        if day < floor:
            return [Refusal("date", day.isoformat(), f"a day from {floor} on, the last before it")]
        return []

    def _wrong_replan(self, event: ProjectEvent, day: date) -> list[Refusal]:
        found = self._wrong_seq(event)
        found += [
            Refusal(column, "", f"a value: replan needs {column}")
            for column, cell in (("date", event.day), ("reason", event.reason))
            if not cell
        ]
        if not found and event.seq is not None and self.planned[event.seq] == day:
            found.append(Refusal("date", day.isoformat(), "another day than the one already planned"))
        return found

    def _wrong_inspection(self, event: ProjectEvent, day: date) -> list[Refusal]:
        if self._visited is None or self._ended:
            state = "is ended" if self._ended else "has not broken ground"
            expected = f"an inspection between groundbreaking and acceptance; project {self.project.id} {state}"
            return [Refusal("event", event.event, expected, out_of_order=True)]
        found = []
        if event.seq is not None:
            found.append(Refusal("seq", str(event.seq), "nothing: inspected has no seq"))
        first = self._inspections == 1
        if day < self._visited or (day == self._visited and not first):
            expected = f"a day {'from' if first else 'after'} {self._visited}{' on' if first else ''}"
            found.append(Refusal("date", day.isoformat(), expected))
        return found

    # What an event does ------------------------------------------------------------------

    def apply(self, event: ProjectEvent) -> None:
        """Step. The event must be in order."""
        self.record()
        day = event.day or local_day(event.at)
        if event.event is ProjectEventKind.INSPECTED:
            self._inspect(day, local_day(event.at))
        elif event.seq in self.milestones and event.event is ProjectEventKind.DONE:
            self._finish(event.seq, day, local_day(event.at))
        elif event.seq in self.milestones:
            self._replan(event.seq, day, event)

    def _finish(self, seq: int, day: date, known: date) -> None:
        self.done[seq] = day
        self._close(f"milestone:{self.project.id}:{seq}", Status.SETTLED, day)
        if self.milestones[seq].stage is MilestoneStage.GROUNDBREAKING:
            self._open_inspection(day, known)
        if seq == self._last_seq and self._visited is not None:
            self._ended = True
            self._close(self._inspection, Status.CANCELLED, day)

    def _replan(self, seq: int, day: date, event: ProjectEvent) -> None:
        matter = self.matters[f"milestone:{self.project.id}:{seq}"]
        old, self.planned[seq] = self.planned[seq], day
        self.replans.append((seq, old, day, event.reason or ""))
        how = Reckoning(Measure.PLANNED, day)
        due = due_date(how, self.desk.calendar)
        began = matter.began if due == matter.due else local_day(event.at)
        slips = matter.slips + (day > old)
        self.matters[matter.id] = replace(matter, due=due, reckoned=how, began=began, slips=slips)

    def _inspect(self, day: date, known: date) -> None:
        if self._inspections:
            self._close(self._inspection, Status.SETTLED, day)
            self._open_inspection(day, known)

    @property
    def _inspection(self) -> str:
        return f"inspection:{self.project.id}:{self._inspections}"

    def _open_inspection(self, last: date, known: date) -> None:
        self._visited = last
        self._inspections += 1
        terms = self.desk.policy.project.inspection
        deputy = self.project.deputy
        self._put(
            self._inspection,
            kind=MatterKind.INSPECTION,
            responsible=f"deputy:{deputy}" if deputy else f"office:{self.project.town}",
            ladder="inspection",
            stage="",
            opened=last,
            how=Reckoning(Measure.DAYS, last, terms.key_every if self.project.is_key else terms.every),
            began=known,
        )

    def _put(  # noqa: PLR0913 - a matter has that many parts
        self,
        ident: str,
        *,
        kind: MatterKind,
        responsible: str,
        ladder: str,
        stage: str,
        opened: date,
        how: Reckoning,
        began: date,
    ) -> None:
        self.matters[ident] = Matter(
            id=ident,
            kind=kind,
            subject=self.project.id,
            town=self.project.town,
            responsible=responsible,
            ladder=ladder,
            stage=stage,
            cause=Cause.RECORDED,
            opened=opened,
            due=due_date(how, self.desk.calendar),
            reckoned=how,
            began=began,
            label=self.project.name,
        )

    def _close(self, ident: str, status: Status, day: date) -> None:
        matter = self.matters[ident]
        if matter.closed is None:
            self.matters[ident] = replace(matter, closed=status, settled=day)
