"""R7.1, R7.2: which digest comes on which day, to whom, and what it counts."""

from dataclasses import replace

import pytest

from rules.digests import count_by_town, digests_on, kinds_on
from tests.rules.builders import (
    CALENDAR,
    CONTACTS,
    ack,
    contact,
    day,
    desk,
    duties,
    event,
    matter_of,
    milestone,
    petition,
    progress,
    project,
    run,
    seat,
    shown,
    staff,
    visit,
)
from tests.rules.builders import record as record_of


@pytest.mark.parametrize(
    ("on", "kinds"),
    [
        pytest.param("2026-03-30", {"daily": "2026-03-30", "weekly": "2026-W14"}, id="a Monday"),
        ("2026-03-31", {"daily": "2026-03-31"}),
        pytest.param("2026-04-01", {"daily": "2026-04-01", "monthly": "2026-03"}, id="the first workday of a month"),
        pytest.param("2026-04-04", {}, id="a holiday"),
        pytest.param("2026-04-06", {}, id="a holiday on a Monday"),
        pytest.param("2026-04-07", {"daily": "2026-04-07", "weekly": "2026-W15"}, id="the workday after it"),
        pytest.param(
            "2026-06-01",
            {"daily": "2026-06-01", "weekly": "2026-W23", "monthly": "2026-05"},
            id="all three",
        ),
        pytest.param("2026-03-07", {}, id="a Saturday"),
        pytest.param("2026-02-28", {"daily": "2026-02-28"}, id="a Saturday that works"),
        pytest.param("2026-02-16", {}, id="a week without workdays: its Monday"),
        pytest.param("2026-02-22", {}, id="its Sunday"),
        pytest.param("2026-02-24", {"daily": "2026-02-24", "weekly": "2026-W09"}, id="the next week, on a Tuesday"),
        pytest.param("2024-02-12", {}, id="a Monday of Spring Festival"),
        pytest.param(
            "2024-02-18",
            {"daily": "2024-02-18", "weekly": "2024-W07"},
            id="the make-up Sunday, that week's only workday",
        ),
        pytest.param("2024-02-19", {"daily": "2024-02-19", "weekly": "2024-W08"}, id="the Monday after it"),
        pytest.param(
            "2026-01-04",
            {"daily": "2026-01-04", "monthly": "2025-12"},
            id="a Sunday that works, first of its month but not of its week",
        ),
        pytest.param(
            "2025-12-29",
            {"daily": "2025-12-29", "weekly": "2026-W01"},
            id="the week belongs to the year of its Thursday",
        ),
    ],
)
def test_the_digests_of_a_day(on, kinds):
    assert {kind.value: period for kind, period in kinds_on(day(on), CALENDAR)} == kinds


def test_a_day_brings_one_digest_to_each_office_that_it_is_for():
    found = [(d.kind.value, d.period, d.office, d.town) for d in digests_on(day("06-01"), desk())]
    assert found == [
        ("daily", "2026-06-01", "T1", "T1"),
        ("daily", "2026-06-01", "T2", "T2"),
        ("weekly", "2026-W23", "MUN", None),
        ("monthly", "2026-05", "MUN", None),
        ("monthly", "2026-05", "DIR", None),
    ]


def counted(*matters, on, within=None):
    found = count_by_town(matters, day(on), within or desk())
    return {
        town: (counts.due_soon, counts.overdue)
        for town, counts in found.items()
        if sum((counts.due_soon, counts.overdue))
    }


@pytest.mark.parametrize(
    ("on", "counts"),
    [
        pytest.param("03-24", {}, id="five workdays before the due date"),
        pytest.param("03-25", {"T1": (1, 0), None: (1, 0)}, id="four workdays before"),
        pytest.param("03-31", {"T1": (1, 0), None: (1, 0)}, id="the due date"),
        pytest.param("04-01", {"T1": (0, 1), None: (0, 1)}, id="the day after it"),
        pytest.param("04-30", {"T1": (0, 1), None: (0, 1)}, id="its last day before it is missed"),
        pytest.param("05-01", {}, id="missed"),
    ],
)
def test_what_is_due_soon_and_what_is_overdue(on, counts):
    assert counted(matter_of(duties(seat()), "2026-03"), on=on) == counts


@pytest.mark.parametrize(("days", "soon"), [(4, 0), (5, 1)])
def test_how_soon_is_soon_can_be_set(days, soon):
    found = counted(matter_of(duties(seat()), "2026-03"), on="03-24", within=desk(soon_days=days))
    assert found == ({None: (1, 0), "T1": (1, 0)} if soon else {})


