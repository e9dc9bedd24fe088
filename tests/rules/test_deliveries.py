"""Which way may a message go, how long is it tried, and when may it leave?"""

import re
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint

from rules.deliveries import (
    ENDED,
    NEXT,
    NOT_LEFT,
    Health,
    Patience,
    State,
    before,
    has_expired,
    health_after,
    may_become,
    may_leave_at,
    try_again_at,
)
from store.schema import messages
from tests.rules.builders import at, day, desk, shown

LIFECYCLE = Path(__file__).parents[2] / "docs" / "lifecycle.md"
NOON = at("04-01 12:00")

# States and arrows -----------------------------------------------------------------------------

ARROWS = {
    "due": "sending held accepted delivered",
    "held": "due accepted delivered",
    "sending": "due held accepted delivered failed unknown superseded expired undeliverable",
    "accepted": "delivered failed",
    "failed": "due delivered",
    "unknown": "due accepted delivered failed",
    "undeliverable": "due",
    "delivered": "",
    "superseded": "",
    "expired": "",
}


@pytest.mark.parametrize(("state", "new"), list(product(State, State)))
def test_a_message_may_go_this_way_and_no_other(state, new):
    assert may_become(state, new) is (new in ARROWS[state].split())


@pytest.mark.parametrize("new", State)
def test_the_states_before_one_are_those_that_lead_to_it(new):
    assert set(before(new)) == {state for state, after in ARROWS.items() if new in after.split()}


def test_what_has_ended_has_no_arrow_and_nothing_else_is_without():
    assert set(ENDED) == {state for state, after in NEXT.items() if not after}


def test_what_has_not_left_is_neither_at_the_gateway_nor_in_doubt():
    assert set(State) - set(NOT_LEFT) == {"sending", "accepted", "delivered", "unknown"}


def test_the_database_knows_the_same_states():
    checks = [str(c.sqltext) for c in messages.constraints if isinstance(c, CheckConstraint) and "state" in str(c.name)]
    assert {state for check in checks for state in re.findall(r"'(\w+)'", check)} == set(State)


def section():
    """What the page on lifecycles says of a message."""
    return LIFECYCLE.read_text(encoding="utf-8").split("## A message\n")[1].split("\n## ")[0]


def test_the_page_draws_these_arrows_and_no_other():
    drawn = re.findall(r"^    (\w+) --> (\w+): \S", section(), re.MULTILINE)
    assert len(drawn) == len(set(drawn)), "an arrow is drawn once"
    made = {(a, b) for a, b in drawn if a != b}
    assert made == {(a, b) for a, after in NEXT.items() for b in after}
    assert set(re.findall(r"^    (\w+) --> \[\*\]$", section(), re.MULTILINE)) == set(ENDED)


def test_the_page_has_a_row_for_each_state():
    assert sorted(re.findall(r"^\| `(\w+)` \|", section(), re.MULTILINE)) == sorted(State)


# Patience --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tried", "pause_s"),
    [(1, 30), (2, 60), (3, 120), (7, 1920), pytest.param(8, None, id="used up"), pytest.param(9, None, id="more")],
)
def test_the_pause_doubles_with_each_try_until_the_tries_are_used_up(tried, pause_s):
    again = try_again_at(Patience(), tried, NOON)
    assert again == (NOON + timedelta(seconds=pause_s) if pause_s else None)


@pytest.mark.parametrize(
    ("wanted_s", "pause_s"),
    [(None, 30), (0, 30), (29, 30), (31, 31), (3600, 3600), pytest.param(86_400, 3600, id="not beyond an hour")],
)
def test_a_gateway_may_wish_for_a_longer_pause(wanted_s, pause_s):
    assert try_again_at(Patience(), 1, NOON, wanted_s) == NOON + timedelta(seconds=pause_s)


@pytest.mark.parametrize("tried", [8, 49, 999_999])
def test_a_pause_is_never_longer_than_an_hour(tried):
    assert try_again_at(Patience(tries=10**6), tried, NOON) == NOON + timedelta(hours=1)


