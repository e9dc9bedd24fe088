"""What does a record say? Reads a folder of valid CSV tables with English heads, in UTF-8.

Instants become naive local time (Asia/Shanghai, always +08:00 in the years concerned).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path

SHANGHAI = timezone(timedelta(hours=8))
CHANNELS = ("sms", "email")
YES = {"yes", "是", "true", "1"}
Row = dict[str, str]


@dataclass(frozen=True)
class Office:
    """A node of the tree of R2.1."""

    id: str
    kind: str
    parent: str | None
    station_kind: str | None


@dataclass(frozen=True)
class Person:
    """Somebody who may get a notice: a deputy, or a contact of an office."""

    id: str
    office: str | None
    channels: tuple[str, ...]  #: the person's own, in their order, that have a usable address
    on_duty: bool

    @property
    def reachable(self) -> bool:
        """Can a notice get to this person? (R2.4)"""
        return self.on_duty and bool(self.channels)


@dataclass(frozen=True)
class Seat:
    """A deputy's seat; `end` is None while the term has no last day."""

    id: str
    deputy: str
    level: str
    town: str
    station: str | None
    grid: str | None
    start: date
    end: date | None

    def holds(self, day: date) -> bool:
        """Is the day within the term?"""
        return self.start <= day and (self.end is None or day <= self.end)


@dataclass(frozen=True)
class Leave:
    """Days of leave, known from `known`."""

    deputy: str
    first: date
    last: date
    known: datetime


@dataclass(frozen=True)
class Visit:
    """One visit, known from `known`."""

    deputy: str
    day: date
    kind: str
    place: str
    known: datetime


@dataclass(frozen=True)
class Petition:
    """A resident's opinion as registered."""

    id: str
    town: str
    deputy: str | None
    level: str
    known: datetime


@dataclass(frozen=True)
class PetitionEvent:
    """One row of petition_events."""

    petition: str
    at: datetime
    event: str
    office: str | None
    level: str | None
    until: date | None
    proposal: bool
    result: str | None


@dataclass(frozen=True)
class Project:
    """A project as recorded."""

    id: str
    town: str
    office: str
    deputy: str | None
    key: bool
    known: datetime


@dataclass(frozen=True)
class Milestone:
    """One milestone with its first plan."""

    project: str
    seq: int
    stage: str
    planned: date


@dataclass(frozen=True)
class ProjectEvent:
    """One row of project_events."""

    project: str
    at: datetime
    event: str
    seq: int | None
    day: date


@dataclass(frozen=True)
class Acknowledgement:
    """One row of acknowledgements."""

    matter: str
    at: datetime
    office: str


@dataclass(frozen=True)
class Record:
    """All tables."""

    offices: dict[str, Office]
    contacts: list[Person]
    grids: dict[str, str | None]  #: grid -> the grid above it
    deputies: dict[str, Person]
    seats: list[Seat]
    leaves: list[Leave]
    visits: list[Visit]
    petitions: list[Petition]
    petition_events: list[PetitionEvent]
    projects: list[Project]
    milestones: list[Milestone]
    project_events: list[ProjectEvent]
    acknowledgements: list[Acknowledgement]

    def ancestors(self, office: str) -> tuple[str, ...]:
        """Which offices stand above this one, nearest first?"""
        parent = self.offices[office].parent
        return () if parent is None else (parent, *self.ancestors(parent))

    def municipal(self) -> str:
        """Which is the municipal office?"""
        return next(office.id for office in self.offices.values() if office.kind == "municipal")

    def grid_and_above(self, grid: str) -> list[str]:
        """Which grids does a visit to this one stand for: itself, and all above it?"""
        above = self.grids[grid]
        return [grid] if above is None else [grid, *self.grid_and_above(above)]


def parse_day(text: str) -> date:
    """Which day does the cell name?"""
    return date(*(int(part) for part in re.split("[-/]", text)))


def parse_instant(text: str) -> datetime:
    """Which local instant does the cell name?"""
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo is None else instant.astimezone(SHANGHAI).replace(tzinfo=None)


def _known(row: Row, day: date) -> datetime:
    return parse_instant(row["recorded_at"]) if row["recorded_at"] else datetime.combine(day, time())


