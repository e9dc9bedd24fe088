"""Who stands above whom, who can be reached, and where does a notice go if nobody can?

Rules: R2, R3.4 (stations and grids), R5.5. Callers: all rules, intake's checks, coverage.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from rules.facts import Channel, Contact, Deputy, Grid, Office, OfficeKind, StationKind

MAINLAND_MOBILE: Final = re.compile(r"(?:\+86)?(1[3-9][0-9]{9})")
EMAIL: Final = re.compile(r"[^@\s,;<>]+@[^@\s.,;<>]+(?:\.[^@\s.,;<>]+)+")
DEFAULT_CHANNELS: Final = (Channel.SMS, Channel.EMAIL)


def mainland_mobile(text: str | None) -> str | None:
    """Return the 11 digits of a mainland mobile, or None if `text` is not one (R2.5).

    >>> mainland_mobile("+86 138 0000 0001"), mainland_mobile("12345")
    ('13800000001', None)
    """
    match = MAINLAND_MOBILE.fullmatch(text.replace(" ", "")) if text else None
    return match[1] if match else None


def email_address(text: str | None) -> str | None:
    """Return the address, or None if `text` is not one (R2.5).

    >>> email_address(" ct@example.cn "), email_address("ct@example")
    ('ct@example.cn', None)
    """
    match = EMAIL.fullmatch(text.strip()) if text else None
    return match[0] if match else None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who gets notices: `channels` are those of the person's own that have an address, in their order."""

    id: str  #: `deputy:<id>` or `contact:<id>`
    name: str
    title: str
    office: str | None  #: the contact's office; None for a deputy
    channels: tuple[Channel, ...]
    mobile: str | None
    email: str | None

    def used(self, wanted: Iterable[Channel]) -> tuple[Channel, ...]:
        """Return the channels on which a notice meant for `wanted` goes out (R5.5)."""
        return tuple([c for c in wanted if c in self.channels]) or self.channels[:1]


def _person(who: Contact | Deputy) -> Person:
    addresses = {Channel.SMS: mainland_mobile(who.mobile), Channel.EMAIL: email_address(who.email)}
    channels = tuple(c for c in who.channels or DEFAULT_CHANNELS if addresses[c])
    is_contact = isinstance(who, Contact)
    return Person(
        id=f"contact:{who.id}" if is_contact else f"deputy:{who.id}",
        name=who.name,
        title=(who.title or "") if isinstance(who, Contact) else "",
        office=who.office if isinstance(who, Contact) else None,
        channels=channels,
        mobile=addresses[Channel.SMS],
        email=addresses[Channel.EMAIL],
    )


@dataclass(frozen=True, slots=True)
class Route:
    """Where a notice goes: nobody at all (empty) means undeliverable (R2.4)."""

    people: tuple[Person, ...]
    rerouted: bool


class Way(NamedTuple):
    """How a notice reaches somebody."""

    person: Person
    channel: Channel
    rerouted: bool


