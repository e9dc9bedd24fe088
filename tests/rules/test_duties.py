"""R3: what a seat owes in each period, what counts as an arrival, and how a period stands on a day."""

import pytest

from rules.facts import VisitKind
from rules.matters import Status
from tests.rules.builders import brief, day, duties, leave, matter_of, run, seat, stands, visit
from tests.rules.builders import record as record_of

S, G = VisitKind.STATION, VisitKind.GRID
ROLLING = {"period": "rolling"}


def march(*facts, until="06-30", on=None, **settings):
    """How does the duty of March stand on a day, on the facts known by then? None: it owes nothing."""
    of = settings.pop("of", seat())
    return stands(duties(of, *facts, until=on or until, **settings), on or until).get("2026-03")


# R3.1, R3.2: periods ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "periods"),
    [
        ("province", [("2025-H2", "2025-12-31"), ("2026-H1", "2026-06-30")]),
        ("prefecture", [("2025-H2", "2025-12-31"), ("2026-H1", "2026-06-30")]),
        ("county", [("2025-Q4", "2025-12-31"), ("2026-Q1", "2026-03-31")]),
        ("town", [("2025-12", "2025-12-31"), ("2026-01", "2026-01-31"), ("2026-02", "2026-02-28")]),
    ],
)
def test_a_period_of_a_level_is_due_on_its_last_day_whatever_day_that_is(level, periods):
    begins = "2025-12-01" if level == "town" else "2025-10-01" if level == "county" else "2025-07-01"
    docket = duties(seat(level=level, begins=begins), until="02-28", start="2025-01-01")
    assert [(brief(m), m.due.isoformat()) for m in docket.matters.values()] == periods


@pytest.mark.parametrize(("on", "opened"), [("03-31", ["2026-03"]), ("04-01", ["2026-03", "2026-04"])])
def test_a_period_opens_on_its_first_day(on, opened):
    assert list(stands(duties(seat(), until=on), on)) == opened


def test_a_visit_counts_for_every_seat_of_the_deputy_that_it_fits():
    seats = (
        seat(id="S1"),
        seat(id="S2", level="county", begins="01-01"),
        seat(id="S3", station="V2"),
        seat(id="S4", deputy="DB"),
    )
    record = record_of(seats=seats, visits=(visit("03-05", "V1"), visit("03-06", "G1")))
    arrivals = {m.id: m.arrivals for m in run(record, "03-01", "03-31").matters()}
    assert arrivals["visit:S1:2026-03"] == arrivals["visit:S2:2026-Q1"] == (S, G)
    assert arrivals["visit:S3:2026-03"] == (G,)
    assert arrivals["visit:S4:2026-03"] == ()


# R3.3, R3.4: which arrivals are owed, and where ---------------------------------------------------


@pytest.mark.parametrize(
    ("arrivals", "places", "status"),
    [
        ("both", ["V1", "G1"], "met"),
        ("both", ["V1"], "overdue"),
        ("both", ["G1", "G1a"], "overdue"),
        ("both", [], "overdue"),
        ("either", ["V1"], "met"),
        ("either", ["G1"], "met"),
        ("either", [], "overdue"),
    ],
)
def test_both_arrivals_are_owed_or_either(arrivals, places, status):
    assert march(*(visit("03-05", p) for p in places), on="04-01", arrivals=arrivals) == status


