"""Does a message leave once, only while it is right, and with nothing in it that it may not tell?

The seat S1 of deputy DA owes March 2026 and is overdue on 1 April: one SMS and one e-mail to DA, at 09:00.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlalchemy import Text, select
from sqlalchemy.types import String

from actors.bells import embedded_broker, hang_bells
from actors.sending import LEASE_S
from actors.steps import Plan
from channels.gateway import Accepted, Outcome, Outgoing, Refused
from config.drill import Drill, DrillClock
from daemon.levers import retry_notice, set_held
from intake.checking import check
from rules.facts import Channel, midnight
from store import audit, findings, outbox
from store.schema import messages, sandbox
from tests.actors.installations import Installation
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
    seat,
    visit,
)
from tests.rules.builders import milestone as planned

NINE = "04-01 09:00"
MARCH = "visit:S1:2026-03"
SEAT = seat(ends="04-30")
MADE_UP = (visit("03-10", "V1"), visit("03-11", "G1"))


@dataclass
class Listening:
    """A gateway that remembers what it was handed, and does as it is told."""

    answer: Callable[[Outgoing], Outcome] = lambda outgoing: Accepted(f"id-{outgoing.attempt}")
    handed: list[Outgoing] = field(default_factory=list)
    name: str = "listening"

    def has_taken(self, attempt):
        return None

    def send(self, outgoing: Outgoing) -> Outcome:
        self.handed.append(outgoing)
        return self.answer(outgoing)


def raises(err: BaseException) -> Callable[[Outgoing], Outcome]:
    def answer(_outgoing: Outgoing) -> Outcome:
        raise err

    return answer


def installed(engine, *, gateway=None, **tables):
    """An installation whose round of 1 April has been held, and what leaves lies in the outbox."""
    duban = Installation(engine, start=day("03-30"))
    duban.keep(record(**{"seats": (SEAT,)} | tables))
    duban.run("04-01 08:59")
    duban.run(NINE, sends=False)
    if gateway:
        duban.services.gateways = dict.fromkeys(Channel, gateway)
    return duban


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


# Once ----------------------------------------------------------------------------------------


def test_a_message_leaves_in_the_words_of_the_moment(duban):
    duban.send(*due(duban))
    assert sent(duban) == [("email", "deputy:DA"), ("sms", "deputy:DA")]
    assert states(duban) == {("sms", "accepted"), ("email", "accepted")}
    (sms,) = [kept for kept in duban.sandbox("sms") if kept.at == at(NINE)]
    assert (sms.address, sms.subject, sms.html) == ("13900000000", None, None)
    assert sms.body.startswith("【鹤山人大】代表DA代表：您好！3月进站、入网格履职")
    (row,) = [m for m in duban.messages("accepted") if m.id == sms.message]
    assert (row.body, row.attempt, row.provider, row.sent_at) == (sms.body, sms.attempt, "sandbox", at(NINE))
    assert (row.attempts, row.claimed_until, row.provider_id) == (1, None, f"sandbox-{sms.attempt}")


def test_of_eight_threads_one_sends_a_message(engine):
    gateway = Listening()
    duban = installed(
        engine, gateway=gateway, seats=tuple(seat(id=f"S{n}", deputy=f"D{'AB'[n % 2]}") for n in range(4))
    )
    wanted = due(duban)
    assert len(wanted) == 4
    barrier = threading.Barrier(8)
    failed = []

    def run():
        for message in wanted:
            barrier.wait()
            try:
                duban.send(message)
            except Exception as err:  # noqa: BLE001 - told below
                failed.append(err)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(one.message for one in gateway.handed) == wanted
    assert {m.attempts for m in duban.messages() if m.id in wanted} == {1}
    assert {m.state for m in duban.messages()} == {"accepted"}


def test_a_message_that_has_left_is_not_sent_again(duban):
    for _ in range(2):
        duban.send(*[m.id for m in duban.messages()])
    assert sent(duban) == [("email", "deputy:DA"), ("sms", "deputy:DA")]


def test_what_was_not_rung_for_is_found_by_a_sweep(duban):
    duban.send_due()
    assert states(duban) == {("sms", "accepted"), ("email", "accepted")}


# Only while it is right ----------------------------------------------------------------------


def test_what_was_settled_between_decision_and_sending_is_superseded(duban):
    wanted = due(duban)
    learn(duban, visits=MADE_UP)
    duban.send(*wanted)
    assert sent(duban) == []
    assert states(duban) == {("sms", "superseded"), ("email", "superseded")}
    assert {line for line in duban.superseded() if line[0] == MARCH} == {(MARCH, "overdue", "the matter is met")}
    assert {m.reason for m in duban.messages("superseded")} == {"nothing in it still holds"}


def test_what_was_reckoned_away_is_superseded(duban):
    wanted = due(duban)
    duban.sql("DELETE FROM seats WHERE id = 'S1'")
    duban.run(NINE, sends=False)
    duban.send(*wanted)
    assert sent(duban) == []
    assert set(duban.superseded()) == {(MARCH, "overdue", "the matter was reckoned away")}


def test_of_a_message_with_two_items_the_one_that_still_holds_is_told(engine):
    duban = installed(engine, seats=(SEAT, replace(SEAT, id="S2", grid="G2", station="V2")))
    wanted = due(duban)
    learn(duban, visits=MADE_UP)
    duban.send(*wanted)
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
    wanted = due(duban)
    assert wanted
    # On 1 April the handling is overdue; a later day, recorded behind the step's back, moves it.
    learn(duban, petition_events=(event("03-20 10:00", "extended", until="04-30", note="雨"),))
    duban.sql("DELETE FROM petition_events WHERE until = '2026-03-31'")
    duban.run(NINE, sends=False)
    duban.send(*wanted)
    assert sent(duban) == []
    assert {reason for *_, reason in duban.superseded()} == {"the due date is now 2026-04-30"}


def test_a_matter_that_was_given_to_someone_else_is_superseded(engine):
    duban = installed(
        engine,
        seats=(),
        projects=(project(recorded="03-02 10:00"),),
        milestones=(planned(1, "approved", "03-31"),),
    )
    wanted = due(duban)
    assert wanted
    duban.sql("UPDATE projects SET office = 'DM' WHERE id = 'J1'")
    duban.run(NINE, sends=False)
    duban.send(*wanted)
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
    wanted = due(duban)
    learn(duban, project_events=(progress(NINE, "done", 1, date="04-01"),))
    duban.send(*wanted)
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
    duban.send(*due(duban))
    duban.run("04-02 09:00")
    assert sent(duban) == []
    assert {m.state for m in duban.messages() if m.at >= at(NINE)} == {"due"}
    waiting = lever(duban, held=False)
    assert waiting == len(duban.messages("due"))
    duban.send_due()
    assert sent(duban)[-1] == ("sms", "deputy:DA")
    assert duban.messages("due") == []
    with duban.engine.begin() as connection:
        assert [entry["action"] for entry in audit.latest(connection, 9)] == ["release", "hold"]


def test_what_lost_its_point_while_sending_was_held_is_superseded_on_release(duban):
    lever(duban, held=True)
    learn(duban, visits=MADE_UP)
    lever(duban, held=False)
    duban.send_due()
    assert ("sms", "deputy:DA") not in sent(duban)
    assert states(duban) == {("sms", "superseded"), ("email", "superseded")}


def lever(duban, *, held):
    with duban.engine.begin() as connection:
        return set_held(connection, duban.services, held=held)


# What goes wrong -----------------------------------------------------------------------------


def test_a_refusal_is_kept_with_its_reason_and_can_be_tried_again(engine):
    gateway = Listening(lambda _outgoing: Refused("30007: carrier filtered"))
    duban = installed(engine, gateway=gateway)
    duban.send(*due(duban))
    assert {(m.state, m.reason, m.attempts) for m in duban.messages("failed")} >= {
        ("failed", "30007: carrier filtered", 1)
    }
    (told,) = [one for one in duban.notices(matter=MARCH, message_state="failed") if one.notice.channel == "sms"]
    gateway.answer = Listening().answer
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


def test_a_claim_whose_sender_died_is_of_unknown_outcome_and_never_sent_again(engine):
    gateway = Listening(raises(ConnectionResetError("in the middle")))
    duban = installed(engine, gateway=gateway)
    sms, email = due(duban)
    for message in (sms, email):
        with pytest.raises(ConnectionResetError):
            duban.send(message)
    assert states(duban) == {("sms", "sending"), ("email", "sending")}
    gateway.answer = Listening().answer
    broker = embedded_broker()
    bells = hang_bells(duban.services, duban.desks, broker)
    for seconds, state in ((LEASE_S, "sending"), (LEASE_S + 1, "unknown"), (3600, "unknown")):
        duban.clock.instant = at(NINE) + timedelta(seconds=seconds)
        bells.sweep.fn()
        duban.send_due()
        duban.send(sms, email)
        assert states(duban) == {("sms", state), ("email", state)}
    broker.close()
    assert [one.message for one in gateway.handed] == [sms, email]
    with duban.engine.begin() as connection:
        found = {(kind, subject, text) for _, kind, subject, text in findings.latest(connection, 9)}
    assert found == {("unknown", f"message:{message}", outbox.STRANDED) for message in (sms, email)}


def test_a_sweep_rings_for_what_is_due_and_leaves_what_is_on_its_way(duban):
    broker = embedded_broker()
    bells = hang_bells(duban.services, duban.desks, broker)
    wanted = due(duban)
    with duban.engine.begin() as connection:
        outbox.claim(connection, wanted[0], now=at(NINE), attempt="a", lease_s=30)
    bells.sweep.fn()
    rung = [broker.queues["sending"].get_nowait() for _ in range(broker.queues["sending"].qsize())]
    broker.close()
    assert len(rung) == len(due(duban)) == len(wanted) - 1


def test_in_a_fast_drill_a_claim_lasts_while_its_sender_works(engine):
    duban = installed(engine, gateway=Listening())
    duban.services.clock = DrillClock(Drill(at(NINE), 1_000_000.0))
    broker = embedded_broker()
    bells = hang_bells(duban.services, duban.desks, broker)

    def answer(outgoing):
        bells.sweep.fn()
        return Accepted(f"id-{outgoing.attempt}")

    duban.services.gateways[Channel.SMS].answer = answer
    duban.send(due(duban)[0])
    broker.close()
    assert ("sms", "accepted") in states(duban)


def test_an_outcome_that_comes_late_is_noted_all_the_same(engine):
    duban = installed(engine, gateway=Listening())

    def answer(outgoing):
        duban.clock.instant += timedelta(seconds=31)
        with duban.engine.begin() as connection:
            assert [m.id for m in outbox.strand(connection, duban.clock.now())] == [outgoing.message]
        return Accepted(f"id-{outgoing.attempt}")

    duban.services.gateways[Channel.SMS].answer = answer
    duban.send(due(duban)[0])
    assert ("sms", "accepted") in states(duban)


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
    duban.send(*wanted)
    assert sent(duban) == []
    assert {(m.state, m.reason) for m in duban.messages() if m.id in wanted} == {("undeliverable", reason)}
    duban.sql("UPDATE deputies SET mobile = '13900000000', email = 'da@example.cn'")
    duban.run(NINE, sends=False)
    for told in duban.notices(matter=MARCH, message_state="undeliverable"):
        assert retry(duban, told.notice.id) is None
    duban.send_due()
    assert sent(duban) == [("email", "deputy:DA"), ("sms", "deputy:DA")]


def test_a_message_goes_to_the_address_of_the_moment(duban):
    wanted = due(duban)
    duban.sql("UPDATE deputies SET mobile = '13911112222' WHERE id = 'DA'")
    duban.run(NINE, sends=False)
    duban.send(*wanted)
    assert [kept.address for kept in duban.sandbox("sms") if kept.at >= at(NINE)] == ["13911112222"]


# What is in it -------------------------------------------------------------------------------


def test_sms_that_leave_together_are_one_with_the_most_urgent_item_and_the_number_of_others(engine):
    seats = (SEAT, replace(SEAT, id="S2", grid="G2", station="V2"))
    duban = installed(engine, seats=seats, petitions=(petition(ident="P7", recorded="03-26 10:00"),))
    duban.send(*due(duban))
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


def test_a_digest_keeps_the_words_that_it_was_made_with(duban):
    digest = next(m for m in duban.messages() if m.kind == "digest" and m.at < at(NINE))
    assert (digest.state, digest.subject is not None, digest.html is not None) == ("accepted", True, True)
    (kept,) = [one for one in duban.sandbox("email") if one.message == digest.id]
    assert (kept.subject, kept.body, kept.html) == (digest.subject, digest.body, digest.html)


def test_a_plan_without_anything_due_sends_nothing(duban):
    duban.send_due()
    before = duban.messages()
    assert duban.take(Plan(at("04-01 09:00"))).messages == ()
    assert duban.messages() == before
