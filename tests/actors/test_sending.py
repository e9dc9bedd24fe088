"""Does a message leave once, only while it is right, at its hour, and with nothing in it that it may not tell?

The seat S1 of deputy DA owes March 2026 and is overdue on 1 April: one SMS and one e-mail to DA, at 09:00.
"""

import hashlib
import threading
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from openpyxl import load_workbook
from sqlalchemy import Text, select
from sqlalchemy.types import String

import actors.letters
from actors.bells import embedded_broker, hang_bells
from actors.claiming import BATCH, CLAIM_HOLDS_S, LEASE_S, claim
from actors.steps import Plan
from channels.gateway import Accepted, Refused, Unsure
from config.drill import Drill, DrillClock
from daemon.levers import retry_notice, set_held
from intake.checking import check
from rules.facts import Channel, midnight
from store import audit, gateways, notices, outbox
from store.engine import make_engine
from store.outbox import New
from store.schema import messages, sandbox
from tests.actors.installations import Installation
from tests.actors.scripted import (
    MARCH,
    NINE,
    SEAT,
    Listening,
    Stopwatch,
    accepted,
    answers,
    configure,
    crowd,
    found,
    installed,
    later,
    move,
    of_notices,
    reminded,
    through,
    tries,
)
from tests.oracle.records import write_random_record
from tests.rules.builders import (
    CALENDAR,
    at,
    day,
    event,
    petition,
    policy,
    progress,
    project,
    record,
    shown,
    visit,
)
from tests.rules.builders import milestone as planned
from tests.store.between import Other

MADE_UP = (visit("03-10", "V1"), visit("03-11", "G1"))
ILL = Refused(reason="503", is_lasting=False, is_illness=True, retry_after_s=3600)


@pytest.fixture
def duban(engine):
    """What was decided in the round of 1 April waits in the outbox."""
    return installed(engine)


def due(duban):
    """The ids of the messages that are due."""
    return [m.id for m in duban.messages("due")]


def states(duban):
    return {(m.channel, m.state) for m in duban.messages() if m.person == "deputy:DA" and m.day == day("04-01")}


def learn(duban, **tables):
    """Record facts, and let a step reckon them, in which nothing is sent."""
    duban.keep(record(**tables))
    duban.run(NINE, sends=False)


def sent(duban):
    """What left on 1 April, by channel and person."""
    both = [*duban.sandbox("sms"), *duban.sandbox("email")]
    return sorted((kept.channel, kept.person) for kept in both if kept.at >= at(NINE))


def lever(duban, *, held):
    with duban.engine.begin() as connection:
        return set_held(connection, duban.services, held=held)


# Once ----------------------------------------------------------------------------------------


def test_a_message_leaves_in_the_words_of_the_moment(duban):
    duban.send_due()
    assert sent(duban) == [("email", "deputy:DA"), ("sms", "deputy:DA")]
    assert states(duban) == {("sms", "accepted"), ("email", "accepted")}
    (sms,) = [kept for kept in duban.sandbox("sms") if kept.at == at(NINE)]
    assert (sms.address, sms.subject, sms.html) == ("13900000000", None, None)
    assert sms.body.startswith("【鹤山人大】代表DA代表：您好！3月进站、入网格履职")
    (row,) = [m for m in duban.messages("accepted") if m.id == sms.message]
    assert (row.body, row.attempt, row.sent_at) == (sms.body, sms.attempt, at(NINE))
    assert (row.attempts, row.claimed_until) == (1, None)
    (made,) = tries(duban, row.id)
    assert (made.id, made.gateway, made.outcome, made.provider_id) == (
        sms.attempt, "sandbox", "accepted", f"sandbox-{sms.attempt}",
    )  # fmt: skip


def test_of_eight_threads_in_two_processes_one_sends_a_message(engine):
    gateway = Listening()
    duban = crowd(engine, 30, gateway)
    other = Installation(make_engine(engine.url.render_as_string(hide_password=False)), start=day("03-26"))
    other.clock.instant = duban.clock.instant
    through(other, gateway)
    wanted = due(duban)
    assert len(wanted) == 30
    barrier = threading.Barrier(8)
    failed = []

    def run(number):
        barrier.wait()
        try:
            for _ in range(3):
                (duban, other)[number % 2].sender.send_due()
        except Exception as err:  # noqa: BLE001 - told below
            failed.append(err)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.engine.dispose()
    assert failed == []
    # A slow machine hands some back unsent: the rest leaves now.
    duban.send_due()
    assert sorted(one.message for one in gateway.handed) == wanted
    assert {m.state for m in duban.messages() if m.id in wanted} == {"accepted"}


def test_a_message_that_has_left_is_not_sent_again(duban):
    for _ in range(2):
        duban.send_due()
    assert sent(duban) == [("email", "deputy:DA"), ("sms", "deputy:DA")]
    assert {m.attempts for m in duban.messages("accepted")} == {1}


def test_a_claim_lasts_by_the_databases_clock_and_is_committed_before_the_call(engine):
    lease_began = at("05-01 12:00")
    duban = reminded(engine)
    duban.services.lease_now = lambda _connection: lease_began

    def answer(outgoing):
        (row,) = of_notices(duban)
        assert (row.state, row.attempt) == ("sending", outgoing.attempt), "others see it"
        assert row.claimed_until == lease_began + timedelta(seconds=LEASE_S)
        (made,) = tries(duban, row.id)
        assert (made.id, made.outcome) == (outgoing.attempt, None)
        return accepted(outgoing)

    through(duban, Listening(answer))
    duban.send_due()
    assert [m.state for m in of_notices(duban)] == ["accepted"]


