"""Which rows may somebody see?

Rights are enforced where the query is made: each condition goes into its WHERE, and a scope that grants nothing
sees nothing. Source: R5.10; docs/web.md has the table of rights. Callers: the reads of web/, actors/digests.py.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    and_,
    exists,
    false,
    not_,
    or_,
    select,
    true,
)

from rules.facts import OfficeKind, PetitionLevel, StationKind
from rules.matters import MatterKind
from store.schema import FACTS, matters, rungs

Condition = ColumnElement[bool]

offices = FACTS["offices"]
petitions = FACTS["petitions"]
projects = FACTS["projects"]
seats = FACTS["seats"]
visits = FACTS["visits"]

# Whoever asks may name these tables in the same query: inside a condition they are other rows.
steps = matters.alias("scope_matters")
places = seats.alias("scope_seats")

PROJECT_MATTERS: Final = (MatterKind.MILESTONE, MatterKind.INSPECTION)


@dataclass(frozen=True, slots=True)
class Scope:
    """What somebody may see; the default is nothing."""

    everything: bool = False
    towns: frozenset[str] = frozenset()
    deputy: str | None = None
    station: str | None = None
    climbed_only: bool = False  #: of all towns, what has climbed to the municipality


# What climbed ------------------------------------------------------------------------------


def _has_climbed(of: FromClause) -> Condition:
    """Return: a climb rung of the matter has fired."""
    return exists().where(rungs.c.matter == of.c.id, rungs.c.rung.startswith("climb-"))


def has_step(condition: Condition) -> Condition:
    """Return: one of the petition's matters is so."""
    return exists().where(steps.c.kind == MatterKind.PETITION, steps.c.subject == petitions.c.id, condition)


def petition_is_municipal() -> Condition:
    """Return: the petition is, or was raised, at level municipal; a level never falls."""
    municipal = select("office:" + offices.c.id).where(offices.c.kind == OfficeKind.MUNICIPAL)
    return or_(petitions.c.level == PetitionLevel.MUNICIPAL, has_step(steps.c.responsible.in_(municipal)))


def _petition_has_climbed() -> Condition:
    return or_(petition_is_municipal(), has_step(_has_climbed(steps)))


# Each table --------------------------------------------------------------------------------


def _any(granted: list[Condition]) -> Condition:
    return or_(false(), *granted)


def _is_of_station(deputy: Column[str], station: str) -> Condition:
    """Return: the deputy has a seat at this station."""
    return deputy.in_(select(places.c.deputy).where(places.c.station == station))


def petitions_in(scope: Scope) -> Condition:
    """Return which petitions somebody may know of; what they say is `petitions_open_to`."""
    if scope.everything:
        return true()
    granted: list[Condition] = []
    if scope.towns:
        granted.append(petitions.c.town.in_(scope.towns))
    if scope.deputy:
        granted.append(petitions.c.deputy == scope.deputy)
    if scope.station:
        granted.append(_is_of_station(petitions.c.deputy, scope.station))
    if scope.climbed_only:
        granted.append(_petition_has_climbed())
    return _any(granted)


def petitions_open_to(scope: Scope) -> Condition:
    """Return of which petitions somebody may read more than the number (R5.10).

    A confidential one is open to its deputy, to the municipal office, which every chain passes, and to its town
    as long as it has not been raised to level municipal. It stays shut to operators and stations.
    """
    granted: list[Condition] = [not_(petitions.c.confidential)]
    if scope.deputy:
        granted.append(petitions.c.deputy == scope.deputy)
    if scope.climbed_only:
        granted.append(true())
    if scope.towns:
        granted.append(and_(petitions.c.town.in_(scope.towns), not_(petition_is_municipal())))
    return and_(petitions_in(scope), or_(*granted))


def visits_in(scope: Scope) -> Condition:
    """Return which visits somebody may see: a town those of its deputies, a station its register.

    That is who has come to it, and where else they have been for whom it records.
    """
    if scope.everything:
        return true()
    granted: list[Condition] = []
    if scope.towns:
        granted.append(visits.c.deputy.in_(select(places.c.deputy).where(places.c.town.in_(scope.towns))))
    if scope.deputy:
        granted.append(visits.c.deputy == scope.deputy)
    if scope.station:
        granted.append(visits.c.place == scope.station)
        granted.append(visits.c.deputy.in_(select(places.c.deputy).where(_is_served_at(places, scope.station))))
    return _any(granted)