class House:
    """The organisation: offices, their contacts, grids and deputies, indexed (R2). It holds throughout."""

    def __init__(
        self,
        offices: Iterable[Office],
        contacts: Iterable[Contact] = (),
        grids: Iterable[Grid] | Mapping[str, Grid] = (),
        deputies: Iterable[Deputy] | Mapping[str, Deputy] = (),
    ) -> None:
        """Index the rows, in the record's order; of grids and deputies there may be an index that looks them up."""
        self.offices = {office.id: office for office in offices}
        self.grids = grids if isinstance(grids, Mapping) else {grid.id: grid for grid in grids}
        self.deputies = deputies if isinstance(deputies, Mapping) else {deputy.id: deputy for deputy in deputies}
        self.contacts = tuple(contacts)
        self.directors = self._only(OfficeKind.DIRECTORS)
        self.municipal = self._only(OfficeKind.MUNICIPAL)
        self._ancestors = {office: tuple(self._climb(office)) for office in self.offices}
        #: of the deputies of each town: one for a whole country's, and not one for each of them
        self._chains: dict[str, tuple[str, ...]] = {}
        #: the contacts, and those of the deputies who have been asked for: a country has millions
        self._people = {f"contact:{contact.id}": _person(contact) for contact in self.contacts}
        self._staff = self._staff_by_office()
        self._central = self._central_by_town()
        self._ways: dict[tuple[str, str, tuple[Channel, ...]], tuple[Way, ...]] = {}

    def _only(self, kind: OfficeKind) -> str:
        return next((o.id for o in self.offices.values() if o.kind is kind), "")

    def _climb(self, office: str) -> Iterator[str]:
        seen = {office}
        parent = self.offices[office].parent
        while parent in self.offices and parent not in seen:
            seen.add(parent)
            yield parent
            parent = self.offices[parent].parent

    def _staff_by_office(self) -> dict[str, tuple[Person, ...]]:
        staff: dict[str, list[Person]] = {}
        for contact in self.contacts:
            person = self._people[f"contact:{contact.id}"]
            if contact.on_duty and person.channels:
                staff.setdefault(contact.office, []).append(person)
        return {office: tuple(people) for office, people in staff.items()}

    def _central_by_town(self) -> dict[str, frozenset[str]]:
        central: dict[str, set[str]] = {}
        for office in self.offices.values():
            if office.kind is OfficeKind.STATION and office.station_kind is StationKind.CENTRAL and office.parent:
                central.setdefault(office.parent, set()).add(office.id)
        return {town: frozenset(stations) for town, stations in central.items()}

    def ancestors(self, office: str) -> tuple[str, ...]:
        """Return the offices above `office`, nearest first (R2.2)."""
        return self._ancestors.get(office, ())

    def chain(self, responsible: str, town: str) -> tuple[str, ...]:
        """Return the offices that a matter climbs, nearest first; a deputy's parent is `town` (R2.2)."""
        kind, _, ident = responsible.partition(":")
        if kind != "deputy":
            return self.ancestors(ident)
        found = self._chains.get(town)
        if found is None:
            found = self._chains[town] = (town, *self.ancestors(town))
        return found

    def staff(self, office: str) -> tuple[Person, ...]:
        """Return the contacts of `office` that are on duty and can be reached (R2.4)."""
        return self._staff.get(office, ())

    def person(self, person: str) -> Person | None:
        """Return the person with an id such as `deputy:D1`, or None if there is none."""
        found = self._people.get(person)
        kind, _, ident = person.partition(":")
        if found is None and kind == "deputy" and (deputy := self.deputies.get(ident)) is not None:
            found = self._people[person] = _person(deputy)
        return found

    def ways(self, responsible: str, town: str, wanted: tuple[Channel, ...]) -> tuple[Way, ...]:
        """Return each person and channel by which a notice goes that is meant for `responsible` (R2.4, R5.5)."""
        key = (responsible, town, wanted)
        found = self._ways.get(key)
        if found is None:
            route = self.route(responsible, town)
            ways = [Way(person, channel, route.rerouted) for person in route.people for channel in person.used(wanted)]
            found = self._ways[key] = tuple(ways)
        return found

    def route(self, responsible: str, town: str) -> Route:
        """Return who gets a notice meant for `responsible`: they, or the nearest office above with somebody (R2.4)."""
        kind, _, ident = responsible.partition(":")
        if kind == "deputy":
            person = self.person(responsible)
            own: tuple[Person, ...] = (person,) if person and person.channels else ()
        else:
            own = self.staff(ident)
        if own:
            return Route(own, rerouted=False)
        above = (self.staff(office) for office in self.chain(responsible, town))
        return Route(next((people for people in above if people), ()), rerouted=True)

    def stations_for(self, own: str | None, town: str) -> frozenset[str]:
        """Return the stations at which a seat's arrival counts: its own and its town's central one (R3.4)."""
        central = self._central.get(town, frozenset())
        return central | {own} if own else central

    def town_of(self, office: str) -> str | None:
        """Return the town office that `office` is or stands under, or None for the municipality's."""
        line = (office, *self.ancestors(office))
        return next((o for o in line if o in self.offices and self.offices[o].kind is OfficeKind.TOWN), None)

    def grids_above(self, grid: str) -> tuple[str, ...]:
        """Return `grid` and the grids above it, up to the one that is no micro-grid."""
        line: list[str] = []
        here: str | None = grid
        while here is not None and here not in line:
            line.append(here)
            row = self.grids.get(here)
            here = row.parent if row else None
        return tuple(line)

    def is_under(self, grid: str, top: str) -> bool:
        """Say whether `grid` is `top` or a micro-grid under it, at any depth (R3.4)."""
        return grid == top or top in self.grids_above(grid)