# A batch ---------------------------------------------------------------------------------------


def test_what_a_slow_gateway_leaves_no_time_for_is_handed_back_and_sent_later(engine):
    duban = crowd(engine, 10)
    watch = duban.services.elapsed = Stopwatch()

    def slowly(outgoing):
        watch.seconds += CLAIM_HOLDS_S * 0.4
        return accepted(outgoing)

    gateway = Listening(slowly)
    through(duban, gateway)
    duban.sender.send_due()
    assert len(gateway.handed) == 3, "the last call begins while the claim holds"
    assert [m.state for m in of_notices(duban)] == ["accepted"] * 3 + ["due"] * 7
    assert [(made.outcome, made.reason) for m in of_notices(duban)[3:] for made in tries(duban, m.id)] == [
        ("dropped", "claimed for too long")
    ] * 7
    duban.send_due()
    assert [one.message for one in gateway.handed] == [m.id for m in of_notices(duban)], "each once"
    assert {m.state for m in of_notices(duban)} == {"accepted"}


def test_a_slow_gateway_gets_smaller_batches_and_a_quick_one_larger_ones(engine):
    duban = crowd(engine, 40)
    watch = duban.services.elapsed = Stopwatch()
    pause = CLAIM_HOLDS_S * 0.4

    def answer(outgoing):
        watch.seconds += pause
        return accepted(outgoing)

    through(duban, Listening(answer))
    claimed = []
    for _ in range(4):
        before = {m.id: m.attempts for m in of_notices(duban)}
        duban.sender.send_due()
        claimed.append(sum(m.attempts - before[m.id] for m in of_notices(duban)))
        if len(claimed) == 2:
            pause = 0
    # Three calls fit into a second: six are claimed, then, the gateway being quick again, twice as many each time.
    assert claimed == [BATCH, 6, 6, 12]


def test_two_illnesses_in_a_row_end_a_batch(engine):
    duban = crowd(engine, 10)
    gateway = Listening(answers(Unsure("time-out"), Accepted("p1"), ILL, Unsure("time-out")))
    through(duban, gateway)
    duban.sender.send_due()
    assert len(gateway.handed) == 4
    assert [m.state for m in of_notices(duban)] == ["unknown", "accepted", "due", "unknown", *["due"] * 6]


def test_the_next_batch_is_rung_for_while_there_may_be_more(engine):
    duban = crowd(engine, BATCH + 1, Listening())
    assert duban.sender.send_due() is True
    assert duban.sender.send_due() is False
    assert {m.state for m in of_notices(duban)} == {"accepted"}


# A gateway that is ill -------------------------------------------------------------------------


def health(duban, name="listening"):
    with duban.engine.begin() as connection:
        return gateways.health(connection)[name]


def test_after_five_illnesses_a_gateway_is_given_a_rest_then_tried_with_one_message(engine):
    duban = crowd(engine, 20)
    gateway = Listening(answers(ILL))
    through(duban, gateway, only=Channel.SMS)
    for _ in range(5):
        duban.sender.send_due()
    assert len(gateway.handed) == 6, "two, two, and the batch in which the fifth and sixth came"
    assert health(duban).open_until > duban.clock.now()
    assert [(kind, text) for kind, _, text in found(duban)] == [("gateway", "listening is ill; it is given a rest")]
    duban.clock.instant = health(duban).open_until - timedelta(seconds=1)
    duban.sender.send_due()
    assert len(gateway.handed) == 6
    later(duban, 1)
    duban.sender.send_due()
    assert len(gateway.handed) == 7, "one to try it"
    assert health(duban).failures == 7
    duban.clock.instant = health(duban).open_until
    gateway.answer = accepted
    duban.sender.send_due()
    assert len(gateway.handed) == 8
    assert health(duban) == (0, None)
    duban.send_due()
    assert len(gateway.handed) == 8 + 12, "the others; those refused wait for their pause"
    assert len(found(duban)) == 1


def test_a_gateway_that_is_ill_holds_up_nobody_elses_messages(engine):
    duban = installed(engine, seats=tuple(replace(SEAT, id=f"S{n}", deputy=f"D{'AB'[n % 2]}") for n in range(2)))
    through(duban, Listening(answers(ILL)), only=Channel.SMS)
    with duban.engine.begin() as connection:
        gateways.note_calls(connection, {"listening": [(True, "503")] * 5}, at(NINE))
    duban.send_due()
    assert {(m.channel, m.state) for m in duban.messages() if m.at == at(NINE)} == {
        ("email", "accepted"),
        ("sms", "due"),
    }


def test_an_sms_gateway_that_was_ill_and_has_nothing_to_send_does_not_slow_e_mail_down(engine):
    duban = installed(engine, seats=tuple(replace(SEAT, id=f"S{n}", deputy=f"D{'AB'[n % 2]}") for n in range(2)))
    duban.sql("DELETE FROM notices WHERE channel = 'sms'")
    duban.sql("DELETE FROM messages WHERE channel = 'sms' AND state = 'due'")
    through(duban, Listening(), only=Channel.SMS)
    with duban.engine.begin() as connection:
        gateways.note_calls(connection, {"listening": [(True, "503")] * 5}, at("04-01 08:00"))
    assert len(due(duban)) == 2
    duban.sender.send_due()
    assert due(duban) == []


