"""R4b: a project's milestones, what is done and replanned, and the inspections of its site."""

import pytest

from rules.facts import Acknowledgement
from rules.matters import Status
from rules.projects import wrong_milestones
from tests.rules.builders import at, brief, built, day, matter_of, milestone, progress, project, record, stands, told

#: gaps in `seq` are allowed; 7 March is a Saturday, 5 April a Sunday within Qingming
PLAN = (
    milestone(10, "approved", "03-06"),
    milestone(20, "groundbreaking", "03-07"),
    milestone(30, "completion", "04-05"),
    milestone(40, "acceptance", "06-30"),
)
BROKEN = (progress("03-02 11:00", "done", 10), progress("03-03 10:00", "done", 20, "03-02"))
FINISHED = (*BROKEN, progress("04-01 10:00", "done", 30))


def refused(docket, happens):
    """Which columns are wrong? Whatever is refused changes nothing."""
    before = dict(docket.matters)
    found = docket.refuse(happens)
    if found:
        assert docket.learn(happens.at, [happens]) == []
        assert docket.matters == before
    return [r.column for r in found]


# R4b.1: the plan ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stages", "wrong"),
    [
        (["approved", "funded", "groundbreaking", "completion", "acceptance", "feedback"], []),
        pytest.param(["groundbreaking", "progress", "progress", "acceptance"], [], id="stages may be left out"),
        pytest.param(["completion", "completion"], [], id="twice the same, but for two stages"),
        (["groundbreaking", "groundbreaking"], [2]),
        (["acceptance", "acceptance"], [2]),
        (["funded", "approved"], [2]),
        (["groundbreaking", "completion", "progress", "acceptance"], [3]),
        (["approved", "feedback", "acceptance"], [3]),
    ],
)
def test_milestones_stand_in_the_order_of_their_stages(stages, wrong):
    plan = [milestone(seq, stage, "03-31") for seq, stage in enumerate(stages, 1)]
    assert [m.seq for m, _ in wrong_milestones(plan)] == wrong
    assert [m.seq for m, _ in wrong_milestones(plan[::-1])] == wrong, "the order of the file does not matter"


def test_an_acknowledgement_from_before_makes_no_project_known():
    of = record(
        projects=(project(recorded="03-18 10:00"),),
        milestones=(milestone(1, "approved", "03-17"),),
        acknowledgements=(Acknowledgement(matter="milestone:J1:1", at=at("03-18 08:30"), office="T1"),),
    )
    fired = [(when, rung) for when, _, rung, *_ in told(of, "03-16", "03-20")]
    assert set(fired) == {("03-19 09:00", "overdue")}


def test_all_milestones_open_when_the_project_is_recorded():
    docket = built(project(), PLAN)
    assert [(brief(m), m.opened, m.due, m.responsible) for m in docket.matters.values()] == [
        ("10", day("03-02"), day("03-06"), "office:DT"),
        ("20", day("03-02"), day("03-09"), "office:DT"),
        ("30", day("03-02"), day("04-07"), "office:DT"),
        ("40", day("03-02"), day("06-30"), "office:DT"),
    ]


@pytest.mark.parametrize("office", ["DT", "DM", "T1", "MUN"])
def test_the_projects_office_is_responsible(office):
    assert matter_of(built(project(office=office), PLAN), "10").responsible == f"office:{office}"


# R4b.1: done ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "seq", "columns"),
    [
        ((), 10, []),
        pytest.param((), 20, ["event"], id="an earlier one is not done"),
        (BROKEN, 30, []),
        pytest.param(BROKEN, 40, ["event"], id="one between is not done"),
        pytest.param(BROKEN, 10, ["event"], id="done already"),
        pytest.param((), 15, ["seq"], id="no such milestone"),
        pytest.param((), None, ["seq"], id="no milestone named"),
    ],
)
def test_a_milestone_is_done_after_all_before_it(before, seq, columns):
    assert refused(built(project(), PLAN, *before), progress("04-01 10:00", "done", seq)) == columns


@pytest.mark.parametrize(
    ("dated", "columns"),
    [
        pytest.param("03-01", ["date"], id="before the one before it"),
        pytest.param("03-02", [], id="on the same day"),
        ("03-16", []),
        pytest.param("03-17", ["date"], id="after it was reported"),
    ],
)
def test_the_day_on_which_a_milestone_was_done(dated, columns):
    docket = built(project(), PLAN, *BROKEN)
    assert refused(docket, progress("03-16 10:00", "done", 30, dated)) == columns


