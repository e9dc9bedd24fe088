"""What does the record of a made-up municipality of Heshan's shape look like, after a year of its life?

The totals of a year are Heshan's of 2024; everything else is invented. The same arguments give the same
record. Rules: all; the record is valid by R8. Callers: `python -m intake.demo`, `duban up --demo`, bench/, tests.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from operator import attrgetter
from random import Random
from typing import Final, TypeVar

from intake.demo import seed_cases
from intake.demo.answers import answers
from intake.demo.assembly import Assembly, build_assembly
from intake.demo.diary import Diary, WorkCalendar
from intake.demo.handling import Case
from intake.demo.opinions import Opinion, handle_all, register
from intake.demo.people import Names
from intake.demo.places import TOWNS, Places, TownPlaces, build_contacts, build_places
from intake.demo.projects import Builder, Source
from intake.demo.trips import households, plan_trips, unseen
from intake.demo.visits import write_visits
from intake.demo.works import SiteBook
from rules.duties import Span
from rules.facts import PetitionEvent, ProjectEvent, Record, Seat, Visit
from rules.policy import Arrivals

SEED: Final = 440784
FIRST: Final = date(2026, 1, 1)
LAST: Final = date(2026, 12, 31)
#: projects that come of a formal proposal, a year, at most
FROM_PROPOSALS: Final = 8

E = TypeVar("E", PetitionEvent, ProjectEvent)


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is in a year (Heshan, 2024), or in another time."""

    visits: int = 7_258
    voters: int = 8_532
    opinions: int = 824
    projects: int = 91
    key_projects: int = 10

    def times(self, factor: float) -> "Totals":
        """Return as much of each as falls to `factor` years.

        >>> Totals().times(0.5).visits
        3629
        """
        return Totals(
            visits=round(self.visits * factor),
            voters=round(self.voters * factor),
            opinions=round(self.opinions * factor),
            projects=round(self.projects * factor),
            key_projects=round(self.key_projects * factor),
        )


YEAR: Final = Totals()


def make_record(
    seed: int = SEED,
    year_from: date = FIRST,
    year_to: date = LAST,
    scale: int = 1,
    calendar: WorkCalendar | None = None,
    arrivals: Arrivals = Arrivals.EITHER,
) -> Record:
    """Return the record of a municipality, as it stands at the end of `year_to`.

    `scale`: so many times Heshan's towns, people and facts under one municipal office. `arrivals`: what the
    deputies take a period to owe. With `either`, most go once a period, and a year has 2024's 7,258 visits; they
    cannot carry both arrivals, of which a year owes about 16,300. With `both`, most go to the station and to the grid,
    and a year has 7,258 pairs.
    """
    diary = Diary(Random(seed), year_from, year_to, calendar)
    totals = YEAR.times(float(diary.share * scale))
    names = Names(diary.rng)
    places = build_places(diary.rng, scale)
    contacts = build_contacts(diary.rng, places, names)
    assembly = build_assembly(diary, places, names)
    life = Life(diary, places, names, assembly, totals)
    visits, silent = life.visit(arrivals)
    cases, books = life.handle(visits)
    answered = answers(diary, silent, books)
    return Record(
        offices=tuple(places.offices),
        contacts=tuple(contacts),
        grids=tuple(places.grids),
        deputies=tuple(assembly.deputies),
        seats=tuple(assembly.seats),
        leaves=tuple(assembly.leaves),
        visits=tuple(visits),
        petitions=tuple(sorted((case.petition for case in cases), key=lambda p: (p.recorded_at, p.id))),
        petition_events=tuple(_in_order(diary, (event for case in cases for event in case.events))),
        projects=tuple(book.project for book in books),
        milestones=tuple(milestone for book in books for milestone in book.milestones),
        project_events=tuple(_in_order(diary, (event for book in books for event in book.events))),
        acknowledgements=tuple(replace(answer, position=i) for i, answer in enumerate(answered)),
    )


def _in_order(diary: Diary, events: Iterable[E]) -> Iterator[E]:
    """Yield the events of the year as they happened; those of one matter keep their order."""
    within = (event for event in events if event.at < diary.end)
    for i, event in enumerate(sorted(within, key=attrgetter("at"))):
        yield replace(event, position=i)


@dataclass(frozen=True, slots=True)
class Life:
    """What goes on in the municipality in the year."""

    diary: Diary
    places: Places
    names: Names
    assembly: Assembly
    totals: Totals

    @property
    def scale(self) -> int:
        """How many times Heshan it is."""
        return len(self.places.towns) // len(TOWNS)

    def visit(self, arrivals: Arrivals) -> tuple[list[Visit], list[tuple[Seat, Span]]]:
        """Return the visits, and the seats and periods in which nobody was seen."""
        homes = households(self.diary, self.assembly.seats, self.assembly.leaves)
        planned = self.totals.visits * (2 if arrivals is Arrivals.BOTH else 1)
        trips = plan_trips(self.diary, homes, arrivals, planned)
        visits = write_visits(self.diary, self._towns, trips, self.totals.voters, self.totals.opinions)
        return visits, unseen(self.diary, homes, trips)

    def handle(self, visits: Sequence[Visit]) -> tuple[list[Case], list[SiteBook]]:
        """Return what became of the opinions that the visits collected, and the projects."""
        opinions = register(self.diary, self._towns, visits, self.names)
        others, told = seed_cases.take_over(opinions, self.diary.first)
        seeds, books = seed_cases.tell(self.diary, self.places, told)
        books = [book for book in books if book.project.recorded_at < self.diary.end]
        cases = handle_all(self.diary, self.places, others)
        books += self._build(len(books), self._sources(others, cases))
        return [*seeds, *cases], sorted(books, key=lambda book: (book.project.recorded_at, book.project.id))

    @property
    def _towns(self) -> dict[str, TownPlaces]:
        return {town.id: town for town in self.places.towns}

    def _build(self, told: int, sources: Sequence[Source]) -> Iterator[SiteBook]:
        """Build what the year's projects are without those that are told."""
        count, key = max(0, self.totals.projects - told), max(0, self.totals.key_projects - told)
        most = round(FROM_PROPOSALS * self.scale * self.diary.share)
        yield from Builder(self.diary, self.places, self._lasting_seats()).build(count, key, sources[:most])

    def _lasting_seats(self) -> dict[str, list[Seat]]:
        """Return by town the seats that last from the first day on."""
        found: dict[str, list[Seat]] = {}
        for seat in self.assembly.seats:
            if seat.ends is None and seat.begins <= self.diary.first:
                found.setdefault(seat.town, []).append(seat)
        return found

    def _sources(self, opinions: Sequence[Opinion], cases: Sequence[Case]) -> list[Source]:
        """Return the opinions that were made a formal proposal, and of which a project can come."""
        offices = {office.id: office for office in self.places.offices}
        return [
            Source(case.petition.id, opinion.town, case.petition.deputy, opinion.theme, offices[event.office], event.at)
            for opinion, case in zip(opinions, cases, strict=True)
            for event in case.events
            if event.proposal and event.office and opinion.theme.works and event.at < self.diary.end
        ]
