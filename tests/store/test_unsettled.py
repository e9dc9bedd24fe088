"""Is what nobody knows, what keeps silent and what failed looked into in its turn, and once?"""

import pytest

from rules.deliveries import State, Status
from store import outcomes, unsettled
from store.unsettled import STRANDED
from tests.store.deliveries import HOUR, LATER, NOW, SECOND, TOLD, claim, claimed, put, report, row_of, settled

# Unknown outcomes ------------------------------------------------------------------------------


def test_a_claim_is_stranded_when_its_lease_is_over_and_on_its_channel_only(connection):
    ident, _ = claimed(connection)
    assert unsettled.strand(connection, "sms", NOW + 15 * SECOND, NOW, LATER) == 0
    assert unsettled.strand(connection, "email", NOW + 16 * SECOND, NOW, LATER) == 0
    assert unsettled.strand(connection, "sms", NOW + 16 * SECOND, NOW, LATER) == 1
    assert unsettled.strand(connection, "sms", NOW + 16 * SECOND, NOW, LATER) == 0
    row = row_of(connection, ident)
    assert (row.state, row.reason, row.try_at, row.claimed_until) == ("unknown", STRANDED, LATER, None)
    assert claim(connection, now=LATER, attempt="again") == [], "never sent again blindly"


def unknown(connection):
    ident, attempt = claimed(connection)
    outcomes.settle(connection, [settled(ident, "unknown", attempt, at=NOW, outcome="unknown", try_at=LATER)])
    return ident


def test_an_unknown_outcome_is_looked_into_when_its_time_has_come(connection):
    ident = unknown(connection)
    assert unsettled.unknown(connection, LATER - SECOND, 9) == []
    (found,) = unsettled.unknown(connection, LATER, 9)
    assert (found.message.id, found.since, found.absent_at, found.claimed_at) == (ident, NOW, None, NOW)
    put(connection, "unknown", try_at=NOW)
    assert len(unsettled.unknown(connection, LATER, 1)) == 1, "some at a time, the oldest first"
    assert unsettled.unknown(connection, LATER, 1)[0].message.id != ident


def test_absence_is_noted_once_and_asked_about_again(connection):
    ident = unknown(connection)
    (found,) = unsettled.unknown(connection, LATER, 9)
    unsettled.note_absent(connection, found.message, LATER, LATER + HOUR)
    unsettled.note_absent(connection, found.message, LATER + SECOND, LATER + 2 * HOUR)
    row = row_of(connection, ident)
    assert (row.absent_at, row.try_at, row.moved_at) == (LATER, LATER + 2 * HOUR, NOW)
    unsettled.ask_later(connection, found.message, LATER + 3 * HOUR)
    assert row_of(connection, ident).try_at == LATER + 3 * HOUR


@pytest.mark.parametrize("status", Status)
def test_what_was_settled_while_its_gateway_was_asked_stays_settled(connection, status):
    ident = unknown(connection)
    (found,) = unsettled.unknown(connection, LATER, 9)
    outcomes.apply_report(connection, report(status, found.message.attempt), LATER)
    unsettled.note_absent(connection, found.message, LATER, LATER + HOUR)
    unsettled.ask_later(connection, found.message, LATER + HOUR)
    outcomes.settle(connection, [settled(ident, "due", found.message.attempt, outcome="unknown", try_at=LATER)])
    row = row_of(connection, ident)
    assert (row.state, row.absent_at, row.try_at) == (TOLD[status], None, LATER)


def test_a_message_that_is_sent_again_forgets_that_its_first_attempt_was_absent(connection):
    ident = unknown(connection)
    (found,) = unsettled.unknown(connection, LATER, 9)
    unsettled.note_absent(connection, found.message, LATER, LATER)
    outcomes.settle(connection, [settled(ident, "due", found.message.attempt, try_at=LATER)])
    claim(connection, now=LATER, attempt="second")
    unsettled.strand(connection, "sms", NOW + HOUR, LATER, LATER)
    assert [u.absent_at for u in unsettled.unknown(connection, LATER, 9)] == [None]


# Silence ---------------------------------------------------------------------------------------


def test_what_a_gateway_took_long_ago_and_is_silent_about_is_asked_about_in_turn(connection):
    for number, status in enumerate(["accepted", "accepted", "sent", "delivered", "failed"]):
        ident, attempt = claimed(connection, f"a{number}")
        provider_id = f"p{number}"
        at = NOW + number * SECOND
        outcomes.settle(
            connection, [settled(ident, "accepted", attempt, at=at, outcome="accepted", provider_id=provider_id)]
        )
        if status != "accepted":
            outcomes.apply_report(connection, report(status, attempt, provider_id=provider_id), at)
    assert unsettled.silent(connection, "g", NOW, 9) == []
    assert unsettled.silent(connection, "g", LATER, 9) == ["p0", "p1", "p2"]
    assert unsettled.silent(connection, "g", LATER, 1) == ["p0"]
    assert unsettled.silent(connection, "other", LATER, 9) == []
    unsettled.note_asked(connection, "g", "p0", LATER)
    assert unsettled.silent(connection, "g", LATER, 9) == ["p1", "p2"]


def test_what_was_sent_on_and_never_told_of_again_is_asked_about_for_two_days(connection):
    _, attempt = claimed(connection, "a")
    outcomes.apply_report(connection, report("sent", attempt, provider_id="p"), NOW)
    for since, found in ((NOW + HOUR, ["p"]), (NOW + 47 * HOUR, ["p"]), (NOW + 49 * HOUR, [])):
        assert unsettled.silent(connection, "g", since, 9) == found
        assert unsettled.waiting(connection, NOW, NOW, ["g"], since, 9).silent == bool(found)


# What follows ----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
def test_what_did_not_arrive_is_followed_once(connection, state):
    ident = put(connection, state)
    found = [message.id for message in unsettled.to_follow(connection, 9)]
    assert found == ([ident] if state in ("failed", "undeliverable") else [])
    assert not unsettled.is_followed(connection, ident)
    unsettled.follow(connection, ident, NOW)
    assert unsettled.is_followed(connection, ident)
    assert unsettled.to_follow(connection, 9) == []
