"""R5.1 to R5.4: which rungs a matter has, on which day each is fired, and what holds them."""

from dataclasses import replace

import pytest

from rules.ladders import Fired, hold_round, ladder, next_round, outstanding, round_at
from tests.rules.builders import (
    CALENDAR,
    ack,
    at,
    built,
    day,
    desk,
    duties,
    event,
    handled,
    leave,
    matter_of,
    milestone,
    petition,
    policy,
    progress,
    project,
    rungs,
    seat,
    shown,
    told,
    visit,
)
from tests.rules.builders import record as record_of

WORKS = desk()
TOWN, MUN = "CT1", "CMUN"


def steps(matter, within=WORKS):
    """Which rungs has a matter, and on which day? A reminder that is dropped has none."""
    chain = within.house.chain(matter.responsible, matter.town)
    found = ladder(matter, chain, within.policy, within.calendar)
    return {r.name: f"{r.day:%m-%d}" for r in found if not r.dropped}


# R3.8, R4.5, R4b.4: the ladders --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "begins", "expected"),
    [
        pytest.param(
            "province",
            "01-01",
            {"remind-30": "05-29", "remind-7": "06-23", "overdue": "07-01", "climb-1": "07-07", "climb-2": "07-14"},
            id="province: 31 May is a Sunday",
        ),
        pytest.param(
            "county",
            "01-01",
            {"remind-15": "03-16", "remind-5": "03-26", "overdue": "04-01", "climb-1": "04-08", "climb-2": "04-15"},
            id="county: Qingming does not count",
        ),
        pytest.param(
            "town",
            "03-01",
            {"remind-7": "03-24", "remind-2": "03-27", "overdue": "04-01", "climb-1": "04-08", "climb-2": "04-15"},
            id="town: 29 March is a Sunday",
        ),
        pytest.param(
            "town",
            "02-01",
            {"remind-7": "02-14", "remind-2": "02-26", "overdue": "03-02", "climb-1": "03-06", "climb-2": "03-13"},
            id="town: back over Spring Festival to a make-up Saturday",
        ),
    ],
)
def test_the_ladder_of_a_duty(level, begins, expected):
    docket = duties(seat(level=level, begins=begins), until=begins)
    assert steps(next(iter(docket.matters.values()))) == expected


LOOP = (
    event("03-10 10:00", "assigned", office="DT"),
    event("03-11 10:00", "accepted"),
    event("03-19 10:00", "handled"),
)


@pytest.mark.parametrize(
    ("of", "events", "expected"),
    [
        pytest.param(
            petition(),
            (),
            {"remind-2": "03-10", "overdue": "03-13", "climb-1": "03-17", "climb-2": "03-23"},
            id="assign: a town has two offices above it",
        ),
        pytest.param(
            petition(),
            LOOP[:1],
            {"overdue": "03-13", "climb-1": "03-17", "climb-2": "03-23", "climb-3": "03-30"},
            id="accept: its reminder falls on the day it opened",
        ),
        pytest.param(
            petition(),
            LOOP[:2],
            {"remind-2": "03-18", "overdue": "03-23", "climb-1": "03-25", "climb-2": "03-31", "climb-3": "04-08"},
            id="handle",
        ),
        pytest.param(
            petition(),
            LOOP,
            {"remind-2": "03-24", "overdue": "03-27", "climb-1": "03-31", "climb-2": "04-07", "climb-3": "04-14"},
            id="verify",
        ),
        pytest.param(
            petition(level="municipal"),
            (),
            {"remind-2": "03-10", "overdue": "03-13", "climb-1": "03-17"},
            id="assign at municipal: one office above it",
        ),
    ],
)
def test_the_ladder_of_a_petition(of, events, expected):
    assert steps(handled(of, *events).open_matter) == expected