@pytest.mark.parametrize(
    ("of", "place", "counts"),
    [
        pytest.param(seat(), "V1", True, id="the seat's own station"),
        pytest.param(seat(), "C1", True, id="the central station of its town"),
        pytest.param(seat(), "V2", False, id="another village's station"),
        pytest.param(seat(), "V3", False, id="a station of another town"),
        pytest.param(seat(), "G1", True, id="the seat's own grid"),
        pytest.param(seat(), "G1a", True, id="a micro-grid under it"),
        pytest.param(seat(), "G1aa", True, id="a micro-grid under that"),
        pytest.param(seat(), "G2", False, id="another grid"),
        pytest.param(seat(grid="G1a"), "G1", False, id="the grid above a seat's micro-grid"),
        pytest.param(seat(grid="G1a"), "G1a", True, id="a seat's micro-grid"),
        pytest.param(seat(grid="G1a"), "G1aa", True, id="a micro-grid under a seat's micro-grid"),
        pytest.param(seat(station=None), "C1", True, id="central, for a seat without a station"),
        pytest.param(seat(station=None), "V1", False, id="a village's station, for a seat without one"),
        pytest.param(seat(station="V3", town="T2"), "C1", False, id="the central station of another town"),
        pytest.param(seat(grid=None), "G1", False, id="a grid, for a seat without one"),
    ],
)
def test_where_an_arrival_counts(of, place, counts):
    assert bool(matter_of(duties(of, visit("03-05", place)), "2026-03").arrivals) is counts


@pytest.mark.parametrize("place", ["V1", "V2", "V3", "C1", "G1", "G2", "G3"])
def test_anywhere_counts_where_any_place_is_admitted(place):
    assert matter_of(duties(seat(), visit("03-05", place), place="any"), "2026-03").arrivals


@pytest.mark.parametrize(
    ("of", "owed", "met_by"),
    [
        pytest.param(seat(), (S, G), ["V1", "G1"], id="station and grid"),
        pytest.param(seat(station=None), (S, G), ["C1", "G1"], id="central serves a seat without a station"),
        pytest.param(seat(station=None, grid="G3", town="T2"), (G,), ["G3"], id="no station and no central one"),
        pytest.param(seat(grid=None), (S,), ["V1"], id="no grid"),
    ],
)
def test_a_seat_owes_only_arrivals_that_it_can_make(of, owed, met_by):
    docket = duties(of, *(visit("03-05", p) for p in met_by), until="03-31")
    assert matter_of(docket, "2026-03").owed == owed
    assert stands(docket, "03-31") == {"2026-03": "met"}


@pytest.mark.parametrize("settings", [{}, {"place": "any"}, {"arrivals": "either", "place": "any"}, ROLLING])
def test_a_seat_with_nowhere_to_go_has_no_matter(settings):
    nowhere = seat(station=None, grid=None, town="T2")
    assert duties(nowhere, visit("03-05", "V1"), visit("03-05", "G1"), **settings).matters == {}


@pytest.mark.parametrize(
    ("settings", "status", "arrivals"),
    [
        pytest.param({}, "overdue", (), id="assigned: it does not fit"),
        pytest.param({"place": "any"}, "overdue", (), id="any place, both: a kind not owed does not count"),
        pytest.param({"place": "any", "arrivals": "either"}, "met", (G,), id="any place, either: it counts"),
    ],
)
def test_an_arrival_of_a_kind_not_owed(settings, status, arrivals):
    docket = duties(seat(grid=None), visit("03-05", "G1"), until="04-01", **settings)
    assert stands(docket, "04-01")["2026-03"] == status
    assert matter_of(docket, "2026-03").arrivals == arrivals


# R3.5: the term, and when a visit is known ----------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "counts"),
    [("03-09", False), ("03-10", True), ("04-30", True), ("05-01", False)],
    ids=["before the term", "its first day", "its last day", "after the term"],
)
def test_an_arrival_counts_within_the_term(when, counts):
    docket = duties(seat(begins="03-10", ends="04-30"), visit(when))
    assert any(m.arrivals for m in docket.matters.values()) is counts


def test_a_visit_is_known_from_its_recording_and_counts_by_its_date():
    late = (visit("03-05", "V1"), visit("03-28", "G1", recorded="04-10 15:00"))
    assert march(*late, on="04-09") == "overdue"
    docket = duties(seat(), *late, until="04-10")
    assert stands(docket, "04-10")["2026-03"] == "met"
    assert matter_of(docket, "2026-03").settled == day("03-28")


