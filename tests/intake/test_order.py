"""Are events judged in their order, and is one mistake one fault? (R4.3, R4b)"""

import pytest

from tests.intake.records import LOOP, PETITION, PLAN, PROJECT, checked, findings, places, write

LINES = LOOP.splitlines(keepends=True)
PROGRESS = """\
J1,2026-03-10T09:00,done,1,,
J1,2026-04-01T09:00,replan,2,2026-04-25,下雨
J1,2026-04-24T09:00,done,2,2026-04-23,
J1,2026-05-20T09:00,inspected,,,
J1,2026-06-19T09:00,inspected,,2026-06-18,
J1,2026-06-29T09:00,done,3,,
J1,2026-09-29T09:00,done,4,,
"""
STEPS = PROGRESS.splitlines(keepends=True)


def petition(tmp_path, events, row=PETITION):
    return write(tmp_path, {"petitions": row, "petition_events": "".join(events)})


def project(tmp_path, events, plan=PLAN, row=PROJECT):
    return write(tmp_path, {"projects": row, "milestones": plan, "project_events": "".join(events)})


def test_the_whole_loop_is_in_order(tmp_path):
    assert findings(petition(tmp_path, LINES)) == []


def test_events_are_judged_by_their_time_whatever_their_order_in_the_file(tmp_path):
    assert findings(petition(tmp_path, reversed(LINES))) == []


def test_events_of_one_instant_are_judged_in_the_order_of_the_file(tmp_path):
    at = "P1,2026-03-10T10:00"
    good = [f"{at},assigned,D1,,,,,\n", f"{at},accepted,,,,,,\n"]
    assert findings(petition(tmp_path / "good", good)) == []
    assert places(petition(tmp_path / "bad", reversed(good))) == [("petition_events", 2, "event")]


def test_an_event_of_the_instant_of_registration_is_in_time(tmp_path):
    assert findings(petition(tmp_path, ["P1,2026-03-09T10:00,assigned,D1,,,,,\n"])) == []


def test_the_fault_says_the_stage_and_what_it_admits(tmp_path):
    folder = petition(tmp_path, [*LINES[:1], "P1,2026-03-12T10:00,verified,,,,,ok,\n"])
    (finding,) = findings(folder)
    assert finding == (
        "petition_events.csv, row 3, column event: 'verified' is out of order: petition P1 is at stage accept "
        "since 2026-03-10: it admits accepted, returned, raised, handled, withdrawn; got verified"
    )


@pytest.mark.parametrize(
    ("event", "column"),
    [
        ("P1,2026-03-09T09:59,assigned,D1,,,,,", "at"),
        ("P1,2026-03-10T10:00,assigned,,,,,,", "office"),
        ("P1,2026-03-10T10:00,assigned,DX,,,,,", "office"),
        ("P1,2026-03-10T10:00,assigned,T1,,,,,", "office"),
        ("P1,2026-03-10T10:00,assigned,D9,,,,,", "office"),
        ("P1,2026-03-10T10:00,assigned,D1,,2026-03-09,,,", "until"),
        ("P1,2026-03-10T10:00,assigned,D1,,2026-04-01,yes,,", "until"),
        ("P1,2026-03-10T10:00,assigned,D1,town,,,,", "level"),
        ("P1,2026-03-10T10:00,assigned,D1,,,,ok,", "result"),
        ("P1,2026-03-10T10:00,assigned,D1,,,,,坏\x07", "note"),
        ("P1,some day,assigned,D1,,,,,", "at"),
        ("P1,2026-03-10T10:00,asigned,D1,,,,,", "event"),
    ],
)
def test_a_wrong_cell_is_one_fault_and_what_follows_is_judged_as_if_it_were_right(tmp_path, event, column):
    folder = petition(tmp_path, [f"{event}\n", *LINES[1:]])
    assert places(folder) == [("petition_events", 2, column)]


def test_a_later_fault_is_found_after_a_wrong_cell(tmp_path):
    events = [
        "P1,2026-03-10T10:00,assigned,T1,,,,,\n",
        *LINES[1:3],
        "P1,2026-03-23T10:00,verified,,,,,satisfied,\n",
        LINES[4],
    ]
    assert places(petition(tmp_path, events)) == [("petition_events", 2, "office"), ("petition_events", 5, "result")]