BREAKING = (milestone(1, "groundbreaking", "04-30"), milestone(2, "acceptance", "06-30"))


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        pytest.param(
            project(),
            {"remind-5": "04-23", "overdue": "05-06", "climb-1": "05-11", "climb-2": "05-18"},
            id="common: Saturday 9 May works",
        ),
        pytest.param(
            project(is_key=True),
            {"remind-10": "04-16", "remind-3": "04-27", "overdue": "05-06"}
            | {"climb-1": "05-07", "climb-2": "05-11", "climb-3": "05-14"},
            id="key",
        ),
        pytest.param(
            project(office="MUN"),
            {"remind-5": "04-23", "overdue": "05-06", "climb-1": "05-11"},
            id="municipal's own: one office above it",
        ),
    ],
)
def test_the_ladder_of_a_milestone(of, expected):
    assert steps(matter_of(built(of, BREAKING), "1")) == expected


def test_the_ladder_of_an_inspection():
    docket = built(project(), BREAKING, progress("03-02 11:00", "done", 1))
    expected = {"remind-3": "03-27", "overdue": "04-02", "climb-1": "04-09"}
    assert steps(docket.matters["inspection:J1:1"]) == expected


@pytest.mark.parametrize(("opened", "dropped"), [("03-09", False), ("03-10", True), ("03-11", True)])
def test_a_reminder_dated_on_or_before_the_day_its_matter_opened_is_dropped(opened, dropped):
    matter = replace(handled(petition()).open_matter, opened=day(opened))
    assert ("remind-2" not in steps(matter)) is dropped


@pytest.mark.parametrize(
    ("began", "overdue", "climb"),
    [
        ("03-09", "03-13", "03-17"),
        pytest.param("03-13", "03-13", "03-17", id="known on the day after the due date: no difference"),
        pytest.param("03-16", "03-16", "03-18", id="known later: reckoned from the day before"),
        pytest.param("03-21", "03-23", "03-25", id="known on a Saturday"),
    ],
)
def test_overdue_and_climb_are_reckoned_from_the_due_date_or_from_the_day_before_the_ladder_began(
    began, overdue, climb
):
    found = steps(replace(handled(petition()).open_matter, began=day(began)))
    assert (found["overdue"], found["climb-1"]) == (overdue, climb)


# The round ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "fire", "skip"),
    [
        ("03-23", [], []),
        ("03-24", ["remind-7"], []),
        pytest.param("03-27", ["remind-2"], ["remind-7"], id="a reminder gives way to a later one"),
        pytest.param("04-01", ["overdue"], ["remind-7", "remind-2"], id="both give way to overdue"),
        pytest.param("04-08", ["overdue", "climb-1"], ["remind-7", "remind-2"], id="a climb does not skip overdue"),
        pytest.param("04-15", ["overdue", "climb-1", "climb-2"], ["remind-7", "remind-2"], id="nor another climb"),
    ],
)
def test_what_a_round_fires_of_a_ladder_that_nothing_was_fired_of(on, fire, skip):
    matter = matter_of(duties(seat()), "2026-03")
    found = ladder(matter, WORKS.house.chain("deputy:DA", "T1"), WORKS.policy, CALENDAR)
    outcome = hold_round(outstanding(found, matter.due, frozenset(), WORKS.start_on), day(on))
    assert [r.name for r in outcome.fire] == fire
    assert [r.name for r in outcome.skip] == skip


def test_a_rung_once_fired_is_not_outstanding_under_the_same_due_date():
    matter = matter_of(duties(seat()), "2026-03")
    found = ladder(matter, ("T1", "MUN"), WORKS.policy, CALENDAR)
    fired = frozenset({Fired(matter.due, "remind-7"), Fired(day("04-30"), "remind-2")})
    left = [r.name for r in outstanding(found, matter.due, fired, WORKS.start_on)]
    assert left == ["remind-2", "overdue", "climb-1", "climb-2"]