def seats_in(scope: Scope) -> Condition:
    """Return which seats somebody may see."""
    if scope.everything:
        return true()
    granted: list[Condition] = []
    if scope.towns:
        granted.append(seats.c.town.in_(scope.towns))
    if scope.deputy:
        granted.append(seats.c.deputy == scope.deputy)
    if scope.station:
        granted.append(seats.c.station == scope.station)
    if scope.climbed_only:
        of_it = and_(steps.c.kind == MatterKind.VISIT, steps.c.subject == seats.c.id)
        granted.append(exists().where(of_it, _has_climbed(steps)))
    return _any(granted)


def seats_to_record(scope: Scope) -> Condition:
    """Return for which seats' deputies somebody may record: those that he may see, and whom his station takes in."""
    return or_(seats_in(scope), _is_served_at(seats, scope.station)) if scope.station else seats_in(scope)


def _is_served_at(of: FromClause, station: str) -> Condition:
    """Return: an arrival at the station counts for the seat; a central one serves every seat of its town (R3.4)."""
    its_town = select(offices.c.parent).where(offices.c.id == station, offices.c.station_kind == StationKind.CENTRAL)
    return or_(of.c.station == station, of.c.town.in_(its_town.correlate(None)))


def projects_in(scope: Scope) -> Condition:
    """Return which projects somebody may see; they are public works, so the municipality sees them all."""
    if scope.everything or scope.climbed_only:
        return true()
    granted: list[Condition] = []
    if scope.towns:
        granted.append(projects.c.town.in_(scope.towns))
    if scope.deputy:
        granted.append(projects.c.deputy == scope.deputy)
    if scope.station:
        granted.append(_is_of_station(projects.c.deputy, scope.station))
    return _any(granted)


def matters_in(scope: Scope) -> Condition:
    """Return which matters somebody may see: those of a seat, petition or project that he may see.

    Of all visits the municipality sees the periods that climbed, not the other ones of the same seat.
    """
    if scope.everything:
        return true()
    granted: list[Condition] = []
    if scope.towns:
        granted.append(matters.c.town.in_(scope.towns))
    if scope.climbed_only:
        granted.append(or_(matters.c.kind.in_(PROJECT_MATTERS), _has_climbed(matters), _is_of(petitions, scope)))
    if scope.deputy or scope.station:
        own = Scope(deputy=scope.deputy, station=scope.station)
        granted += [_is_of(table, own) for table in (seats, petitions, projects)]
    return _any(granted)


def matters_open_to(scope: Scope) -> Condition:
    """Return which matters somebody may see singly: of an opinion that he may not read, no stage, office or date."""
    shut = select(petitions.c.id).where(petitions.c.confidential, not_(petitions_open_to(scope))).correlate(None)
    is_shut = and_(matters.c.kind == MatterKind.PETITION, matters.c.subject.in_(shut))
    return and_(matters_in(scope), not_(is_shut))


def shut_to(connection: Connection, scope: Scope) -> set[str]:
    """Return the ids of what is not closed and counted for somebody, and may not be named to him (R5.10)."""
    query = select(matters.c.id).where(matters.c.closed.is_(None), matters_in(scope), not_(matters_open_to(scope)))
    return set(connection.execute(query).scalars())


def seen_by_municipality(connection: Connection) -> set[str]:
    """Return the ids of what is not closed and has come to the municipality, so that it may be named there."""
    return set(connection.execute(_seen_by_municipality()).scalars())


@cache
def _seen_by_municipality() -> Select[str]:
    return select(matters.c.id).where(matters.c.closed.is_(None), matters_in(Scope(climbed_only=True)))


def _is_of(table: Table, scope: Scope) -> Condition:
    """Return: the matter's subject is a row of the table that the scope holds."""
    kinds, seen = {
        "seats": ((MatterKind.VISIT,), seats_in),
        "petitions": ((MatterKind.PETITION,), petitions_in),
        "projects": (PROJECT_MATTERS, projects_in),
    }[table.name]
    return and_(matters.c.kind.in_(kinds), matters.c.subject.in_(select(table.c.id).where(seen(scope)).correlate(None)))
