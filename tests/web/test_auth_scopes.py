"""Who sees which rows? The same on SQLite and PostgreSQL."""

from dataclasses import replace

import pytest
from sqlalchemy import select, true

from store.accounts import Role
from store.engine import reading
from store.schema import FACTS, matters
from store.scoping import (
    Scope,
    matters_in,
    petitions_in,
    petitions_open_to,
    projects_in,
    seats_in,
    seats_to_record,
    visits_in,
)
from tests.actors.installations import Installation
from tests.rules import builders
from tests.web.browsers import NOW, small_record
from web.viewers import Viewer

NOBODY = Scope()
OPERATOR = Scope(everything=True)
MUNICIPAL = Scope(climbed_only=True)
T1, T2 = (Scope(towns=frozenset({town})) for town in ("T1", "T2"))
V1, C1 = Scope(station="V1"), Scope(station="C1")
DA, DB = Scope(deputy="DA"), Scope(deputy="DB")
CONDITIONS = {
    "petitions": petitions_in,
    "open": petitions_open_to,
    "visits": visits_in,
    "projects": projects_in,
    "seats": seats_in,
    "to record": seats_to_record,
    "matters": matters_in,
}
TABLES = FACTS | {"open": FACTS["petitions"], "to record": FACTS["seats"], "matters": matters}


def full_record():
    """The small record; P2 has climbed, P4 is level municipal and confidential, P5 was raised."""
    small = small_record()
    first = small.petitions[0]
    more = (
        replace(first, id="P4", level="municipal", confidential=True, recorded_at=builders.at("03-12 09:00")),
        replace(first, id="P5", confidential=True, recorded_at=builders.at("03-12 09:00")),
        replace(first, id="P6", deputy=None, recorded_at=builders.at("03-12 09:00")),
    )
    events = (
        builders.event("03-02 09:40", "assigned", "P1", office="DT", until="03-31"),
        builders.event("03-02 09:41", "accepted", "P1"),
        builders.event("03-02 09:40", "assigned", "P3", office="DT", until="03-31"),
        builders.event("03-02 09:41", "accepted", "P3"),
        builders.event("03-12 09:30", "raised", "P5", level="municipal"),
    )
    return replace(small, petitions=(*small.petitions, *more), petition_events=events)


@pytest.fixture
def ids(engine):
    """Ask for the ids that a scope holds of a table."""
    made = Installation(engine, start=NOW.date())
    made.keep(full_record())
    made.run("03-12 10:00", sends=False)

    def of(what, scope):
        with reading(engine) as connection:
            found = connection.execute(select(TABLES[what].c.id).where(CONDITIONS[what](scope))).scalars()
            return sorted(found)

    return of


def test_who_sees_what(ids):
    told = {
        "petitions": {
            "nobody": [],
            "operator": ["P1", "P2", "P3", "P4", "P5", "P6"],
            "municipal": ["P2", "P4", "P5"],
            "T1": ["P1", "P3", "P4", "P5", "P6"],
            "T2": ["P2"],
            "V1": ["P1", "P3", "P4", "P5"],
            "C1": [],
            "DA": ["P1", "P3", "P4", "P5"],
            "DB": ["P2"],
        },
        "open": {
            "nobody": [],
            "operator": ["P1", "P2", "P6"],
            "municipal": ["P2", "P4", "P5"],
            "T1": ["P1", "P3", "P6"],
            "T2": ["P2"],
            "V1": ["P1"],
            "C1": [],
            "DA": ["P1", "P3", "P4", "P5"],
            "DB": ["P2"],
        },
        "visits": {
            "nobody": [],
            "operator": ["DA-03-02-V1", "DB-03-02-V3"],
            "municipal": [],
            "T1": ["DA-03-02-V1"],
            "T2": ["DB-03-02-V3"],
            "V1": ["DA-03-02-V1"],
            "C1": ["DA-03-02-V1"],
            "DA": ["DA-03-02-V1"],
            "DB": ["DB-03-02-V3"],
        },
        "projects": {
            "nobody": [],
            "operator": ["J1"],
            "municipal": ["J1"],
            "T1": ["J1"],
            "T2": [],
            "V1": ["J1"],
            "C1": [],
            "DA": ["J1"],
            "DB": [],
        },
        "to record": {
            "nobody": [],
            "operator": ["S1", "S2"],
            "municipal": [],
            "T1": ["S1"],
            "T2": ["S2"],
            "V1": ["S1"],
            "C1": ["S1"],
            "DA": ["S1"],
            "DB": ["S2"],
        },
        "seats": {
            "nobody": [],
            "operator": ["S1", "S2"],
            "municipal": [],
            "T1": ["S1"],
            "T2": ["S2"],
            "V1": ["S1"],
            "C1": [],
            "DA": ["S1"],
            "DB": ["S2"],
        },
    }
    scopes = {
        "nobody": NOBODY,
        "operator": OPERATOR,
        "municipal": MUNICIPAL,
        "T1": T1,
        "T2": T2,
        "V1": V1,
        "C1": C1,
        "DA": DA,
        "DB": DB,
    }
    assert {what: {who: ids(what, scope) for who, scope in scopes.items()} for what in told} == told


def test_matters_follow_their_subjects(ids):
    def subjects(scope):
        return {matter.split(":")[1] for matter in ids("matters", scope)}

    assert subjects(NOBODY) == set()
    assert subjects(OPERATOR) == {"P1", "P2", "P3", "P4", "P5", "P6", "S1", "S2", "J1"}
    assert subjects(MUNICIPAL) == {"P2", "P4", "P5", "J1"}
    assert subjects(T2) == {"P2", "S2"}
    assert subjects(DA) == subjects(V1) == {"P1", "P3", "P4", "P5", "S1", "J1"}


@pytest.mark.parametrize("what", CONDITIONS)
def test_a_condition_holds_in_a_query_that_joins_its_tables(ids, engine, what):
    """Inside a condition the tables are other rows than those of the query."""
    petitions, seats = FACTS["petitions"], FACTS["seats"]
    tables = [FACTS["visits"], FACTS["projects"], FACTS["offices"], petitions, seats, matters]
    for scope in (T1, V1, C1, DA, MUNICIPAL):
        mine = TABLES[what]
        others = [table for table in tables if table is not mine]
        query = select(mine.c.id).distinct().select_from(mine)
        for other in others:
            query = query.join(other, true())
        with reading(engine) as connection:
            found = sorted(connection.execute(query.where(CONDITIONS[what](scope))).scalars())
        assert found == ids(what, scope)


@pytest.mark.parametrize(
    ("role", "of", "scope"),
    [
        (Role.OPERATOR, {}, OPERATOR),
        (Role.MUNICIPAL, {}, MUNICIPAL),
        (Role.TOWN, {"office": "T1"}, T1),
        (Role.STATION, {"office": "V1"}, V1),
        (Role.DEPUTY, {"deputy": "DA"}, DA),
        (Role.TOWN, {}, NOBODY),
        (Role.STATION, {}, NOBODY),
        (Role.DEPUTY, {}, NOBODY),
    ],
)
def test_a_role_gives_a_scope_and_half_a_role_none(role, of, scope):
    assert Viewer(account="x", name="x", role=role, **of).scope == scope
