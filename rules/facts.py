"""What is a fact of the record, in the words of the field?

One frozen class for each table of the record. Days are local to Asia/Shanghai, instants are aware and
in UTC. Ids are the record's own. Source: INTERFACES "The record"; rules R2 to R4b.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from rules.making import made_fast

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")


@lru_cache(maxsize=16_384)
def local_day(instant: datetime) -> date:
    """Return the day in Shanghai on which `instant` falls (R1.1).

    >>> local_day(datetime(2026, 3, 31, 16, 0, tzinfo=UTC))
    datetime.date(2026, 4, 1)
    """
    return instant.astimezone(SHANGHAI).date()


@lru_cache(maxsize=16_384)
def midnight(day: date) -> datetime:
    """Return the instant (UTC) at which `day` begins in Shanghai.

    >>> midnight(date(2026, 4, 1)).isoformat()
    '2026-03-31T16:00:00+00:00'
    """
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).astimezone(UTC)


class OfficeKind(StrEnum):
    """What an office is in the tree of R2.1."""

    DIRECTORS = "directors"
    MUNICIPAL = "municipal"
    TOWN = "town"
    STATION = "station"
    DEPARTMENT = "department"


class StationKind(StrEnum):
    """What sort of liaison station an office is."""

    CENTRAL = "central"
    VILLAGE = "village"
    INDUSTRY = "industry"
    BASE = "base"


class Channel(StrEnum):
    """A way to reach a person."""

    SMS = "sms"
    EMAIL = "email"


class SeatLevel(StrEnum):
    """The congress in which a deputy sits."""

    PROVINCE = "province"
    PREFECTURE = "prefecture"
    COUNTY = "county"
    TOWN = "town"


class Basis(StrEnum):
    """Why a deputy is attached to a grid."""

    RESIDENCE = "residence"
    WORKPLACE = "workplace"
    DISTRICT = "district"
    UNIT = "unit"


class VisitKind(StrEnum):
    """Where a visit went: the two arrivals of R3.3, station first."""

    STATION = "station"
    GRID = "grid"


class VisitForm(StrEnum):
    """How residents were met."""

    RECEPTION = "reception"
    MEETING = "meeting"
    PATROL = "patrol"
    HOUSEHOLD = "household"
    OTHER = "other"


class PetitionLevel(StrEnum):
    """Who can solve an opinion, lowest first (R4.2)."""

    SELF = "self"
    TOWN = "town"
    MUNICIPAL = "municipal"


class PetitionEventKind(StrEnum):
    """What can happen to an opinion (R4.3)."""

    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    RAISED = "raised"
    EXTENDED = "extended"
    HANDLED = "handled"
    VERIFIED = "verified"
    FED_BACK = "fed_back"
    WITHDRAWN = "withdrawn"
    ACKNOWLEDGED = "acknowledged"


class Result(StrEnum):
    """What a verification or a feedback found (R4.3)."""

    OK = "ok"
    REWORK = "rework"
    SATISFIED = "satisfied"
    BASICALLY = "basically"
    DISSATISFIED = "dissatisfied"


class MilestoneStage(StrEnum):
    """A project's stages in their order (R4b.1)."""

    APPROVED = "approved"
    FUNDED = "funded"
    GROUNDBREAKING = "groundbreaking"
    PROGRESS = "progress"
    COMPLETION = "completion"
    ACCEPTANCE = "acceptance"
    FEEDBACK = "feedback"


class ProjectEventKind(StrEnum):
    """What can happen to a project (R4b)."""

    DONE = "done"
    REPLAN = "replan"
    INSPECTED = "inspected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A node of the tree of offices (R2.1)."""

    id: str
    name: str
    kind: OfficeKind
    parent: str | None = None
    station_kind: StationKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person who answers for an office. `channels` empty: SMS, then e-mail (R2.4)."""

    id: str
    office: str
    name: str
    title: str | None = None
    mobile: str | None = None
    email: str | None = None
    channels: tuple[Channel, ...] = ()
    on_duty: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A grid of a town; with a parent, a micro-grid."""

    id: str
    name: str
    town: str
    parent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deputy:
    """A person who holds one seat or more. `channels` empty: SMS, then e-mail (R2.4)."""

    id: str
    name: str
    mobile: str | None = None
    email: str | None = None
    channels: tuple[Channel, ...] = ()


