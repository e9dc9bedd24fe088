"""Has the made-up municipality Heshan's shape, 2024's totals, and a record in which every step holds?"""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import fields
from datetime import date, timedelta
from itertools import pairwise

import pytest

from config.calendars import load_calendar
from intake.demo import make_record, seed_cases
from intake.demo.__main__ import main
from rules.facts import (
    MilestoneStage,
    OfficeKind,
    PetitionEvent,
    PetitionEventKind,
    PetitionLevel,
    ProjectEventKind,
    Record,
    Result,
    SeatLevel,
    StationKind,
    VisitKind,
    local_day,
    midnight,
)
from rules.policy import Arrivals

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
Kind = PetitionEventKind


@pytest.fixture(scope="module")
def record() -> Record:
    return make_record(440784, FIRST, LAST, calendar=load_calendar())


@pytest.fixture(
    scope="module",
    params=[
        pytest.param({}, id="the year"),
        pytest.param({"seed": 7, "calendar": None}, id="without a calendar"),
        pytest.param({"seed": 8, "arrivals": Arrivals.BOTH}, id="both arrivals"),
        pytest.param({"seed": 9, "year_from": date(2025, 7, 16), "year_to": date(2026, 7, 15)}, id="from mid-July"),
        pytest.param({"seed": 10, "year_from": date(2026, 2, 10), "year_to": date(2026, 3, 9)}, id="four weeks"),
        pytest.param({"seed": 11, "scale": 2}, id="twice as large"),
    ],
)
def any_record(request) -> Record:
    return make_record(**{"year_from": FIRST, "year_to": LAST, "calendar": load_calendar()} | request.param)


# Shape --------------------------------------------------------------------------------------------


def test_the_offices_are_heshans_in_number(record):
    kinds = Counter(office.kind for office in record.offices)
    assert (kinds[OfficeKind.DIRECTORS], kinds[OfficeKind.MUNICIPAL], kinds[OfficeKind.TOWN]) == (1, 1, 10)
    stations = Counter(office.station_kind for office in record.offices if office.station_kind)
    assert stations[StationKind.CENTRAL] == 10
    assert stations[StationKind.VILLAGE] + stations[StationKind.INDUSTRY] == 70
    assert stations[StationKind.BASE] == 8
    parents = Counter(o.parent == "440784-DBGW" for o in record.offices if o.kind is OfficeKind.DEPARTMENT)
    assert parents == {True: 12, False: 50}


def test_a_street_has_a_committee_and_no_congress_of_its_own(record):
    names = {office.id: office.name for office in record.offices}
    assert names["440784001"] == "沙坪人大街道工委"
    assert names["440784104"] == "桃源镇人大主席团"
    assert not [s for s in record.seats if s.town == "440784001" and s.level is SeatLevel.TOWN]


def test_the_grids_are_heshans_in_number(record):
    assert Counter(grid.parent is None for grid in record.grids) == {True: 197, False: 858}


def test_the_seats_are_heshans_in_number_and_six_deputies_hold_two(record):
    assert Counter(seat.level for seat in record.seats) == {
        SeatLevel.PROVINCE: 3,
        SeatLevel.PREFECTURE: 30,
        SeatLevel.COUNTY: 246,
        SeatLevel.TOWN: 593,
    }
    assert len(record.deputies) == 872 - 6
    doubles = [d for d, seats in Counter(seat.deputy for seat in record.seats).items() if seats == 2]
    assert len(doubles) == 6
    for deputy in doubles:
        assert {s.level for s in record.seats if s.deputy == deputy} == {SeatLevel.TOWN, SeatLevel.COUNTY}


