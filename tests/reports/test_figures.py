"""Do the figures of a small spring come out as reckoned by hand?"""

from dataclasses import replace
from datetime import date

import pytest

from rules.coverage import Gap
from rules.ladders import Fired
from rules.lookback import month_of, year_of
from rules.matters import MatterKind
from rules.reports import NOT_TOLD, NOWHERE, Duties, Headline, Petitions, Projects, Works
from tests.reports.spring import SPRING, VISITS, reported
from tests.rules.builders import at, day, leave, seat, visit

DUE = day("03-31")


# Which time is reported on ----------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["2026-3", "2026-13", "2026-00", "2026", "26-03", "2026-03-01", " 2026-03", "2026-0３"]
)
def test_what_is_not_a_month_is_refused(text):
    with pytest.raises(ValueError, match="want one such as 2026-03"):
        month_of(text)


@pytest.mark.parametrize("text", ["26", "2026-03", "３０２６", "9999", ""])
def test_what_is_not_a_year_is_refused(text):
    with pytest.raises(ValueError, match="want one such as 2026"):
        year_of(text)


def test_a_year_has_its_twelve_months():
    year = year_of("2024")
    assert [month.label for month in year.months] == [f"2024-{n:02d}" for n in range(1, 13)]
    assert (year.first, year.last, year.months[1].last) == (date(2024, 1, 1), date(2024, 12, 31), date(2024, 2, 29))


@pytest.mark.parametrize(
    ("made", "closed"),
    [
        ("04-01 00:00", "03-31 23:59:59.999999"),
        ("06-30 12:00", "03-31 23:59:59.999999"),
        ("03-20 09:00", "03-20 09:00"),
    ],
)
def test_a_month_closes_with_its_last_day_or_when_the_report_is_made(made, closed):
    assert month_of("2026-03").closes(at(made)) == at(closed)


# The headline -----------------------------------------------------------------------------


def test_the_headline_by_the_town_that_was_visited():
    headline = reported().headline
    assert headline.parts == {
        "T1": Headline(visits=2, at_stations=1, in_grids=1, voters=15, opinions=3, petitions_closed=1, projects_done=1),
        "T2": Headline(visits=3, at_stations=2, in_grids=1, voters=7),
    }
    assert headline.total == Headline(
        visits=5, at_stations=3, in_grids=2, voters=22, opinions=3, petitions_closed=1, projects_done=1
    )
    assert (headline.total.closed, headline.parts["T2"].closed) == (2, 0)


def test_a_visit_outside_the_term_is_among_the_visits_made():
    before = replace(SPRING, visits=[visit("02-20")])
    assert reported("2026-02", of=before).headline.total.visits == 1
    assert reported("2026-02", of=before).duties_by_level.total.owed == 0


def test_a_visit_of_somebody_without_a_seat_is_among_the_visits_made():
    assert reported(of=replace(SPRING, seats=[])).headline == reported().headline


def test_a_visit_counts_once_for_a_deputy_with_two_seats():
    two = replace(SPRING, seats=[seat(), seat(id="S9", level="county")], visits=VISITS[:1])
    assert reported(of=two).headline.total.visits == 1


def test_a_visit_to_a_place_that_is_no_longer_on_record_is_not_lost():
    headline = reported(of=replace(SPRING, visits=[visit("03-05", "V9"), visit("03-06", "G9")])).headline
    assert headline.parts[NOWHERE] == Headline(visits=2, at_stations=1, in_grids=1)
    assert headline.total.visits == 2


def test_a_visit_recorded_after_the_report_was_made_is_not_in_it():
    assert reported(made="04-03 09:59:59").headline.total.visits == 4
    assert reported(made="04-03 10:00").headline.total.visits == 5


def test_the_months_of_a_year_add_up():
    year = reported("2026")
    march, april = reported("2026-03"), reported("2026-04")
    assert year.by_month.parts["2026-03"] == march.headline.total
    assert year.by_month.parts["2026-04"] == april.headline.total
    assert year.by_month.total == year.headline.total
    assert year.headline.total.visits == march.headline.total.visits + april.headline.total.visits == 6
    assert year.headline.total.petitions_closed == 2


# The 631 table ----------------------------------------------------------------------------


def test_duties_by_level_as_they_have_become():
    duties = reported().duties_by_level
    assert duties.parts["town"] == Duties(owed=4, met=1, late=1, missed=1, excused=1)
    assert duties.parts["county"] == Duties(owed=1, late=1)
    assert duties.parts["province"] == duties.parts["prefecture"] == Duties()
    assert duties.total == Duties(owed=5, met=1, late=2, missed=1, excused=1)


def test_duties_by_town():
    assert reported().duties_by_town.parts == {
        "T1": Duties(owed=3, met=1, missed=1, excused=1),
        "T2": Duties(owed=2, late=2),
    }


def test_on_the_day_after_the_month_nobody_has_been_late_yet():
    assert reported(made="04-01 08:30").duties_by_level.total == Duties(owed=5, met=1, excused=1, outstanding=3)


def test_the_rate_leaves_out_who_was_excused():
    assert reported().duties_by_level.total.rate == pytest.approx(1 / 4)
    assert reported().duties_by_level.parts["province"].rate is None
    assert Duties(owed=2, excused=2).rate is None


def test_a_quarter_is_owed_in_the_month_in_which_it_ends():
    assert [reported(f"2026-0{n}").duties_by_level.parts["county"].owed for n in (1, 2, 3, 4, 5, 6)] == [
        0,
        0,
        1,
        0,
        0,
        1,
    ]


def test_periods_that_ended_before_duban_was_taken_into_use_are_reckoned_too():
    assert reported(start="2026-06-01").duties_by_level == reported().duties_by_level
    assert reported("2026-04", start="2026-06-01").overdue_by_town == reported("2026-04").overdue_by_town


