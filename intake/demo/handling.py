"""Which step may an opinion take next, and what does the register then say?

A case writes the events of the closed loop, and refuses a step that its stage does not admit. Rules: R4.2 to
R4.4. Callers: course.py (what happens at random), seed_cases.py (what is told).
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Final

from intake.demo.diary import Diary
from intake.demo.places import MUNICIPAL
from rules.facts import (
    Office,
    Petition,
    PetitionEvent,
    PetitionEventKind,
    PetitionLevel,
    Result,
    local_day,
)
from rules.petitions import ADMITTED, Stage
from rules.workdays import add_months

HANDLE_WORKDAYS: Final = {PetitionLevel.SELF: 5, PetitionLevel.TOWN: 7, PetitionLevel.MUNICIPAL: 15}
REWORK_WORKDAYS: Final = 10
STAGE_WORKDAYS: Final = {Stage.ASSIGN: 3, Stage.ACCEPT: 2, Stage.VERIFY: 5, Stage.FEEDBACK: 3}
PROPOSAL_MONTHS: Final = 3
Kind = PetitionEventKind


class Case:
    """An opinion on its way through the stages. Every step comes `wait` workdays after the one before."""

    def __init__(self, diary: Diary, petition: Petition) -> None:
        """Register the opinion."""
        self._diary = diary
        self.petition = petition
        self.level = petition.level
        self.now = petition.recorded_at
        self.events: list[PetitionEvent] = []
        self.handler: Office | None = None
        self.assigned_on: date | None = None
        self.until: date | None = None
        self.is_proposal = False
        self.is_extended = False
        self.dissatisfactions = 0
        self.stage = Stage.CLOSED
        self.due = self.today
        if self.level is PetitionLevel.SELF:
            self._open(Stage.HANDLE, HANDLE_WORKDAYS[self.level])
        else:
            self._open(Stage.ASSIGN)

    @property
    def today(self) -> date:
        """The local day of the last step."""
        return local_day(self.now)

    @property
    def workdays_left(self) -> int:
        """How many workdays are left until the stage's due date."""
        return self._diary.workdays_between(self.today, self.due)

    def workdays_until_overdue(self, workdays: int) -> int:
        """Return after how many workdays the stage is surely overdue by `workdays`."""
        return max(0, self.workdays_left) + self._diary.doubt + workdays

    @property
    def chain(self) -> tuple[str, ...]:
        """The offices that the open matter climbs below the directors, nearest first (R2.2)."""
        if self.stage is Stage.ASSIGN:
            return ()
        if self.stage in (Stage.VERIFY, Stage.FEEDBACK) or self.handler is None:
            return (self.petition.town, MUNICIPAL) if self.petition.deputy else (MUNICIPAL,)
        return (MUNICIPAL,) if self.handler.parent == MUNICIPAL else (self.petition.town, MUNICIPAL)

    def _open(self, stage: Stage, workdays: int = 0) -> None:
        self.stage = stage
        self.is_extended = False
        self.due = self._diary.workday(self.today, workdays or STAGE_WORKDAYS.get(stage, REWORK_WORKDAYS))

    def _write(  # noqa: PLR0913 - an event's cells
        self,
        event: Kind,
        wait: int,
        *,
        office: str | None = None,
        level: PetitionLevel | None = None,
        until: date | None = None,
        proposal: bool = False,
        result: Result | None = None,
        note: str | None = None,
        at: datetime | None = None,
    ) -> None:
        if event is not Kind.ACKNOWLEDGED and event not in ADMITTED[self.stage]:
            raise ValueError(f"petition {self.petition.id} is at stage {self.stage}: it does not admit {event}")
        self.now = at or self._diary.later(self.now, wait)
        self.events.append(
            PetitionEvent(
                petition=self.petition.id,
                at=self.now,
                event=event,
                office=office,
                level=level,
                until=until,
                proposal=proposal,
                result=result,
                note=note,
            )
        )

    # The steps ---------------------------------------------------------------------------------

    def assign(
        self,
        wait: int,
        office: Office,
        *,
        until: Callable[[date], date] | None = None,
        proposal: bool = False,
        note: str | None = None,
    ) -> None:
        """Hand the opinion to a department; `until` says by when, from the day of the event."""
        at = self._diary.later(self.now, wait)
        day = until(local_day(at)) if until else None
        self._write(Kind.ASSIGNED, wait, office=office.id, until=day, proposal=proposal, note=note, at=at)
        self.handler, self.assigned_on, self.until, self.is_proposal = office, self.today, day, proposal
        self._open(Stage.ACCEPT)

    def accept(self, wait: int) -> None:
        """The department takes it on."""
        self._write(Kind.ACCEPTED, wait)
        self._open(Stage.HANDLE, HANDLE_WORKDAYS[self.level])
        if self.until is not None:
            self.due = self.until
        elif self.is_proposal and self.assigned_on is not None:
            self.due = self._diary.forward(add_months(self.assigned_on, PROPOSAL_MONTHS))

    def give_back(self, wait: int, note: str) -> None:
        """The department says that it is not theirs."""
        self._write(Kind.RETURNED, wait, note=note)
        self._lapse()

    def lift(self, wait: int, level: PetitionLevel, note: str) -> None:
        """Raise the opinion to a higher level."""
        self._write(Kind.RAISED, wait, level=level, note=note)
        self.level = level
        self._lapse()

    def _lapse(self) -> None:
        self.handler, self.assigned_on, self.until, self.is_proposal = None, None, None, False
        self._open(Stage.ASSIGN)

    def extend(self, wait: int, until: date, note: str) -> None:
        """Move the due date of handling."""
        self._write(Kind.EXTENDED, wait, until=until, note=note)
        self.due, self.is_extended = until, True

    def handle(self, wait: int, note: str | None = None, at: datetime | None = None) -> None:
        """Done, say those who handle it."""
        self._write(Kind.HANDLED, wait, note=note, at=at)
        self._open(Stage.FEEDBACK if self.level is PetitionLevel.SELF else Stage.VERIFY)

    def verify(self, wait: int, result: Result, note: str | None = None) -> None:
        """The deputy has had a look."""
        self._write(Kind.VERIFIED, wait, result=result, note=note)
        self._open(Stage.FEEDBACK if result is Result.OK else Stage.HANDLE)

    def feed_back(self, wait: int, result: Result, note: str | None = None) -> None:
        """The resident has been told, and says how it is (R4.4)."""
        self._write(Kind.FED_BACK, wait, result=result, note=note)
        if result is not Result.DISSATISFIED:
            self.stage = Stage.CLOSED
            return
        self.dissatisfactions += 1
        if self.dissatisfactions > 1 and self.level is not PetitionLevel.MUNICIPAL:
            self.level = PetitionLevel.MUNICIPAL
            self._lapse()
        else:
            self._open(Stage.HANDLE)

    def withdraw(self, wait: int, note: str) -> None:
        """The resident asks for nothing more."""
        self._write(Kind.WITHDRAWN, wait, note=note)
        self.stage = Stage.CLOSED

    def acknowledge(self, wait: int, office: str, note: str | None = None) -> None:
        """An office of the chain is on to the overdue matter (R5.4)."""
        self._write(Kind.ACKNOWLEDGED, wait, office=office, note=note)