@pytest.mark.parametrize(("dated", "settled"), [(None, "03-16"), ("03-12", "03-12")])
def test_without_a_date_it_was_done_on_the_day_it_is_reported(dated, settled):
    docket = built(project(), PLAN, *BROKEN, progress("03-16 10:00", "done", 30, dated))
    matter = matter_of(docket, "30")
    assert (matter.closed, matter.settled) == (Status.SETTLED, day(settled))


# R4b.2: replans -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "reason", "columns"),
    [
        ("04-20", "雨季", []),
        pytest.param("03-20", "提前", [], id="to an earlier day"),
        pytest.param("04-05", "雨季", ["date"], id="to the day already planned"),
        pytest.param("04-07", "雨季", [], id="to the day on which it is due anyhow"),
        (None, "雨季", ["date"]),
        ("04-20", None, ["reason"]),
    ],
)
def test_what_a_replan_needs(date, reason, columns):
    docket = built(project(), PLAN)
    assert refused(docket, progress("03-10 10:00", "replan", 30, date, reason)) == columns


def test_what_is_done_is_not_replanned():
    docket = built(project(), PLAN, *BROKEN)
    assert refused(docket, progress("03-10 10:00", "replan", 20, "04-20", "雨季")) == ["event"]


def test_a_replan_moves_its_milestone_and_not_the_others():
    docket = built(project(), PLAN, progress("03-10 10:00", "replan", 30, "07-04", "雨季"))
    assert {brief(m): m.due for m in docket.matters.values()} == {
        "10": day("03-06"),
        "20": day("03-09"),
        "30": day("07-06"),
        "40": day("06-30"),
    }
    assert matter_of(docket, "30").began == day("03-10")
    assert docket.replans == [(30, day("04-05"), day("07-04"), "雨季")]


@pytest.mark.parametrize(
    ("dates", "slips"),
    [
        (["04-20"], 1),
        (["03-20"], 0),
        (["04-20", "05-20"], 2),
        pytest.param(["04-20", "04-10", "04-20"], 2, id="to an earlier day and on again"),
        pytest.param(["03-20", "04-05"], 1, id="back to where it was"),
        pytest.param(["04-06"], 1, id="another day, though due on the same workday"),
    ],
)
def test_a_move_to_a_later_day_is_a_slip(dates, slips):
    moves = [progress(f"03-{10 + i} 10:00", "replan", 30, d, "雨季") for i, d in enumerate(dates)]
    docket = built(project(), PLAN, *moves)
    assert matter_of(docket, "30").slips == slips
    assert len(docket.replans) == len(dates)


def test_a_replan_that_leaves_the_due_date_leaves_the_ladder():
    docket = built(project(), PLAN, progress("03-10 10:00", "replan", 30, "04-06", "雨季"))
    matter = matter_of(docket, "30")
    assert (matter.due, matter.began) == (day("04-07"), day("03-02"))


# R4b.3: inspections ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "inspected", "name", "due"),
    [
        (False, [], "1", "04-01"),
        pytest.param(False, ["03-20"], "2", "04-20", id="19 April is a Sunday: forward"),
        (True, [], "1", "03-17"),
        (True, ["03-10", "03-20"], "3", "04-07"),
    ],
)
def test_the_site_is_inspected_every_thirty_days_or_fifteen(key, inspected, name, due):
    visits = [progress(f"{d} 10:00", "inspected") for d in inspected]
    docket = built(project(is_key=key), PLAN, *BROKEN, *visits)
    matter = docket.matters[f"inspection:J1:{name}"]
    assert matter.due == day(due)
    assert matter.opened == day(inspected[-1] if inspected else "03-02")
    assert matter.began == day(inspected[-1] if inspected else "03-03"), "its ladder begins when it became known"


@pytest.mark.parametrize(("who", "responsible"), [("DA", "deputy:DA"), (None, "office:T1")])
def test_the_projects_deputy_inspects_and_without_one_the_town(who, responsible):
    docket = built(project(deputy=who), PLAN, *BROKEN)
    assert docket.matters["inspection:J1:1"].responsible == responsible