# Time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meant", "now", "leaves"),
    [
        pytest.param("04-01 09:00", "04-01 09:00", "04-01 09:00", id="at its time"),
        pytest.param("04-01 09:00", "04-01 19:59:59", "04-01 19:59:59", id="late, inside the window"),
        pytest.param("04-01 09:00", "04-01 20:00", "04-02 09:00", id="late, and the window is closed"),
        pytest.param("04-01 19:59", "04-01 20:00", "04-02 09:00", id="a minute late is late"),
        pytest.param("04-01 09:00", "04-02 08:29:59", "04-02 09:00", id="in the early morning"),
        pytest.param("04-01 09:00", "04-02 08:30", "04-02 08:30", id="the window opens"),
        pytest.param("04-03 09:00", "04-04 10:00", "04-07 09:00", id="over a holiday"),
        pytest.param("04-03 23:00", "04-07 10:00", "04-07 10:00", id="any day inside the window"),
    ],
)
def test_what_missed_its_time_leaves_inside_the_window(meant, now, leaves):
    assert shown(may_leave_at(at(meant), at(now), desk())) == leaves


@pytest.mark.parametrize(
    ("now", "leaves"),
    [
        pytest.param("04-01 07:00", "04-01 07:00", id="at its time"),
        pytest.param("04-01 07:59:59", "04-01 07:59:59", id="the last second of its hour"),
        pytest.param("04-01 08:00", "04-02 07:00", id="after its hour it waits for the next round"),
        pytest.param("04-01 08:30", "04-01 08:30", id="or for the window"),
        pytest.param("04-01 20:00", "04-02 07:00", id="in the evening"),
        pytest.param("04-01 06:59:59", "04-01 07:00", id="never before its time"),
    ],
)
def test_a_round_outside_the_window_has_an_hour_of_its_own(now, leaves):
    early = desk(notify_at="07:00")
    assert shown(may_leave_at(at("04-01 07:00"), at(now), early)) == leaves


@pytest.mark.parametrize(
    ("rung", "due", "meant", "now", "expired"),
    [
        ("remind-2", "03-31", "03-27", "03-31 23:59:59", False),
        pytest.param("remind-2", "03-31", "03-27", "04-01 00:00", True, id="its due date has passed"),
        pytest.param("remind-2", "03-30", "04-01", "04-01 10:00", False, id="on the day it was meant for"),
        ("overdue", "03-31", "03-27", "05-01 10:00", False),
        ("climb-1", "03-31", "03-27", "05-01 10:00", False),
        ("event-assign", "03-31", "03-27", "05-01 10:00", False),
    ],
)
def test_only_a_reminder_expires_and_only_after_its_due_date(rung, due, meant, now, expired):
    assert has_expired(rung, day(due), day(meant), at(now)) is expired


# Gateways --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "outcomes", "after", "rest_s"),
    [
        pytest.param(0, [True] * 4, 4, None, id="four illnesses"),
        pytest.param(0, [True] * 5, 5, 30, id="five open the circuit"),
        pytest.param(4, [True], 5, 30, id="counted over several batches"),
        pytest.param(4, [True, False], 0, None, id="one good call makes it well"),
        pytest.param(4, [False, True], 1, None, id="and illness begins anew"),
        pytest.param(5, [True], 6, 60, id="the trial fails: twice as long"),
        pytest.param(6, [True], 7, 120, id="again"),
        pytest.param(8, [True], 9, 300, id="not beyond five minutes"),
        pytest.param(10_000, [True], 10_001, 300, id="nor ever"),
        pytest.param(5, [False], 0, None, id="the trial succeeds"),
    ],
)
def test_a_circuit_opens_after_five_illnesses_in_a_row_for_longer_each_time(failures, outcomes, after, rest_s):
    until = NOON + timedelta(seconds=rest_s) if rest_s else None
    assert health_after(Health(failures), outcomes, NOON) == Health(after, until)