# Rates and totals ------------------------------------------------------------------------------


def test_a_rate_lets_so_many_through_and_the_others_a_little_later(engine):
    gateway = Listening()
    duban = crowd(engine, 20, gateway)
    configure(duban, sms_per_second=6)
    duban.send_due()
    assert len(gateway.handed) == 6
    assert {made.outcome for m in of_notices(duban) for made in tries(duban, m.id)} == {"accepted"}, "no call, no try"
    later(duban, 0.5)
    duban.send_due()
    assert len(gateway.handed) == 9
    for _ in range(4):
        later(duban, 0.5)
        duban.send_due()
    assert [one.message for one in gateway.handed] == [m.id for m in of_notices(duban)]


def test_two_processes_share_a_rate(engine):
    gateway = Listening()
    duban = crowd(engine, 20, gateway)
    other = Installation(make_engine(engine.url.render_as_string(hide_password=False)), start=day("03-26"))
    other.clock = other.services.clock = duban.clock
    through(other, gateway)
    for one in (duban, other):
        configure(one, sms_per_second=5)
        one.send_due()
    other.engine.dispose()
    assert len(gateway.handed) == 5


def test_two_claims_with_messages_for_the_same_two_gateways_do_not_wait_for_each_other(postgres_engine, monkeypatch):
    duban = installed(postgres_engine)
    duban.send_due()
    through(duban, Listening(name="of e-mails"), only=Channel.EMAIL)
    configure(duban, sms_per_second=9, email_per_second=9)
    with duban.engine.begin() as connection:
        for minute, channel in enumerate(["sms", "email", "email", "sms"]):
            written = {"subject": "日报", "body": "今日", "at": at(f"04-01 08:5{minute}"), "day": day("04-01")}
            outbox.put(connection, New(kind="digest", person="deputy:DA", channel=channel, **written))
    take_turns = gateways.take_turns
    second = Other(postgres_engine, lambda _: claim(duban.services, duban.desks, 2))

    def take(*given):
        room = take_turns(*given)
        if not begun:
            begun.append(given)
            second.begin()
        return room

    begun = []
    monkeypatch.setattr(gateways, "take_turns", take)
    first = claim(duban.services, duban.desks, 2)
    assert [one.channel for one in first.outgoing] == ["sms", "email"]
    assert len(second.end().outgoing) == 2


def test_beyond_the_daily_total_sms_are_held_until_an_operator_releases_them(engine):
    gateway = Listening()
    duban = crowd(engine, 10, gateway)
    configure(duban, sms_daily_total=4)
    duban.send_due()
    assert len(gateway.handed) == 4
    rest = of_notices(duban)[4:]
    assert {(m.state, m.reason, m.claimed_until) for m in rest} == {
        ("held", "the daily total of 4 SMS is used up", None)
    }
    assert found(duban) == [("quota", "2026-03-27", "the daily total of 4 SMS is used up; see duban release")]
    duban.sweep()
    assert len(gateway.handed) == 4
    lever(duban, held=False)
    duban.send_due()
    assert sorted(one.message for one in gateway.handed) == [m.id for m in of_notices(duban)]


def test_e_mail_does_not_count_for_the_daily_total(duban):
    configure(duban, sms_daily_total=1)
    duban.send_due()
    assert sent(duban) == [("email", "deputy:DA"), ("sms", "deputy:DA")]


def test_what_a_rate_sends_back_to_wait_has_not_used_the_daily_total(engine):
    gateway = Listening()
    duban = crowd(engine, 10, gateway)
    configure(duban, sms_daily_total=10, sms_per_second=2)
    for _ in range(12):
        duban.send_due()
        later(duban, 0.5)
    assert len(gateway.handed) == 10
    with duban.engine.begin() as connection:
        assert gateways.used(connection, day("03-27")) == 10


# At its hour -----------------------------------------------------------------------------------


def test_what_is_late_leaves_inside_the_window_and_not_in_the_night(engine):
    gateway = Listening()
    duban = installed(engine, gateway=gateway)
    for when in ("04-01 20:00", "04-02 03:00", "04-02 08:29:59"):
        move(duban, when)
        duban.sweep()
        assert gateway.handed == [], when
    assert {shown(m.try_at) for m in duban.messages("due")} == {"04-02 09:00"}, "it waits for the next round"
    move(duban, "04-02 09:00")
    duban.send_due()
    assert {one.channel for one in gateway.handed} == {"sms", "email"}
    assert len(gateway.handed) == 2
    assert {shown(one.at) for one in gateway.handed} == {"04-02 09:00"}


def test_over_a_holiday_what_is_late_waits_for_the_next_workday(engine):
    gateway = Listening()
    duban = installed(engine, gateway=gateway)
    move(duban, "04-03 20:00")
    duban.send_due()
    move(duban, "04-06 10:00")
    duban.send_due()
    assert gateway.handed == []
    assert {shown(m.try_at) for m in duban.messages("due")} == {"04-07 09:00"}