def test_an_inspection_settles_the_open_one_by_its_own_date():
    docket = built(project(), PLAN, *BROKEN, progress("04-03 10:00", "inspected", date="03-30"))
    first, second = (docket.matters[f"inspection:J1:{n}"] for n in (1, 2))
    assert (first.closed, first.settled) == (Status.SETTLED, day("03-30"))
    assert (second.opened, second.due, second.began) == (day("03-30"), day("04-29"), day("04-03"))


@pytest.mark.parametrize(
    ("dated", "columns"),
    [
        pytest.param("03-19", ["date"], id="before the last inspection"),
        pytest.param("03-20", ["date"], id="on its day"),
        ("03-21", []),
        ("03-25", []),
        pytest.param("03-26", ["date"], id="after it was reported"),
    ],
)
def test_an_inspection_is_dated_after_the_last_one(dated, columns):
    docket = built(project(), PLAN, *BROKEN, progress("03-20 10:00", "inspected"))
    assert refused(docket, progress("03-25 10:00", "inspected", date=dated)) == columns


@pytest.mark.parametrize(("dated", "columns"), [("03-01", ["date"]), ("03-02", []), ("03-03", [])])
def test_the_first_inspection_is_not_before_groundbreaking(dated, columns):
    docket = built(project(), PLAN, *BROKEN)
    assert refused(docket, progress("03-25 10:00", "inspected", date=dated)) == columns


@pytest.mark.parametrize(
    ("before", "columns"),
    [
        pytest.param(BROKEN[:1], ["event"], id="before groundbreaking"),
        (BROKEN, []),
        (FINISHED, []),
        pytest.param((*FINISHED, progress("04-10 10:00", "done", 40)), ["event"], id="after acceptance"),
    ],
)
def test_there_are_inspections_from_groundbreaking_to_acceptance(before, columns):
    docket = built(project(), PLAN, *before)
    assert refused(docket, progress("04-15 10:00", "inspected")) == columns


def test_an_inspection_names_no_milestone():
    assert refused(built(project(), PLAN, *BROKEN), progress("04-15 10:00", "inspected", 20)) == ["seq"]


@pytest.mark.parametrize(("dated", "columns"), [("04-09", ["date"]), ("04-10", []), ("04-13", [])])
def test_acceptance_is_not_before_the_last_inspection(dated, columns):
    docket = built(project(), PLAN, *FINISHED, progress("04-10 10:00", "inspected"))
    assert refused(docket, progress("04-13 10:00", "done", 40, dated)) == columns


@pytest.mark.parametrize("accepted", ["04-01", "04-02", "05-20"], ids=["on its due date", "overdue", "long overdue"])
def test_acceptance_cancels_the_open_inspection_as_of_its_own_date(accepted):
    docket = built(project(), PLAN, *FINISHED, progress("05-20 10:00", "done", 40, accepted))
    matter = docket.matters["inspection:J1:1"]
    assert (matter.closed, matter.settled) == (Status.CANCELLED, day(accepted))
    assert "inspection:J1:2" not in docket.matters


def test_without_acceptance_the_last_milestone_ends_the_inspections():
    docket = built(project(), PLAN[:3], *FINISHED)
    assert docket.matters["inspection:J1:1"].closed is Status.CANCELLED
    assert refused(docket, progress("04-15 10:00", "inspected")) == ["event"]


def test_a_project_without_groundbreaking_has_no_inspection():
    plan = (milestone(1, "approved", "03-06"), milestone(2, "acceptance", "04-06"))
    docket = built(project(), plan, progress("03-05 10:00", "done", 1), progress("04-03 10:00", "done", 2))
    assert stands(docket, "04-30") == {"1": "settled", "2": "settled"}


def test_feedback_comes_after_acceptance_and_inspections_do_not():
    plan = (*PLAN, milestone(50, "feedback", "07-31"))
    docket = built(project(), plan, *FINISHED, progress("04-10 10:00", "done", 40), progress("04-13 10:00", "done", 50))
    assert matter_of(docket, "50").settled == day("04-13")
    assert docket.matters["inspection:J1:1"].settled == day("04-10")


def test_events_of_one_instant_are_stepped_through_in_their_order():
    docket = built(project(), PLAN)
    docket.learn(at("03-03 10:00"), [progress("03-03 10:00", "done", 10), progress("03-03 10:00", "done", 20)])
    assert stands(docket, "03-03") == {"10": "settled", "20": "settled", "30": "open", "40": "open", "1": "open"}
