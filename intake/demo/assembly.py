"""Who are the deputies, where does each have a seat, and when are they on leave?

About 870 seats: 3 of the province, 30 of the prefecture, 246 of the county, 593 of the towns (a street has no
congress of its own). Six deputies hold two. Rules: R3.1, R3.4, R3.7. Caller: municipality.py.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from typing import Final, NamedTuple

from intake.demo.chances import apportion, chance, draw
from intake.demo.diary import Diary
from intake.demo.people import DEPUTY_PREFIXES, Names, mobile
from intake.demo.places import POPULATIONS, TOWNS, Places, TownPlaces
from rules.facts import Basis, Channel, Deputy, Leave, Seat, SeatLevel
from rules.workdays import ONE_DAY

PROVINCE_SEATS: Final = 3
PREFECTURE_SEATS: Final = 30
COUNTY_SEATS: Final = 246
TOWN_SEATS: Final = 593
#: the law's least number of deputies of a town's congress, about
LEAST_OF_A_TOWN: Final = 40
#: in so many towns one deputy of the town also sits in the county's congress
DOUBLE_SEATS: Final = 6
WITHOUT_GRID: Final = 3
WITHOUT_STATION: Final = 5
WITHOUT_ADDRESS: Final = 2
VACATED: Final = 2  #: seats that fall vacant in the year
BY_ELECTED: Final = 2  #: seats that are filled in the year
VACANT_GRIDS: Final = 2  #: grids of a street without a deputy
LEAVES_A_YEAR: Final = 24
LEVELS: Final = tuple(SeatLevel)
LEVEL_LETTERS: Final = dict(zip(LEVELS, "PJXZ", strict=True))
BASES: Final = {Basis.DISTRICT: 5.0, Basis.RESIDENCE: 3.0, Basis.WORKPLACE: 1.5, Basis.UNIT: 0.5}
CHANNELS: Final[dict[tuple[Channel, ...], float]] = {
    (): 86.0,
    (Channel.SMS,): 10.0,
    (Channel.EMAIL,): 2.0,
    (Channel.SMS, Channel.EMAIL): 2.0,
}


class LeaveSort(NamedTuple):
    """A reason for leave and how long it takes, in days."""

    reason: str
    shortest: int
    longest: int


LEAVE_SORTS: Final = {
    LeaveSort("产假", 98, 178): 2.0,
    LeaveSort("因病住院及休养", 12, 50): 5.0,
    LeaveSort("外出学习培训", 10, 35): 3.0,
    LeaveSort("因公外出", 5, 18): 3.0,
}


@dataclass(slots=True)
class Assembly:
    """The deputies, their seats and leaves."""

    deputies: list[Deputy] = field(default_factory=list)
    seats: list[Seat] = field(default_factory=list)
    leaves: list[Leave] = field(default_factory=list)


def build_assembly(diary: Diary, places: Places, names: Names) -> Assembly:
    """Return everybody who sits, with a station and a grid of the town for each seat."""
    assembly = Assembly()
    shares = _shares_by_level()
    for town in places.towns:
        _seat_town(diary, town, {level: shares[level][town.index] for level in LEVELS}, names, assembly)
    copies = len(places.towns) // len(TOWNS)
    _leave_gaps(diary, assembly, copies)
    assembly.leaves.extend(_leaves(diary, assembly, copies))
    return assembly


def _shares_by_level() -> dict[SeatLevel, list[int]]:
    congresses = [town for town in TOWNS if not town.is_street]
    of_towns = iter(apportion(TOWN_SEATS, [town.population for town in congresses], least=LEAST_OF_A_TOWN))
    return {
        SeatLevel.PROVINCE: apportion(PROVINCE_SEATS, POPULATIONS),
        SeatLevel.PREFECTURE: apportion(PREFECTURE_SEATS, POPULATIONS, least=1),
        SeatLevel.COUNTY: apportion(COUNTY_SEATS, POPULATIONS, least=8),
        SeatLevel.TOWN: [0 if town.is_street else next(of_towns) for town in TOWNS],
    }


# Seats --------------------------------------------------------------------------------------------


def _seat_town(diary: Diary, town: TownPlaces, counts: dict[SeatLevel, int], names: Names, into: Assembly) -> None:
    rng = diary.rng
    grids = _grid_deck(rng, town)
    first_of_town: Seat | None = None
    for level in reversed(LEVELS):
        for i in range(counts[level]):
            shares_person = level is SeatLevel.COUNTY and i == 0 and 0 < town.index <= DOUBLE_SEATS
            if shares_person and first_of_town is not None:
                seat = replace(first_of_town, id=_seat_id(into, level), level=level)
            else:
                deputy = _deputy(rng, len(into.deputies) + 1, names)
                into.deputies.append(deputy)
                seat = _seat(rng, _seat_id(into, level), deputy.id, level, town, next(grids), diary.first)
            first_of_town = first_of_town or seat
            into.seats.append(seat)


def _seat_id(into: Assembly, level: SeatLevel) -> str:
    return f"{LEVEL_LETTERS[level]}{len(into.seats) + 1:04d}"


def _grid_deck(rng: Random, town: TownPlaces) -> Iterator[str]:
    """Yield a grid for one seat after the other: every grid has a deputy before any has two.

    In a street seats are few, so they sit on whole grids, and two of those stay vacant.
    """
    grids = [grid.id for grid in town.grids]
    micros = [micro.id for grid in town.grids for micro in town.micros[grid.id]]
    rng.shuffle(micros)
    if town.is_street:
        grids, micros = grids[:-VACANT_GRIDS], []
    while True:
        yield from micros
        yield from grids


def _seat(rng: Random, ident: str, deputy: str, level: SeatLevel, town: TownPlaces, grid: str, begins: date) -> Seat:
    central = level in (SeatLevel.PROVINCE, SeatLevel.PREFECTURE) or chance(rng, 0.08)
    return Seat(
        id=ident,
        deputy=deputy,
        level=level,
        town=town.id,
        station=town.central.id if central else rng.choice(town.stations).id,
        grid=grid,
        basis=draw(rng, BASES),
        begins=begins,
    )


def _deputy(rng: Random, number: int, names: Names) -> Deputy:
    ident = f"D{number:04d}"
    channels = draw(rng, CHANNELS)
    has_email = Channel.EMAIL in channels or not chance(rng, 0.12)
    return Deputy(
        id=ident,
        name=names.new(),
        mobile=mobile(DEPUTY_PREFIXES, number),
        email=f"{ident.lower()}@example.cn" if has_email else None,
        channels=channels,
    )


# What is not in order: the findings of R6, and a term that is not the whole year ------------------


def _leave_gaps(diary: Diary, assembly: Assembly, copies: int) -> None:
    """Take the grid, the station, the address or a part of the term from a few seats of the towns."""
    rng = diary.rng
    held = Counter(seat.deputy for seat in assembly.seats)
    usual = [i for i, s in enumerate(assembly.seats) if s.level is SeatLevel.TOWN and held[s.deputy] == 1]
    counts = (WITHOUT_GRID, WITHOUT_STATION, VACATED, BY_ELECTED, WITHOUT_ADDRESS)
    chosen = iter(rng.sample(usual, sum(counts) * copies))
    for _ in range(WITHOUT_GRID * copies):
        _change(assembly, next(chosen), grid=None, basis=None)
    for _ in range(WITHOUT_STATION * copies):
        _change(assembly, next(chosen), station=None)
    for _ in range(VACATED * copies):
        _change(assembly, next(chosen), ends=_part(diary, 0.45, 0.8))
    for _ in range(BY_ELECTED * copies):
        _change(assembly, next(chosen), begins=_part(diary, 0.2, 0.5))
    unreachable = {assembly.seats[next(chosen)].deputy for _ in range(WITHOUT_ADDRESS * copies)}
    for i, deputy in enumerate(assembly.deputies):
        if deputy.id in unreachable:
            assembly.deputies[i] = replace(deputy, mobile=None, email=None, channels=())


def _change(assembly: Assembly, index: int, **cells: object) -> None:
    assembly.seats[index] = replace(assembly.seats[index], **cells)  # type: ignore[arg-type]


def _part(diary: Diary, low: float, high: float) -> date:
    return diary.forward(diary.first + timedelta(days=int(diary.days * diary.rng.uniform(low, high))))


def _leaves(diary: Diary, assembly: Assembly, copies: int) -> Iterator[Leave]:
    rng = diary.rng
    count = min(round(LEAVES_A_YEAR * copies * diary.share), len(assembly.deputies))
    for i, deputy in enumerate(rng.sample(assembly.deputies, count), 1):
        sort = draw(rng, LEAVE_SORTS)
        begins = diary.first + timedelta(days=int(rng.random() * diary.days))
        ends = begins + timedelta(days=rng.randint(sort.shortest, sort.longest))
        known = max(diary.first, diary.workday(begins, -rng.randint(1, 6)))
        if chance(rng, 0.2):
            known = diary.workday(begins, rng.randint(1, 8))
        yield Leave(
            id=f"L{i:04d}",
            deputy=deputy.id,
            begins=begins,
            ends=ends - ONE_DAY,
            reason=sort.reason,
            approver="市人大常委会代表工委",
            recorded_at=diary.within(diary.hour(known), begins),
        )