def test_a_few_things_are_missing_so_that_coverage_has_findings(record):
    assert sum(seat.grid is None for seat in record.seats) == 3
    assert sum(deputy.mobile is None and deputy.email is None for deputy in record.deputies) == 2
    assert sum(deputy.email is None for deputy in record.deputies) > 40
    covered = {seat.grid for seat in record.seats} | {
        grid.parent for grid in record.grids if grid.id in {seat.grid for seat in record.seats}
    }
    assert len([grid for grid in record.grids if grid.parent is None and grid.id not in covered]) == 2
    reachable = {c.office for c in record.contacts if c.on_duty and (c.mobile or c.email)}
    silent = [o for o in record.offices if o.kind is not OfficeKind.STATION and o.id not in reachable]
    assert {o.name for o in silent} == {"址山公共服务办", "市供电局"}


def test_scale_repeats_the_towns_under_one_municipal_office():
    three = make_record(1, FIRST, date(2026, 1, 31), scale=3)
    kinds = Counter(office.kind for office in three.offices)
    assert (kinds[OfficeKind.MUNICIPAL], kinds[OfficeKind.TOWN]) == (1, 30)
    assert "龙口镇三人大主席团" in {office.name for office in three.offices}
    assert len(three.seats) == 3 * 872
    assert len(three.grids) == 3 * (197 + 858)


# Totals -------------------------------------------------------------------------------------------


def test_a_year_has_the_totals_of_2024(record):
    assert len(record.visits) == 7_258
    assert sum(visit.voters or 0 for visit in record.visits) == 8_532
    assert sum(visit.opinions or 0 for visit in record.visits) == len(record.petitions) == 824
    assert len(record.projects) == 91
    assert sum(project.is_key for project in record.projects) == 10


@pytest.mark.parametrize(
    ("first", "last", "visits"),
    [
        (date(2024, 1, 1), date(2024, 12, 31), 7_258),
        (date(2025, 7, 16), date(2026, 7, 15), 7_258),
        (date(2026, 1, 1), date(2026, 6, 30), 3_629),
        (date(2026, 3, 1), date(2026, 3, 31), 605),
        (date(2025, 1, 1), date(2026, 12, 31), 14_516),
    ],
)
def test_another_length_has_its_part_of_the_year(first, last, visits):
    assert len(make_record(year_from=first, year_to=last).visits) == visits


def test_where_both_arrivals_are_owed_a_year_has_7258_pairs():
    both = make_record(year_from=FIRST, year_to=LAST, arrivals=Arrivals.BOTH)
    assert len(both.visits) == 2 * 7_258
    kinds = Counter(visit.kind for visit in both.visits)
    assert abs(kinds[VisitKind.STATION] - kinds[VisitKind.GRID]) < 200


def test_the_levels_of_opinions_are_as_they_should_be(record):
    share = {level: count / 824 for level, count in Counter(p.level for p in record.petitions).items()}
    assert share[PetitionLevel.SELF] == pytest.approx(0.40, abs=0.06)
    assert share[PetitionLevel.TOWN] == pytest.approx(0.48, abs=0.06)
    assert share[PetitionLevel.MUNICIPAL] == pytest.approx(0.12, abs=0.04)


def test_everything_that_can_happen_to_an_opinion_happens(record):
    assert {event.event for event in record.petition_events} == set(Kind)
    assert {event.result for event in record.petition_events} == {None, *Result}
    assert any(event.proposal for event in record.petition_events)


def test_most_projects_are_finished_in_the_year_and_some_carried_on(record):
    feedback = {(m.project, m.seq) for m in record.milestones if m.stage is MilestoneStage.FEEDBACK}
    done = {(e.project, e.seq) for e in record.project_events if e.event is ProjectEventKind.DONE}
    assert 70 <= len(feedback & done) <= 88


# The same again -----------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_record(record):
    assert make_record(440784, FIRST, LAST, calendar=load_calendar()) == record


def test_another_seed_gives_another_record(record):
    other = make_record(440785, FIRST, LAST, calendar=load_calendar())
    assert other.visits != record.visits
    assert [d.name for d in other.deputies] != [d.name for d in record.deputies]


# Validity -----------------------------------------------------------------------------------------