@pytest.mark.parametrize(
    ("instant", "first"),
    [
        ("03-31 08:59:59", "03-31 09:00"),
        pytest.param("03-31 09:00:00", "03-31 09:00", id="known at 09:00:00 belongs to that round"),
        ("03-31 09:00:01", "04-01 09:00"),
        pytest.param("04-03 09:00:01", "04-07 09:00", id="over Qingming"),
        pytest.param("02-27 20:00:00", "02-28 09:00", id="to a working Saturday"),
        pytest.param("03-07 10:00:00", "03-09 09:00", id="from a Saturday"),
        pytest.param("03-07 00:00:00", "03-09 09:00", id="from a Saturday's midnight"),
    ],
)
def test_the_next_round(instant, first):
    assert shown(next_round(at(instant), policy(), CALENDAR)) == first


def test_the_round_is_at_the_time_that_the_policy_says():
    assert shown(round_at(day("03-31"), policy(notify_at="10:30"))) == "03-31 10:30"


# What people receive -----------------------------------------------------------------------------------------


def duty(*visits, leaves=(), acks=(), **of):
    """A record of one seat whose term ends before April is due."""
    cells = {"ends": "04-29"} | of
    return record_of(seats=(seat(**cells),), visits=visits, leaves=leaves, acknowledgements=acks)


def test_a_duty_that_nobody_does_climbs_to_the_town_and_to_municipal():
    assert rungs(told(duty(), "03-01", "04-30")) == [
        ("03-24 09:00", "remind-7", "DA"),
        ("03-27 09:00", "remind-2", "DA"),
        ("04-01 09:00", "overdue", "DA"),
        ("04-08 09:00", "climb-1", TOWN),
        ("04-15 09:00", "climb-2", MUN),
    ]


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        pytest.param("04-01 09:00:00", [], id="known at the round"),
        pytest.param("04-01 09:00:01", ["overdue"], id="a second later"),
        pytest.param("03-31 23:00:00", [], id="before it was overdue"),
    ],
)
def test_a_fact_known_at_the_round_belongs_to_it(recorded, expected):
    record = duty(visit("03-05"), visit("03-30", "G1", recorded=recorded))
    assert [rung for _, rung, _ in rungs(told(record, "03-30", "04-30"))] == expected


def test_a_rung_of_a_holiday_or_weekend_is_never_fired_on_it():
    record = record_of(petitions=(petition(recorded="02-12 10:00"),))
    fired = rungs(told(record, "02-01", "03-31"), "assign:1")
    # Due Saturday 14 February + 2: the 13th and 14th work, then the festival, then the 24th.
    assert fired == [
        ("02-12 10:00", "event-assign", TOWN),
        ("02-13 09:00", "remind-2", TOWN),
        ("02-25 09:00", "overdue", TOWN),
        ("02-27 09:00", "climb-1", MUN),
        ("03-04 09:00", "climb-2", "CDIR"),
    ]


def test_rungs_beyond_the_end_of_the_chain_leave_no_trace():
    lines = told(record_of(petitions=(petition(level="municipal"),)), "03-01", "04-30")
    assert [rung for _, rung, _ in rungs(lines)] == ["event-assign", "remind-2", "overdue", "climb-1"]


def test_a_matter_that_is_overdue_when_it_becomes_known_is_first_told_to_its_handler():
    late = progress("04-16 10:00", "done", 1, "03-02")
    record = record_of(projects=(project(),), milestones=BREAKING, project_events=(late,))
    assert rungs(told(record, "03-01", "04-24"), "inspection:J1:1") == [
        ("04-17 09:00", "overdue", "DA"),
        ("04-17 09:00", "remind-3", "skipped DA"),
        ("04-22 09:00", "climb-1", TOWN),
    ]