@pytest.mark.parametrize(("seconds", "leaves"), [(0, True), (1, True), (3599, True), (3600, False)])
def test_a_round_that_the_policy_puts_outside_the_window_leaves_at_its_own_hour(engine, seconds, leaves):
    duban = Installation(engine, start=day("03-30"), notify_at="07:00")
    duban.keep(record(seats=(SEAT,)))
    duban.run("04-01 06:59")
    duban.run("04-01 07:00", sends=False)
    gateway = Listening()
    through(duban, gateway)
    later(duban, seconds)
    duban.send_due()
    assert len(gateway.handed) == (2 if leaves else 0)


def test_a_digest_that_the_policy_puts_outside_the_window_leaves_at_its_own_hour(engine):
    duban = Installation(engine, start=day("03-30"), digest_at="06:30")
    duban.keep(record(seats=(SEAT,)))
    duban.run("03-31 06:29")
    duban.run("03-31 06:30", sends=False)
    waiting = due(duban)
    assert waiting
    later(duban, 5)
    duban.send_due()
    assert {m.state for m in duban.messages() if m.id in waiting} == {"accepted"}


def test_a_reminder_that_was_kept_back_until_after_its_due_date_expires(engine):
    gateway = Listening()
    duban = reminded(engine, gateway)
    duban.run("04-01 08:29", sends=False)
    move(duban, "04-01 10:00")
    duban.send_due()
    (sms,) = of_notices(duban)
    assert (sms.state, sms.reason) == ("expired", "the day that it reminds of has passed")
    assert duban.superseded() == [(MARCH, "remind-2", "its day has passed")]
    assert gateway.handed == []


def test_a_reminder_that_is_late_but_in_time_is_told(engine):
    gateway = Listening()
    duban = reminded(engine, gateway)
    move(duban, "03-31 19:59")
    duban.send_due()
    assert [one.channel for one in gateway.handed] == ["sms"]


def test_an_overdue_notice_never_expires_and_tells_how_late_it_is_now(engine):
    gateway = Listening()
    duban = installed(engine, gateway=gateway)
    move(duban, "04-09 10:00")
    duban.send_due()
    email, sms = sorted(gateway.handed, key=lambda one: one.channel)
    assert (email.channel, sms.channel) == ("email", "sms")
    assert "2026年4月9日" in email.text, "in the words of the moment"
    assert {m.day for m in duban.messages() if m.id in (sms.message, email.message)} == {day("04-09")}


def test_what_is_late_counts_for_the_day_on_which_it_leaves(engine):
    """One SMS a day, and DA has had one: the reminder of last Friday waits for the next workday's round (R5.11)."""
    gateway = Listening()
    duban = Installation(engine, start=day("03-26"), sms_per_day="1")
    duban.keep(record(seats=(SEAT,)))
    duban.run_to(at("03-27 08:59"))
    duban.run("03-27 09:00", sends=False)
    through(duban, gateway, only=Channel.SMS)
    with duban.engine.begin() as connection:
        had = New(kind="notices", person="deputy:DA", channel="sms", at=at("03-30 09:00"), day=day("03-30"))
        outbox.put(connection, had)
    duban.sql("UPDATE messages SET state = 'accepted' WHERE day = '2026-03-30'")
    move(duban, "03-30 10:30")
    duban.send_due()
    (late,) = duban.messages("due")
    assert (gateway.handed, shown(late.try_at)) == ([], "03-31 09:00")
    move(duban, "03-31 09:00")
    duban.send_due()
    assert [one.message for one in gateway.handed] == [late.id]


def test_of_two_late_sms_that_are_claimed_at_once_one_leaves_where_one_a_day_may(postgres_engine, monkeypatch):
    duban = Installation(postgres_engine, start=day("03-20"), sms_per_day="1")
    duban.keep(record(seats=(SEAT,)))
    duban.run("03-27 09:00", sends=False)
    assert len(of_notices(duban)) == 2, "two reminders, of two days"
    duban.sql("UPDATE messages SET state = 'accepted' WHERE channel = 'email'")
    move(duban, "03-30 10:30")
    sms_count = notices.sms_count
    second = Other(postgres_engine, lambda _: claim(duban.services, duban.desks, 1))

    def count(*given):
        had = sms_count(*given)
        if not begun:
            begun.append(given)
            second.begin()
        return had

    begun = []
    monkeypatch.setattr(notices, "sms_count", count)
    first = claim(duban.services, duban.desks, 1)
    assert len(first.outgoing) + len(second.end().outgoing) == 1


@pytest.mark.parametrize("step_is_first", [True, False])
def test_of_a_late_sms_and_one_of_the_round_one_leaves_where_one_a_day_may(postgres_engine, monkeypatch, step_is_first):
    duban = Installation(postgres_engine, start=day("03-20"), sms_per_day="1")
    duban.keep(record(seats=(SEAT,)))
    duban.run("03-27 08:59", sends=False)
    duban.sql("UPDATE messages SET state = 'accepted' WHERE channel = 'email'")
    move(duban, "03-27 09:00")
    plan = duban.plan()
    acts = [lambda _: duban.take(plan, sends=False), lambda _: claim(duban.services, duban.desks, 1)]
    first, second = acts if step_is_first else acts[::-1]
    other = Other(postgres_engine, second)
    sms_count, begun = notices.sms_count, []

    def count(*given):
        had = sms_count(*given)
        if not begun:
            begun.append(given)
            other.begin()
        return had

    monkeypatch.setattr(notices, "sms_count", count)
    first(None)
    other.end()
    assert begun, "both count"
    later(duban, 1)
    claim(duban.services, duban.desks, 1)
    today = [m.id for m in duban.messages() if m.channel == Channel.SMS and m.day == day("03-27")]
    assert len(today) == 1, "the other waits for the next workday"


