"""How does a project get on, milestone by milestone, and who has a look at the site?

A site book writes the plan and the events of one project, in an order that R4b admits. Callers:
projects.py (what happens at random), seed_cases.py (what is told).
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from intake.demo.diary import Diary
from rules.facts import Milestone, MilestoneStage, Project, ProjectEvent, ProjectEventKind, local_day
from rules.workdays import ONE_DAY

#: seq of milestones goes up in tens, so that one can be put between
STEP: Final = 10


class Leg(NamedTuple):
    """A milestone to come, and how many days after the one before it is planned."""

    stage: MilestoneStage
    days: int
    name: str | None = None


class SiteBook:
    """The milestones and events of one project."""

    def __init__(self, diary: Diary, project: Project, legs: Sequence[Leg]) -> None:
        """Plan every milestone on a workday, from the day on which the project is recorded."""
        self._diary = diary
        self.project = project
        self.events: list[ProjectEvent] = []
        self.done: dict[int, date] = {}
        self.told: dict[int, datetime] = {}
        self.last_at = project.recorded_at
        self.milestones: list[Milestone] = []
        day = local_day(project.recorded_at)
        for i, leg in enumerate(legs, 1):
            day = diary.forward(day + timedelta(days=leg.days))
            milestone = Milestone(project=project.id, seq=i * STEP, stage=leg.stage, name=leg.name, planned=day)
            self.milestones.append(milestone)
        self.planned = {milestone.seq: milestone.planned for milestone in self.milestones}

    def next_planned(self, seq: int) -> date | None:
        """Return the planned day of the milestone after `seq`."""
        return self.planned.get(seq + STEP)

    def replan(self, seq: int, known: date, day: date, reason: str) -> bool:
        """Move a milestone's plan; False if there is nothing to move or no time to say so."""
        at = self._diary.hour(known)
        if day == self.planned[seq] or at <= self.last_at:
            return False
        self._write(ProjectEventKind.REPLAN, at, seq=seq, day=day, reason=reason)
        self.planned[seq] = day
        self.last_at = at
        return True

    def finish(self, seq: int, day: date, told_after: int = 0) -> None:
        """Report a milestone done on `day`, or on the day of the last report if that is later."""
        day = max(self._diary.forward(day), local_day(self.last_at))
        told = self._diary.workday(day, told_after) if told_after else day
        at = self._diary.hour(told)
        if at <= self.last_at:
            at = self._diary.later(self.last_at, 0)
        self._write(ProjectEventKind.DONE, at, seq=seq, day=day)
        self.done[seq], self.told[seq] = day, at
        self.last_at = at

    def inspect(self, day: date, told_after: int = 0) -> None:
        """Report that the deputy was at the site on `day`."""
        self._write(ProjectEventKind.INSPECTED, self._diary.hour(day + told_after * ONE_DAY), day=day)

    def seq_of(self, stage: MilestoneStage) -> int:
        """Return the seq of the first milestone of a stage."""
        return next(milestone.seq for milestone in self.milestones if milestone.stage is stage)

    def inspected_between(self) -> tuple[date, date]:
        """Return the day after which the site is inspected, and that of acceptance.

        Before the office knows of the groundbreaking, nobody inspects anything.
        """
        ground, acceptance = self.seq_of(MilestoneStage.GROUNDBREAKING), self.seq_of(MilestoneStage.ACCEPTANCE)
        return local_day(self.told[ground]), self.done[acceptance]

    def _write(
        self,
        event: ProjectEventKind,
        at: datetime,
        *,
        seq: int | None = None,
        day: date | None = None,
        reason: str | None = None,
    ) -> None:
        self.events.append(ProjectEvent(project=self.project.id, at=at, event=event, seq=seq, day=day, reason=reason))