@pytest.mark.parametrize(
    ("recorded", "overdue", "climb"),
    [
        pytest.param("04-16 08:59", "04-16 09:00", "04-22 09:00", id="before the round of its day"),
        pytest.param("04-16 09:00", "04-16 09:00", "04-22 09:00", id="at the round"),
        pytest.param("04-16 09:01", "04-17 09:00", "04-22 09:00", id="after it: the climb does not wait for that"),
        pytest.param("04-18 12:00", "04-20 09:00", "04-24 09:00", id="on a Saturday"),
    ],
)
def test_a_ladder_that_begins_late_begins_on_the_day_of_the_fact(recorded, overdue, climb):
    late = progress(recorded, "done", 1, "03-02")
    record = record_of(projects=(project(),), milestones=BREAKING, project_events=(late,))
    found = {rung: when for when, rung, _ in rungs(told(record, "03-01", "04-29"), "inspection:J1:1")}
    assert (found["overdue"], found["climb-1"]) == (overdue, climb)


def replans(*moves):
    """A project with one milestone, due on 30 April, and its replans."""
    events = tuple(progress(when, "replan", 1, to, "雨季") for when, to in moves)
    return record_of(projects=(project(),), milestones=BREAKING[:1], project_events=events)


def test_a_moved_due_date_starts_the_ladder_anew():
    fired = told(replans(("04-24 10:00", "05-15")), "03-01", "06-05")
    assert [(line[0], line[2]) for line in fired if line[4] == "sms"] == [
        ("04-23 09:00", "remind-5"),
        ("05-09 09:00", "remind-5"),
        ("05-18 09:00", "overdue"),
        ("05-22 09:00", "climb-1"),
        ("05-29 09:00", "climb-2"),
    ]


def test_a_due_date_that_returns_does_not_repeat_the_rungs_fired():
    record = replans(("04-24 10:00", "05-15"), ("04-27 10:00", "04-30"))
    fired = [(when, rung) for when, rung, _ in rungs(told(record, "03-01", "05-12"))]
    assert fired == [("04-23 09:00", "remind-5"), ("05-06 09:00", "overdue"), ("05-11 09:00", "climb-1")]


def test_a_due_date_that_returns_when_it_has_passed_is_reckoned_from_its_return():
    record = replans(("04-24 10:00", "05-15"), ("05-14 10:00", "04-30"))
    fired = [(when, rung) for when, rung, _ in rungs(told(record, "03-01", "05-29"))]
    assert fired == [
        ("04-23 09:00", "remind-5"),
        ("05-09 09:00", "remind-5"),
        ("05-15 09:00", "overdue"),
        ("05-20 09:00", "climb-1"),
        ("05-27 09:00", "climb-2"),
    ]


def test_a_due_date_moved_and_moved_back_within_one_instant_was_never_moved():
    record = replans(("05-14 10:00", "05-15"), ("05-14 10:00", "04-30"))
    fired = [(when, rung) for when, rung, _ in rungs(told(record, "03-01", "05-29"))]
    assert fired == [
        ("04-23 09:00", "remind-5"),
        ("05-06 09:00", "overdue"),
        ("05-11 09:00", "climb-1"),
        ("05-18 09:00", "climb-2"),
    ]


def test_a_replan_to_another_day_with_the_same_due_date_goes_on_with_the_ladder():
    # 2 to 5 May are holidays: the 3rd and the 4th are both due on the 6th.
    plan = (milestone(1, "groundbreaking", "05-03"),)
    moved = progress("05-11 10:00", "replan", 1, "05-04", "雨季")
    record = record_of(projects=(project(),), milestones=plan, project_events=(moved,))
    fired = [(when, rung) for when, rung, _ in rungs(told(record, "05-06", "05-20"))]
    assert fired == [("05-07 09:00", "overdue"), ("05-12 09:00", "climb-1"), ("05-19 09:00", "climb-2")]