# Only while it is right ----------------------------------------------------------------------


def test_what_was_settled_between_decision_and_sending_is_superseded(duban):
    learn(duban, visits=MADE_UP)
    duban.send_due()
    assert sent(duban) == []
    assert states(duban) == {("sms", "superseded"), ("email", "superseded")}
    assert {line for line in duban.superseded() if line[0] == MARCH} == {(MARCH, "overdue", "the matter is met")}
    assert {m.reason for m in duban.messages("superseded")} == {"nothing in it still holds"}


def test_a_closure_that_is_on_record_but_not_reckoned_yet_keeps_the_message_back(duban):
    duban.keep(record(visits=MADE_UP))
    duban.send_due()
    assert sent(duban) == []
    assert states(duban) == {("sms", "due"), ("email", "due")}
    assert {tuple(tries(duban, message)) for message in due(duban)} == {()}, "no call was prepared"
    later(duban, 1)
    duban.send_due()
    assert sent(duban) == [], "until a step has reckoned it"
    duban.run("04-01 09:00:02", sends=False)
    duban.send_due()
    assert sent(duban) == []
    assert states(duban) == {("sms", "superseded"), ("email", "superseded")}


def test_a_fact_that_changes_nothing_keeps_the_message_back_only_until_it_is_reckoned(duban):
    duban.keep(record(visits=(visit("03-10", "V1"),)))
    duban.send_due()
    assert sent(duban) == []
    duban.run(NINE, sends=False)
    later(duban, 1)
    duban.send_due()
    assert states(duban) == {("sms", "accepted"), ("email", "accepted")}
    (sms,) = [kept for kept in duban.sandbox("sms") if kept.at > at(NINE)]
    assert "已进站1次" in sms.body, "in the words of the moment"


def test_a_fact_about_somebody_else_keeps_nothing_back(duban):
    duban.keep(record(visits=(visit("03-10", "V1", who="DB"),)))
    duban.send_due()
    assert states(duban) == {("sms", "accepted"), ("email", "accepted")}


def test_a_message_that_cannot_be_put_into_words_fails_and_keeps_no_other_from_leaving(engine, monkeypatch):
    duban = crowd(engine, 3)

    def written(items, on, wording):
        if items[0].person.id == "deputy:D01":
            raise ValueError("Invalid isoformat string: '13900000001'")
        return words(items, on, wording)

    words = actors.letters.written
    monkeypatch.setattr(actors.letters, "written", written)
    duban.send_due()
    assert [(m.person, m.state) for m in of_notices(duban)] == [
        ("deputy:D00", "accepted"),
        ("deputy:D01", "failed"),
        ("deputy:D02", "accepted"),
    ]
    duban.sweep()
    ((_, _, told),) = found(duban)
    assert told.endswith("to deputy:D01 by sms: it cannot be put into words (ValueError); an e-mail goes in its stead")


def test_what_was_reckoned_away_is_superseded(duban):
    duban.sql("DELETE FROM seats WHERE id = 'S1'")
    duban.run(NINE, sends=False)
    duban.send_due()
    assert sent(duban) == []
    assert set(duban.superseded()) == {(MARCH, "overdue", "the matter was reckoned away")}


def test_of_a_message_with_two_items_the_one_that_still_holds_is_told(engine):
    duban = installed(engine, seats=(SEAT, replace(SEAT, id="S2", grid="G2", station="V2")))
    learn(duban, visits=MADE_UP)
    duban.send_due()
    assert sent(duban) == [("email", "deputy:DA"), ("sms", "deputy:DA")]
    assert duban.superseded() == [(MARCH, "overdue", "the matter is met")] * 2
    (sms,) = [kept for kept in duban.sandbox("sms") if kept.at == at(NINE)]
    assert "另" not in sms.body


ASSIGNED = event("03-10 10:00", "assigned", office="DT")


def test_a_matter_that_was_moved_is_superseded(engine):
    duban = installed(
        engine,
        seats=(),
        petitions=(petition(),),
        petition_events=(
            ASSIGNED,
            event("03-11 10:00", "accepted"),
            event("03-20 10:00", "extended", until="03-31", note="雨"),
        ),
    )
    assert due(duban)
    # On 1 April the handling is overdue; a later day, recorded behind the step's back, moves it.
    learn(duban, petition_events=(event("03-20 10:00", "extended", until="04-30", note="雨"),))
    duban.sql("DELETE FROM petition_events WHERE until = '2026-03-31'")
    duban.run(NINE, sends=False)
    duban.send_due()
    assert sent(duban) == []
    assert {reason for *_, reason in duban.superseded()} == {"the due date is now 2026-04-30"}


