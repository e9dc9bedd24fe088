"""At which stage is a resident's opinion, what does that stage admit, and by when must it be done?

The closed loop: registered, assigned, accepted, handled, verified, fed back. Policy: config/policy.toml
[petition]. Rules: R4. Callers: replay/, actors/, intake's checks, the commands.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from rules.derivations import Measure, Reckoning, due_date
from rules.dockets import Desk, Docket, Fact
from rules.facts import (
    Acknowledgement,
    OfficeKind,
    Petition,
    PetitionEvent,
    PetitionEventKind,
    PetitionLevel,
    Result,
    local_day,
)
from rules.matters import Cause, Matter, MatterKind, Status
from rules.policy import PetitionPolicy
from rules.refusals import Refusal


class Stage(StrEnum):
    """Where an opinion stands in the closed loop (R4.2)."""

    ASSIGN = "assign"
    ACCEPT = "accept"
    HANDLE = "handle"
    VERIFY = "verify"
    FEEDBACK = "feedback"
    CLOSED = "closed"


Kind = PetitionEventKind
LEVELS: Final = tuple(PetitionLevel)
#: what each stage admits (R4.3); acknowledgements are judged apart (R5.4)
ADMITTED: Final[dict[Stage, tuple[Kind, ...]]] = {
    Stage.ASSIGN: (Kind.ASSIGNED, Kind.RAISED, Kind.WITHDRAWN),
    Stage.ACCEPT: (Kind.ACCEPTED, Kind.RETURNED, Kind.RAISED, Kind.HANDLED, Kind.WITHDRAWN),
    Stage.HANDLE: (Kind.HANDLED, Kind.RAISED, Kind.EXTENDED, Kind.WITHDRAWN),
    Stage.VERIFY: (Kind.VERIFIED, Kind.WITHDRAWN),
    Stage.FEEDBACK: (Kind.FED_BACK, Kind.WITHDRAWN),
    Stage.CLOSED: (),
}
#: the cells of an event's row that belong to it (a note may go with every event), and those it needs
CELLS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.ASSIGNED: ("office", "until", "proposal"),
    Kind.RAISED: ("level",),
    Kind.EXTENDED: ("until",),
    Kind.VERIFIED: ("result",),
    Kind.FED_BACK: ("result",),
    Kind.ACKNOWLEDGED: ("office",),
}
NEEDED: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.ASSIGNED: ("office",),
    Kind.RAISED: ("level",),
    Kind.EXTENDED: ("until", "note"),
    Kind.VERIFIED: ("result",),
    Kind.FED_BACK: ("result",),
    Kind.ACKNOWLEDGED: ("office",),
}
#: what the office decides at whose level an opinion is, whoever has the stage in hand
BY_THE_OFFICE: Final = (Kind.ASSIGNED, Kind.RAISED, Kind.EXTENDED, Kind.WITHDRAWN)
RESULTS: Final[dict[Kind, tuple[Result, ...]]] = {
    Kind.VERIFIED: (Result.OK, Result.REWORK),
    Kind.FED_BACK: (Result.SATISFIED, Result.BASICALLY, Result.DISSATISFIED),
}


class PetitionDocket(Docket):
    """A resident's opinion from its registration on."""

    def __init__(self, petition: Petition, desk: Desk) -> None:
        """Register the opinion: its first stage opens on the day of `recorded_at` (R4.1, R4.2)."""
        super().__init__(desk)
        self.petition = petition
        self.level = petition.level
        self.stage = Stage.CLOSED
        self.since = local_day(petition.recorded_at)  #: day on which the present stage opened
        self._rounds: dict[Stage, int] = {}
        self._handler: str | None = None  #: the department assigned
        self._assigned_on: date | None = None
        self._until: date | None = None
        self._proposal = False
        self._extended = False  #: in this round of handling
        self._dissatisfied = 0
        self._registered = False

    def take(self, at: datetime, facts: Sequence[Fact]) -> None:
        """Register if that has not been done, then step through the events of the instant."""
        self.register()
        for fact in facts:
            if isinstance(fact, PetitionEvent) and not self.refuse(fact):
                self.apply(fact)

    def acknowledged_in(self, facts: Sequence[Fact]) -> list[Acknowledgement]:
        """Return the events `acknowledged`: they concern the stage open after all others of an instant (R4.3, R8)."""
        if self.stage is Stage.CLOSED:
            return []
        events = (f for f in facts if isinstance(f, PetitionEvent) and f.event is Kind.ACKNOWLEDGED and f.office)
        return [Acknowledgement(matter=self.open_matter.id, at=f.at, office=f.office or "") for f in events]

    def register(self) -> None:
        """Open the first stage."""
        if self._registered:
            return
        self._registered = True
        day = local_day(self.petition.recorded_at)
        if self.level is PetitionLevel.SELF:
            self._open_handle(day, Cause.REGISTERED, self._workdays(day, self._policy.days.handle(self.level)))
        else:
            self._open_assign(day, Cause.REGISTERED)

    # What an event must be to be admitted -------------------------------------------------

    def refuse(self, event: PetitionEvent) -> tuple[Refusal, ...]:
        """Return the reasons why `event` does not hold now; none if it does (R4.3)."""
        self.register()
        if event.event is not Kind.ACKNOWLEDGED and event.event not in self.admitted():
            return (self._out_of_order(event),)
        return self._wrong_cells(event)

    def admitted(self) -> tuple[Kind, ...]:
        """Return what the present stage admits; a municipal opinion cannot be raised."""
        highest = self.level is LEVELS[-1]
        return tuple(kind for kind in ADMITTED[self.stage] if not (highest and kind is Kind.RAISED))

    def is_for_town(self, kind: Kind) -> bool:
        """Say whether the town's office may report this, which the present stage admits.

        At level municipal the town goes on with what its own people are to do, and decides no more: whom the opinion
        is for, for how long and whether at all is the municipal office's.
        """
        if self.level is not PetitionLevel.MUNICIPAL:
            return True
        responsible = self.open_matter.responsible
        if kind in BY_THE_OFFICE or responsible.startswith("deputy:"):
            return kind not in BY_THE_OFFICE
        office = self.desk.house.offices.get(responsible.removeprefix("office:"))
        return office is not None and self.petition.town in (office.id, office.parent)

    def _out_of_order(self, event: PetitionEvent) -> Refusal:
        admitted = ", ".join(self.admitted()) or "nothing more"
        expected = f"petition {event.petition} is at stage {self.stage} since {self.since}: it admits {admitted}"
        return Refusal("event", event.event, expected, out_of_order=True)

    def _wrong_cells(self, event: PetitionEvent) -> tuple[Refusal, ...]:
        given = {name for name in ("office", "level", "until", "proposal", "result") if getattr(event, name)}
        found = [
            Refusal(name, _text(getattr(event, name)), f"nothing: {event.event} has no {name}")
            for name in sorted(given - set(CELLS.get(event.event, ())))
        ]
        found += [
            Refusal(name, "", f"a value: {event.event} needs {name}")
            for name in NEEDED.get(event.event, ())
            if not getattr(event, name)
        ]
        checks: dict[Kind, Callable[[PetitionEvent], list[Refusal]]] = {
            Kind.ASSIGNED: self._wrong_assignment,
            Kind.RAISED: self._wrong_level,
            Kind.EXTENDED: self._wrong_extension,
            Kind.VERIFIED: _wrong_result,
            Kind.FED_BACK: _wrong_result,
        }
        check = checks.get(event.event)
        return (*found, *(check(event) if check else ()))

    def _wrong_assignment(self, event: PetitionEvent) -> list[Refusal]:
        found = []
        house, town = self.desk.house, self.petition.town
        office = house.offices.get(event.office) if event.office else None
        if office and not (office.kind is OfficeKind.DEPARTMENT and office.parent in (town, house.municipal)):
            found.append(Refusal("office", office.id, f"a department under {town} or under {house.municipal}"))
        if event.until and event.proposal:
            found.append(Refusal("until", event.until.isoformat(), "nothing: a formal proposal has its own due date"))
        elif event.until and event.until < local_day(event.at):
            found.append(Refusal("until", event.until.isoformat(), f"a day from {local_day(event.at)} on"))
        return found

    def _wrong_level(self, event: PetitionEvent) -> list[Refusal]:
        if event.level is None or LEVELS.index(event.level) > LEVELS.index(self.level):
            return []
        return [Refusal("level", event.level, f"a level higher than {self.level}")]

    def _wrong_extension(self, event: PetitionEvent) -> list[Refusal]:
        matter = self.open_matter
        if self._extended:
            return [
                Refusal("event", event.event, "no second extension: it was extended in this round", out_of_order=True)
            ]
        if local_day(event.at) > matter.due:
            return [
                Refusal(
                    "event", event.event, f"an extension on or before the due date, {matter.due}", out_of_order=True
                )
            ]
        if event.until is None:
            return []
        if event.until <= matter.due:
            return [Refusal("until", event.until.isoformat(), f"a day after the due date, {matter.due}")]
        longest = self._longest()
        if longest and event.until > longest:
            return [Refusal("until", event.until.isoformat(), f"for a formal proposal, a day up to {longest}")]
        return []

    def _longest(self) -> date | None:
        """Return the last day to which a formal proposal can be extended (R4.3)."""
        if not self._proposal or self._assigned_on is None:
            return None
        how = Reckoning(Measure.MONTHS, self._assigned_on, self._policy.proposal.longest)
        return due_date(how, self.desk.calendar)

    # What an event does ------------------------------------------------------------------

    def apply(self, event: PetitionEvent) -> None:
        """Step: end the stage, open the next one (R4.2 to R4.4). The event must be in order."""
        self.register()
        if event.event is Kind.ACKNOWLEDGED:
            return
        steps: dict[Kind, Callable[[PetitionEvent, date], None]] = {
            Kind.ASSIGNED: self._assign,
            Kind.ACCEPTED: self._accept,
            Kind.RETURNED: self._return,
            Kind.RAISED: self._raise,
            Kind.EXTENDED: self._extend,
            Kind.HANDLED: self._handle,
            Kind.VERIFIED: self._verify,
            Kind.FED_BACK: self._feed_back,
            Kind.WITHDRAWN: self._withdraw,
        }
        steps[event.event](event, local_day(event.at))

    def _assign(self, event: PetitionEvent, day: date) -> None:
        self._end(Status.SETTLED, day)
        self._handler, self._assigned_on = event.office, day
        self._until, self._proposal = event.until, event.proposal
        self._open(Stage.ACCEPT, day, Cause.ASSIGNED, self._workdays(day, self._policy.days.accept))

    def _accept(self, event: PetitionEvent, day: date) -> None:
        self._end(Status.SETTLED, day)
        self._open_handle(day, Cause.ACCEPTED, self._first_handling(day))

    def _first_handling(self, day: date) -> Reckoning:
        if self._until:
            return Reckoning(Measure.GIVEN, self._until)
        if self._proposal and self._assigned_on:
            return Reckoning(Measure.MONTHS, self._assigned_on, self._policy.proposal.months)
        return self._workdays(day, self._policy.days.handle(self.level))

    def _return(self, event: PetitionEvent, day: date) -> None:
        self._end(Status.CANCELLED, day)
        self._open_assign(day, Cause.RETURNED)

    def _raise(self, event: PetitionEvent, day: date) -> None:
        self._end(Status.CANCELLED, day)
        self._raise_to(event.level or self.level, day)

    def _raise_to(self, level: PetitionLevel, day: date) -> None:
        self.level = level
        self._open_assign(day, Cause.RAISED)

    def _extend(self, event: PetitionEvent, day: date) -> None:
        if event.until is None:
            return
        self._extended = True
        matter = self.open_matter
        how = Reckoning(Measure.GIVEN, event.until)
        self.matters[matter.id] = replace(matter, due=event.until, reckoned=how, began=day)

    def _handle(self, event: PetitionEvent, day: date) -> None:
        self._end(Status.SETTLED, day)
        if self.level is PetitionLevel.SELF:
            self._open_feedback(day, Cause.HANDLED)
        else:
            self._open(Stage.VERIFY, day, Cause.HANDLED, self._workdays(day, self._policy.days.verify))

    def _verify(self, event: PetitionEvent, day: date) -> None:
        self._end(Status.SETTLED, day)
        if event.result is Result.REWORK:
            self._open_again(day, Cause.REWORK)
        else:
            self._open_feedback(day, Cause.VERIFIED)

    def _feed_back(self, event: PetitionEvent, day: date) -> None:
        self._end(Status.SETTLED, day)
        if event.result is not Result.DISSATISFIED:
            return
        self._dissatisfied += 1
        if self._dissatisfied > 1 and self.level is not PetitionLevel.MUNICIPAL:
            self._raise_to(PetitionLevel.MUNICIPAL, day)
        else:
            self._open_again(day, Cause.DISSATISFIED)

    def _withdraw(self, event: PetitionEvent, day: date) -> None:
        self._end(Status.CANCELLED, day)

    # Stages ------------------------------------------------------------------------------

    def _open_assign(self, day: date, cause: Cause) -> None:
        self._handler = self._until = self._assigned_on = None
        self._proposal = False
        self._open(Stage.ASSIGN, day, cause, self._workdays(day, self._policy.days.assign))

    def _open_handle(self, day: date, cause: Cause, how: Reckoning) -> None:
        self._extended = False
        self._open(Stage.HANDLE, day, cause, how)

    def _open_again(self, day: date, cause: Cause) -> None:
        self._open_handle(day, cause, self._workdays(day, self._policy.days.rework))

    def _open_feedback(self, day: date, cause: Cause) -> None:
        self._open(Stage.FEEDBACK, day, cause, self._workdays(day, self._policy.days.feedback))

    def _open(self, stage: Stage, day: date, cause: Cause, how: Reckoning) -> None:
        turn = self._rounds[stage] = self._rounds.get(stage, 0) + 1
        self.stage, self.since = stage, day
        matter = Matter(
            id=f"petition:{self.petition.id}:{stage}:{turn}",
            kind=MatterKind.PETITION,
            subject=self.petition.id,
            town=self.petition.town,
            responsible=self._responsible(stage),
            ladder="petition",
            stage=stage,
            cause=cause,
            opened=day,
            due=due_date(how, self.desk.calendar),
            reckoned=how,
            began=day,
            label=self.petition.id,
        )
        self.matters[matter.id] = matter

    @property
    def open_matter(self) -> Matter:
        """The matter of the present stage; the petition must not be closed."""
        return self.matters[f"petition:{self.petition.id}:{self.stage}:{self._rounds[self.stage]}"]

    def _end(self, status: Status, day: date) -> None:
        matter = self.open_matter
        self.matters[matter.id] = replace(matter, closed=status, settled=day)
        self.stage, self.since = Stage.CLOSED, day

    def _responsible(self, stage: Stage) -> str:
        """Return who must act (R4.2); without a deputy the town office stands in (R2.2)."""
        if stage is Stage.ASSIGN:
            municipal = self.level is PetitionLevel.MUNICIPAL
            return f"office:{self.desk.house.municipal if municipal else self.petition.town}"
        if self._handler and stage in (Stage.ACCEPT, Stage.HANDLE):
            return f"office:{self._handler}"
        return f"deputy:{self.petition.deputy}" if self.petition.deputy else f"office:{self.petition.town}"

    def _workdays(self, day: date, n: int) -> Reckoning:
        return Reckoning(Measure.WORKDAYS, day, n)

    @property
    def _policy(self) -> PetitionPolicy:
        return self.desk.policy.petition


def _wrong_result(event: PetitionEvent) -> list[Refusal]:
    admitted = RESULTS[event.event]
    if event.result is None or event.result in admitted:
        return []
    return [Refusal("result", event.result, f"one of {', '.join(admitted)}")]


def _text(cell: object) -> str:
    return "yes" if cell is True else str(cell)
