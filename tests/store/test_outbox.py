"""Which way may a message go, who gets it, and what is on record of it?"""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from store import outbox
from store.outbox import NEXT
from store.schema import messages

NOW = datetime(2026, 3, 31, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
OUTCOMES = {"accepted": {}, **{state: {"reason": "because"} for state in ("failed", "superseded", "undeliverable")}}


def put(connection, state="due", **cells):
    """A message in a state, as it is when it has come there."""
    ident = outbox.put(connection, kind="notices", person="deputy:DA", channel="sms", at=NOW, day=date(2026, 3, 31))
    values = {"state": state, "attempt": None if state == "due" else f"attempt-{ident}"}
    values["reason"] = "because" if state in ("failed", "superseded", "undeliverable", "unknown") else None
    values["claimed_until"] = NOW - SECOND if state == "sending" else None
    connection.execute(messages.update().where(messages.c.id == ident).values(values | cells))
    return ident


def state_of(connection, ident):
    return connection.execute(select(messages.c.state).where(messages.c.id == ident)).scalar_one()


def claim(connection, ident, now=NOW, attempt="attempt"):
    return outbox.claim(connection, ident, now=now, attempt=attempt, lease_s=30)


STATEMENTS = {
    "claim": claim,
    "strand": lambda c, i: outbox.strand(c, NOW),
    "retry": outbox.retry,
    **{
        f"settle as {state}": lambda c, i, state=state: outbox.settle(c, i, f"attempt-{i}", state, **OUTCOMES[state])
        for state in OUTCOMES
    },
}
LEADS_TO = {"claim": "sending", "strand": "unknown", "retry": "due"} | {f"settle as {s}": s for s in OUTCOMES}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_moves_a_message_only_where_the_table_of_transitions_lets_it(connection, statement):
    for state in NEXT:
        ident = put(connection, state)
        STATEMENTS[statement](connection, ident)
        new = state_of(connection, ident)
        assert new == state or (new == LEADS_TO[statement] and outbox.may_become(state, new))


@pytest.mark.parametrize(
    ("state", "statements"),
    [
        ("due", {"claim"}),
        ("sending", {"strand", *(f"settle as {state}" for state in OUTCOMES)}),
        ("failed", {"retry"}),
        ("unknown", {"retry", "settle as accepted", "settle as failed"}),
        ("undeliverable", {"retry"}),
        ("accepted", set()),
        ("superseded", set()),
    ],
)
def test_each_state_is_left_by_these_statements_and_no_other(connection, state, statements):
    found = set()
    for name, statement in STATEMENTS.items():
        ident = put(connection, state)
        with connection.begin_nested() as attempt:
            statement(connection, ident)
            if state_of(connection, ident) != state:
                found.add(name)
            attempt.rollback()
    assert found == statements


def test_the_table_of_transitions_names_each_state_of_the_schema(connection):
    for state in NEXT:
        put(connection, state)
    assert outbox.count_by_state(connection) == dict.fromkeys(NEXT, 1)


def test_a_claim_takes_the_message_for_a_time_and_counts_the_attempt(connection):
    ident = put(connection)
    claimed = claim(connection, ident, attempt="first")
    assert (claimed.id, claimed.state, claimed.attempts, claimed.person) == (ident, "sending", 1, "deputy:DA")
    row = connection.execute(select(messages)).one()
    assert (row.attempt, row.claimed_until) == ("first", NOW + 30 * SECOND)
    assert claim(connection, ident, attempt="second") is None


def test_a_message_is_not_claimed_before_its_time(connection):
    ident = put(connection)
    assert claim(connection, ident, now=NOW - SECOND) is None
    assert claim(connection, ident) is not None


def test_nothing_is_claimed_while_sending_is_held(connection):
    ident = put(connection)
    outbox.hold(connection)
    assert outbox.is_held(connection)
    assert claim(connection, ident) is None
    assert not outbox.is_busy(connection, NOW)
    outbox.release(connection)
    assert outbox.is_busy(connection, NOW)
    assert claim(connection, ident) is not None


def test_an_outcome_is_noted_for_the_attempt_that_has_the_message(connection):
    ident = put(connection)
    claim(connection, ident, attempt="first")
    assert not outbox.settle(connection, ident, "another", "accepted")
    assert outbox.settle(connection, ident, "first", "accepted", sent_at=NOW, provider="p", provider_id="1")
    assert not outbox.settle(connection, ident, "first", "failed", reason="because")
    row = connection.execute(select(messages)).one()
    assert (row.state, row.claimed_until, row.sent_at, row.provider_id) == ("accepted", None, NOW, "1")


def test_what_a_dead_process_had_claimed_is_of_unknown_outcome_when_its_time_is_over(connection):
    ident = put(connection)
    claim(connection, ident)
    assert list(outbox.strand(connection, NOW + 30 * SECOND)) == []
    assert [m.id for m in outbox.strand(connection, NOW + 31 * SECOND)] == [ident]
    assert list(outbox.strand(connection, NOW + 31 * SECOND)) == []
    assert list(outbox.claimable(connection, NOW + 99 * SECOND, 9)) == []


def test_one_more_try_is_a_new_attempt(connection):
    ident = put(connection)
    for number in (1, 2):
        claimed = claim(connection, ident, attempt=f"try-{number}")
        assert claimed.attempts == number
        outbox.settle(connection, ident, f"try-{number}", "failed", reason="refused")
        assert outbox.retry(connection, ident)
    assert connection.execute(select(messages.c.reason)).scalar_one() is None


def test_the_oldest_messages_are_rung_for_first(connection):
    idents = [put(connection, at=NOW - n * SECOND) for n in range(5)]
    put(connection, at=NOW + SECOND)
    put(connection, "accepted")
    assert list(outbox.claimable(connection, NOW, 3)) == idents[:1:-1]
    assert outbox.oldest_due(connection) == NOW - 4 * SECOND


@pytest.mark.parametrize(
    ("state", "busy"), [("due", True), ("sending", True), ("accepted", False), ("failed", False), ("unknown", False)]
)
def test_the_outbox_is_busy_while_something_is_due_or_on_its_way(connection, state, busy):
    assert not outbox.is_busy(connection, NOW)
    put(connection, state)
    assert outbox.is_busy(connection, NOW) is busy
    assert not outbox.is_busy(connection, NOW - SECOND)


def test_a_message_keeps_its_words(connection):
    ident = put(connection)
    outbox.write(connection, ident, subject=None, body="【鹤山人大】", html=None)
    claimed = claim(connection, ident)
    assert (claimed.subject, claimed.body, claimed.html) == (None, "【鹤山人大】", None)
