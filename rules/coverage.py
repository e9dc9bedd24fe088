"""Is every deputy in a grid, every grid with a deputy, and can every office be reached?

Rules: R6. Callers: digests, `duban doctor`, the console.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rules.facts import Contact, Deputy, OfficeKind, Seat
from rules.offices import House, email_address, mainland_mobile


class Gap(StrEnum):
    """What is missing."""

    SEAT_WITHOUT_GRID = "seat-without-grid"
    SEAT_WITHOUT_STATION = "seat-without-station"
    GRID_WITHOUT_DEPUTY = "grid-without-deputy"
    OFFICE_OUT_OF_REACH = "office-out-of-reach"
    DEPUTY_OUT_OF_REACH = "deputy-out-of-reach"
    UNUSABLE_ADDRESS = "unusable-address"


@dataclass(frozen=True, slots=True)
class Finding:
    """One gap: whom or what it concerns, and in which town (None: the municipality)."""

    gap: Gap
    subject: str  #: `seat:S1`, `grid:G1`, `office:T1`, `contact:CT`, `deputy:DA`
    town: str | None


def coverage(house: House, seats: Iterable[Seat], day: date) -> list[Finding]:
    """Return all gaps on `day`, in the order of the record (R6)."""
    sitting = [s for s in seats if s.begins <= day and (s.ends is None or day <= s.ends)]
    return [
        *_seats(house, sitting),
        *_grids(house, sitting),
        *_offices(house),
        *_people(house, sitting),
    ]


def _seats(house: House, sitting: Iterable[Seat]) -> Iterator[Finding]:
    for seat in sitting:
        if seat.grid is None:
            yield Finding(Gap.SEAT_WITHOUT_GRID, f"seat:{seat.id}", seat.town)
        if not house.stations_for(seat.station, seat.town):
            yield Finding(Gap.SEAT_WITHOUT_STATION, f"seat:{seat.id}", seat.town)


def _grids(house: House, sitting: Iterable[Seat]) -> Iterator[Finding]:
    covered = {top for seat in sitting if seat.grid for top in house.grids_above(seat.grid)}
    for grid in house.grids.values():
        if grid.parent is None and grid.id not in covered:
            yield Finding(Gap.GRID_WITHOUT_DEPUTY, f"grid:{grid.id}", grid.town)


def _offices(house: House) -> Iterator[Finding]:
    for office in house.offices.values():
        if office.kind is not OfficeKind.STATION and not house.staff(office.id):
            yield Finding(Gap.OFFICE_OUT_OF_REACH, f"office:{office.id}", house.town_of(office.id))


def _people(house: House, sitting: Iterable[Seat]) -> Iterator[Finding]:
    towns: dict[str, str] = {}
    for seat in sitting:
        towns.setdefault(seat.deputy, seat.town)
    for deputy, town in towns.items():
        person = house.person(f"deputy:{deputy}")
        if person is None or not person.channels:
            yield Finding(Gap.DEPUTY_OUT_OF_REACH, f"deputy:{deputy}", town)
        if _unusable(house.deputies[deputy]):
            yield Finding(Gap.UNUSABLE_ADDRESS, f"deputy:{deputy}", town)
    for contact in house.contacts:
        if _unusable(contact):
            yield Finding(Gap.UNUSABLE_ADDRESS, f"contact:{contact.id}", house.town_of(contact.office))


def _unusable(person: Contact | Deputy) -> bool:
    bad_mobile = bool(person.mobile) and mainland_mobile(person.mobile) is None
    return bad_mobile or (bool(person.email) and email_address(person.email) is None)