# R3.6: periods that owe nothing ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "begins", "owes"),
    [
        pytest.param("town", "03-16", True, id="16 of 31 days"),
        pytest.param("town", "03-17", False, id="15 of 31 days"),
        pytest.param("town", "04-16", True, id="15 of 30 days, just half"),
        pytest.param("town", "04-17", False, id="14 of 30 days"),
        pytest.param("town", "02-15", True, id="14 of 28 days, just half"),
        pytest.param("town", "02-16", False, id="13 of 28 days"),
        pytest.param("county", "02-15", True, id="45 of 90 days, just half"),
        pytest.param("county", "02-16", False, id="44 of 90 days"),
        pytest.param("province", "04-01", True, id="91 of 181 days"),
        pytest.param("province", "04-02", False, id="90 of 181 days"),
    ],
)
def test_a_first_period_with_less_than_half_of_its_days_owes_nothing(level, begins, owes):
    docket = duties(seat(level=level, begins=begins), until=begins)
    assert bool(docket.matters) is owes


@pytest.mark.parametrize(("ends", "owes"), [("03-30", False), ("03-31", True), ("04-29", True)])
def test_a_period_whose_due_date_the_term_does_not_reach_owes_nothing(ends, owes):
    assert ("2026-03" in stands(duties(seat(ends=ends), until="03-15"), "03-15")) is owes


def test_a_term_that_ends_within_the_next_period_has_no_matter_for_that():
    assert list(stands(duties(seat(ends="04-29")), "06-30")) == ["2026-03"]


@pytest.mark.parametrize(("begins", "opened"), [("02-10", "03-01"), ("03-10", "03-10")])
def test_a_period_is_opened_on_its_first_day_or_that_of_the_term(begins, opened):
    assert matter_of(duties(seat(begins=begins)), "2026-03").opened == day(opened)


# R3.7: leave ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leaves", "status"),
    [
        pytest.param([("03-01", "03-16")], "excused", id="16 of 31 days"),
        pytest.param([("03-01", "03-15")], "overdue", id="15 of 31 days"),
        pytest.param([("03-01", "03-10"), ("03-08", "03-16")], "excused", id="overlapping: 16 days in all"),
        pytest.param([("03-01", "03-10"), ("03-08", "03-15")], "overdue", id="overlapping: 15 days in all"),
        pytest.param([("03-01", "03-08"), ("03-24", "03-31")], "excused", id="apart: 8 and 8 days"),
        pytest.param([("03-24", "03-31"), ("03-01", "03-08"), ("03-09", "03-10")], "excused", id="in any order"),
        pytest.param([("02-01", "03-15")], "overdue", id="days of another period do not count"),
        pytest.param([("02-20", "03-16")], "excused", id="from before the period"),
        pytest.param([("03-16", "04-20")], "excused", id="beyond the period"),
    ],
)
def test_leave_of_half_of_the_period_excuses_it(leaves, status):
    assert march(*(leave(*each) for each in leaves), on="04-01") == status


@pytest.mark.parametrize(
    ("level", "last", "excused"),
    [("county", "02-14", True), ("county", "02-13", False), ("province", "04-01", True), ("province", "03-31", False)],
    ids=["45 of 90 days", "44 of 90 days", "91 of 181 days", "90 of 181 days"],
)
def test_leave_is_measured_against_the_whole_period(level, last, excused):
    docket = duties(seat(level=level, begins="01-01"), leave("01-01", last), until="06-30")
    assert (next(iter(docket.matters.values())).closed is Status.EXCUSED) is excused


def test_leave_before_the_term_begins_counts_too():
    assert march(leave("03-01", "03-16"), of=seat(begins="03-10"), on="03-31") == "excused"


@pytest.mark.parametrize(("on", "status"), [("03-24", "open"), ("03-25", "excused")])
def test_leave_excuses_from_its_recording(on, status):
    known = (leave("03-01", "03-10"), leave("03-08", "03-16", recorded="03-25 12:00"))
    assert march(*known, on=on) == status


