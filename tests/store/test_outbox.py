"""Who gets which message, when, and what do the operator's levers do?"""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from rules.deliveries import State, may_become
from store import outbox
from store.engine import make_engine
from store.lots import LOT
from store.outbox import New
from store.schema import messages
from tests.store.between import Other
from tests.store.deliveries import DAY, HOUR, NOW, SECOND, claim, put, row_of, state_of


def new(**cells):
    return New(**{"kind": "notices", "person": "deputy:DA", "channel": "sms", "at": NOW, "day": DAY} | cells)


# Into the outbox -------------------------------------------------------------------------------


def test_a_message_is_due_at_its_time_with_the_words_that_it_has_already(connection):
    ident = outbox.put(connection, new(kind="digest", channel="email", subject="日报", body="今日", html="<p>今日</p>"))
    row = row_of(connection, ident)
    assert (row.state, row.reason, row.attempt, row.attempts) == ("due", None, None, 0)
    assert (row.at, row.try_at, row.moved_at, row.day) == (NOW, NOW, NOW, DAY)
    (message,) = claim(connection)
    assert (message.subject, message.body, message.html) == ("日报", "今日", "<p>今日</p>")


def test_many_messages_get_their_ids_in_their_order(connection):
    people = [f"deputy:D{n}" for n in range(LOT + 7)]
    idents = outbox.put_all(connection, [new(person=person) for person in people])
    found = dict(connection.execute(select(messages.c.id, messages.c.person)).all())
    assert [found[ident] for ident in idents] == people
    assert outbox.put_all(connection, []) == []


def test_a_message_has_one_in_its_stead_at_most(connection):
    failed = put(connection, "failed")
    assert outbox.put_instead(connection, new(channel="email", instead_of=failed)) is True
    assert outbox.put_instead(connection, new(channel="email", instead_of=failed)) is False
    stead = connection.execute(select(messages).where(messages.c.instead_of == failed)).one()
    assert (stead.channel, stead.state) == ("email", "due")


def test_the_files_of_a_message_come_back_as_they_were(connection):
    ident = put(connection)
    files = [("b.pdf", "application/pdf", b"\x00\xff"), ("a.xlsx", "application/zip", b"PK")]
    outbox.attach(connection, ident, files)
    outbox.attach(connection, ident, [])
    assert outbox.attached(connection, ident) == sorted(files)
    assert outbox.attached(connection, put(connection)) == []


# Claiming --------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
def test_only_what_is_due_is_claimed(connection, state):
    ident = put(connection, state)
    claimed = [message.id for message in claim(connection)]
    assert claimed == ([ident] if state == "due" else [])
    assert state_of(connection, ident) == ("sending" if state == "due" else state)


def test_a_claim_takes_the_message_for_a_time_and_counts_the_attempt(connection):
    ident = put(connection)
    (claimed,) = claim(connection, attempt="first")
    assert (claimed.id, claimed.state, claimed.attempts, claimed.person) == (ident, "sending", 1, "deputy:DA")
    row = row_of(connection, ident)
    assert (row.attempt, row.claimed_until, row.moved_at) == (f"first-{ident}", NOW + 15 * SECOND, NOW)
    assert claim(connection, attempt="second") == []


def test_each_message_of_a_claim_has_an_attempt_of_its_own(connection):
    idents = [put(connection) for _ in range(3)]
    assert [m.attempt for m in claim(connection, attempt="a")] == [f"a-{ident}" for ident in idents]


def test_a_message_is_not_claimed_before_its_time(connection):
    put(connection)
    assert claim(connection, now=NOW - SECOND) == []
    assert len(claim(connection)) == 1


def test_a_message_that_waits_for_another_try_is_not_claimed_before_that(connection):
    put(connection, try_at=NOW + HOUR)
    assert claim(connection, now=NOW + HOUR - SECOND) == []
    assert len(claim(connection, now=NOW + HOUR)) == 1


def test_the_oldest_messages_are_claimed_first_and_no_more_than_wanted(connection):
    idents = [put(connection, try_at=NOW - n * SECOND) for n in range(5)]
    put(connection, try_at=NOW + SECOND)
    assert [m.id for m in claim(connection, limit=3)] == idents[:1:-1]
    assert [m.id for m in claim(connection, limit=3, attempt="b")] == idents[1::-1]