def test_a_matter_that_was_given_to_someone_else_is_superseded(engine):
    duban = installed(
        engine,
        seats=(),
        projects=(project(recorded="03-02 10:00"),),
        milestones=(planned(1, "approved", "03-31"),),
    )
    assert due(duban)
    duban.sql("UPDATE projects SET office = 'DM' WHERE id = 'J1'")
    duban.run(NINE, sends=False)
    duban.send_due()
    assert sent(duban) == []
    assert {reason for *_, reason in duban.superseded()} == {"office:DM is responsible now"}


def test_what_tells_that_something_has_happened_goes_even_if_the_matter_moved_on(engine):
    moves = (progress("03-10 10:00", "replan", 1, "03-30", "雨"), progress(NINE, "replan", 1, "04-20", "雨"))
    duban = installed(
        engine,
        seats=(),
        projects=(project(),),
        milestones=(planned(1, "approved", "03-20"),),
        project_events=moves,
    )
    learn(duban, project_events=(progress(NINE, "done", 1, date="04-01"),))
    duban.send_due()
    assert ("email", "contact:CMUN") in sent(duban)


def test_settled_is_told_to_whom_the_climb_reached(engine):
    duban = installed(engine)
    duban.send_due()
    duban.run("04-08 16:00")
    duban.keep(record(visits=MADE_UP))
    duban.run("04-08 16:00", sends=False)
    duban.sql("DELETE FROM visits")
    duban.run("04-08 16:00", sends=False)
    duban.send_due()
    settled = [kept for kept in duban.sandbox("email") if kept.at == at("04-08 16:00")]
    assert [kept.person for kept in settled] == ["contact:CT1"]


def test_settled_is_not_told_to_whom_the_climb_did_not_reach(duban):
    duban.send_due()
    lever(duban, held=True)
    duban.run("04-08 10:00")
    duban.keep(record(visits=MADE_UP))
    duban.run("04-08 16:00")
    lever(duban, held=False)
    duban.send_due()
    assert {(matter, rung) for matter, rung, _ in duban.superseded()} == {(MARCH, "climb-1")}
    assert [
        kept for kept in duban.sandbox("email") if kept.at >= at("04-08 09:00") and "督办结果" in kept.subject
    ] == []


# Hold and release ----------------------------------------------------------------------------


def test_hold_stops_what_is_due_and_release_lets_it_go(duban):
    lever(duban, held=True)
    duban.send_due()
    duban.run("04-02 09:00")
    assert sent(duban) == []
    assert {m.state for m in duban.messages() if m.at >= at(NINE)} == {"held"}
    waiting = lever(duban, held=False)
    assert waiting == len(duban.messages("due"))
    duban.send_due()
    assert sent(duban)[-1] == ("sms", "deputy:DA")
    assert duban.messages("due") == []
    with duban.engine.begin() as connection:
        assert [entry["action"] for entry in audit.latest(connection, 9)] == ["release", "hold"]


def test_what_a_wrong_clock_put_off_leaves_once_an_operator_has_released(engine):
    duban = reminded(engine, Listening())
    right = duban.clock.now()
    move(duban, "04-08 10:00")
    duban.send_due()
    assert [shown(m.try_at) for m in of_notices(duban)] == ["04-08 10:00"]
    lever(duban, held=True)
    duban.clock.instant = right
    lever(duban, held=False)
    duban.send_due()
    assert [m.state for m in of_notices(duban)] == ["accepted"]


def test_what_lost_its_point_while_sending_was_held_is_superseded_on_release(duban):
    lever(duban, held=True)
    learn(duban, visits=MADE_UP)
    lever(duban, held=False)
    duban.send_due()
    assert ("sms", "deputy:DA") not in sent(duban)
    assert states(duban) == {("sms", "superseded"), ("email", "superseded")}


# What goes wrong -----------------------------------------------------------------------------


def test_a_refusal_is_kept_with_its_reason_and_can_be_tried_again(engine):
    gateway = Listening(answers(Refused(reason="30007: carrier filtered")))
    duban = installed(engine, gateway=gateway)
    duban.send_due()
    assert {(m.state, m.reason, m.attempts) for m in duban.messages("failed")} >= {
        ("failed", "30007: carrier filtered", 1)
    }
    (told,) = [one for one in duban.notices(matter=MARCH, message_state="failed") if one.notice.channel == "sms"]
    gateway.answer = accepted
    duban.send_due()
    assert states(duban) == {("sms", "failed"), ("email", "failed")}, "not tried again by itself"
    assert retry(duban, told.notice.id) is None
    assert states(duban) == {("sms", "due"), ("email", "failed")}
    duban.send_due()
    assert states(duban) == {("sms", "accepted"), ("email", "failed")}
    (row,) = [m for m in duban.messages() if m.id == told.notice.message]
    assert (row.attempts, row.reason) == (2, None)
    handed = [one.attempt for one in gateway.handed if one.message == row.id]
    assert len(set(handed)) == 2, "one more try is a new attempt"
    with duban.engine.begin() as connection:
        assert [(e["action"], e["subject"]) for e in audit.latest(connection, 9)] == [
            ("retry", f"notice:{told.notice.id}")
        ]


def retry(duban, notice):
    with duban.engine.begin() as connection:
        return retry_notice(connection, duban.services, notice)


def test_what_has_left_or_is_due_is_not_tried_again(duban):
    (told,) = [one for one in duban.notices(matter=MARCH, message_state="due") if one.notice.channel == "sms"]
    assert "nothing to try again" in retry(duban, told.notice.id)
    duban.send_due()
    assert "nothing to try again" in retry(duban, told.notice.id)
    assert retry(duban, 4711) == "there is no notice 4711; see duban notices"
    assert states(duban) == {("sms", "accepted"), ("email", "accepted")}


