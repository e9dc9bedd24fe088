"""What goes in and comes out of the API, field by field?

Names are those of the record (INTERFACES "The record"); the models make the OpenAPI document as well. What a field
means to other rows is checked by intake.commands, as in an import. Callers: web/api.
"""

import re
from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from rules.facts import PetitionEventKind, PetitionLevel, ProjectEventKind, Result, VisitForm, VisitKind
from rules.matters import MatterKind, Status

ONE_LINE = r"^[^\x00-\x1f\x7f]+$"
Ident = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=ONE_LINE)]
MatterId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=ONE_LINE)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=ONE_LINE)]
Words = Annotated[str, StringConstraints(max_length=5000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


def _as_written(value: object) -> object:
    """Let only a day as the API's document has it pass: pydantic would take a number for seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII)):
        return value
    raise ValueError("want a day such as 2026-03-31")


#: a name of its own: in a model a field `date` hides the type
Day = Annotated[date, BeforeValidator(_as_written)]
Seq = Annotated[int, Field(ge=0, le=1_000_000)]


class Sent(BaseModel):
    """What a program sends; an unknown field is refused."""

    model_config = ConfigDict(extra="forbid")


class Shown(BaseModel):
    """What a program gets."""

    model_config = ConfigDict(extra="forbid")


# Writing -----------------------------------------------------------------------------------


class VisitSent(Sent):
    """A deputy's visit to a station or a grid (履职记录)."""

    id: Ident | None = Field(None, description="unset: one is made up")
    deputy: Ident
    date: Day
    kind: VisitKind
    place: Ident = Field(description="id of a station or of a grid")
    form: VisitForm | None = None
    voters: Count | None = None
    opinions: Count | None = None
    note: Words | None = None


class PetitionSent(Sent):
    """A resident's opinion (群众意见) as it is registered."""

    id: Ident = Field(description="the register number")
    town: Ident
    deputy: Ident | None = None
    found_on: Day | None = None
    level: PetitionLevel
    title: Annotated[Words, Field(min_length=1)]
    petitioner: Line | None = None
    petitioner_mobile: Line | None = None
    confidential: bool = False


class PetitionEventSent(Sent):
    """What happened to a resident's opinion (意见办理); see the stage's rules in R4.3."""

    petition: Ident
    event: PetitionEventKind
    office: Ident | None = None
    level: PetitionLevel | None = None
    until: Day | None = None
    proposal: bool = False
    result: Result | None = None
    note: Words | None = None


class ProjectEventSent(Sent):
    """Progress of a project (项目进展)."""

    project: Ident
    event: ProjectEventKind
    seq: Seq | None = None
    date: Day | None = None
    reason: Words | None = None


class AcknowledgementSent(Sent):
    """An office's word that it is on to an overdue matter (批示)."""

    matter: MatterId
    office: Ident


class Written(Shown):
    """What was written, and when it counts from."""

    id: str = Field(description="the id of the visit or opinion; else of the opinion, project or matter concerned")
    at: datetime


# Reading -----------------------------------------------------------------------------------

MOST: Final = 200
Cursor = Annotated[str, StringConstraints(max_length=400)]


class PageAsked(BaseModel):
    """Which page of a list is asked for; an unknown parameter is refused, so that no filter is mistyped in silence."""

    model_config = ConfigDict(extra="forbid")

    cursor: Cursor | None = Field(None, description="the `next` of the page before")
    limit: Annotated[int, Field(ge=1, le=MOST)] = 50


class MattersAsked(PageAsked):
    """Which matters are asked for."""

    status: Status | None = None
    kind: MatterKind | None = None
    town: Ident | None = None
    subject: Ident | None = None
    responsible: MatterId | None = None
    due_from: Day | None = None
    due_to: Day | None = None


class NoticesAsked(PageAsked):
    """Which notices are asked for."""

    matter: MatterId | None = None
    to: MatterId | None = Field(None, description="such as deputy:D1 or contact:C1")
    state: Ident | None = Field(None, description="waiting, bundled, superseded or recorded")


class MatterShown(Shown):
    """One thing that one party must do by one day (督办事项)."""

    matter: str
    kind: MatterKind
    subject: str = Field(description="id of the seat, opinion or project")
    town: str
    responsible: str = Field(description="deputy:<id> or office:<id>")
    stage: str
    opened: date
    due: date
    settled: date | None
    status: Status
    climbed: int = Field(description="-1: nobody told that it is overdue; 0: told; n: climbed to the n-th office")


class MattersPage(Shown):
    """Some matters, and where to go on."""

    matters: list[MatterShown]
    next: str | None = Field(description="give it as `cursor` to get what follows; null: that was all")


class Explained(Shown):
    """A matter with its dates day by day, its facts, and its rungs fired and to come."""

    matter: str
    at: datetime
    status: Status
    responsible: str
    town: str
    chain: list[str]
    opened: date
    due: date
    why: str
    provisional: bool
    ladder_began: date
    settled: date | None
    missed_from: date | None
    owed: list[VisitKind]
    arrivals: list[VisitKind]
    holds: list[dict[str, Any]]
    facts: list[dict[str, Any]]
    next_round: datetime | None
    rungs: list[dict[str, Any]]


class NoticeShown(Shown):
    """One line among the notices (督办通知) with what became of it."""

    id: int
    at: datetime
    matter: str
    rung: str
    due: date
    to: str | None
    office: str | None
    channel: str | None
    verdict: str
    rerouted: bool
    state: str
    reason: str | None
    message: int | None
    message_state: str | None


class NoticesPage(Shown):
    """Some notices, and where to go on."""

    notices: list[NoticeShown]
    next: str | None = Field(description="give it as `cursor` to get what follows; null: that was all")