def _usable(channel: str, address: str) -> bool:
    """Is the address one that R2.5 admits?"""
    if channel == "email":
        return re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address) is not None
    digits = re.sub(r"\s", "", address)
    return re.fullmatch(r"(\+86)?1[3-9]\d{9}", digits) is not None


def _person(row: Row, prefix: str) -> Person:
    address = {"sms": row["mobile"], "email": row["email"]}
    own = [part.strip() for part in row["channels"].split(",") if part.strip()] or list(CHANNELS)
    return Person(
        id=f"{prefix}:{row['id']}",
        office=row.get("office") or None,
        channels=tuple(channel for channel in own if _usable(channel, address[channel])),
        on_duty=(row.get("on_duty") or "yes") in YES,
    )


def _rows(folder: Path, table: str) -> list[Row]:
    path = folder / f"{table}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = [{head: (cell or "").strip() for head, cell in row.items()} for row in csv.DictReader(stream)]
    return [_Row(row) for row in rows]


class _Row(dict):  # type: ignore[type-arg]
    """A row in which an absent column reads as an empty cell."""

    def __missing__(self, head: str) -> str:
        return ""


def _visit(row: Row) -> Visit:
    day = parse_day(row["date"])
    return Visit(row["deputy"], day, row["kind"], row["place"], _known(row, day))


def _leave(row: Row) -> Leave:
    first = parse_day(row["from"])
    return Leave(row["deputy"], first, parse_day(row["to"]), _known(row, first))


def _seat(row: Row) -> Seat:
    return Seat(
        id=row["id"],
        deputy=row["deputy"],
        level=row["level"],
        town=row["town"],
        station=row["station"] or None,
        grid=row["grid"] or None,
        start=parse_day(row["from"]),
        end=parse_day(row["to"]) if row["to"] else None,
    )


def _petition_event(row: Row) -> PetitionEvent:
    return PetitionEvent(
        petition=row["petition"],
        at=parse_instant(row["at"]),
        event=row["event"],
        office=row["office"] or None,
        level=row["level"] or None,
        until=parse_day(row["until"]) if row["until"] else None,
        proposal=row["proposal"] in YES,
        result=row["result"] or None,
    )


def _project_event(row: Row) -> ProjectEvent:
    at = parse_instant(row["at"])
    return ProjectEvent(
        project=row["project"],
        at=at,
        event=row["event"],
        seq=int(row["seq"]) if row["seq"] else None,
        day=parse_day(row["date"]) if row["date"] else at.date(),
    )


def read_record(folder: Path) -> Record:
    """What does the record in this folder say?"""
    return Record(
        offices={
            row["id"]: Office(row["id"], row["kind"], row["parent"] or None, row["station_kind"] or None)
            for row in _rows(folder, "offices")
        },
        contacts=[_person(row, "contact") for row in _rows(folder, "contacts")],
        grids={row["id"]: row["parent"] or None for row in _rows(folder, "grids")},
        deputies={row["id"]: _person(row, "deputy") for row in _rows(folder, "deputies")},
        seats=[_seat(row) for row in _rows(folder, "seats")],
        leaves=[_leave(row) for row in _rows(folder, "leaves")],
        visits=[_visit(row) for row in _rows(folder, "visits")],
        petitions=[
            Petition(row["id"], row["town"], row["deputy"] or None, row["level"], parse_instant(row["recorded_at"]))
            for row in _rows(folder, "petitions")
        ],
        petition_events=[_petition_event(row) for row in _rows(folder, "petition_events")],
        projects=[
            Project(
                row["id"],
                row["town"],
                row["office"],
                row["deputy"] or None,
                row["key"] in YES,
                parse_instant(row["recorded_at"]),
            )
            for row in _rows(folder, "projects")
        ],
        milestones=[
            Milestone(row["project"], int(row["seq"]), row["stage"], parse_day(row["planned"]))
            for row in _rows(folder, "milestones")
        ],
        project_events=[_project_event(row) for row in _rows(folder, "project_events")],
        acknowledgements=[
            Acknowledgement(row["matter"], parse_instant(row["at"]), row["office"])
            for row in _rows(folder, "acknowledgements")
        ],
    )