@pytest.mark.parametrize(
    ("visits", "status"),
    [
        pytest.param([("03-20", "V1"), ("03-31", "G1")], "met", id="met goes before excused"),
        pytest.param([("03-20", "V1"), ("04-01", "G1")], "excused", id="excused goes before late"),
    ],
)
def test_the_order_of_met_excused_and_late(visits, status):
    assert march(leave("03-01", "03-16"), *(visit(*v) for v in visits)) == status


# R3.9: how a period stands --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "status"),
    [
        ("03-31", "open"),
        pytest.param("04-01", "overdue", id="the day after the due date"),
        ("04-30", "overdue"),
        pytest.param("05-01", "missed", id="the day after the next period"),
    ],
)
def test_a_period_without_arrivals_by_day(on, status):
    assert march(on=on) == status


@pytest.mark.parametrize(
    ("grid", "status", "settled", "arrivals"),
    [
        ("03-31", "met", "03-31", (S, G)),
        ("04-01", "late", "04-01", (S, G)),
        pytest.param("04-30", "late", "04-30", (S, G), id="the next period's last day"),
        pytest.param("05-01", "missed", None, (S,), id="a day after it"),
    ],
)
def test_a_missing_arrival_can_be_made_up_until_the_next_period_ends(grid, status, settled, arrivals):
    docket = duties(seat(), visit("03-05"), visit(grid, "G1"))
    matter = matter_of(docket, "2026-03")
    assert matter.status_on(day("06-30")) == status
    assert matter.settled == (settled and day(settled))
    assert matter.arrivals == arrivals


@pytest.mark.parametrize(
    ("ends", "grid", "on", "status"),
    [
        ("04-15", "04-15", "04-16", "late"),
        pytest.param("04-15", "04-16", "04-16", "missed", id="made up a day after the term"),
        ("04-15", None, "04-15", "overdue"),
        pytest.param("04-15", None, "04-16", "missed", id="the day after the term"),
        pytest.param("03-31", None, "04-01", "missed", id="due on the term's last day: never overdue"),
    ],
)
def test_a_period_is_missed_when_the_term_has_ended(ends, grid, on, status):
    visits = [visit("03-05"), *([visit(grid, "G1")] if grid else [])]
    assert march(*visits, of=seat(ends=ends), on=on) == status


def test_a_next_period_that_is_exempt_still_lets_one_make_up():
    assert march(visit("03-05"), visit("04-20", "G1"), leave("04-01", "04-18")) == "late"


def test_an_arrival_that_makes_up_counts_for_its_own_period_too():
    docket = duties(seat(), visit("03-05"), visit("04-02"), visit("04-20", "G1"), until="04-30")
    assert stands(docket, "04-30") == {"2026-03": "late", "2026-04": "met"}


@pytest.mark.parametrize(("dated", "status"), [("03-28", "met"), ("04-20", "late"), ("05-02", "missed")])
def test_a_record_that_comes_after_all_is_over_counts_by_its_date(dated, status):
    facts = (visit("03-05"), visit(dated, "G1", recorded="05-10 10:00"))
    assert march(*facts, on="05-09") == "missed"
    assert march(*facts, on="05-10") == status


def test_late_arrivals_are_listed_up_to_the_settling_day():
    docket = duties(seat(), visit("04-05", "G1"), visit("04-07", "V1"), arrivals="either")
    matter = matter_of(docket, "2026-03")
    assert (matter.closed, matter.settled, matter.arrivals) == (Status.LATE, day("04-05"), (G,))


def test_missed_arrivals_are_listed_up_to_the_end_of_the_next_period():
    assert matter_of(duties(seat(), visit("04-30"), visit("05-01", "G1")), "2026-03").arrivals == (S,)


def test_excused_arrivals_are_listed_within_the_period():
    docket = duties(seat(), leave("03-01", "03-16"), visit("03-20"), visit("04-01", "G1"))
    assert matter_of(docket, "2026-03").arrivals == (S,)


