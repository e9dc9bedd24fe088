"""Does a fact come out of the database as it went in, and does writing it again change nothing?"""

from collections import Counter
from dataclasses import MISSING, fields, replace

import pytest

from config.calendars import load_calendar
from intake.checking import check
from rules.facts import Leave, PetitionEventKind, ProjectEventKind, Record, Visit
from rules.matters import SubjectKind
from rules.policy import Policy
from store import facts
from store.ahead import look_ahead
from store.facts import BATCH, Tally
from store.schema import stale
from tests.oracle.records import write_random_record
from tests.store.rows import FULL, SPARE, at, event
from tests.store.saving import save

TABLES = list(Record.TABLES)
RANDOM = [0, 5, 13]


def random_record(folder, seed):
    write_random_record(folder, seed)
    return check(folder, calendar=load_calendar(), policy=Policy()).record


def test_the_rows_of_these_tests_give_every_column():
    for table, kind in Record.TABLES.items():
        for field in fields(kind):
            default = None if field.default is MISSING else field.default
            assert any(getattr(row, field.name) != default for row in getattr(FULL, table)), (table, field.name)


@pytest.mark.parametrize("table", TABLES)
def test_what_is_written_is_read_back(connection, table):
    save(connection, FULL)
    assert Counter(facts.load(connection, table)) == Counter(getattr(FULL, table))


@pytest.mark.parametrize("table", TABLES)
def test_writing_the_same_again_changes_nothing_and_marks_nothing(connection, table):
    save(connection, FULL)
    connection.execute(stale.delete())
    rows = getattr(FULL, table)
    assert facts.upsert(connection, table, rows) == Tally(added=0, changed=0, same=len(rows))
    assert not look_ahead(connection).is_stale


CHANGES = {
    "offices": {"name": "新名"},
    "contacts": {"mobile": None, "on_duty": True},
    "grids": {"parent": None},
    "deputies": {"channels": ()},
    "seats": {"ends": None, "basis": None},
    "leaves": {"reason": None},
    "visits": {"voters": None, "note": ""},
    "petitions": {"confidential": False, "petitioner": None},
    "petition_events": {"result": None, "position": 9},
    "projects": {"is_key": False, "deputy": None},
    "milestones": {"name": None},
    "project_events": {"day": None, "position": 1},
    "acknowledgements": {"position": 0},
}


@pytest.mark.parametrize(("table", "cells"), CHANGES.items())
def test_a_changed_row_takes_the_place_of_the_old_one(connection, table, cells):
    save(connection, FULL)
    *others, last = getattr(FULL, table)
    changed = replace(last, **cells)
    assert changed != last
    assert facts.upsert(connection, table, [*others, changed]) == Tally(added=0, changed=1, same=len(others))
    assert Counter(facts.load(connection, table)) == Counter([*others, changed])


@pytest.mark.parametrize("seed", RANDOM)
def test_a_whole_record_comes_back_and_is_the_same_the_second_time(connection, tmp_path, seed):
    record = random_record(tmp_path, seed)
    save(connection, record)
    for table in TABLES:
        rows = getattr(record, table)
        assert Counter(facts.load(connection, table)) == Counter(rows)
        assert facts.upsert(connection, table, rows) == Tally(same=len(rows))


def test_events_come_in_the_order_of_their_instant_and_then_of_the_file(connection):
    save(connection, FULL)
    first = event(PetitionEventKind.HANDLED, 20, position=1)
    second = event(PetitionEventKind.VERIFIED, 20, position=2)
    third = event(PetitionEventKind.ACCEPTED, 20, position=3)
    facts.upsert(connection, "petition_events", [third, second, first])
    assert facts.petition_events(connection, ["P1"])[-3:] == [first, second, third]
    assert list(facts.load(connection, "petition_events"))[-3:] == [first, second, third]


def test_events_of_several_projects_at_one_instant_come_in_an_order_of_their_own(connection):
    """Positions of a record that was made are counted through all of it, those of an import for each project."""
    save(connection, FULL)
    of_j1 = [
        replace(SPARE["project_events"], project="J1", seq=seq, position=position) for seq, position in [(2, 5), (1, 7)]
    ]
    of_j2 = [
        replace(SPARE["project_events"], project="J2", seq=seq, position=position) for seq, position in [(2, 4), (1, 6)]
    ]
    facts.upsert(connection, "project_events", [*of_j2, *of_j1])
    ours = {*of_j1, *of_j2}
    assert [row for row in facts.load(connection, "project_events") if row in ours] == [*of_j1, *of_j2]


