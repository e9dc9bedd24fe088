"""Which events of one petition or project are out of order, if it is read with the fewest mistakes?

A docket refuses what its stage does not admit, and one wrong row can make it refuse all that follow. So
where several are refused, readings are tried in which one row stands elsewhere, was something else, or has
another before it; the one that leaves the fewest refusals wins. Every refused row is still refused: the others
are no longer blamed for it. Rules: R4.3, R4b.1, R8. Caller: order.py.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, Protocol

from intake.rows import Draft
from rules.facts import (
    Milestone,
    PetitionEvent,
    PetitionEventKind,
    PetitionLevel,
    ProjectEvent,
    ProjectEventKind,
    Result,
    local_day,
)
from rules.refusals import Refusal

Event = PetitionEvent | ProjectEvent
Verdict = tuple[Refusal, ...]

MOST_STEPS: Final = 60  #: a longer story is read as it stands: trying readings costs its square
MOST_ORPHANS: Final = 20
ONE_DAY: Final = timedelta(days=1)
#: the event's field that decides where it leads
DECISIVE: Final[Mapping[str, str]] = {
    PetitionEventKind.VERIFIED: "result",
    PetitionEventKind.FED_BACK: "result",
    PetitionEventKind.RAISED: "level",
    ProjectEventKind.DONE: "seq",
}


class Judge(Protocol):
    """A docket, as far as the order of events goes."""

    def refuse(self, event: Event) -> Verdict: ...

    def apply(self, event: Event) -> None: ...


Fresh = Callable[[], Judge]


@dataclass(frozen=True, slots=True)
class Step:
    """An event in its place. `draft` is None if it is on record, or supposed."""

    event: Event
    draft: Draft | None = None
    reading: tuple[Event, ...] | None = None  #: what is applied in its stead
    is_guess: bool = False  #: whether its time is only supposed

    @property
    def is_sure(self) -> bool:
        """Say whether the days that follow from the event are known."""
        unread = self.draft is not None and bool(self.draft.bad & {"until", "day"})
        return self.reading is None and not self.is_guess and not unread


def out_of_order(verdict: Verdict) -> bool:
    """Say whether the stage refuses the event as such."""
    return any(refusal.out_of_order for refusal in verdict)


def disorder(verdicts: Iterable[Verdict]) -> int:
    """Return how many events are out of order."""
    return sum(map(out_of_order, verdicts))


# Walking through the events -------------------------------------------------------------


def walk(fresh: Fresh, steps: Sequence[Step]) -> list[Verdict]:
    """Return what the docket says to each event; one out of order changes nothing."""
    docket = fresh()
    verdicts: list[Verdict] = []
    days: list[date] = []
    for step in steps:
        verdict = docket.refuse(step.event)
        verdicts.append(verdict)
        for event in (step.event,) if step.reading is None else step.reading:
            refusals = docket.refuse(event)
            if not out_of_order(refusals):
                wrong = {refusal.column for refusal in refusals} | (step.draft.bad if step.draft else frozenset())
                mended = _mended(event, wrong, docket, days)
                if mended is not None:
                    docket.apply(mended)
                    days.append(_day(mended))
    return verdicts


def _day(event: Event) -> date:
    return (event.day if isinstance(event, ProjectEvent) else None) or local_day(event.at)


def _mended(event: Event, wrong: AbstractSet[str], docket: Judge, days: Sequence[date]) -> Event | None:
    """Return the event as if its wrong cells were good, so that what follows is judged by itself."""
    if not wrong:
        return event
    if isinstance(event, PetitionEvent):
        level = PetitionLevel.MUNICIPAL if "level" in wrong else event.level
        return replace(event, until=None if "until" in wrong else event.until, level=level)
    if event.event is ProjectEventKind.REPLAN:
        return None  # a plan that is not known changes no order
    if wrong.isdisjoint({"date", "day"}):
        return event
    tried = sorted({day + move for day in days for move in (0 * ONE_DAY, ONE_DAY)} | {local_day(event.at)})
    readings = (replace(event, day=day) for day in tried)
    return next((e for e in readings if not any(r.column == "date" for r in docket.refuse(e))), event)


# Readings ------------------------------------------------------------------------------


def judge(
    fresh: Fresh,
    steps: list[Step],
    verdicts: list[Verdict],
    milestones: Sequence[Milestone] = (),
    orphans: Sequence[Draft] = (),
) -> tuple[list[Step], list[Verdict], list[Draft]]:
    """Return the steps of the best reading with their verdicts, and the orphans that belong among them.

    `verdicts` are those of the steps as they stand; there is a refusal among them.

    `orphans` are rows of events of which it cannot be told whose they are, or when they were.
    """
    if len(steps) > MOST_STEPS:
        return steps, verdicts, []
    steps, found = _with_orphans(fresh, steps, orphans)
    explained = _explained(fresh, steps, milestones)
    verdicts = walk(fresh, explained)
    moved = _moved(fresh, steps, disorder(verdicts))
    return (*moved, found) if moved is not None else (explained, verdicts, found)


def _with_orphans(fresh: Fresh, steps: list[Step], orphans: Sequence[Draft]) -> tuple[list[Step], list[Draft]]:
    """Add the orphans with which fewer events are refused, each where it mends most."""
    found: list[Draft] = []
    for orphan in orphans[:MOST_ORPHANS]:
        least = sum(map(bool, walk(fresh, steps)))
        if not least:
            break
        best = None
        for place in _places(orphan, steps):
            refused = sum(map(bool, walk(fresh, trial := _inserted(orphan, place, steps))))
            if refused < least:
                best, least = trial, refused
        if best is not None:
            steps = best
            found.append(orphan)
    return steps, found


def _places(orphan: Draft, steps: Sequence[Step]) -> Iterable[int]:
    """Return where an orphan may stand: at its time, or anywhere if that cannot be read."""
    if "at" in orphan.bad:
        return range(len(steps))
    return (sum(_stands_before(step, orphan) for step in steps),)


def _inserted(orphan: Draft, place: int, steps: Sequence[Step]) -> list[Step]:
    is_guess = "at" in orphan.bad
    event = replace(orphan.row, at=steps[place].event.at) if is_guess else orphan.row
    return [*steps[:place], Step(event, is_guess=is_guess), *steps[place:]]


def _stands_before(step: Step, orphan: Draft) -> bool:
    if step.event.at != orphan.row.at:
        return bool(step.event.at < orphan.row.at)
    return step.draft is None or step.draft.number < orphan.number


def _moved(fresh: Fresh, steps: list[Step], least: int) -> tuple[list[Step], list[Verdict]] | None:
    """Put one event at its place in the file, if fewer than `least` are refused when its time is what is wrong."""
    best = None
    for i, step in enumerate(steps):
        rest = steps[:i] + steps[i + 1 :]
        place = _place_in_file(step, rest)
        if place is None or place == i:
            continue
        verdicts = walk(fresh, [*rest[:place], step, *rest[place:]])
        if disorder(verdicts) + 1 < least:
            least = disorder(verdicts) + 1
            stands = (
                f"a time between those of its neighbours in the file, or its place in the order of {step.event.event}"
            )
            verdict = (Refusal("at", local_day(step.event.at).isoformat(), stands, out_of_order=True),)
            best = ([*rest[:place], step, *rest[place:]], [*verdicts[:place], verdict, *verdicts[place + 1 :]])
    return best


def _place_in_file(step: Step, rest: Sequence[Step]) -> int | None:
    """Return where the event would stand among the others by its row; None if the file has no others."""
    if step.draft is None:
        return None
    above = [i for i, other in enumerate(rest) if other.draft and other.draft.number < step.draft.number]
    below = [i for i, other in enumerate(rest) if other.draft and other.draft.number > step.draft.number]
    return min(below) if below else max(above) + 1 if above else None


def _explained(fresh: Fresh, steps: list[Step], milestones: Sequence[Milestone]) -> list[Step]:
    """Read each doubtful event, from the first on, as that which leaves the fewest refusals after it."""
    for i, step in enumerate(steps):
        verdicts = walk(fresh, steps)
        left = disorder(verdicts[i + 1 :])
        if not left:
            break
        if not _is_doubtful(step, verdicts[i]):
            continue
        for reading in _readings(step.event, milestones):
            trial = [*steps[:i], replace(step, reading=reading), *steps[i + 1 :]]
            after = disorder(walk(fresh, trial)[i + 1 :])
            if after < left:
                steps, left = trial, after
    return steps


def _is_doubtful(step: Step, verdict: Verdict) -> bool:
    """Say whether the event may have been another: it is refused, or what decides where it leads cannot be read."""
    return bool(verdict) or (step.draft is not None and DECISIVE.get(step.event.event) in step.draft.bad)


def _readings(event: Event, milestones: Sequence[Milestone]) -> Iterator[tuple[Event, ...]]:
    """Yield what may have happened instead of an event, or before it."""
    supposed = _petition_events(event) if isinstance(event, PetitionEvent) else _project_events(event, milestones)
    for other in supposed:
        yield (other,)
        yield (other, event)


def _petition_events(event: PetitionEvent) -> Iterator[PetitionEvent]:
    kinds = PetitionEventKind
    for kind in (kinds.ASSIGNED, kinds.ACCEPTED, kinds.HANDLED, kinds.RETURNED):
        yield PetitionEvent(petition=event.petition, at=event.at, event=kind)
    for level in PetitionLevel:
        yield PetitionEvent(petition=event.petition, at=event.at, event=kinds.RAISED, level=level)
    for kind, result in (
        (kinds.VERIFIED, Result.OK),
        (kinds.VERIFIED, Result.REWORK),
        (kinds.FED_BACK, Result.SATISFIED),
        (kinds.FED_BACK, Result.DISSATISFIED),
    ):
        yield PetitionEvent(petition=event.petition, at=event.at, event=kind, result=result)


def _project_events(event: ProjectEvent, milestones: Sequence[Milestone]) -> Iterator[ProjectEvent]:
    for milestone in milestones:
        yield ProjectEvent(project=event.project, at=event.at, event=ProjectEventKind.DONE, seq=milestone.seq)