def test_only_the_channels_asked_for_are_claimed(connection):
    sms, email = put(connection), put(connection, channel="email")
    assert [m.id for m in claim(connection, channels=("email",))] == [email]
    assert [m.id for m in claim(connection, channels=("sms",), attempt="b")] == [sms]


def test_two_claims_at_once_share_no_message(engine):
    """Eight threads on two engines, as two processes would: forty messages, forty claims."""
    with engine.begin() as connection:
        idents = [put(connection) for _ in range(40)]
    engines = [engine, make_engine(engine.url.render_as_string(hide_password=False))]
    barrier = threading.Barrier(8)
    taken, failed = [], []

    def run(number):
        barrier.wait()
        try:
            for turn in range(10):
                with engines[number % 2].begin() as connection:
                    taken.extend(m.id for m in claim(connection, attempt=f"{number}-{turn}", limit=3))
        except Exception as err:  # noqa: BLE001 - told below
            failed.append(err)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engines[1].dispose()
    assert failed == []
    assert sorted(taken) == idents
    with engine.begin() as connection:
        assert set(connection.execute(select(messages.c.attempts)).scalars()) == {1}


def test_the_databases_clock_is_that_of_this_machine(connection):
    from datetime import UTC, datetime

    found = outbox.database_now(connection)
    assert abs(datetime.now(UTC) - found) < timedelta(minutes=1)


def test_words_are_kept_as_they_leave(connection):
    ident, other = put(connection), put(connection)
    words = {"subject": None, "body": "【鹤山人大】", "html": None, "sealed": "abc", "day": DAY}
    outbox.seal(connection, [words | {"id": ident}])
    outbox.seal(connection, [])
    row = row_of(connection, ident)
    assert (row.subject, row.body, row.html, row.sealed) == (None, "【鹤山人大】", None, "abc")
    assert row_of(connection, other).body is None


# Looks -----------------------------------------------------------------------------------------


def test_what_is_claimable_is_counted_up_to_a_limit(connection):
    assert outbox.count_claimable(connection, NOW, 9) == 0
    for _ in range(3):
        put(connection)
    put(connection, try_at=NOW + SECOND)
    put(connection, "held")
    assert outbox.count_claimable(connection, NOW - SECOND, 9) == 0
    assert outbox.count_claimable(connection, NOW, 9) == 3
    assert outbox.count_claimable(connection, NOW, 2) == 2


def test_the_oldest_due_message_tells_how_far_sending_is_behind(connection):
    assert outbox.oldest_due(connection) is None
    put(connection, at=NOW - HOUR, try_at=NOW - HOUR)
    put(connection)
    put(connection, "accepted", at=NOW - 2 * HOUR)
    assert outbox.oldest_due(connection) == NOW - HOUR


@pytest.mark.parametrize("state", State)
def test_the_outbox_is_busy_while_something_is_due_or_on_its_way(connection, state):
    assert not outbox.is_busy(connection, NOW)
    put(connection, state)
    assert outbox.is_busy(connection, NOW) is (state in ("due", "sending"))


def test_each_state_is_counted(connection):
    for state in State:
        put(connection, state)
    assert outbox.count_by_state(connection) == {state.value: 1 for state in State}


# Levers ----------------------------------------------------------------------------------------


def test_hold_stops_what_is_due_and_what_comes_and_release_lets_it_go(connection):
    first, later, gone = put(connection), put(connection, try_at=NOW + HOUR), put(connection, "accepted")
    assert outbox.hold(connection, "an alarm", NOW)
    coming = outbox.put(connection, new())
    assert [state_of(connection, i) for i in (first, later, coming, gone)] == ["held", "held", "held", "accepted"]
    assert row_of(connection, coming).reason == "an alarm"
    assert outbox.held_because(connection) == "an alarm"
    assert claim(connection) == []
    assert not outbox.is_busy(connection, NOW)
    outbox.release(connection, NOW)
    assert outbox.held_because(connection) is None
    assert [(row_of(connection, i).state, row_of(connection, i).reason) for i in (first, later, coming)] == [
        ("due", None)
    ] * 3
    assert [m.id for m in claim(connection)] == [first, coming], "each at its own time"