@pytest.mark.parametrize("table", ["petition_events", "project_events"])
def test_equal_events_of_one_instant_are_events_each(connection, table):
    save(connection, FULL)
    twins = [replace(SPARE[table], position=position) for position in (1, 2, 3)]
    assert facts.upsert(connection, table, twins) == Tally(added=3)
    assert facts.upsert(connection, table, twins) == Tally(same=3)
    assert [row for row in facts.load(connection, table) if row in twins] == twins


def test_events_of_one_kind_and_instant_may_differ_in_what_they_say(connection):
    save(connection, FULL)
    told = [replace(SPARE["project_events"], event=ProjectEventKind.REPLAN, seq=seq, position=seq) for seq in (1, 2)]
    facts.upsert(connection, "project_events", told)
    assert facts.project_events(connection, ["J2"]) == told


def test_equal_acknowledgements_are_one(connection):
    save(connection, FULL)
    word = SPARE["acknowledgements"]
    assert facts.upsert(connection, "acknowledgements", [word, replace(word, position=5)]) == Tally(added=1)
    assert facts.acknowledgements_of(connection, SubjectKind.PROJECT, ["J2"]) == [word]


def test_more_rows_than_are_written_at_a_time_all_arrive(connection):
    save(connection, FULL)
    pattern = SPARE["visits"]
    many = [replace(pattern, id=f"N{number:05}") for number in range(BATCH + 500)]
    assert facts.upsert(connection, "visits", many) == Tally(added=len(many))
    assert facts.upsert(connection, "visits", [*many, replace(pattern, id="N99999")]) == Tally(added=1, same=len(many))
    visits, _ = facts.facts_of_deputies(connection, ["DB"])
    assert len(visits) == len(many) + 2


def test_the_facts_of_some_subjects_are_theirs_alone(connection):
    save(connection, FULL)
    visits, leaves = facts.facts_of_deputies(connection, ["DB"])
    assert [type(fact) for fact in (*visits, *leaves)] == [Visit, Leave]
    assert {fact.deputy for fact in (*visits, *leaves)} == {"DB"}
    assert [seat.id for seat in facts.seats_of_deputies(connection, ["DA", "DB", "DX"])] == ["S1", "S2"]
    assert facts.petitions(connection, ["P:2", "PX"]) == [FULL.petitions[1]]
    assert facts.projects(connection, ["J2"]) == [FULL.projects[1]]
    assert facts.milestones(connection, ["J1"]) == list(FULL.milestones)
    assert facts.milestones(connection, ["J2"]) == []


@pytest.mark.parametrize(
    ("kind", "ident", "found"),
    [
        (SubjectKind.PETITION, "P:2", ["petition:P:2:handle:1"]),
        (SubjectKind.PETITION, "P1", []),
        (SubjectKind.SEAT, "S1", ["visit:S1:2026-03"]),
        (SubjectKind.SEAT, "S", []),
        (SubjectKind.PROJECT, "S1", []),
    ],
)
def test_acknowledgements_are_found_by_their_subject_and_not_by_what_begins_like_it(connection, kind, ident, found):
    save(connection, FULL)
    assert [word.matter for word in facts.acknowledgements_of(connection, kind, [ident])] == found


def test_a_database_is_empty_until_an_office_is_on_record(connection):
    assert facts.is_empty(connection)
    facts.upsert(connection, "offices", FULL.offices[:1])
    assert not facts.is_empty(connection)
    assert facts.ids(connection, "offices") == {"DIR"}


def test_an_instant_is_the_same_wherever_it_was_written(connection):
    save(connection, FULL)
    assert facts.petitions(connection, ["P1"])[0].recorded_at == at(9)
    assert facts.petitions(connection, ["P1"])[0].recorded_at.utcoffset().total_seconds() == 0


def test_acknowledgements_are_the_same_however_many_lie_between_those_asked_for(connection):
    save(connection, FULL)
    word = SPARE["acknowledgements"]  # of J2
    others = [replace(word, matter=f"milestone:J{number}:1") for number in range(10, 19)]
    facts.upsert(connection, "acknowledgements", [word, *others])
    for wanted in (["J1", "J2"], ["J2"], ["J0", "J2", *(f"J{number}" for number in range(30, 45))]):
        assert facts.acknowledgements_of(connection, SubjectKind.PROJECT, wanted) == [word]


def test_a_deputy_is_looked_up_when_asked_for(engine):
    with engine.begin() as connection:
        save(connection, FULL)
    deputies = facts.DeputiesOnRecord(engine)
    assert {ident: deputies[ident] for ident in deputies} == {deputy.id: deputy for deputy in FULL.deputies}
    assert len(deputies) == len(FULL.deputies)
    assert deputies.get("nobody") is None