@pytest.mark.parametrize("result", ["satisfied", "rework?", ""])
def test_a_result_that_says_nothing_blames_nothing_after_it(tmp_path, result):
    rework = [*LINES[:3], f"P1,2026-03-23T10:00,verified,,,,,{result},\n", "P1,2026-03-25T10:00,handled,,,,,,\n"]
    assert places(petition(tmp_path / "rework", rework)) == [("petition_events", 5, "result")]
    ok = [*LINES[:3], f"P1,2026-03-23T10:00,verified,,,,,{result},\n", LINES[4]]
    assert places(petition(tmp_path / "ok", ok)) == [("petition_events", 5, "result")]


@pytest.mark.parametrize(
    ("wrong", "row"),
    [
        ([LINES[0].replace("assigned,D1", "verified,"), *LINES[1:]], 2),  # one event for another
        (LINES[1:], 2),  # one event is missing
        ([*LINES[:2], LINES[1], *LINES[2:]], 4),  # one event too many
        ([LINES[0], LINES[1], LINES[2].replace("2026-03-19T20", "2026-03-09T20"), *LINES[3:]], 4),  # wrong time
        ([LINES[0].replace("2026-03-10", "2026-04-10"), *LINES[1:]], 2),  # wrong time, late
    ],
)
def test_one_mistake_in_the_order_is_one_fault(tmp_path, wrong, row):
    found = places(petition(tmp_path, wrong))
    assert [(t, r) for t, r, _ in found] == [("petition_events", row)]


def test_two_mistakes_in_the_order_are_two_faults(tmp_path):
    events = [
        "P1,2026-03-09T11:00,verified,,,,,ok,\n",
        LINES[0],
        "P1,2026-03-10T11:00,fed_back,,,,,satisfied,\n",
        *LINES[1:],
    ]
    assert places(petition(tmp_path, events)) == [("petition_events", 2, "event"), ("petition_events", 4, "event")]


def test_an_event_filed_under_a_petition_that_is_not_there_is_not_missed_where_it_belongs(tmp_path):
    events = [LINES[0].replace("P1", "PX"), *LINES[1:]]
    assert places(petition(tmp_path, events)) == [("petition_events", 2, "petition")]


def test_after_an_event_that_cannot_be_read_the_order_is_not_judged(tmp_path):
    events = [LINES[0], "P1,2026-03-11T09:00,,,,,,,\n", "P1,2026-03-12T09:00,fed_back,,,,,ok,\n"]
    assert places(petition(tmp_path, events)) == [("petition_events", 3, "event")]
    before = [*LINES[:1], "P1,2026-03-10T11:00,fed_back,,,,,satisfied,\n", "P1,soon,accepted,,,,,,\n"]
    assert places(petition(tmp_path / "before", before)) == [
        ("petition_events", 3, "event"),
        ("petition_events", 4, "at"),
    ]


def test_a_petition_that_cannot_be_read_has_no_order(tmp_path):
    folder = petition(tmp_path, LINES[1:], PETITION.replace(",town,", ",everywhere,"))
    assert places(folder) == [("petitions", 2, "level")]


def test_a_petition_with_a_wrong_phone_has_one(tmp_path):
    folder = petition(tmp_path, [LINES[1]], PETITION.replace("13970000001", "139"))
    assert places(folder) == [("petitions", 2, "petitioner_mobile"), ("petition_events", 2, "event")]


@pytest.mark.parametrize(
    ("event", "column"),
    [
        ("P1,2026-03-12T10:00,extended,,,2026-04-01,,,", "note"),
        ("P1,2026-03-12T10:00,extended,,,,,,雨", "until"),
        ("P1,2026-03-12T10:00,extended,,,2026-03-13,,,雨", "until"),
        ("P1,2026-03-27T10:00,extended,,,2026-04-13,,,雨", "event"),
        ("P1,2026-03-12T10:00,raised,,town,,,,", "level"),
        ("P1,2026-03-12T10:00,raised,,,,,,", "level"),
        ("P1,2026-03-12T10:00,acknowledged,,,,,,", "office"),
        ("P1,2026-03-12T10:00,acknowledged,T1,,,,ok,", "result"),
        ("P1,2026-03-12T10:00,withdrawn,D1,,,,,", "office"),
    ],
)
def test_a_wrong_cell_of_a_later_event(tmp_path, event, column):
    assert places(petition(tmp_path, [*LINES[:2], f"{event}\n"])) == [("petition_events", 4, column)]


# Projects -------------------------------------------------------------------------------


def test_a_project_from_groundbreaking_to_acceptance_is_in_order(tmp_path):
    assert findings(project(tmp_path, STEPS)) == []