@pytest.mark.parametrize(("start", "silent"), [("2026-03-31", False), ("2026-04-01", True)])
def test_a_period_that_ended_before_the_system_was_in_use_is_silent(start, silent):
    assert matter_of(duties(seat(), start=start), "2026-03").silent is silent


def test_the_ladder_of_a_calendar_period_begins_with_the_period():
    docket = duties(seat(begins="03-10"), visit("03-12", recorded="03-20 10:00"))
    assert [m.began for m in docket.matters.values()] == [day(d) for d in ("03-10", "04-01", "05-01", "06-01")]


# R3.2, R3.7 rolling ---------------------------------------------------------------------------------


def cycles(docket, on="12-31"):
    """Which cycles are there, when is each due, and how does it stand?"""
    return [(brief(m)[5:], m.due.isoformat()[5:], m.status_on(day(on)).value) for m in docket.matters.values()]


@pytest.mark.parametrize(
    ("begins", "start", "level", "cycle", "due"),
    [
        pytest.param("03-09", "2026-01-01", "town", "2026-03-09", "2026-04-09", id="from the seat's first day"),
        pytest.param("03-09", "2026-03-20", "town", "2026-03-20", "2026-04-20", id="from start_on, if later"),
        pytest.param("01-31", "2026-01-01", "town", "2026-01-31", "2026-02-28", id="the month's last day"),
        pytest.param("03-04", "2026-01-01", "town", "2026-03-04", "2026-04-04", id="a holiday does not move it"),
        pytest.param("03-09", "2026-01-01", "county", "2026-03-09", "2026-06-09", id="county"),
        pytest.param("03-09", "2026-01-01", "province", "2026-03-09", "2026-09-09", id="province"),
    ],
)
def test_the_first_cycle(begins, start, level, cycle, due):
    docket = duties(seat(level=level, begins=begins), start=start, **ROLLING)
    assert [(brief(m), m.opened, m.due) for m in docket.matters.values()] == [(cycle, day(cycle), day(due))]


def test_the_first_cycle_opens_on_its_day():
    of = seat(begins="03-09")
    assert duties(of, until="03-08", **ROLLING).matters == {}
    assert list(stands(duties(of, until="03-09", **ROLLING), "03-09")) == ["2026-03-09"]


@pytest.mark.parametrize(
    ("station", "done"),
    [pytest.param("03-02", False, id="on the cycle's first day"), pytest.param("03-03", True, id="the day after")],
)
def test_a_visit_on_the_day_a_cycle_starts_does_not_count(station, done):
    docket = duties(seat(begins="03-02"), visit(station), visit("03-20", "G1"), **ROLLING)
    assert (matter_of(docket, "2026-03-02").closed is Status.MET) is done


def test_the_next_cycle_starts_on_the_day_of_the_last_missing_arrival():
    visits = (visit("03-10"), visit("03-20", "G1"), visit("04-22"), visit("04-22", "G1"))
    docket = duties(seat(begins="03-02"), *visits, **ROLLING)
    assert cycles(docket, on="05-01") == [
        ("03-02", "04-02", "met"),
        ("03-20", "04-20", "late"),
        ("04-22", "05-22", "open"),
    ]
    assert [m.settled for m in docket.matters.values()] == [day("03-20"), day("04-22"), None]


@pytest.mark.parametrize(
    ("leaves", "due"),
    [
        pytest.param([("04-01", "04-03")], "04-23", id="three days within the cycle"),
        pytest.param([("03-20", "03-22")], "04-22", id="leave on the first day does not count"),
        pytest.param([("04-20", "04-20")], "04-21", id="leave on the due date"),
        pytest.param([("04-21", "04-25")], "04-20", id="leave from the day after it"),
        pytest.param([("04-15", "04-25")], "05-01", id="leave within the days it moved the date by"),
        pytest.param([("04-01", "04-02"), ("04-02", "04-03")], "04-23", id="a day counts once"),
        pytest.param([("03-25", "04-20")], "05-17", id="27 days: neither midpoint nor excuse"),
    ],
)
def test_each_day_of_leave_moves_a_cycle_by_a_day(leaves, due):
    docket = duties(seat(begins="03-20"), *(leave(*each) for each in leaves), **ROLLING)
    assert [m.due for m in docket.matters.values()] == [day(due)]


