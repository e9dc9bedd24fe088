"""Does an acknowledgement hold? One that does not is a warning and is passed over. (R5.4, R8)"""

import pytest

from rules.policy import Duty, Period, Policy
from tests.intake.records import LOOP, PETITION, PLAN, PROJECT, checked, write

OPEN = "".join(LOOP.splitlines(keepends=True)[:2])  # to be handled by 20 March


def outcome(tmp_path, policy=None, **tables):
    base = {"petitions": PETITION, "petition_events": OPEN, "projects": PROJECT, "milestones": PLAN}
    found = checked(write(tmp_path, base | tables), policy)
    assert found.faults == ()
    return found


@pytest.mark.parametrize(
    ("word", "holds"),
    [
        ("petition:P1:handle:1,2026-03-23T09:00,T1", True),
        ("petition:P1:handle:1,2026-03-23T09:00,DIR", True),
        pytest.param("petition:P1:handle:1,2026-03-20T23:59,T1", False, id="on the due date"),
        pytest.param("petition:P1:handle:1,2026-03-23T09:00,D1", False, id="by the one responsible"),
        pytest.param("petition:P1:handle:2,2026-03-23T09:00,T1", False, id="of a round that was never opened"),
        pytest.param("petition:P1:accept:1,2026-03-23T09:00,T1", False, id="of a stage that is settled"),
        ("milestone:J1:1,2026-03-11T09:00,T1", True),
        ("milestone:J1:1,2026-03-10T09:00,T1", False),
        ("inspection:J1:1,2026-03-11T09:00,T1", False),
        ("visit:S1:2026-02,2026-03-02T09:00,T1", True),
        ("visit:S1:2026-02,2026-02-28T09:00,T1", False),
        ("visit:S1:2026-Q1,2026-04-01T09:00,T1", False),
        pytest.param("visit:S1:2026-02-01,2026-03-02T09:00,T1", False, id="of a cycle that the policy does not have"),
    ],
)
def test_an_acknowledgement_holds_from_the_day_after_the_due_date_and_by_the_chain(tmp_path, word, holds):
    found = outcome(tmp_path, acknowledgements=f"{word}\n")
    assert (len(found.record.acknowledgements), len(found.warnings)) == ((1, 0) if holds else (0, 1))
    if not holds:
        warning = found.warnings[0]
        assert (warning.table, warning.row) == ("acknowledgements", 2)
        assert "does not hold, so it is passed over" in str(warning)


def test_a_rolling_cycle_is_acknowledged_where_the_policy_has_it(tmp_path):
    rolling = Policy(duty=Duty(period=Period.ROLLING))
    word = {"acknowledgements": "visit:S1:2026-01-01,2026-02-03T09:00,T1\n"}
    assert outcome(tmp_path, rolling, **word).warnings == ()
    assert len(outcome(tmp_path, None, **word).warnings) == 1


def test_visits_known_by_then_decide(tmp_path):
    visits = "V1,DA,2026-02-03,station,ST1,,,,,\nV2,DA,2026-02-28,grid,G1,,,,,2026-03-{:02}T09:00\n"
    word = {"acknowledgements": "visit:S1:2026-02,2026-03-03T09:00,T1\n"}
    assert len(outcome(tmp_path, visits=visits.format(3), **word).warnings) == 1
    assert outcome(tmp_path, visits=visits.format(4), **word).warnings == ()


def test_acknowledgements_come_after_all_events_of_their_instant(tmp_path):
    at = "2026-03-23T09:00"
    word = {"acknowledgements": f"petition:P1:handle:1,{at},T1\n"}
    assert len(outcome(tmp_path / "1", petition_events=OPEN + f"P1,{at},handled,,,,,,\n", **word).warnings) == 1
    event = f"P1,{at},acknowledged,T1,,,,,\n"
    assert len(outcome(tmp_path / "2", petition_events=OPEN + event + f"P1,{at},handled,,,,,,\n").warnings) == 1
    assert outcome(tmp_path / "3", petition_events=OPEN + event).warnings == ()


def test_an_acknowledging_event_of_a_closed_petition_does_not_hold(tmp_path):
    found = outcome(tmp_path, petition_events=LOOP + "P1,2026-04-24T10:00,acknowledged,T1,,,,,\n")
    (warning,) = found.warnings
    assert str(warning) == (
        "petition_events.csv, row 7, column event: 'acknowledged' does not hold, so it is passed over; "
        "want an open stage; the petition is closed"
    )
    assert len(found.record.petition_events) == 5


def test_a_second_acknowledgement_of_an_office_holds_and_does_not_count(tmp_path):
    words = "petition:P1:handle:1,2026-03-23T09:00,T1\npetition:P1:handle:1,2026-03-25T09:00,T1\n"
    assert len(outcome(tmp_path, acknowledgements=words).record.acknowledgements) == 2


def test_acknowledgements_of_a_petition_at_fault_are_not_judged(tmp_path):
    folder = write(
        tmp_path,
        {
            "petitions": PETITION,
            "petition_events": OPEN.replace("accepted", "acepted"),
            "acknowledgements": "petition:P1:handle:1,2026-03-23T09:00,T1\n",
        },
    )
    found = checked(folder)
    assert (len(found.faults), len(found.warnings)) == (1, 0)