def test_a_sweep_rings_for_what_is_due_and_leaves_what_is_on_its_way(engine):
    duban = crowd(engine, BATCH + 2)
    with duban.engine.begin() as connection:
        until = outbox.database_now(connection) + timedelta(hours=1)
        outbox.claim(connection, channels=["sms"], now=at(NINE), attempt="a", until=until, limit=1)
    broker = embedded_broker()
    bells = hang_bells(duban.services, duban.desks, broker)
    bells.sweep.fn()
    rung = broker.queues["sending"].qsize()
    assert len(due(duban)) == BATCH + 1
    assert rung == 2, "a bell for each batch"
    duban.send_due()
    bells.sweep.fn()
    assert broker.queues["sending"].qsize() == rung
    broker.close()
    assert [m.state for m in duban.messages() if m.attempt and m.attempt.startswith("a-")] == ["sending"]


def test_in_a_fast_drill_a_claim_lasts_while_its_sender_works(engine):
    duban = installed(engine, gateway=Listening())
    duban.services.clock = DrillClock(Drill(at(NINE), 1_000_000.0))
    broker = embedded_broker()
    bells = hang_bells(duban.services, duban.desks, broker)

    def answer(outgoing):
        bells.sweep.fn()
        return accepted(outgoing)

    duban.services.gateways[Channel.SMS].answer = answer
    duban.send_due()
    broker.close()
    assert states(duban) == {("sms", "accepted"), ("email", "accepted")}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE deputies SET mobile = NULL, email = NULL", "deputy:DA has no address now"),
        ("UPDATE deputies SET mobile = '12345', email = 'nowhere'", "deputy:DA has no address now"),
    ],
)
def test_a_person_who_lost_the_address_is_told_nothing_and_the_operator_sees_why(duban, change, reason):
    wanted = due(duban)
    duban.sql(change)
    duban.run(NINE, sends=False)
    duban.send_due()
    assert sent(duban) == []
    assert {(m.state, m.reason) for m in duban.messages() if m.id in wanted} == {("undeliverable", reason)}
    duban.sql("UPDATE deputies SET mobile = '13900000000', email = 'da@example.cn'")
    duban.run(NINE, sends=False)
    for told in duban.notices(matter=MARCH, message_state="undeliverable"):
        assert retry(duban, told.notice.id) is None
    duban.send_due()
    assert sent(duban) == [("email", "deputy:DA"), ("sms", "deputy:DA")]


def test_a_message_goes_to_the_address_of_the_moment(duban):
    duban.sql("UPDATE deputies SET mobile = '13911112222' WHERE id = 'DA'")
    duban.run(NINE, sends=False)
    duban.send_due()
    assert [kept.address for kept in duban.sandbox("sms") if kept.at >= at(NINE)] == ["13911112222"]


# What is in it -------------------------------------------------------------------------------


def test_sms_that_leave_together_are_one_with_the_most_urgent_item_and_the_number_of_others(engine):
    seats = (SEAT, replace(SEAT, id="S2", grid="G2", station="V2"))
    duban = installed(engine, seats=seats, petitions=(petition(ident="P7", recorded="03-26 10:00"),))
    duban.send_due()
    duban.run("04-07 16:00")
    # The town gets: climb-1 of both seats, climb-1 or overdue of its petition, all at 09:00 on 8 April.
    duban.run("04-08 09:00")
    told = [line for line in duban.told("04-08 09:00") if line[3] == "CT1" and line[4] == "sms"]
    (sms,) = [kept for kept in duban.sandbox("sms") if kept.at == at("04-08 09:00") and kept.person == "contact:CT1"]
    assert [line[2] for line in told] == ["climb-1", "climb-1"]
    assert "3月" in sms.body
    assert "另有1项" in sms.body
    (letter,) = [k for k in duban.sandbox("email") if k.at == at("04-08 09:00") and k.person == "contact:CT1"]
    assert letter.body.count("3月") >= 2, "an e-mail lists every item"


def test_beyond_the_days_limit_sms_are_put_off_and_emails_are_not(engine):
    duban = Installation(engine, start=day("03-31"), sms_per_day="1")
    duban.keep(record(seats=(SEAT,), petitions=(petition(recorded="04-08 10:00"),)))
    duban.run("04-09 16:00")
    town = [line for line in duban.told("04-08 00:00") if line[3] == "CT1"]
    assert town == [
        ("04-08 09:00", MARCH, "climb-1", "CT1", "email"),
        ("04-08 09:00", MARCH, "climb-1", "CT1", "sms"),
        ("04-09 09:00", "petition:P1:assign:1", "event-assign", "CT1", "sms"),
        ("04-09 09:00", "petition:P1:assign:1", "remind-2", "CT1", "sms"),
    ]
    assert [kept.at for kept in duban.sandbox("sms") if kept.person == "contact:CT1"] == [
        at("04-08 09:00"),
        at("04-09 09:00"),
    ]


CANARY = "金丝雀"
PHONE = "13970009999"
PLANTED = (CANARY, PHONE, "139 7000 9999")