@pytest.mark.parametrize(
    ("grid", "due", "status"),
    [
        pytest.param("04-10", "04-26", "met", id="leave after the cycle was completed does not count"),
        pytest.param("05-01", "05-01", "met", id="on the due date so moved"),
        pytest.param("05-02", "05-01", "late", id="a day later"),
    ],
)
def test_leave_counts_while_the_cycle_runs(grid, due, status):
    facts = (leave("04-05", "04-15"), visit("03-25"), visit(grid, "G1"))
    matter = matter_of(duties(seat(begins="03-20"), *facts, **ROLLING), "2026-03-20")
    assert (matter.due, matter.status_on(day("06-30"))) == (day(due), status)


@pytest.mark.parametrize(
    ("ends", "on", "status"),
    [
        (None, "2027-12-31", "overdue"),
        ("12-31", "2026-12-31", "overdue"),
        pytest.param("12-31", "2027-01-01", "missed", id="the day after the term"),
    ],
)
def test_a_cycle_is_missed_only_when_the_term_has_ended(ends, on, status):
    assert stands(duties(seat(begins="03-02", ends=ends), **ROLLING), on) == {"2026-03-02": status}


@pytest.mark.parametrize(("ends", "owes"), [("04-01", False), ("04-02", True)])
def test_a_cycle_that_the_term_does_not_reach_is_exempt(ends, owes):
    assert bool(duties(seat(begins="03-02", ends=ends), **ROLLING).matters) is owes


def test_leave_that_moves_a_cycle_beyond_the_term_exempts_it():
    of, away = seat(begins="03-02", ends="04-05"), leave("03-10", "03-14", recorded="03-10 09:00")
    assert stands(duties(of, away, until="03-09", **ROLLING), "03-09") == {"2026-03-02": "open"}
    assert duties(of, away, until="03-10", **ROLLING).matters == {}


def test_a_visit_recorded_late_reckons_the_later_cycles_anew_under_their_new_ids():
    facts = (visit("03-10"), visit("03-20", "G1"), visit("03-12", "G1", recorded="03-30 15:00"))
    of = seat(begins="03-02")
    assert cycles(duties(of, *facts, until="03-29", **ROLLING), "03-29") == [
        ("03-02", "04-02", "met"),
        ("03-20", "04-20", "open"),
    ]
    after = duties(of, *facts, until="03-30", **ROLLING)
    assert cycles(after, "03-30") == [("03-02", "04-02", "met"), ("03-12", "04-12", "open")]
    assert matter_of(after, "2026-03-12").began == day("03-30")
    assert matter_of(after, "2026-03-12").arrivals == (G,)


def test_the_ladder_of_a_cycle_begins_when_its_due_date_became_known():
    facts = (
        visit("03-10"),
        visit("03-20", "G1", recorded="03-23 10:00"),
        leave("04-01", "04-03", recorded="03-30 10:00"),
        visit("04-02", recorded="04-08 10:00"),
    )
    docket = duties(seat(begins="03-02"), *facts, until="03-29", **ROLLING)
    assert [m.began for m in docket.matters.values()] == [day("03-02"), day("03-23")]
    docket = duties(seat(begins="03-02"), *facts, until="04-30", **ROLLING)
    assert [m.began for m in docket.matters.values()] == [day("03-02"), day("03-30")]


def test_no_cycle_begins_before_the_system_was_in_use():
    docket = duties(seat(begins="01-01"), visit("02-01"), visit("02-02", "G1"), start="2026-03-02", **ROLLING)
    assert list(stands(docket, "06-30")) == ["2026-03-02"]