def test_a_reminder_that_gives_way_is_recorded_for_everybody_who_would_have_had_it():
    record = record_of(
        projects=(project(is_key=True),),
        milestones=BREAKING[:1],
        project_events=(progress("04-13 10:00", "replan", 1, "04-16", "提前"),),
    )
    assert told(record, "03-01", "04-14") == [
        ("04-14 09:00", "milestone:J1:1", "remind-10", "skipped CDT", "sms"),
        ("04-14 09:00", "milestone:J1:1", "remind-3", "CDT", "sms"),
    ]


def test_a_reminder_after_the_due_date_came_nearer_is_not_dropped_by_that():
    record = record_of(
        projects=(project(),),
        milestones=BREAKING[:1],
        project_events=(progress("04-13 10:00", "replan", 1, "04-17", "提前"),),
    )
    assert rungs(told(record, "03-01", "04-14")) == [("04-14 09:00", "remind-5", "CDT")]


@pytest.mark.parametrize(
    ("on", "overdue_tells"),
    [("04-01", True), ("04-02", False)],
    ids=["the rung's own day", "a day after it"],
)
def test_rungs_dated_before_the_system_was_in_use_never_fire(on, overdue_tells):
    record = record_of(projects=(project(),), milestones=(milestone(1, "groundbreaking", "03-31"),))
    fired = [rung for _, rung, _ in rungs(told(record, on, "04-30"))]
    assert fired == (["overdue"] if overdue_tells else []) + ["climb-1", "climb-2"]


@pytest.mark.parametrize(("first", "expected"), [("03-31", ["overdue", "climb-1", "climb-2"]), ("04-01", [])])
def test_a_visit_period_that_ended_before_the_system_was_in_use_is_never_told(first, expected):
    assert [rung for _, rung, _ in rungs(told(duty(), first, "04-30"))] == expected


@pytest.mark.parametrize(
    ("registered", "notices"),
    [
        pytest.param("03-06 21:00", ["remind-2"], id="before start_on: not even what was put off"),
        pytest.param("03-07 23:59:59", ["remind-2"], id="a second before start_on"),
        pytest.param("03-08 00:00:00", ["event-assign", "remind-2"], id="from its first instant on, a Sunday"),
        pytest.param("03-08 21:00", ["event-assign", "remind-2"], id="on start_on"),
    ],
)
def test_events_before_the_system_was_in_use_give_no_notices(registered, notices):
    record = record_of(petitions=(petition(recorded=registered),))
    assert [rung for _, rung, _ in rungs(told(record, "03-08", "03-11"))] == notices


# R5.4: acknowledgements ------------------------------------------------------------------------------------


VISIT = "visit:S1:2026-03"


@pytest.mark.parametrize(
    ("acks", "climbs"),
    [
        ((), ["04-08", "04-15"]),
        pytest.param([("04-01 10:00", "T1")], ["04-08", "04-15"], id="the hold ends before the climb is due"),
        pytest.param([("04-07 10:00", "T1")], ["04-10", "04-15"], id="three workdays: 8, 9, 10"),
        pytest.param([("04-08 09:00", "MUN")], ["04-13", "04-15"], id="known at the round: it holds it"),
        pytest.param([("04-08 09:01", "MUN")], ["04-08", "04-15"], id="a minute later: fired already"),
        pytest.param([("04-14 10:00", "MUN")], ["04-08", "04-17"], id="climb-2"),
        pytest.param(
            [("04-03 10:00", "T1"), ("04-07 10:00", "T1")], ["04-09", "04-15"], id="the office's first counts"
        ),
        pytest.param([("04-03 10:00", "T1"), ("04-07 10:00", "MUN")], ["04-10", "04-15"], id="of several the latest"),
        pytest.param([("03-31 10:00", "T1")], ["04-08", "04-15"], id="not yet overdue: it does not count"),
        pytest.param([("04-07 10:00", "T2")], ["04-08", "04-15"], id="not an office of the chain"),
        pytest.param([("04-07 10:00", "DIR")], ["04-10", "04-15"], id="an office that no rung goes to"),
    ],
)
def test_an_acknowledgement_holds_the_climb_for_three_workdays(acks, climbs):
    record = duty(acks=tuple(ack(VISIT, *each) for each in acks))
    fired = [when[:5] for when, rung, _ in rungs(told(record, "03-01", "04-30")) if rung.startswith("climb")]
    assert fired == climbs