def planted(found):
    """The record with a name, a phone, a title and a text in each petition that nobody may read in a notice."""
    petitions = [
        replace(p, title=f"{CANARY}题", petitioner=f"{CANARY}名", petitioner_mobile=PHONE) for p in found.petitions
    ]
    events = [replace(e, note=f"{CANARY}语{PHONE}") for e in found.petition_events]
    return replace(found, petitions=petitions, petition_events=events)


def test_no_notice_tells_who_petitioned_or_what(sqlite_engine, tmp_path):
    args = write_random_record(tmp_path, seed=25)
    first, last = args["from"], args["to"]
    in_force = policy().model_copy(update={"start_on": first})
    found = check(tmp_path, calendar=CALENDAR, policy=in_force).record
    duban = Installation(sqlite_engine, start=first)
    duban.keep(planted(found))
    duban.run_to(midnight(last))
    told = [text for table in (messages, sandbox) for text in texts(sqlite_engine, table)]
    assert sum("群众意见" in text for text in told) > 20, "petitions are told of"
    assert [text for text in told if any(word in text for word in PLANTED)] == []


def texts(engine, table):
    """All that stands in a table's columns of text."""
    columns = [column for column in table.columns if isinstance(column.type, (Text, String))]
    with engine.begin() as connection:
        return [value for row in connection.execute(select(*columns)) for value in row if value]


def test_the_columns_that_are_searched_are_those_with_words():
    for table, names in ((messages, {"subject", "body", "html", "reason"}), (sandbox, {"subject", "body", "html"})):
        assert names <= {column.name for column in table.columns if isinstance(column.type, (Text, String))}


def test_a_digest_keeps_the_words_that_it_was_made_with(engine):
    duban = installed(engine, until="04-01 08:30")
    made = {m.id: (m.subject, m.body, m.html) for m in duban.messages("due")}
    duban.keep(record(visits=MADE_UP))
    duban.run("04-01 08:31")
    kept = {one.message: (one.subject, one.body, one.html) for one in duban.sandbox("email") if one.message in made}
    assert made
    assert kept == made


def test_the_seal_of_a_message_is_the_hash_of_what_left_its_files_included(engine):
    gateway = Listening()
    duban = installed(engine, gateway=gateway)
    with duban.engine.begin() as connection:
        report = New(kind="digest", person="contact:CT1", channel="email", at=at(NINE), day=day("04-01"))
        ident = outbox.put(connection, replace(report, subject="月报", body="附表", html="<p>附表</p>"))
        outbox.attach(
            connection, ident, [("月报.xlsx", "application/zip", b"PK\x00"), ("a.pdf", "application/pdf", b"%")]
        )
    duban.send_due()
    assert len(gateway.handed) == 3
    rows = {m.id: m for m in duban.messages("accepted")}
    for one in gateway.handed:
        row = rows[one.message]
        assert (row.subject, row.body, row.html) == (one.subject, one.text, one.html), "what is kept is what left"
        assert row.sealed == sealed(one)
    (with_files,) = [one for one in gateway.handed if one.message == ident]
    assert [(file.name, file.content_type, file.content) for file in with_files.attachments] == [
        ("a.pdf", "application/pdf", b"%"),
        ("月报.xlsx", "application/zip", b"PK\x00"),
    ]
    for changed in ({"text": "附表。"}, {"attachments": with_files.attachments[:1]}, {"subject": None}):
        assert sealed(replace(with_files, **changed)) != rows[ident].sealed


def sealed(one):
    """The hash of what a gateway was handed, reckoned here anew."""
    words = b"".join((part or "").encode() + b"\x00" for part in (one.subject, one.text, one.html))
    return hashlib.sha256(words + b"".join(f.name.encode() + b"\x00" + f.content for f in one.attachments)).hexdigest()


def test_a_plan_without_anything_due_sends_nothing(duban):
    duban.send_due()
    before = duban.messages()
    assert duban.take(Plan(at("04-01 09:00"))).messages == 0
    assert duban.messages() == before


def test_a_digest_carries_its_figures_as_a_workbook_and_a_monthly_one_the_report_of_its_month(duban):
    duban.send_due()
    made = [message.id for message in duban.messages() if message.kind == "digest"]
    with duban.engine.begin() as connection:
        files = {message: outbox.attached(connection, message) for message in made}
    names = {name for of_message in files.values() for name, _, _ in of_message}
    assert {"duban-daily-2026-04-01.xlsx", "duban-monthly-2026-03.xlsx", "duban-report-2026-03.xlsx"} <= names
    content = next(data for of in files.values() for name, _, data in of if name == "duban-daily-2026-04-01.xlsx")
    book = load_workbook(BytesIO(content))
    assert "逾期事项" in book.sheetnames
    (line,) = list(book["逾期事项"].iter_rows(min_row=2, values_only=True))
    assert "DA" in str(line[0])
    assert line[2:] == ("2026-03-31", 1)


def test_a_claim_that_took_too_long_is_not_the_last(duban):
    instants = iter([0.0, 5.0])
    duban.services.elapsed = lambda: next(instants, 5.0)
    assert duban.sender.send_due(), "nothing was handed over, and all of it is due again"
    assert sent(duban) == []
    duban.services.elapsed = lambda: 0.0
    duban.send_due()
    assert sent(duban) == [("email", "deputy:DA"), ("sms", "deputy:DA")]
