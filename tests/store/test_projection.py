"""Do matters come out of the projection as they went in, and are they counted as the rules count?"""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from config.calendars import load_calendar
from rules import digests
from rules.dockets import Desk
from rules.ladders import Fired
from rules.matters import Matter, Status, Subject, SubjectKind
from rules.offices import House
from rules.policy import Policy
from store import notices, projection
from store.ahead import look_ahead
from store.lots import MANY
from store.projection import SubjectRow
from store.schema import stale
from tests.store.matters import FULL, TODAY, matter, random_matters

NINE = datetime(2026, 3, 31, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DESK = Desk(House(()), load_calendar(), Policy(), TODAY)
DAYS = [TODAY + timedelta(days=days) for days in (-9, -1, 0, 1, 9)]
SEEDS = range(6)


def save(connection, *found, next_rung_at=None):
    projection.save_matters(connection, [(m, next_rung_at) for m in found])


def stored(connection, *subjects):
    return projection.matters_of(connection, subjects)


def petition(ident):
    return Subject(SubjectKind.PETITION, ident)


def test_the_matter_of_these_tests_gives_every_field():
    plain = matter("petition:P2:handle:1")
    same = {f.name for f in fields(Matter) if getattr(FULL, f.name) == getattr(plain, f.name)}
    assert same == {"kind", "town", "opened", "due"}


@pytest.mark.parametrize("of", [FULL, matter("petition:P:1:handle:2")], ids=["every field", "no more than needed"])
def test_a_matter_comes_back_as_it_was(connection, of):
    save(connection, of)
    assert stored(connection, petition("P:1")) == {petition("P:1"): {of.id: of}}


@pytest.mark.parametrize("name", [f.name for f in fields(Matter) if f.name not in ("id", "kind", "subject")])
def test_each_field_of_a_matter_can_change(connection, name):
    before = matter("petition:P:1:handle:2")
    after = replace(before, **{name: getattr(FULL, name)})
    save(connection, before)
    save(connection, after)
    assert stored(connection, petition("P:1"))[petition("P:1")] == {before.id: after}


@pytest.mark.parametrize("of", [FULL, matter("petition:P:1:handle:2")], ids=["every field", "no more than needed"])
def test_what_is_the_same_in_all_matters_of_a_lot_comes_back_as_it_was(connection, of):
    many = {f"petition:P:1:handle:{number}": number for number in range(MANY)}
    save(connection, *(replace(of, id=ident, slips=number) for ident, number in many.items()), next_rung_at=None)
    assert stored(connection, petition("P:1"))[petition("P:1")] == {
        ident: replace(of, id=ident, slips=number) for ident, number in many.items()
    }


def test_a_projects_matters_are_its_milestones_and_inspections(connection):
    of = [matter("milestone:J1:1"), matter("inspection:J1:1"), matter("milestone:J2:1"), matter("petition:J1:assign:1")]
    save(connection, *of)
    project = Subject(SubjectKind.PROJECT, "J1")
    assert stored(connection, project) == {project: {m.id: m for m in of[:2]}}


def test_matters_that_are_dropped_are_gone_and_others_stay(connection):
    many = random_matters(1, 1200)
    save(connection, *many)
    projection.drop_matters(connection, [m.id for m in many[1:]])
    assert [one.matter for one in projection.list_matters(connection, TODAY)] == many[:1]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_due_soon_and_overdue_is_counted_as_the_rules_count(connection, seed):
    found = random_matters(seed, 60 * seed)
    save(connection, *found)
    for day in DAYS:
        limit = DESK.calendar.workdays(day, DESK.policy.soon_days)
        assert projection.count_by_town(connection, day, limit) == digests.count_by_town(found, day, DESK)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_matter_stands_in_lists_and_counts_as_by_the_rules(connection, seed):
    found = random_matters(seed, 60)
    save(connection, *found)
    for day in DAYS:
        listed = projection.list_matters(connection, day)
        assert {one.matter.id: one.status for one in listed} == {m.id: m.status_on(day) for m in found}
        loud = [m for m in found if not m.silent]
        counts = projection.count_by_status(connection, day)
        assert counts == {("visit", s): n for s in Status if (n := sum(m.status_on(day) is s for m in loud))}
        live = projection.live_by_town(connection, day)
        assert live == {t: n for t in ("T1", "T2", "T3") if (n := sum(m.town == t and m.is_live(day) for m in loud))}


def test_lists_are_filtered_and_the_earliest_due_date_comes_first(connection):
    found = random_matters(2, 80)
    save(connection, *found)
    late = projection.list_matters(connection, TODAY, statuses=[Status.OVERDUE], town="T2", kind="visit")
    wanted = [m for m in found if m.town == "T2" and m.status_on(TODAY) is Status.OVERDUE]
    assert [one.matter for one in late] == sorted(wanted, key=lambda m: (m.due, m.id))
    assert [one.matter for one in projection.list_matters(connection, TODAY, limit=3)] == sorted(
        found, key=lambda m: (m.due, m.id)
    )[:3]
    assert [one.matter.subject for one in projection.list_matters(connection, TODAY, subject="S5")] == ["S5"]


# What is looked at when ----------------------------------------------------------------------


def flat(lots):
    return [one for lot in lots for one in lot]


def due(connection, by, size=9, since=NINE - 2 * HOUR):
    lots = projection.matters_due(connection, since, by, size)
    return [list(map(projection.matter_of, lot)) for lot in lots]


def test_what_is_due_is_dealt_with_once_whatever_becomes_of_it_meanwhile(connection):
    found = [matter(f"visit:S{n}:2026-03") for n in range(5)]
    save(connection, *found, next_rung_at=NINE)
    rows = [SubjectRow(SubjectKind.SEAT, f"S{n}", "T1", NINE - HOUR, NINE) for n in range(5)]
    projection.save_subjects(connection, rows)
    moved = []
    for lot in projection.matters_due(connection, NINE - HOUR, NINE, 2):
        ids = projection.ids_of(lot)
        projection.set_next_rung(connection, [(ident, None if ident == ids[0] else NINE + HOUR) for ident in ids])
        moved += ids
    assert sorted(moved) == sorted(m.id for m in found)
    seen = []
    for lot in projection.subjects_due(connection, NINE, 2):
        projection.save_subjects(
            connection, [replace(row, next_reckon_at=None) for row in rows if row.id in {s.id for s in lot}]
        )
        seen += lot
    assert sorted(subject.id for subject in seen) == [row.id for row in rows]


def test_marks_are_taken_in_their_order_and_those_that_come_behind_are_left(connection):
    for n in (3, 1, 2):
        connection.execute(stale.insert().values(kind="seat", id=f"S{n}", mark=1))
    first = projection.take_stale(connection, 2)
    assert [mark.id for mark in first] == ["S1", "S2"]
    connection.execute(stale.insert().values(kind="seat", id="S1", mark=1))
    assert [mark.id for mark in projection.take_stale(connection, 2, first[-1])] == ["S3"]
    assert [mark.id for mark in projection.take_stale(connection, 2)] == ["S1"]


def test_a_matter_is_due_from_the_instant_of_its_rung(connection):
    first, second = matter("visit:S1:2026-03"), matter("visit:S2:2026-03")
    save(connection, second, next_rung_at=NINE + HOUR)
    save(connection, first, next_rung_at=NINE)
    save(connection, matter("visit:S3:2026-03"))
    assert due(connection, NINE - timedelta(microseconds=1)) == []
    assert due(connection, NINE) == [[first]]
    assert due(connection, NINE + HOUR) == [[first, second]]
    assert due(connection, NINE + HOUR, 1) == [[first], [second]]


def test_a_matter_is_due_no_more_once_the_round_has_been_held(connection):
    save(connection, matter("visit:S1:2026-03"), next_rung_at=NINE)
    assert due(connection, NINE + HOUR, since=NINE) == []


def test_a_rung_that_has_fired_tells_when_its_matter_is_due_again(connection):
    of = matter("visit:S1:2026-03")
    save(connection, of, next_rung_at=NINE)
    rungs = [Fired(of.due, "remind-7"), Fired(of.due, "remind-2")]  # both at once: the matter is due but once
    notices.record_fired(connection, [(of.id, rung, NINE + HOUR) for rung in rungs], NINE)
    assert due(connection, NINE + HOUR, since=NINE) == [[of]]
    assert projection.looks_at(connection, [of.id], NINE) == {of.id: {NINE + HOUR}}
    save(connection, replace(of, closed=Status.MET))
    assert due(connection, NINE + HOUR, since=NINE) == [[]]


def test_the_instant_of_a_rung_can_be_moved_and_taken_away(connection):
    save(connection, matter("visit:S1:2026-03"), matter("visit:S2:2026-03"), next_rung_at=NINE)
    projection.set_next_rung(connection, [("visit:S1:2026-03", None), ("visit:S2:2026-03", NINE + HOUR)])
    assert due(connection, NINE) == []
    projection.set_next_rung(connection, [])
    assert [one.id for one in due(connection, NINE + HOUR)[0]] == ["visit:S2:2026-03"]


def test_a_subject_is_due_from_the_instant_at_which_it_changes(connection):
    rows = [
        SubjectRow(SubjectKind.SEAT, "S1", "T1", NINE - HOUR, NINE),
        SubjectRow(SubjectKind.PETITION, "S1", "T1", NINE - HOUR, NINE + HOUR),
        SubjectRow(SubjectKind.PROJECT, "J1", "T1", NINE - HOUR, None),
    ]
    projection.save_subjects(connection, rows)
    known = [Subject(row.kind, row.id) for row in rows]
    assert projection.subject_rows(connection, [*known, petition("PX")]) == dict(zip(known, rows, strict=True))
    assert look_ahead(connection).reckon_at == NINE
    assert flat(projection.subjects_due(connection, NINE - timedelta(microseconds=1), 9)) == []
    assert flat(projection.subjects_due(connection, NINE, 9)) == known[:1]
    projection.save_subjects(connection, [replace(rows[0], reckoned_to=NINE, next_reckon_at=None)])
    assert flat(projection.subjects_due(connection, NINE + HOUR, 9)) == known[1:2]
    projection.drop_subjects(connection, known[1:])
    assert set(projection.subject_rows(connection, known)) == {known[0]}


def test_marking_all_has_everything_reckoned_anew(connection):
    for _ in range(2):
        projection.mark_all_stale(connection)
    assert look_ahead(connection).is_stale
    assert projection.take_stale(connection, 9) == []
    assert projection.take_house(connection)
    assert not projection.take_house(connection)
    assert not look_ahead(connection).is_stale