def test_every_id_is_there_once(any_record):
    for table in ("offices", "contacts", "grids", "deputies", "seats", "leaves", "visits", "petitions", "projects"):
        ids = [row.id for row in getattr(any_record, table)]
        assert len(set(ids)) == len(ids), table
    assert len({(m.project, m.seq) for m in any_record.milestones}) == len(any_record.milestones)


def test_every_reference_leads_somewhere(any_record):
    r = any_record
    offices, grids = {o.id for o in r.offices}, {g.id for g in r.grids}
    towns = {o.id for o in r.offices if o.kind is OfficeKind.TOWN}
    stations = {o.id for o in r.offices if o.kind is OfficeKind.STATION}
    deputies, petitions, projects = {d.id for d in r.deputies}, {p.id for p in r.petitions}, {p.id for p in r.projects}
    assert {o.parent for o in r.offices} <= offices | {None}
    assert {c.office for c in r.contacts} <= offices
    assert {g.parent for g in r.grids} <= grids | {None}
    assert {row.town for row in (*r.grids, *r.seats, *r.petitions, *r.projects)} <= towns
    assert {row.deputy for row in (*r.seats, *r.leaves, *r.visits)} <= deputies
    assert {row.deputy for row in (*r.petitions, *r.projects)} <= deputies | {None}
    assert {s.station for s in r.seats} <= stations | {None}
    assert {s.grid for s in r.seats} <= grids | {None}
    assert {v.place for v in r.visits if v.kind is VisitKind.STATION} <= stations
    assert {v.place for v in r.visits if v.kind is VisitKind.GRID} <= grids
    assert {e.petition for e in r.petition_events} <= petitions
    assert {e.office for e in r.petition_events} <= offices | {None}
    assert {p.office for p in r.projects} <= offices
    assert {p.petition for p in r.projects} <= petitions | {None}
    assert {m.project for m in r.milestones} == projects
    assert {e.project for e in r.project_events} <= projects
    assert {a.office for a in r.acknowledgements} <= offices


def test_everything_is_recorded_after_it_happened_and_within_the_year(any_record):
    r = any_record
    first = min(seat.begins for seat in r.seats)
    instants = [row.recorded_at for row in (*r.leaves, *r.visits, *r.petitions, *r.projects)]
    instants += [row.at for row in (*r.petition_events, *r.project_events, *r.acknowledgements)]
    assert min(instants) >= midnight(first)
    assert all(visit.recorded_at >= midnight(visit.day) for visit in r.visits)
    assert all(p.found_on <= local_day(p.recorded_at) for p in r.petitions)
    assert all(leave.begins <= leave.ends for leave in r.leaves)


def test_events_stand_in_the_order_of_their_instants(any_record):
    for rows in (any_record.petition_events, any_record.project_events, any_record.acknowledgements):
        assert [row.position for row in rows] == list(range(len(rows)))
        assert all(a.at <= b.at for a, b in pairwise(rows))


#: stage → event → the stage after it; what depends on level or result is reckoned below
STEPS: dict[str, dict[Kind, str]] = {
    "assign": {Kind.ASSIGNED: "accept", Kind.RAISED: "assign", Kind.WITHDRAWN: "closed"},
    "accept": {
        Kind.ACCEPTED: "handle",
        Kind.RETURNED: "assign",
        Kind.RAISED: "assign",
        Kind.HANDLED: "handled",
        Kind.WITHDRAWN: "closed",
    },
    "handle": {Kind.HANDLED: "handled", Kind.RAISED: "assign", Kind.EXTENDED: "handle", Kind.WITHDRAWN: "closed"},
    "verify": {Kind.VERIFIED: "verified", Kind.WITHDRAWN: "closed"},
    "feedback": {Kind.FED_BACK: "fed back", Kind.WITHDRAWN: "closed"},
    "closed": {},
}
LEVELS = list(PetitionLevel)


