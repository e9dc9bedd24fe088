"""Which opinions does the year bring, and how is each registered?

Every opinion that a visit collected is registered as one petition, mostly by the next workday. Rules: R4.1,
R5.10. Caller: municipality.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from intake.demo.chances import chance, draw
from intake.demo.course import Course
from intake.demo.diary import Diary
from intake.demo.handling import Case
from intake.demo.people import RESIDENT_PREFIXES, Names, mobile
from intake.demo.places import Places, TownPlaces
from intake.demo.themes import THEMES, Theme, put
from rules.facts import Petition, PetitionLevel, Visit, local_day

LEVELS: Final = {PetitionLevel.SELF: 40.0, PetitionLevel.TOWN: 48.0, PetitionLevel.MUNICIPAL: 12.0}
CONFIDENTIAL: Final = 0.02
ANONYMOUS: Final = 0.12
WITHOUT_DEPUTY: Final = 0.01
REGISTERED_NEXT: Final = 0.36
REGISTERED_LATE: Final = 0.07


@dataclass(frozen=True, slots=True)
class Opinion:
    """A petition with what it is about and the town whose it is."""

    petition: Petition
    theme: Theme
    town: TownPlaces


def register(diary: Diary, towns: dict[str, TownPlaces], visits: Sequence[Visit], names: Names) -> list[Opinion]:
    """Return the register of opinions in the order of registration, numbered by year."""
    found = [
        _register(diary, towns[_town_of(visit)], visit, names, number)
        for number, visit in enumerate(visit for visit in visits for _ in range(visit.opinions or 0))
    ]
    found.sort(key=lambda opinion: opinion.petition.recorded_at)
    return list(_numbered(found))


def _town_of(visit: Visit) -> str:
    """Return the town in the id of a station or grid."""
    return visit.place[: max(visit.place.find("-L"), visit.place.find("-W"))]


def _numbered(opinions: Sequence[Opinion]) -> Iterator[Opinion]:
    counts: dict[int, int] = {}
    for opinion in opinions:
        year = local_day(opinion.petition.recorded_at).year
        counts[year] = counts.get(year, 0) + 1
        ident = f"GH{year}-{counts[year]:04d}"
        yield replace(opinion, petition=replace(opinion.petition, id=ident))


def _register(diary: Diary, town: TownPlaces, visit: Visit, names: Names, number: int) -> Opinion:
    rng = diary.rng
    theme = rng.choice(THEMES)
    is_anonymous = chance(rng, ANONYMOUS)
    petition = Petition(
        id="",
        town=town.id,
        deputy=None if chance(rng, WITHOUT_DEPUTY) else visit.deputy,
        found_on=visit.day,
        level=draw(rng, LEVELS),
        title=put(rng, rng.choice(theme.titles), town.villages),
        petitioner=None if is_anonymous else names.resident(),
        petitioner_mobile=None if is_anonymous else mobile(RESIDENT_PREFIXES, number),
        confidential=chance(rng, CONFIDENTIAL),
        recorded_at=_recorded(diary, visit.day),
    )
    return Opinion(petition, theme, town)


def _recorded(diary: Diary, found_on: date) -> datetime:
    rng = diary.rng
    if chance(rng, REGISTERED_LATE):
        return diary.within(diary.hour(diary.workday(found_on, rng.randint(2, 5))), found_on)
    if chance(rng, REGISTERED_NEXT):
        return diary.within(diary.hour(diary.workday(found_on, 1)), found_on)
    return diary.afternoon(found_on)


def handle_all(diary: Diary, places: Places, opinions: Sequence[Opinion]) -> list[Case]:
    """Return what became of each opinion."""
    cases = []
    for opinion in opinions:
        case = Case(diary, opinion.petition)
        Course(diary, case, opinion.theme, places, opinion.town).run()
        cases.append(case)
    return cases