@pytest.mark.parametrize("is_held", [True, False])
def test_what_waits_for_an_hour_that_only_a_wrong_clock_can_have_set_leaves_after_a_release(connection, is_held):
    put_off_by_it = put(connection, try_at=NOW + 33 * HOUR)
    failed = put(connection, "failed")
    soon = put(connection, try_at=NOW + HOUR)
    if is_held:
        outbox.hold(connection, "clock: it has jumped", NOW)
    outbox.retry(connection, failed, NOW + 33 * HOUR)
    outbox.release(connection, NOW)
    assert {m.id for m in claim(connection)} == {put_off_by_it, failed}
    assert row_of(connection, soon).try_at == NOW + HOUR


@pytest.mark.parametrize("release_is_first", [False, True])
def test_no_message_stays_behind_that_comes_while_sending_is_released(postgres_engine, release_is_first):
    with postgres_engine.begin() as connection:
        outbox.hold(connection, "an alarm", NOW)
    ours, others = (
        (lambda c: outbox.release(c, NOW), lambda c: outbox.put(c, new()))
        if release_is_first
        else (lambda c: outbox.put(c, new()), lambda c: outbox.release(c, NOW))
    )

    def run() -> None:
        with postgres_engine.begin() as connection:
            others(connection)

    other = threading.Thread(target=run)
    with postgres_engine.begin() as connection:
        ours(connection)
        other.start()
        other.join(0.3)
        assert other.is_alive(), "it waits for the one that began"
    other.join()
    with postgres_engine.connect() as connection:
        assert connection.execute(select(messages.c.state)).scalars().all() == ["due"]


def test_a_hold_waits_for_nobody_who_puts_messages_in(postgres_engine):
    def hold() -> None:
        with postgres_engine.begin() as connection:
            outbox.hold(connection, "an alarm", NOW)

    with postgres_engine.begin() as connection:
        outbox.release(connection, NOW)
    other = threading.Thread(target=hold)
    with postgres_engine.begin() as connection:
        outbox.put(connection, new())
        other.start()
        other.join(10)
        assert not other.is_alive()
    with postgres_engine.begin() as connection:
        assert claim(connection) == []


@pytest.mark.parametrize("was_held_before", [False, True])
def test_of_two_holds_at_once_the_clocks_reason_stays(postgres_engine, was_held_before):
    if was_held_before:
        with postgres_engine.begin() as connection:
            outbox.hold(connection, "an alarm", NOW)
            outbox.release(connection, NOW)
    by_hand = Other(postgres_engine, lambda c: outbox.hold(c, "an operator", NOW))
    with postgres_engine.begin() as connection:
        outbox.hold(connection, "clock: it has jumped", NOW, outranks=True)
        assert not by_hand.begin(), "it waits for the one that began"
    assert by_hand.end() is False
    with postgres_engine.begin() as connection:
        assert outbox.held_because(connection) == "clock: it has jumped"


def test_a_hold_keeps_the_reason_of_the_first(connection):
    assert outbox.hold(connection, "the clock went back", NOW)
    assert not outbox.hold(connection, "an operator", NOW)
    assert outbox.held_because(connection) == "the clock went back"


def test_nothing_is_claimed_while_sending_is_held_whatever_its_state(connection):
    """One that was on its way when sending was held comes back due: it waits all the same."""
    outbox.hold(connection, "an alarm", NOW)
    put(connection, "due")
    assert claim(connection) == []
    assert not outbox.is_busy(connection, NOW)


@pytest.mark.parametrize("state", State)
def test_one_more_try_is_for_what_did_not_arrive(connection, state):
    ident = put(connection, state, absent_at=NOW, followed_at=NOW)
    done = outbox.retry(connection, ident, NOW + HOUR)
    assert done is (state in ("failed", "unknown", "undeliverable"))
    row = row_of(connection, ident)
    if done:
        assert may_become(state, row.state)
        assert (row.state, row.reason, row.try_at, row.moved_at) == ("due", None, NOW + HOUR, NOW + HOUR)
        assert (row.absent_at, row.followed_at) == (None, None), "what follows is drawn anew"
    else:
        assert (row.state, row.try_at) == (state, NOW)


def test_one_more_try_is_a_new_attempt(connection):
    ident = put(connection, "failed", attempts=1)
    outbox.retry(connection, ident, NOW)
    (again,) = claim(connection, attempt="second")
    assert (again.attempt, again.attempts) == (f"second-{ident}", 2)