def follow(level: PetitionLevel, events: list[PetitionEvent]) -> Iterator[tuple[str, PetitionEvent]]:
    """Yield each event with the stage at which it came; a step that its stage does not admit is a KeyError."""
    stage = "handle" if level is PetitionLevel.SELF else "assign"
    dissatisfied = 0
    for event in events:
        yield stage, event
        if event.event is Kind.ACKNOWLEDGED:
            continue
        stage = STEPS[stage][event.event]
        if event.event is Kind.RAISED:
            assert event.level is not None
            assert LEVELS.index(event.level) > LEVELS.index(level)
            level = event.level
        if stage == "handled":
            stage = "feedback" if level is PetitionLevel.SELF else "verify"
        elif stage == "verified":
            stage = "feedback" if event.result is Result.OK else "handle"
        elif stage == "fed back" and event.result is not Result.DISSATISFIED:
            stage = "closed"
        elif stage == "fed back":
            dissatisfied += 1
            climbs = dissatisfied > 1 and level is not PetitionLevel.MUNICIPAL
            stage, level = ("assign", PetitionLevel.MUNICIPAL) if climbs else ("handle", level)


def of_each(rows, key):
    found = defaultdict(list)
    for row in rows:
        found[getattr(row, key)].append(row)
    return found


def test_every_opinion_takes_steps_that_its_stage_admits(any_record):
    events = of_each(any_record.petition_events, "petition")
    for petition in any_record.petitions:
        own = events[petition.id]
        assert all(a < b for a, b in pairwise([petition.recorded_at, *(event.at for event in own)]))
        for stage, event in follow(petition.level, own):
            assert stage != "closed", event


def test_every_event_has_its_own_cells_and_no_others(any_record):
    parents = {office.id: office.parent for office in any_record.offices}
    towns = {petition.id: petition.town for petition in any_record.petitions}
    for event in any_record.petition_events:
        assert (event.office is not None) == (event.event in (Kind.ASSIGNED, Kind.ACKNOWLEDGED))
        assert (event.level is not None) == (event.event is Kind.RAISED)
        assert (event.result is not None) == (event.event in (Kind.VERIFIED, Kind.FED_BACK))
        if event.event is Kind.ASSIGNED:
            assert parents[event.office] in (towns[event.petition], "440784-DBGW")
            assert not (event.proposal and event.until)
            assert event.until is None or event.until >= local_day(event.at)
        elif event.event is Kind.EXTENDED:
            assert event.note
            assert event.until > local_day(event.at)
        else:
            assert event.until is None
            assert not event.proposal


def test_every_project_gets_on_in_order(any_record):
    milestones, events = of_each(any_record.milestones, "project"), of_each(any_record.project_events, "project")
    for project in any_record.projects:
        plan = milestones[project.id]
        assert [m.seq for m in plan] == sorted(m.seq for m in plan)
        assert [list(MilestoneStage).index(m.stage) for m in plan] == sorted(
            list(MilestoneStage).index(m.stage) for m in plan
        )
        done = [e for e in events[project.id] if e.event is ProjectEventKind.DONE]
        assert [e.seq for e in done] == [m.seq for m in plan][: len(done)]
        assert [e.day for e in done] == sorted(e.day for e in done)
        assert all(e.day <= local_day(e.at) for e in done)
        assert all(e.at >= project.recorded_at for e in events[project.id])


def test_a_site_is_inspected_between_groundbreaking_and_acceptance_only(any_record):
    stages = {(m.project, m.seq): m.stage for m in any_record.milestones}
    for project, events in of_each(any_record.project_events, "project").items():
        last = None
        for event in events:
            stage = stages.get((project, event.seq)) if event.event is ProjectEventKind.DONE else None
            if stage is MilestoneStage.GROUNDBREAKING:
                last = event.day
            elif stage is MilestoneStage.ACCEPTANCE:
                assert last is None or event.day >= last
                last = None
            elif event.event is ProjectEventKind.INSPECTED:
                assert last is not None
                assert last < event.day <= local_day(event.at)
                last = event.day