@pytest.mark.parametrize(
    ("index", "event", "column"),
    [
        (0, "J1,2026-02-10T09:00,done,1,,", "at"),
        (0, "J1,2026-03-10T09:00,done,,,", "seq"),
        (0, "J1,2026-03-10T09:00,done,9,,", "seq"),
        (0, "J1,2026-03-10T09:00,done,one,,", "seq"),
        (0, "J1,2026-03-10T09:00,done,1,2026-03-11,", "date"),
        (0, "J1,2026-03-10T09:00,done,2,,", "event"),
        (1, "J1,2026-04-01T09:00,replan,2,,下雨", "date"),
        (1, "J1,2026-04-01T09:00,replan,2,2026-04-25,", "reason"),
        (1, "J1,2026-04-01T09:00,replan,2,2026-04-20,下雨", "date"),
        (1, "J1,2026-04-01T09:00,replan,1,2026-04-25,下雨", "event"),
        (2, "J1,2026-04-24T09:00,done,2,2026-03-09,", "date"),
        (2, "J1,2026-04-24T09:00,done,2,2206-04-23,", "date"),
        (3, "J1,2026-04-20T09:00,inspected,,,", "event"),
        (3, "J1,2026-05-20T09:00,inspected,2,,", "seq"),
        (4, "J1,2026-06-19T09:00,inspected,,2026-05-20,", "date"),
        (6, "J1,2026-09-29T09:00,done,4,2026-06-01,", "date"),
        (6, "J1,2026-09-29T09:00,done,3,,", "event"),
    ],
)
def test_a_wrong_event_of_a_project_is_one_fault(tmp_path, index, event, column):
    events = [*STEPS[:index], f"{event}\n", *STEPS[index + 1 :]]
    assert places(project(tmp_path, events)) == [("project_events", index + 2, column)]


@pytest.mark.parametrize("missing", range(7))
def test_an_event_of_a_project_that_is_missing_is_at_most_one_fault(tmp_path, missing):
    assert len(findings(project(tmp_path, [*STEPS[:missing], *STEPS[missing + 1 :]]))) <= 1


def test_an_inspection_after_acceptance_is_out_of_order(tmp_path):
    found = findings(project(tmp_path, [*STEPS, "J1,2026-10-10T09:00,inspected,,,\n"]))
    assert len(found) == 1
    assert "row 9, column event: 'inspected' is out of order" in found[0]


@pytest.mark.parametrize(
    ("good", "bad", "row"),
    [
        ("J1,1,approved", "J1,1,feedback", 2),
        ("J1,2,groundbreaking", "J1,2,acceptance", 3),
        ("J1,3,progress", "J1,3,approved", 4),
        ("J1,3,progress", "J1,3,groundbreaking", 4),
        ("J1,4,acceptance", "J1,4,funded", 5),
    ],
)
def test_a_milestone_out_of_the_order_of_stages_is_one_fault(tmp_path, good, bad, row):
    assert places(project(tmp_path, [], PLAN.replace(good, bad))) == [("milestones", row, "stage")]


def test_gaps_in_seq_and_several_progress_points_are_fine(tmp_path):
    plan = "J1,10,progress,一,2026-03-01\nJ1,3,approved,,2026-02-01\nJ1,12,progress,二,2026-04-01\n"
    plan += "J1,0,approved,,2026-01-01\n"
    assert findings(project(tmp_path, [], plan)) == []


def test_a_milestone_that_cannot_be_read_leaves_the_progress_unjudged(tmp_path):
    folder = project(tmp_path, STEPS, PLAN.replace("2026-04-20", "in spring"))
    assert places(folder) == [("milestones", 3, "planned")]


def test_a_plan_out_of_order_is_a_warning(tmp_path):
    outcome = checked(project(tmp_path, [], PLAN.replace("2026-06-30", "2026-04-19")))
    assert outcome.faults == ()
    assert [str(w) for w in outcome.warnings] == [
        "milestones.csv, row 4, column planned: '2026-04-19' is before 2026-04-20, planned for milestone 2"
    ]


def test_a_replan_that_puts_the_plan_out_of_order_is_a_warning(tmp_path):
    outcome = checked(project(tmp_path, ["J1,2026-03-05T09:00,replan,2,2026-07-01,雨\n"]))
    assert outcome.faults == ()
    assert [(w.table, w.row, w.column) for w in outcome.warnings] == [("project_events", 2, "date")]


def test_a_file_in_which_thousands_of_petitions_are_wrong_is_judged_in_time(tmp_path):
    rows = "".join(PETITION.replace("P1,", f"P{i},") for i in range(1, 2_001))
    wrong = "".join(line.replace("P1,", f"P{i},") for i in range(1, 2_001) for line in LINES[1:])
    assert len(findings(petition(tmp_path, wrong, rows))) == 500 + 1_500 * 4
