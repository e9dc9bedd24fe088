"""What can a municipality set about supervision, and what is admitted?

The defaults stand in config/policy.toml; config/ reads it and lays overrides over it. Every number that
the rules name is here once, with its limits. Rules: R1 to R7.
"""

import re
from datetime import date, time
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from rules.facts import SeatLevel


def _most_distant_first(days: tuple[int, ...]) -> tuple[int, ...]:
    if list(days) != sorted(set(days), reverse=True):
        raise ValueError("want different days, the most distant first, such as [30, 7]")
    return days


def _nearest_first(days: tuple[int, ...]) -> tuple[int, ...]:
    if list(days) != sorted(set(days)):
        raise ValueError("want different days, the nearest first, such as [5, 10]")
    return days


def _time_of_day(value: object) -> object:
    if isinstance(value, time) or (isinstance(value, str) and TIME_OF_DAY.fullmatch(value)):
        return value
    raise ValueError("want a time of day in Shanghai, such as '09:00'")


TIME_OF_DAY: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")
TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
Days = Annotated[int, Field(ge=1, le=366, strict=True)]
#: days before the due date, the most distant first
Reminders = Annotated[tuple[Days, ...], Field(max_length=6), AfterValidator(_most_distant_first)]
#: workdays after the due date, the nearest first
Climb = Annotated[tuple[Days, ...], Field(max_length=6), AfterValidator(_nearest_first)]


class Period(StrEnum):
    """How a seat's periods run (R3.2)."""

    CALENDAR = "calendar"
    ROLLING = "rolling"


class Arrivals(StrEnum):
    """How many arrivals a period owes (R3.3)."""

    BOTH = "both"
    EITHER = "either"


class Place(StrEnum):
    """Where an arrival counts (R3.4)."""

    ASSIGNED = "assigned"
    ANY = "any"


class Ladder(NamedTuple):
    """The rungs of one sort of matter: reminders before the due date, climbs after it (R3.8, R4.5, R4b.4)."""

    reminders: tuple[int, ...]  #: days (visits) or workdays (all others) before the due date
    climb: tuple[int, ...]  #: workdays after the due date


class _Table(BaseModel):
    """A table of policy.toml: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Laddered(_Table):
    """A table that holds a ladder."""

    reminders: Reminders
    climb: Climb

    @property
    def ladder(self) -> Ladder:
        """Return the rungs of this table."""
        return Ladder(self.reminders, self.climb)


class SeatDuty(_Table):
    """The duty of a seat of one level (R3.1, R3.8)."""

    months: Literal[1, 3, 6]
    reminders: Reminders


class Duty(_Table):
    """[duty]: the 631 duty (R3)."""

    period: Period = Period.CALENDAR
    arrivals: Arrivals = Arrivals.BOTH
    place: Place = Place.ASSIGNED
    climb: Climb = (5, 10)
    province: SeatDuty = SeatDuty(months=6, reminders=(30, 7))
    prefecture: SeatDuty = SeatDuty(months=6, reminders=(30, 7))
    county: SeatDuty = SeatDuty(months=3, reminders=(15, 5))
    town: SeatDuty = SeatDuty(months=1, reminders=(7, 2))

    def of(self, level: str) -> SeatDuty:
        """Return the duty of a seat of `level`."""
        duty: SeatDuty = getattr(self, level)
        return duty


class PetitionDays(_Table):
    """[petition.days]: workdays for each stage (R4.2); `self`, `town`, `municipal` are those of handling."""

    assign: Days = 3
    accept: Days = 2
    self: Days = 5
    town: Days = 7
    municipal: Days = 15
    rework: Days = 10
    verify: Days = 5
    feedback: Days = 3
    register_: Days = Field(default=1, alias="register")

    def handle(self, level: str) -> int:
        """Return the workdays that a petition of `level` has for handling."""
        days: int = getattr(self, level)
        return days


class Proposal(_Table):
    """[petition.proposal]: calendar months for a formal proposal, and at most after an extension."""

    months: Days = 3
    longest: Days = 6

    @field_validator("longest")
    @classmethod
    def _is_longer(cls, longest: int, info: ValidationInfo) -> int:
        if longest < info.data.get("months", 0):
            raise ValueError("want at least as many months as petition.proposal.months")
        return longest


class PetitionPolicy(_Laddered):
    """[petition]: residents' opinions (R4)."""

    reminders: Reminders = (2,)
    climb: Climb = (3, 7, 12)
    days: PetitionDays = PetitionDays()
    proposal: Proposal = Proposal()


class MilestonePolicy(_Laddered):
    """[project.milestone]: a project's milestones (R4b.4)."""

    reminders: Reminders = (5,)
    climb: Climb = (5, 10)


class KeyMilestonePolicy(_Laddered):
    """[project.key_milestone]: a key project's milestones (R4b.4)."""

    reminders: Reminders = (10, 3)
    climb: Climb = (2, 5, 8)


class InspectionPolicy(_Laddered):
    """[project.inspection]: calendar days between inspections, and their ladder (R4b.3, R4b.4)."""

    every: Days = 30
    key_every: Days = 15
    reminders: Reminders = (3,)
    climb: Climb = (5,)


class ProjectPolicy(_Table):
    """[project]: livelihood projects (R4b)."""

    milestone: MilestonePolicy = MilestonePolicy()
    key_milestone: KeyMilestonePolicy = KeyMilestonePolicy()
    inspection: InspectionPolicy = InspectionPolicy()
    slips: Annotated[int, Field(ge=1)] = 2  #: the slip of a milestone that tells the municipal office


class Window(NamedTuple):
    """A span of the day; `begins` is in it, `ends` is not."""

    begins: TimeOfDay
    ends: TimeOfDay


def _is_open(window: Window) -> Window:
    if window.begins >= window.ends:
        raise ValueError("it must begin before it ends, such as ['08:30', '20:00']")
    return window


class Policy(_Table):
    """config/policy.toml as a whole."""

    start_on: date | None = None  #: the day the office took the system into use (R5.3)
    notify_at: TimeOfDay = time(9, 0)
    digest_at: TimeOfDay = time(8, 30)
    send_window: Annotated[Window, AfterValidator(_is_open)] = Window(time(8, 30), time(20, 0))
    sms_per_day: Annotated[int, Field(ge=1)] | None = None
    hold_days: Days = 3  #: workdays for which an acknowledgement holds the climb (R5.4)
    soon_days: Days = 4  #: workdays ahead that a digest calls due soon (R7.1)
    duty: Duty = Duty()
    petition: PetitionPolicy = PetitionPolicy()
    project: ProjectPolicy = ProjectPolicy()

    def ladder(self, sort: str) -> Ladder:
        """Return the ladder of a sort of matter: a seat's level, or petition, milestone, key_milestone, inspection.

        >>> Policy().ladder("town"), Policy().ladder("inspection")
        (Ladder(reminders=(7, 2), climb=(5, 10)), Ladder(reminders=(3,), climb=(5,)))
        """
        return self._ladders[sort]

    @cached_property
    def _ladders(self) -> dict[str, Ladder]:
        project = self.project
        levels = {level.value: Ladder(self.duty.of(level).reminders, self.duty.climb) for level in SeatLevel}
        return levels | {
            "petition": self.petition.ladder,
            "milestone": project.milestone.ladder,
            "key_milestone": project.key_milestone.ladder,
            "inspection": project.inspection.ladder,
        }