@made_fast
@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A deputy's seat in one congress; each has a 631 duty of its own (R3.1)."""

    id: str
    deputy: str
    level: SeatLevel
    town: str
    station: str | None = None
    grid: str | None = None
    basis: Basis | None = None
    begins: date  #: first day of the term
    ends: date | None = None  #: last day of the term


@made_fast
@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Days on which a deputy is on leave, first and last included (R3.7)."""

    id: str
    deputy: str
    begins: date
    ends: date
    reason: str | None = None
    approver: str | None = None
    recorded_at: datetime


@made_fast
@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A deputy's visit to a station or a grid (R3.4, R3.5)."""

    id: str
    deputy: str
    day: date
    kind: VisitKind
    place: str  #: id of a station or of a grid
    form: VisitForm | None = None
    voters: int | None = None
    opinions: int | None = None
    note: str | None = None
    recorded_at: datetime


@made_fast
@dataclass(frozen=True, slots=True, kw_only=True)
class Petition:
    """A residents' opinion (群众意见). `title`, `petitioner` and phone never leave the register (R5.10)."""

    id: str
    town: str
    deputy: str | None = None
    found_on: date | None = None
    level: PetitionLevel
    title: str = field(repr=False)
    petitioner: str | None = field(default=None, repr=False)
    petitioner_mobile: str | None = field(default=None, repr=False)
    confidential: bool = False
    recorded_at: datetime


@made_fast
@dataclass(frozen=True, slots=True, kw_only=True)
class PetitionEvent:
    """A step in the handling of an opinion (R4.3).

    `position` orders events of one instant: their order in the file.
    """

    petition: str
    at: datetime
    event: PetitionEventKind
    office: str | None = None
    level: PetitionLevel | None = None
    until: date | None = None
    proposal: bool = False
    result: Result | None = None
    note: str | None = field(default=None, repr=False)
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A livelihood project (民生项目)."""

    id: str
    name: str
    town: str
    office: str
    deputy: str | None = None
    petition: str | None = None
    is_key: bool = False
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """A step of a project with its planned day (R4b.1)."""

    project: str
    seq: int
    stage: MilestoneStage
    name: str | None = None
    planned: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectEvent:
    """Progress of a project (R4b.2, R4b.3). `position` orders events of one instant."""

    project: str
    at: datetime
    event: ProjectEventKind
    seq: int | None = None
    day: date | None = None
    reason: str | None = None
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """An office's word that it is on to an overdue matter (R5.4). `position`: as for events."""

    matter: str
    at: datetime
    office: str
    position: int = 0


Row = (
    Office | Contact | Grid | Deputy | Seat | Leave | Visit | Petition
    | PetitionEvent | Project | Milestone | ProjectEvent | Acknowledgement
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The whole record (卷宗): each table's rows in the order of the file."""

    offices: Sequence[Office] = ()
    contacts: Sequence[Contact] = ()
    grids: Sequence[Grid] = ()
    deputies: Sequence[Deputy] = ()
    seats: Sequence[Seat] = ()
    leaves: Sequence[Leave] = ()
    visits: Sequence[Visit] = ()
    petitions: Sequence[Petition] = ()
    petition_events: Sequence[PetitionEvent] = ()
    projects: Sequence[Project] = ()
    milestones: Sequence[Milestone] = ()
    project_events: Sequence[ProjectEvent] = ()
    acknowledgements: Sequence[Acknowledgement] = ()

    #: table name → class of its rows, parents before children
    TABLES: ClassVar[dict[str, type[Row]]] = {
        "offices": Office,
        "contacts": Contact,
        "grids": Grid,
        "deputies": Deputy,
        "seats": Seat,
        "leaves": Leave,
        "visits": Visit,
        "petitions": Petition,
        "petition_events": PetitionEvent,
        "projects": Project,
        "milestones": Milestone,
        "project_events": ProjectEvent,
        "acknowledgements": Acknowledgement,
    }