def test_a_replanned_milestone_is_not_done_yet_and_keeps_the_plan_in_order(any_record):
    plans = {
        project: {m.seq: m.planned for m in plan} for project, plan in of_each(any_record.milestones, "project").items()
    }
    done = set()
    for event in any_record.project_events:
        if event.event is ProjectEventKind.DONE:
            done.add((event.project, event.seq))
        elif event.event is ProjectEventKind.REPLAN:
            plan = plans[event.project]
            assert (event.project, event.seq) not in done
            assert event.day != plan[event.seq]
            assert event.reason
            plan[event.seq] = event.day
            assert list(plan.values()) == sorted(plan.values())


# Nothing that could be taken for real -------------------------------------------------------------

PHONE_LIKE = re.compile(r"(?<!\d)(?:\+?86)?(?:1\d{10}|400-?\d{3}-?\d{4}|0\d{2,3}-?\d{7,8})(?!\d)")
INVENTED = re.compile(r"1[3-9]\d0000\d{4}")
MAIL_LIKE = re.compile(r"\S+@\S+")


def texts(record: Record) -> Iterator[str]:
    for table, kind in Record.TABLES.items():
        for field in fields(kind):
            yield from (v for row in getattr(record, table) if type(v := getattr(row, field.name)) is str)


def test_no_number_or_address_could_be_somebodys(any_record):
    for text in set(texts(any_record)):
        for number in PHONE_LIKE.findall(text):
            assert INVENTED.fullmatch(number), text
        for address in MAIL_LIKE.findall(text):
            assert address.endswith("@example.cn"), text


# The seed cases -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ident", "words", "steps"),
    [
        (seed_cases.CHILD_CARE, "假期托管班", {Kind.RAISED, Kind.HANDLED, Kind.FED_BACK}),
        (seed_cases.E_BIKES, "楼道电动车飞线充电", {Kind.EXTENDED, Kind.VERIFIED, Kind.FED_BACK}),
        (seed_cases.SEWAGE, "污水倒灌农田", {Kind.RETURNED, Kind.ACKNOWLEDGED, Kind.FED_BACK}),
        (seed_cases.GUARD_RAIL, "安全防护栏", {Kind.EXTENDED, Kind.HANDLED, Kind.FED_BACK}),
    ],
)
def test_a_seed_case_is_found_by_its_number_and_told_to_its_end(record, ident, words, steps):
    (petition,) = [p for p in record.petitions if p.id == ident]
    events = [e for e in record.petition_events if e.petition == ident]
    assert words in petition.title
    assert steps <= {event.event for event in events}
    assert events[-1].result in (Result.SATISFIED, Result.BASICALLY)


def test_the_guard_rail_goes_from_a_proposal_to_acceptance_with_inspections(record):
    (project,) = [p for p in record.projects if p.id == seed_cases.GUARD_RAIL_PROJECT]
    events = [e for e in record.project_events if e.project == project.id]
    assert project.petition == seed_cases.GUARD_RAIL
    assert any(e.proposal for e in record.petition_events if e.petition == seed_cases.GUARD_RAIL)
    assert sum(e.event is ProjectEventKind.DONE for e in events) == 8
    inspections = [e.day for e in events if e.event is ProjectEventKind.INSPECTED]
    assert len(inspections) >= 3
    assert all(b - a <= timedelta(days=18) for a, b in pairwise(inspections))


# The command --------------------------------------------------------------------------------------


def test_the_command_writes_a_table_a_file(tmp_path):
    assert main([str(tmp_path), "--from", "2026-03-01", "--to", "2026-03-31"]) == 0
    assert {path.stem for path in tmp_path.iterdir()} == set(Record.TABLES)
    with (tmp_path / "visits.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == 605


@pytest.mark.parametrize("wrong", [["--to", "2025-12-31"], ["--scale", "0"], ["--arrivals", "none"]])
def test_the_command_refuses_what_describes_no_record(tmp_path, wrong, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path), *wrong])
    assert stopped.value.code == 2
    assert wrong[0] in capsys.readouterr().err