def test_what_is_settled_or_silent_is_not_counted():
    matter = matter_of(duties(seat()), "2026-03")
    met = matter_of(duties(seat(), visit("03-05"), visit("03-06", "G1")), "2026-03")
    assert counted(met, replace(matter, silent=True), on="03-31") == {}


def test_the_towns_are_counted_apart_and_the_municipality_as_a_whole():
    first = matter_of(duties(seat()), "2026-03")
    second = replace(first, id="visit:S2:2026-03", town="T2")
    third = replace(first, id="visit:S3:2026-03", town="T2", due=day("03-20"))
    assert counted(first, second, third, on="03-30") == {"T1": (1, 0), "T2": (1, 1), None: (2, 1)}


# Who receives what ---------------------------------------------------------------------------------------


def received(record, first, last, **settings):
    return [
        (shown(m.at), m.digest.kind.value, m.person.id, m.counts.due_soon, m.counts.overdue)
        for m in run(record, first, last, **settings).digests
    ]


def test_a_town_hears_daily_while_something_is_due_soon_or_overdue():
    record = record_of(seats=(seat(ends="04-29"),), visits=(visit("03-05"), visit("04-02", "G1")))
    daily = [line for line in received(record, "03-24", "04-08") if line[1] == "daily"]
    assert daily == [
        ("03-25 08:30", "daily", "contact:CT1", 1, 0),
        ("03-26 08:30", "daily", "contact:CT1", 1, 0),
        ("03-27 08:30", "daily", "contact:CT1", 1, 0),
        ("03-30 08:30", "daily", "contact:CT1", 1, 0),
        ("03-31 08:30", "daily", "contact:CT1", 1, 0),
        ("04-01 08:30", "daily", "contact:CT1", 0, 1),
    ]


def test_weekly_and_monthly_come_even_if_nothing_is_due():
    assert received(record_of(), "03-30", "04-07") == [
        ("03-30 08:30", "weekly", "contact:CMUN", 0, 0),
        ("04-01 08:30", "monthly", "contact:CMUN", 0, 0),
        ("04-01 08:30", "monthly", "contact:CDIR", 0, 0),
        ("04-07 08:30", "weekly", "contact:CMUN", 0, 0),
    ]


@pytest.mark.parametrize(
    ("people", "to"),
    [
        pytest.param((*CONTACTS, contact("MUN", "CM2")), ["contact:CMUN", "contact:CM2"], id="to each contact"),
        pytest.param(staff(contact("MUN", on_duty=False)), [], id="not to one off duty, nor rerouted"),
        pytest.param(staff(contact("MUN", mobile=None, email=None)), [], id="nor to one who cannot be reached"),
        pytest.param(staff(contact("MUN", email=None)), ["contact:CMUN"], id="by whatever address there is"),
    ],
)
def test_a_digest_goes_to_the_contacts_of_its_office_and_nowhere_else(people, to):
    assert [line[2] for line in received(record_of(contacts=people), "03-30", "03-30")] == to


@pytest.mark.parametrize(("known", "soon"), [("03-30 08:30:00", 1), ("03-30 08:30:01", 0)])
def test_a_fact_known_at_the_digest_belongs_to_it(known, soon):
    record = record_of(petitions=(petition(recorded=known),))
    (weekly,) = [line for line in received(record, "03-30", "03-30") if line[1] == "weekly"]
    assert weekly[3] == soon


def test_a_digest_of_a_town_counts_its_matters_whoever_is_responsible():
    record = record_of(
        seats=(seat(ends="04-29"),),
        petitions=(petition(recorded="03-30 08:00"),),
        petition_events=(event("03-30 08:10", "assigned", office="DM"),),
        projects=(project(office="MUN", recorded="03-30 08:00"),),
        milestones=(milestone(1, "groundbreaking", "03-27"), milestone(2, "acceptance", "04-03")),
        project_events=(progress("03-30 08:20", "done", 1),),
        acknowledgements=(ack("milestone:J1:1", "03-30 08:15", "DIR"),),
    )
    (daily,) = [line for line in received(record, "03-30", "03-30") if line[1] == "daily"]
    assert daily == ("03-30 08:30", "daily", "contact:CT1", 3, 0)


def test_digests_come_at_the_time_that_the_policy_says():
    assert received(record_of(), "03-30", "03-30", digest_at="07:45") == [
        ("03-30 07:45", "weekly", "contact:CMUN", 0, 0)
    ]


def test_digests_of_days_before_the_system_was_in_use_are_not_made_up():
    assert received(record_of(), "03-31", "03-31") == []
