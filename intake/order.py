"""Do the events of petitions and projects come in an order that their stages admit?

Events of the file are judged among those on record. Where an event's own row cannot be read, what follows it
is not judged. Rules: R4.3, R4b, R8. Callers: examining.py.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, cast

from intake.columns import TABLES
from intake.faults import HIDDEN, Fault, Where
from intake.merging import NATURAL_KEYS
from intake.plans import Plans, out_of_plan
from intake.references import Known
from intake.rows import Draft
from intake.steps import Event, Fresh, Judge, Step, Verdict, judge, out_of_order, walk
from rules.dockets import Desk
from rules.facts import (
    SHANGHAI,
    Milestone,
    OfficeKind,
    Petition,
    PetitionEvent,
    PetitionEventKind,
    Project,
    ProjectEvent,
    ProjectEventKind,
    local_day,
)
from rules.petitions import PetitionDocket
from rules.projects import ProjectDocket, disordered
from rules.refusals import Refusal

#: what of a petition or project decides which events it admits
DECIDES: Final[Mapping[str, frozenset[str]]] = {
    "petitions": frozenset({"id", "level", "recorded_at"}),
    "projects": frozenset({"id", "recorded_at"}),
}
#: petitions or projects for which the one mistake behind several refusals is looked for; further ones are
#: judged as they stand: where thousands are wrong, the file as a whole is
PATIENCE: Final = 500
SUBJECTS: Final = {"petition_events": "petitions", "project_events": "projects"}


@dataclass(slots=True)
class Story:
    """The events of one petition or project, in the file and on record."""

    drafts: list[Draft] = field(default_factory=list)
    on_record: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Court:
    """What judging needs: the organisation and the rules, and how thoroughly to look for the one mistake."""

    desk: Desk
    known: Known
    thorough: bool = True  #: False: each event is judged by what stands before it, and no further


@dataclass(slots=True)
class Order:
    """Judges the events of one table."""

    table: str
    court: Court
    where: Where
    subjects: Mapping[str, Draft | Petition | Project]  #: id → row of the file, or fact on record
    subjects_where: Where
    plans: Plans | None = None
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    _patience: int = PATIENCE

    def judge(self, drafts: Sequence[Draft], on_record: Mapping[str, Sequence[Event]]) -> None:
        """Judge all events; `faults` and `warnings` tell the outcome."""
        stories: dict[str, Story] = defaultdict(Story)
        orphans: list[Draft] = []
        subject = NATURAL_KEYS[self.table][0]
        for draft in drafts:
            name = getattr(draft.row, subject)
            if subject in draft.bad or name not in self.court.known.ids(SUBJECTS[self.table]):
                orphans.append(draft)
            else:
                stories[name].drafts.append(draft)
        for name in set(on_record) & set(self.subjects):
            stories[name].on_record = list(on_record[name])
        for name, story in stories.items():
            self._judge_story(name, story, orphans)

    def _judge_story(self, name: str, story: Story, orphans: list[Draft]) -> None:
        found = self.subjects.get(name)
        if found is None:
            return
        row: Petition | Project = found.row if isinstance(found, Draft) else found
        bad = found.bad if isinstance(found, Draft) else frozenset()
        too_early = self._too_early(story.drafts, row) if "recorded_at" not in bad else set()
        if bad & DECIDES[SUBJECTS[self.table]] or (self.plans and name in self.plans.unreadable):
            return
        milestones = self.plans.of(name) if self.plans else []
        steps = self._steps(story, too_early)
        fresh = self._fresh(row, milestones)
        verdicts = walk(fresh, steps)
        if any(verdicts) and self.court.thorough and self._patience:
            self._patience -= 1
            timeless = [replace(d, bad=d.bad | {"at"}) for d in story.drafts if d.number in too_early or "at" in d.bad]
            lost = [draft for draft in timeless if "event" not in draft.bad]
            lost += [draft for draft in orphans if draft.bad.isdisjoint({"at", "event"})]
            steps, verdicts, taken = judge(fresh, steps, verdicts, milestones, lost)
            orphans[:] = [draft for draft in orphans if draft not in taken]
        self._report(steps, verdicts, found)
        if milestones:
            self._warn_of_plans(steps, verdicts, milestones)

    def _fresh(self, row: Petition | Project, milestones: Sequence[Milestone]) -> Fresh:
        desk = self.court.desk
        if isinstance(row, Petition):
            petition = row
            return lambda: cast("Judge", PetitionDocket(petition, desk))
        project = row
        return lambda: cast("Judge", ProjectDocket(project, milestones, desk))

    def _too_early(self, drafts: Sequence[Draft], row: Petition | Project) -> set[int]:
        """Report the events before their subject was recorded; return their rows."""
        found = set()
        for draft in drafts:
            at = draft.row.at
            if "at" not in draft.bad and at < row.recorded_at:
                what = "petition" if isinstance(row, Petition) else "project"
                problem = f"is before {what} {row.id} was recorded, {local(row.recorded_at)}"
                self.faults.append(self.where.fault(draft.number, "at", local(at), problem))
                found.add(draft.number)
        return found

    def _steps(self, story: Story, too_early: set[int]) -> list[Step]:
        """Return the events in their order, up to the first that cannot be told where or what it is."""
        unclear = [d for d in story.drafts if d.bad & {"at", "event"} or d.number in too_early]
        steps = [Step(event) for event in story.on_record]
        steps += [Step(d.row, d) for d in story.drafts if d not in unclear]
        steps.sort(key=_moment)
        for i, step in enumerate(steps):
            if step.draft is not None and any(_follows(step.draft, mark, too_early) for mark in unclear):
                return steps[:i]
        return steps

    # What the verdicts say ---------------------------------------------------------------

    def _report(self, steps: Sequence[Step], verdicts: Sequence[Verdict], found: Draft | Petition | Project) -> None:
        culprit = found if isinstance(found, Draft) else None
        is_sure = True
        for step, verdict in zip(steps, verdicts, strict=True):
            if step.draft is not None:
                culprit = step.draft
                refusals = [r for r in verdict if not self._is_known(step, r)]
                self.faults += [self._fault(step.draft, r) for r in refusals if is_sure or not _hangs(step.event, r)]
            elif out_of_order(verdict) and culprit is not None:
                # What was good on record is not any more: the row of the file before it did that.
                self.faults.append(self._blame(culprit, step.event, verdict[0]))
                culprit = None
            is_sure = is_sure and step.is_sure

    def _is_known(self, step: Step, refusal: Refusal) -> bool:
        """Say whether a refusal only repeats another fault of the row, or of what it refers to."""
        assert step.draft is not None  # noqa: S101 - asked of the file's rows only
        if TABLES[self.table].named[refusal.column].field in step.draft.bad:
            return True
        event = step.event
        if refusal.column != "office" or not isinstance(event, PetitionEvent) or event.office is None:
            return False
        house, subject = self.court.desk.house, self.subjects[event.petition]
        town = (subject.row if isinstance(subject, Draft) else subject).town
        in_doubt = town not in house.offices or house.offices[town].kind is not OfficeKind.TOWN
        return in_doubt or not house.municipal or event.office in self.court.known.doubtful

    def _fault(self, draft: Draft, refusal: Refusal) -> Fault:
        column = TABLES[self.table].named[refusal.column]
        value = HIDDEN if column.secret and refusal.value else refusal.value
        if not refusal.out_of_order:
            problem = (
                f"does not hold; want {refusal.expected}" if value else f"nothing is given; want {refusal.expected}"
            )
            return self.where.fault(draft.number, refusal.column, value, problem)
        # Some say what is wanted, others how things stand and what that admits.
        says_all = " admits " in refusal.expected
        sentence = f"{refusal.expected}; got {value}" if says_all else f"want {refusal.expected}"
        if says_all and not self.where.place:
            return replace(self.where.fault(0, refusal.column, "", sentence), heading="")
        return self.where.fault(draft.number, refusal.column, value, f"is out of order: {sentence}")

    def _blame(self, culprit: Draft, event: Event, refusal: Refusal) -> Fault:
        where = self.where if culprit.table == self.table else self.subjects_where
        row = culprit.row
        column = "at" if culprit.table == self.table else "recorded_at"
        value = local(row.at if column == "at" else row.recorded_at)
        problem = f"makes {event.event} of {local(event.at)}, which is on record, out of order: {refusal.expected}"
        return where.fault(culprit.number, column, value, problem)

    def _warn_of_plans(
        self, steps: Sequence[Step], verdicts: Sequence[Verdict], milestones: Sequence[Milestone]
    ) -> None:
        """Warn of each replan after which the planned days are out of order (R4b.2)."""
        planned = {m.seq: m.planned for m in milestones}
        for step, verdict in zip(steps, verdicts, strict=True):
            event = step.event
            if not isinstance(event, ProjectEvent) or event.event is not ProjectEventKind.REPLAN or verdict:
                continue
            if event.seq is None or event.day is None:
                continue
            planned[event.seq] = event.day
            if step.draft is None:
                continue
            for before, after in disordered(planned, event.seq):
                problem = f"puts the plan out of order: milestone {after} {out_of_plan(before, planned[before])}"
                self.warnings.append(self.where.fault(step.draft.number, "date", event.day, problem))


def _hangs(event: Event, refusal: Refusal) -> bool:
    """Say whether a refusal hangs on the days of events before."""
    if isinstance(event, PetitionEvent):
        return refusal.column == "until"
    return refusal.column == "date" and event.day is not None and event.day <= local_day(event.at)


def _moment(step: Step) -> tuple[datetime, bool, int]:
    event = step.event
    # Acknowledgements come after all other events of their instant (R8).
    return event.at, event.event is PetitionEventKind.ACKNOWLEDGED, event.position


def _follows(draft: Draft, mark: Draft, too_early: set[int]) -> bool:
    """Say whether an event comes, or may come, after one that cannot be read."""
    if draft.number > mark.number:
        return True
    readable = "at" not in mark.bad and mark.number not in too_early
    return readable and bool(draft.row.at > mark.row.at)


def local(instant: datetime) -> str:
    """Return an instant as people in Shanghai write it."""
    return f"{instant.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
