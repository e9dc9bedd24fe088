"""What does the office have on record when the campaign begins, and by which calendar and policy?

Made up throughout. Each petition has a town, a department and a deputy of its own, each with a number and an address of
its own: so a message tells by its recipient and its words alone which notice it carries. Every day is a workday, and
the window, the digests and the round come shortly after the start. Callers: tests/campaign/.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from rules.facts import (
    SHANGHAI,
    Contact,
    Deputy,
    Office,
    OfficeKind,
    Petition,
    PetitionEvent,
    PetitionEventKind,
    PetitionLevel,
    Record,
)

ONE_DAY: Final = timedelta(days=1)
#: SMS for one person on one day
CAP: Final = 4
#: departments that get more than the cap
CAPPED: Final = 3
#: of so many departments one has a number that the gateway refuses for good
REFUSED_EVERY: Final = 12
#: petitions of old: how many days ago they were accepted → the rung that fires today (all days are workdays)
OLD: Final = {5: "remind-2", 8: "overdue", 10: "climb-1", 14: "climb-2"}
OLD_OF_EACH: Final = 12


@dataclass(frozen=True)
class Hours:
    """When what happens today."""

    today: date
    opens: datetime
    digests: datetime
    round_: datetime

    @classmethod
    def from_start(cls, start: datetime, opens_s: float) -> "Hours":
        """Let the window open `opens_s` after the start, the digests two seconds later, and the round eight."""
        opens = (start + timedelta(seconds=opens_s)).astimezone(SHANGHAI).replace(microsecond=0)
        return cls(opens.date(), opens, opens + timedelta(seconds=2), opens + timedelta(seconds=8))

    def policy(self) -> str:
        """Return the policy as a file."""
        opens, digests, round_ = (f"{each:%H:%M:%S}" for each in (self.opens, self.digests, self.round_))
        return (
            f'start_on = {self.today.isoformat()}\nsend_window = ["{opens}", "23:59:59"]\n'
            f'digest_at = "{digests}"\nnotify_at = "{round_}"\nsms_per_day = {CAP}\n'
        )


def write_calendar(folder: Path, today: date) -> None:
    """Lay tables by which every day of last, this and next year is a workday."""
    folder.mkdir()
    for year in range(today.year - 1, today.year + 2):
        day = date(year, 1, 1)
        lines = ["date,is_workday,name"]
        while day.year == year:
            lines.append(f"{day.isoformat()},1,")
            day += ONE_DAY
        (folder / f"{year}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class People:
    """Who is there: offices and people for so many petitions."""

    petitions: int

    def offices(self) -> Iterator[Office]:
        yield Office(id="DIR", name="主任会议", kind=OfficeKind.DIRECTORS)
        yield Office(id="MUN", name="代表工委", kind=OfficeKind.MUNICIPAL, parent="DIR")
        for n in range(self.petitions):
            yield Office(id=f"T{n}", name=f"第{n}镇人大", kind=OfficeKind.TOWN, parent="MUN")
            yield Office(id=f"D{n}", name=f"第{n}办", kind=OfficeKind.DEPARTMENT, parent=f"T{n}")
        for n in range(CAPPED):
            yield Office(id=f"M{n}", name=f"市直第{n}局", kind=OfficeKind.DEPARTMENT, parent="MUN")

    def contacts(self) -> Iterator[Contact]:
        for n, office in enumerate(self.offices()):
            yield Contact(
                id=f"C-{office.id}",
                office=office.id,
                name="某",
                mobile=f"138{n:08}",
                email=f"c-{office.id.lower()}@example.cn",
            )

    def deputies(self) -> Iterator[Deputy]:
        for n in range(self.petitions):
            yield Deputy(id=f"A{n}", name=f"代{n}", mobile=f"139{n:08}", email=f"a{n}@example.cn")

    def mobile_of(self, office: str) -> str:
        return next(c.mobile or "" for c in self.contacts() if c.office == office)

    def refused(self) -> dict[str, str]:
        """Return the departments whose number is refused for good, by number as the gateway has it."""
        wanted = {f"D{n}" for n in range(self.petitions) if is_refused(n)}
        return {f"+86{c.mobile}": c.id for c in self.contacts() if c.office in wanted}


def is_refused(number: int) -> bool:
    """Say whether the department of a petition has a number that is refused; those of old have good ones."""
    return number >= old_ones() and number % REFUSED_EVERY == 0


def old_ones() -> int:
    """Return how many petitions are on record from the start: the first numbers."""
    return len(OLD) * OLD_OF_EACH


@dataclass(frozen=True)
class Start:
    """The record at the start."""

    people: People
    petitions: list[Petition] = field(default_factory=list)
    events: list[PetitionEvent] = field(default_factory=list)

    @classmethod
    def made(cls, petitions: int, today: date) -> "Start":
        start = cls(People(petitions))
        for number, days in enumerate(day for day in OLD for _ in range(OLD_OF_EACH)):
            at = datetime.combine(today - days * ONE_DAY, datetime.min.time(), SHANGHAI) + timedelta(hours=8)
            start.petitions.append(petition(number, at))
            start.events.append(event(number, at + timedelta(minutes=10), PetitionEventKind.ASSIGNED, f"D{number}"))
            start.events.append(event(number, at + timedelta(minutes=20), PetitionEventKind.ACCEPTED))
        return start

    def write(self, folder: Path) -> None:
        """Write it as an office would hand it in."""
        folder.mkdir()
        rows: dict[str, Iterable[dict[str, object]]] = {
            "offices": (
                {"id": o.id, "name": o.name, "kind": o.kind, "parent": o.parent} for o in self.people.offices()
            ),
            "contacts": (
                {"id": c.id, "office": c.office, "name": c.name, "mobile": c.mobile, "email": c.email}
                for c in self.people.contacts()
            ),
            "deputies": (
                {"id": d.id, "name": d.name, "mobile": d.mobile, "email": d.email} for d in self.people.deputies()
            ),
            "petitions": (
                {
                    "id": p.id,
                    "town": p.town,
                    "deputy": p.deputy,
                    "level": p.level,
                    "title": p.title,
                    "recorded_at": p.recorded_at.isoformat(),
                }
                for p in self.petitions
            ),
            "petition_events": (
                {"petition": e.petition, "at": e.at.isoformat(), "event": e.event, "office": e.office}
                for e in self.events
            ),
        }
        for table, lines in rows.items():
            listed = list(lines)
            with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, listed[0])
                writer.writeheader()
                writer.writerows(listed)

    def record(self, petitions: Iterable[Petition] = (), events: Iterable[PetitionEvent] = ()) -> Record:
        """Return it with what was written since."""
        people = self.people
        return Record(
            offices=list(people.offices()),
            contacts=list(people.contacts()),
            deputies=list(people.deputies()),
            petitions=[*self.petitions, *petitions],
            petition_events=[*self.events, *events],
        )


def petition(number: int, at: datetime, level: PetitionLevel = PetitionLevel.TOWN) -> Petition:
    return Petition(
        id=f"P{number}", town=f"T{number}", deputy=f"A{number}", level=level, title=f"事项{number}", recorded_at=at
    )


def event(number: int, at: datetime, kind: PetitionEventKind, office: str | None = None) -> PetitionEvent:
    return PetitionEvent(petition=f"P{number}", at=at, event=kind, office=office)