def test_a_rolling_cycle_is_owed_in_the_month_of_its_due_date():
    # The cycle of S1 runs from 1 March; leave of 3 days moves its due date from 1 to 4 April.
    rolling = replace(SPRING, seats=[seat()], visits=[], leaves=[leave("03-10", "03-12")])
    settings = {"duty__period": "rolling"}
    assert reported("2026-03", of=rolling, **settings).duties_by_level.total.owed == 0
    assert reported("2026-04", of=rolling, **settings).duties_by_level.total == Duties(owed=1, outstanding=1)


# Matters, and those overdue ---------------------------------------------------------------


def test_matters_by_kind():
    assert reported().works.parts == {
        MatterKind.VISIT: Works(opened=4, closed=1, in_time=1),
        MatterKind.PETITION: Works(opened=11, closed=8, in_time=8, overdue=2),
        MatterKind.MILESTONE: Works(opened=7, closed=3, in_time=2, overdue=1),
        MatterKind.INSPECTION: Works(),
    }


def test_what_fell_due_on_the_last_day_is_not_overdue_at_its_end():
    assert reported(made="03-31 23:59:59").overdue_by_kind.parts["visit"] == {}
    assert reported(made="04-30 23:59:59").overdue_by_kind.parts["visit"] == {}
    assert reported("2026-04", made="04-01 00:00").overdue_by_kind.parts["visit"] == {NOT_TOLD: 3}


def test_a_matter_overdue_at_the_end_of_the_month_stays_so_in_its_report():
    # S2's and S3's grid visit of 8 April was recorded on 2 May.
    for made in ("05-01 00:00", "06-30 12:00"):
        assert reported("2026-04", made=made).overdue_by_kind.parts["visit"] == {NOT_TOLD: 3}
    # At the end of May those of March are made up or missed; four town seats lack their April.
    assert reported("2026-05").overdue_by_kind.parts["visit"] == {NOT_TOLD: 4}


def test_overdue_matters_by_the_highest_rung_that_has_told_of_them():
    fired = {
        "visit:S5:2026-03": {Fired(DUE, "remind-2"), Fired(DUE, "climb-1"), Fired(DUE, "overdue")},
        "visit:S2:2026-03": {Fired(DUE, "remind-2"), Fired(day("02-28"), "climb-2")},  # under another due date
        "petition:P3:handle:1": {Fired(day("03-16"), "overdue")},
    }
    overdue = reported("2026-04", fired=fired).overdue_by_town
    assert overdue.parts == {"T1": {"climb-1": 1, "overdue": 1, NOT_TOLD: 2}, "T2": {NOT_TOLD: 3}}
    assert overdue.total == {"climb-1": 1, "overdue": 1, NOT_TOLD: 5}


# Opinions, projects, coverage -------------------------------------------------------------


def test_opinions_by_town():
    petitions = reported().petitions
    assert petitions.parts == {
        "T1": Petitions(registered=3, registered_late=1, satisfied=1, dissatisfied=1, in_hand=2),
        "T2": Petitions(registered=1, withdrawn=1),
    }
    assert petitions.total.rate == pytest.approx(1 / 2)
    assert petitions.parts["T2"].rate is None


def test_an_opinion_closed_in_the_next_month_is_closed_there():
    assert reported("2026-04").petitions.total == Petitions(basically=1, in_hand=1)


def test_an_event_that_did_not_hold_is_not_counted():
    events = [e for e in SPRING.petition_events if not (e.petition == "P1" and e.event == "verified")]
    assert reported(of=replace(SPRING, petition_events=events)).petitions.total.satisfied == 0


def test_projects_by_town():
    projects = reported().projects
    assert projects.parts == {
        "T1": Projects(under_way=3, key=1, on_time=1, slipped=1, done=1),
        "T2": Projects(under_way=1, overdue=1),
    }
    assert reported().key_projects == Projects(under_way=1, key=1, on_time=1, done=1)


def test_a_project_that_is_done_is_no_longer_under_way():
    projects = reported("2026-04").projects
    assert projects.parts == {"T1": Projects(under_way=2, slipped=1, overdue=2), "T2": Projects(under_way=1, overdue=1)}


def test_a_project_is_not_reported_before_it_is_known():
    assert reported("2026-02").projects.total == Projects()


def test_coverage_of_those_who_sit_on_the_last_day():
    march = reported()
    assert [finding.subject for finding in march.findings] == ["grid:G2"]
    assert march.gaps.parts == {"T1": {Gap.GRID_WITHOUT_DEPUTY: 1}, "T2": {}}
    february = {finding.subject for finding in reported("2026-02").findings}
    assert february == {"grid:G1", "grid:G2"}  # DA takes office on 1 March; S3 sits in G3 since January


# Always -----------------------------------------------------------------------------------


@pytest.mark.parametrize("on", ["2026", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06"])
def test_the_parts_of_every_table_add_up_to_all(on):
    found = reported(on)
    for split in (found.headline, found.by_month, found.duties_by_level, found.duties_by_town, found.works):
        assert _summed(split.parts.values()) == _counts(split.total)
    for split in (found.petitions, found.projects):
        assert _summed(split.parts.values()) == _counts(split.total)
    for split in (found.overdue_by_town, found.overdue_by_kind, found.gaps):
        names = {name for part in split.parts.values() for name in part}
        assert {n: sum(part.get(n, 0) for part in split.parts.values()) for n in names} == dict(split.total)


def _counts(figures):
    return {name: getattr(figures, name) for name in type(figures).__slots__}


def _summed(parts):
    parts = [_counts(part) for part in parts]
    return {name: sum(part[name] for part in parts) for name in parts[0]}