def test_held_rungs_may_fire_together():
    record = duty(acks=(ack(VISIT, "04-07 10:00", "T1"),))
    fired = rungs(told(record, "03-01", "04-30", hold_days=6))
    assert [each for each in fired if each[1].startswith("climb")] == [
        ("04-15 09:00", "climb-1", TOWN),
        ("04-15 09:00", "climb-2", MUN),
    ]


def test_the_overdue_rung_is_not_held():
    assert ("04-01 09:00", "overdue", "DA") in rungs(
        told(duty(acks=(ack(VISIT, "04-01 08:00", "T1"),)), "03-01", "04-01")
    )


@pytest.mark.parametrize(
    ("moves", "acks", "climb"),
    [
        pytest.param([], ["05-09"], "05-21", id="held: nine workdays after Saturday 9 May"),
        pytest.param([("05-11 10:00", "05-08")], ["05-09"], "05-15", id="moved: not held"),
        pytest.param(
            [("05-11 10:00", "05-08")], ["05-09", "05-12"], "05-25", id="moved: the same office may hold it anew"
        ),
        pytest.param(
            [("05-11 10:00", "05-08"), ("05-12 10:00", "04-30")], ["05-09"], "05-21", id="moved back: held again"
        ),
    ],
)
def test_a_hold_belongs_to_its_due_date(moves, acks, climb):
    words = tuple(ack("milestone:J1:1", f"{on} 11:00", "MUN") for on in acks)
    fired = rungs(told(replace(replans(*moves), acknowledgements=words), "03-01", "05-29", hold_days=9))
    assert [when[:5] for when, rung, _ in fired if rung == "climb-1"] == [climb]


def test_a_held_rung_dated_before_the_system_was_in_use_does_not_fire():
    record = record_of(
        projects=(project(),),
        milestones=(milestone(1, "groundbreaking", "03-31"),),
        acknowledgements=(ack("milestone:J1:1", "04-08 08:00", "MUN"),),
    )
    assert rungs(told(record, "04-09", "04-14")) == []


@pytest.mark.parametrize(
    ("of", "when", "expected"),
    [
        ("T1", "03-31 10:00", "an overdue matter; this one is open"),
        ("T1", "04-01 10:00", None),
        ("MUN", "04-01 10:00", None),
        ("DIR", "04-01 10:00", None),
        ("T2", "04-01 10:00", "an office that the matter climbs to: T1, MUN, DIR"),
        ("T1", "05-01 10:00", "an overdue matter; this one is missed"),
    ],
)
def test_who_may_acknowledge_and_when(of, when, expected):
    docket = duties(seat(), until="03-31")
    docket.learn(at(when))
    refusal = docket.refuse_acknowledgement(VISIT, at(when), of)
    assert (refusal and refusal.expected) == expected


def test_an_acknowledgement_of_a_matter_that_is_not_there_is_refused():
    docket = duties(seat(), until="03-31")
    assert docket.refuse_acknowledgement("visit:S1:2026-05", at("03-31 10:00"), "T1") is not None


def test_leave_that_excuses_stops_the_ladder():
    record = duty(leaves=(leave("03-01", "03-10"), leave("03-08", "03-16", recorded="03-25 12:00")))
    assert rungs(told(record, "03-01", "04-30")) == [("03-24 09:00", "remind-7", "DA")]


def test_a_missed_duty_climbs_no_further():
    record = duty(begins="03-01", ends="04-07")
    assert [rung for _, rung, _ in rungs(told(record, "03-01", "04-30"))] == ["remind-7", "remind-2", "overdue"]
