"""What follows from each outcome of a call: is nothing lost, nothing sent twice, and the operator told?

The last reminder of the seat S1, one SMS, waits on 27 March at 09:00; e-mail goes to the sandbox.
"""

from datetime import timedelta

import pytest

from actors.settling import ASKS_S, RARELY, SILENT_FOR, settle_unknown
from channels.gateway import ABSENT, CANNOT_TELL, Accepted, Refused, Report, Status, Unsure, WhenUnknown
from daemon.levers import retry_message, retry_notice
from rules.deliveries import Patience
from rules.facts import Channel
from store import optouts, outcomes
from store.unsettled import STRANDED
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
    lease_by_its_clock,
    move,
    of_notices,
    reminded,
    through,
    tries,
)
from tests.rules.builders import at, deputy, petition, record, shown, visit
from tests.store.between import Other

PATIENCE = Patience()
BAD_NUMBER = Refused(reason="no such number", code="21211")
BUSY = Refused(reason="429", is_lasting=False)
TIME_OUT = Unsure("no answer within 8 s")


def sms_of(duban):
    """The one SMS of the test."""
    (sms,) = of_notices(duban)
    return sms


def in_stead(duban):
    return [m for m in of_notices(duban, "email") if m.instead_of is not None]


def report(duban, status, attempt, **cells):
    """Let a call-back come in."""
    with duban.engine.begin() as connection:
        return outcomes.apply_report(
            connection, Report(provider_id="p1", status=Status(status), attempt=attempt, **cells), duban.clock.now()
        )


# Accepted --------------------------------------------------------------------------------------


def test_what_was_accepted_is_on_record_with_its_price(engine):
    duban = reminded(engine, Listening(answers(Accepted("p1", segments=2))))
    configure(duban, sms_price=0.04)
    duban.send_due()
    sms = sms_of(duban)
    assert (sms.state, sms.reason, sms.sent_at) == ("accepted", None, at("03-27 09:00"))
    (made,) = tries(duban, sms.id)
    assert (made.id, made.gateway, made.outcome, made.provider_id) == (sms.attempt, "listening", "accepted", "p1")
    assert (made.segments, made.cost) == (2, 0.08)
    duban.sweep()
    assert found(duban) == []


def test_what_was_delivered_needs_no_more(engine):
    gateway = Listening()
    duban = reminded(engine, gateway)
    duban.send_due()
    assert report(duban, "delivered", sms_of(duban).attempt)
    later(duban, 86_400)
    duban.sweep()
    assert (sms_of(duban).state, len(gateway.handed), gateway.looked_up) == ("delivered", 1, [])


# Refused for good ------------------------------------------------------------------------------


def test_what_is_refused_for_good_goes_by_e_mail_once_and_is_a_finding(engine):
    gateway = Listening(answers(BAD_NUMBER))
    duban = reminded(engine, gateway)
    duban.send_due()
    sms = sms_of(duban)
    assert (sms.state, sms.reason) == ("failed", "no such number")
    (made,) = tries(duban, sms.id)
    assert (made.outcome, made.code, made.reason) == ("refused", "21211", "no such number")
    for _ in range(3):
        later(duban, 600)
        duban.sweep()
    assert len(gateway.handed) == 1
    (stead,) = in_stead(duban)
    assert (stead.state, stead.instead_of, stead.person) == ("accepted", sms.id, "deputy:DA")
    (letter,) = [kept for kept in duban.sandbox("email") if kept.message == stead.id]
    assert letter.address == "da@example.cn"
    assert "2026年3月进站、入网格履职" in letter.body
    (notice,) = [told.notice for told in duban.notices(matter=MARCH) if told.notice.message == sms.id]
    assert found(duban) == [
        (
            "failed",
            f"message:{sms.id}:1",
            f"notice {notice.id}, message {sms.id} to deputy:DA by sms: no such number; an e-mail goes in its stead",
        )
    ]


def test_what_was_sent_by_e_mail_anyhow_goes_by_none_in_its_stead(engine):
    duban = installed(engine)
    through(duban, Listening(answers(BAD_NUMBER)), only=Channel.SMS)
    duban.send_due()
    duban.sweep()
    assert {(m.channel, m.state) for m in duban.messages() if m.at == at(NINE)} == {
        ("sms", "failed"),
        ("email", "accepted"),
    }
    assert in_stead(duban) == []
    ((_, _, text),) = found(duban)
    assert text.endswith("no such number; the same has gone by e-mail")


def test_of_two_items_only_that_which_was_not_sent_by_e_mail_goes_in_its_stead(engine):
    """The town is told by SMS of a petition that it must assign, and by SMS and e-mail of a climb."""
    duban = installed(engine, until="04-08 09:00", petitions=(petition(recorded="04-07 20:30"),))
    through(duban, Listening(answers(BAD_NUMBER)), only=Channel.SMS)
    duban.send_due()
    duban.sweep()
    (stead,) = [m for m in in_stead(duban) if m.person == "contact:CT1"]
    (letter,) = [kept for kept in duban.sandbox("email") if kept.message == stead.id]
    assert "P1" in letter.body
    assert "进站" not in letter.body, "the climb has gone by e-mail"


@pytest.mark.parametrize("email", [None, "nowhere"])
def test_who_has_no_e_mail_address_is_a_finding_and_nothing_goes_in_its_stead(engine, email):
    duban = reminded(engine, Listening(answers(BAD_NUMBER)), deputies=(deputy("DA", email=email), deputy("DB")))
    duban.send_due()
    duban.sweep()
    assert in_stead(duban) == []
    ((kind, _, text),) = found(duban)
    assert (kind, text.rpartition("; ")[2]) == ("failed", "there is no e-mail address to write to instead")


def test_an_e_mail_that_is_refused_is_a_finding_and_nothing_goes_in_its_stead(engine):
    duban = installed(engine)
    through(duban, Listening(answers(BAD_NUMBER)), only=Channel.EMAIL)
    duban.send_due()
    duban.sweep()
    assert in_stead(duban) == []
    ((kind, _, text),) = found(duban)
    assert (kind, text.rpartition("; ")[2]) == ("failed", "nothing goes in its stead")


def test_a_failure_told_at_night_goes_by_e_mail_in_the_next_round(engine):
    gateway = Listening()
    duban = reminded(engine, gateway)
    duban.send_due()
    move(duban, "03-27 21:00")
    report(duban, "failed", sms_of(duban).attempt, code="30005", reason="unknown handset")
    duban.sweep()
    (stead,) = in_stead(duban)
    assert (stead.state, shown(stead.try_at)) == ("due", "03-30 09:00")
    move(duban, "03-30 08:59")
    duban.sweep()
    assert in_stead(duban)[0].state == "due"
    move(duban, "03-30 09:00")
    duban.send_due()
    assert in_stead(duban)[0].state == "accepted"
    assert sms_of(duban).reason == "unknown handset (code 30005)"


def test_what_has_lost_its_point_meanwhile_does_not_go_in_its_stead(engine):
    duban = reminded(engine, Listening(answers(BAD_NUMBER)))
    duban.send_due()
    move(duban, "03-27 21:00")
    duban.sweep()
    duban.keep(record(visits=(visit("03-10", "V1"), visit("03-11", "G1"))))
    duban.run("03-30 08:59")
    duban.run("03-30 09:05")
    assert [m.state for m in in_stead(duban)] == ["superseded"]


def test_a_reminder_does_not_go_in_its_stead_after_its_due_date(engine):
    duban = reminded(engine, Listening())
    duban.send_due()
    duban.run("04-01 08:59")
    move(duban, "04-01 10:00")
    report(duban, "failed", sms_of(duban).attempt)
    duban.sweep()
    assert [m.state for m in in_stead(duban)] == ["expired"]


def test_one_more_try_of_an_operator_that_fails_again_is_found_anew_but_goes_by_e_mail_once(engine):
    gateway = Listening(answers(BAD_NUMBER))
    duban = reminded(engine, gateway)
    duban.send_due()
    duban.sweep()
    (told,) = duban.notices(matter=MARCH, message_state="failed")
    with duban.engine.begin() as connection:
        assert retry_notice(connection, duban.services, told.notice.id) is None
    assert found(duban) == [], "whoever tries again has dealt with it"
    duban.send_due()
    duban.sweep()
    assert len(gateway.handed) == 2
    assert len(in_stead(duban)) == 1
    ((_, subject, text),) = found(duban)
    assert (subject, text.rpartition("; ")[2]) == (f"message:{sms_of(duban).id}:2", "an e-mail has gone")


def test_a_digest_that_failed_goes_once_when_an_operator_tries_it_again(engine):
    duban = installed(engine)
    duban.sql("UPDATE messages SET state = 'failed', reason = 'full' WHERE kind = 'digest'")
    duban.sweep()
    (failed, *_) = [m for m in duban.messages() if m.kind == "digest"]
    assert f"message {failed.id} to {failed.person} by email: full; nothing goes in its stead" in [
        text for *_, text in found(duban)
    ]
    gateway = Listening()
    through(duban, gateway, only=Channel.EMAIL)
    with duban.engine.begin() as connection:
        assert retry_message(connection, duban.services, failed.id) is None
        assert "nothing to try again" in (retry_message(connection, duban.services, failed.id) or "")
    duban.send_due()
    duban.send_due()
    assert [one.message for one in gateway.handed if one.message == failed.id] == [failed.id]


def test_what_arrives_after_all_is_delivered_though_it_had_failed(engine):
    duban = reminded(engine, Listening())
    duban.send_due()
    for status, state in (("failed", "failed"), ("delivered", "delivered"), ("failed", "delivered")):
        report(duban, status, sms_of(duban).attempt)
        assert sms_of(duban).state == state


# Refused for now -------------------------------------------------------------------------------


def test_what_is_refused_for_now_is_tried_again_after_pauses_that_double(engine):
    gateway = Listening(answers(BUSY))
    duban = reminded(engine, gateway)
    pauses = []
    for _ in range(4):
        duban.send_due()
        sms = sms_of(duban)
        pauses.append((sms.try_at - duban.clock.now()).total_seconds())
        assert (sms.state, sms.reason) == ("due", None)
        duban.clock.instant = sms.try_at - timedelta(seconds=1)
        duban.sweep()
        duban.clock.instant = sms.try_at
    assert pauses == [30, 60, 120, 240]
    assert len(gateway.handed) == 4, "not before its time"
    gateway.answer = accepted
    duban.send_due()
    sms = sms_of(duban)
    assert (sms.state, sms.attempts) == ("accepted", 5)
    assert len({one.attempt for one in gateway.handed}) == 5, "each try is an attempt of its own"
    assert [made.outcome for made in tries(duban, sms.id)] == ["refused"] * 4 + ["accepted"]
    assert found(duban) == []


def test_a_gateway_may_wish_for_a_longer_pause(engine):
    wish = Refused(reason="429", is_lasting=False, retry_after_s=100)
    duban = reminded(engine, Listening(answers(wish)))
    duban.send_due()
    assert sms_of(duban).try_at == at("03-27 09:00") + timedelta(seconds=100)


def test_what_was_tried_enough_has_failed_and_goes_by_e_mail(engine):
    gateway = Listening(answers(BUSY))
    duban = reminded(engine, gateway)
    configure(duban, tries=3)
    for _ in range(5):
        duban.send_due()
        later(duban, 3600)
    duban.sweep()
    assert len(gateway.handed) == 3
    assert (sms_of(duban).state, sms_of(duban).reason) == ("failed", "429")
    assert [m.state for m in in_stead(duban)] == ["accepted"]
    assert [kind for kind, *_ in found(duban)] == ["failed"]


# Opted out -------------------------------------------------------------------------------------


def test_who_wants_no_more_sms_gets_e_mail_from_then_on(engine):
    gateway = Listening(answers(Refused(reason="opted out", code="21610", is_opt_out=True)))
    duban = reminded(engine, gateway)
    duban.send_due()
    duban.sweep()
    assert sms_of(duban).state == "failed"
    with duban.engine.begin() as connection:
        assert optouts.among(connection, "sms", ["13900000000"]) == {"13900000000"}
    duban.run("04-01 08:59")
    duban.keep(record(seats=(SEAT,), petitions=(petition(level="self", recorded="04-01 08:59:30"),)))
    duban.run("04-08 09:00")
    duban.sweep()
    theirs = [m for m in of_notices(duban) if m.person == "deputy:DA"][1:]
    assert {(m.state, m.reason) for m in theirs} == {("undeliverable", "deputy:DA has opted out")}
    assert len([one for one in gateway.handed if one.person == "deputy:DA"]) == 1, "the gateway is not asked again"
    told_by_sms_alone = [
        m.id for m in theirs if m.instead_of is None and m.id in {s.instead_of for s in in_stead(duban)}
    ]
    assert told_by_sms_alone, "the reminder of the petition goes by e-mail"
    assert {m.state for m in in_stead(duban)} == {"accepted"}


def test_who_comes_back_gets_sms_again(engine):
    gateway = Listening()
    duban = reminded(engine, gateway)
    with duban.engine.begin() as connection:
        optouts.add(connection, "sms", "13900000000", duban.clock.now(), "reply")
        optouts.remove(connection, "sms", "13900000000")
    duban.send_due()
    assert len(gateway.handed) == 1


# Unknown: a gateway that knows at once ---------------------------------------------------------


def unsure(engine, when_unknown, **script):
    """An SMS whose call found no answer."""
    gateway = Listening(answers(TIME_OUT), when_unknown=when_unknown, **script)
    duban = reminded(engine, gateway)
    duban.send_due()
    sms = sms_of(duban)
    assert (sms.state, sms.reason) == ("unknown", TIME_OUT.reason)
    assert [made.outcome for made in tries(duban, sms.id)] == ["unknown"]
    gateway.answer = accepted
    return duban, gateway


def taken(sought):
    """The gateway has it."""
    return Report(provider_id="p1", status=Status.SENT, segments=1)


def test_a_gateway_that_knows_at_once_is_asked_at_once(engine):
    duban, gateway = unsure(engine, WhenUnknown.ASK_NOW, finds=taken)
    duban.sweep()
    assert (sms_of(duban).state, len(gateway.handed), len(gateway.sought)) == ("accepted", 1, 1)
    (made,) = tries(duban, sms_of(duban).id)
    assert (made.outcome, made.status, made.provider_id) == ("accepted", "sent", "p1")


def test_what_it_does_not_know_is_sent_once_more_at_once(engine):
    duban, gateway = unsure(engine, WhenUnknown.ASK_NOW, finds=lambda _: ABSENT)
    duban.sweep()
    assert (sms_of(duban).state, len(gateway.handed)) == ("accepted", 2)
    assert len({one.attempt for one in gateway.handed}) == 2


# Unknown: a gateway whose list lags behind -----------------------------------------------------


def test_a_gateway_whose_list_lags_behind_is_asked_after_a_while(engine):
    duban, gateway = unsure(engine, WhenUnknown.ASK_LATER, finds=taken)
    later(duban, PATIENCE.unknown_ask_s - 1)
    duban.sweep()
    assert gateway.sought == []
    later(duban, 1)
    duban.sweep()
    (sought,) = gateway.sought
    (handed,) = gateway.handed
    assert (sought.attempt, sought.address, sought.text) == (handed.attempt, handed.address, handed.text)
    assert (sought.since, sought.taken) == (at("03-27 09:00"), frozenset())
    assert sms_of(duban).state == "accepted"
    assert found(duban) == []


def test_the_gateways_ids_of_other_messages_to_the_person_are_told(engine):
    duban = installed(engine, until="03-27 09:00")
    gateway = Listening(answers(TIME_OUT))
    through(duban, gateway, only=Channel.SMS)
    duban.send_due()
    duban.sql(
        "INSERT INTO attempts (id, message, at, gateway, provider_id) "
        "SELECT 'other', id, '2026-03-20 00:00:00', 'listening', 'p0' FROM messages WHERE channel = 'sms'"
    )
    later(duban, PATIENCE.unknown_ask_s)
    duban.sweep()
    assert gateway.sought[0].taken == {"p0"}


def test_what_another_sweep_has_found_meanwhile_is_not_taken_for_ours(engine):
    def finds(sought):
        if "p1" in sought.taken:
            return ABSENT
        duban.sql(
            "INSERT INTO attempts (id, message, at, gateway, provider_id) "
            "SELECT 'other', id, '2026-03-20 00:00:00', 'listening', 'p1' FROM messages WHERE channel = 'sms'"
        )
        return taken(sought)

    duban, gateway = unsure(engine, WhenUnknown.ASK_LATER, finds=finds)
    later(duban, PATIENCE.unknown_ask_s)
    duban.sweep()
    assert sms_of(duban).state == "unknown"
    duban.sweep()
    assert [sought.taken for sought in gateway.sought] == [frozenset(), {"p1"}]
    assert sms_of(duban).state == "unknown", "absent once; it is asked about again later"


def test_an_id_that_a_sweep_takes_while_an_answer_with_it_is_recorded_loses_no_answer(postgres_engine):
    gateway = Listening(answers(Accepted("p0"), Accepted("p1")))
    duban = crowd(postgres_engine, 2, gateway)
    duban.sql(
        "INSERT INTO attempts (id, message, at, gateway) "
        "SELECT 'other', max(id), '2026-03-20 00:00:00', 'listening' FROM messages WHERE channel = 'email'"
    )
    sending = Other(postgres_engine, lambda _: duban.sender.send_due())
    word = Report(provider_id="p1", status=Status.SENT, attempt="other")
    with postgres_engine.begin() as connection:
        outcomes.apply_report(connection, word, duban.clock.now())
        assert not sending.begin(), "it waits to see whose the id is"
    sending.end()
    assert [m.state for m in of_notices(duban)] == ["accepted", "accepted"]
    assert [made.provider_id for m in of_notices(duban) for made in tries(duban, m.id)] == ["p0", None]


def test_a_copy_that_another_sweep_has_sent_meanwhile_is_not_taken_for_the_first_call(engine):
    def finds(_sought):
        duban.sql(
            "INSERT INTO attempts (id, message, at, gateway) "
            "SELECT 'second', id, '2026-03-20 00:00:00', 'listening' FROM messages WHERE channel = 'sms'"
        )
        duban.sql(
            "UPDATE messages SET state = 'sending', attempt = 'second', claimed_until = '2099-01-01 00:00:00', "
            "reason = NULL WHERE channel = 'sms'"
        )
        return Report(provider_id="of the second", status=Status.SENT)

    duban, _ = unsure(engine, WhenUnknown.ASK_LATER, finds=finds)
    later(duban, PATIENCE.unknown_ask_s)
    duban.sweep()
    assert {made.provider_id for made in tries(duban, sms_of(duban).id)} == {None}
    assert sms_of(duban).state == "sending"


def test_what_left_at_the_first_call_is_not_sent_a_third_time(engine):
    duban, gateway = unsure(engine, WhenUnknown.ASK_LATER, finds=lambda _: ABSENT)
    for pause in (PATIENCE.unknown_ask_s, PATIENCE.unknown_again_s):
        gateway.answer = answers(TIME_OUT)
        later(duban, pause)
        duban.sweep()
    assert (sms_of(duban).state, len(gateway.handed)) == ("unknown", 2)
    report(duban, "delivered", gateway.handed[0].attempt)
    for pause in (PATIENCE.unknown_ask_s, PATIENCE.unknown_again_s):
        later(duban, pause)
        duban.sweep()
    assert (sms_of(duban).state, len(gateway.handed)) == ("delivered", 2)


def test_told_of_the_first_call_while_the_second_was_under_way_it_is_not_sent_a_third_time(engine):
    duban, gateway = unsure(engine, WhenUnknown.ASK_LATER, finds=lambda _: ABSENT)
    duban.sql(
        "UPDATE attempts SET outcome = 'accepted' WHERE message IN (SELECT id FROM messages WHERE channel = 'sms')"
    )
    for pause in (PATIENCE.unknown_ask_s, PATIENCE.unknown_again_s):
        later(duban, pause)
        duban.sweep()
    assert (sms_of(duban).state, len(gateway.handed)) == ("accepted", 1)


def test_told_of_the_first_call_while_a_refusal_of_the_second_is_noted_it_is_not_sent_a_third_time(
    postgres_engine, monkeypatch
):
    have_left = outcomes.have_left

    def look(*given):
        found = have_left(*given)
        if len(gateway.handed) == 2:
            told.begin()
        return found

    duban, gateway = unsure(postgres_engine, WhenUnknown.ASK_LATER, finds=lambda _: ABSENT)
    gateway.answer = answers(BUSY)
    monkeypatch.setattr(outcomes, "have_left", look)
    word = Report(provider_id="p1", status=Status.DELIVERED, attempt=gateway.handed[0].attempt)
    told = Other(postgres_engine, lambda c: outcomes.apply_report(c, word, duban.clock.now()))
    for pause in (PATIENCE.unknown_ask_s, PATIENCE.unknown_again_s):
        later(duban, pause)
        duban.sweep()
    assert told.end()
    later(duban, 3600)
    duban.send_due()
    assert (sms_of(duban).state, len(gateway.handed)) == ("delivered", 2)


def test_absent_twice_and_apart_it_is_sent_once_more(engine):
    duban, gateway = unsure(engine, WhenUnknown.ASK_LATER, finds=lambda _: ABSENT)
    later(duban, PATIENCE.unknown_ask_s)
    duban.sweep()
    later(duban, PATIENCE.unknown_again_s - 1)
    duban.sweep()
    assert (sms_of(duban).state, len(gateway.sought), len(gateway.handed)) == ("unknown", 1, 1)
    later(duban, 1)
    duban.sweep()
    assert (sms_of(duban).state, len(gateway.sought), len(gateway.handed)) == ("accepted", 2, 2)


def test_found_when_asked_again_it_is_not_sent_once_more(engine):
    duban, gateway = unsure(engine, WhenUnknown.ASK_LATER, finds=lambda _: ABSENT)
    later(duban, PATIENCE.unknown_ask_s)
    duban.sweep()
    gateway.finds = taken
    later(duban, PATIENCE.unknown_again_s)
    duban.sweep()
    assert (sms_of(duban).state, len(gateway.handed)) == ("accepted", 1)


def test_an_answer_that_cannot_be_had_between_two_absences_is_none(engine):
    duban, gateway = unsure(engine, WhenUnknown.ASK_LATER, finds=lambda _: ABSENT)
    later(duban, PATIENCE.unknown_ask_s)
    for finds in (lambda _: ABSENT, lambda _: CANNOT_TELL):
        gateway.finds = finds
        duban.sweep()
        later(duban, PATIENCE.unknown_again_s)
    assert (sms_of(duban).state, len(gateway.handed)) == ("unknown", 1)
    gateway.finds = lambda _: ABSENT
    duban.sweep()
    assert (sms_of(duban).state, len(gateway.handed)) == ("accepted", 2)


def test_a_call_back_settles_it_before_anybody_asks(engine):
    duban, gateway = unsure(engine, WhenUnknown.ASK_LATER)
    report(duban, "delivered", gateway.handed[0].attempt)
    later(duban, 86_400)
    duban.sweep()
    assert (sms_of(duban).state, gateway.sought, len(gateway.handed)) == ("delivered", [], 1)


def test_a_call_back_for_the_first_attempt_stops_the_second_while_it_waits(engine):
    duban, gateway = unsure(engine, WhenUnknown.ASK_LATER, finds=lambda _: ABSENT)
    for pause in (PATIENCE.unknown_ask_s, PATIENCE.unknown_again_s):
        later(duban, pause)
        gateway.answer = answers(BUSY)
        duban.sweep()
    assert (sms_of(duban).state, len(gateway.handed)) == ("due", 2)
    report(duban, "delivered", gateway.handed[0].attempt)
    later(duban, 3600)
    duban.sweep()
    assert (sms_of(duban).state, len(gateway.handed)) == ("delivered", 2)


def test_what_was_never_found_is_tried_so_often_and_then_has_failed(engine):
    duban, gateway = unsure(engine, WhenUnknown.ASK_LATER, finds=lambda _: ABSENT)
    configure(duban, tries=2)
    gateway.answer = answers(TIME_OUT)
    for _ in range(6):
        later(duban, PATIENCE.unknown_ask_s)
        duban.sweep()
    sms = sms_of(duban)
    assert len(gateway.handed) == 2
    assert (sms.state, sms.reason) == ("failed", "tried 2 times, and never known to have arrived")
    assert [m.state for m in in_stead(duban)] == ["accepted"]
    assert [kind for kind, *_ in found(duban)] == ["failed"]


# Unknown: nobody can tell ----------------------------------------------------------------------


def test_what_nobody_can_tell_of_stays_unknown_then_goes_by_e_mail_and_is_a_task(engine):
    duban, gateway = unsure(engine, WhenUnknown.ASK_LATER)
    for _ in range(10):
        later(duban, PATIENCE.unknown_again_s)
        duban.sweep()
    assert in_stead(duban) == []
    assert (sms_of(duban).state, len(gateway.handed), found(duban)) == ("unknown", 1, [])
    later(duban, 600)
    duban.sweep()
    assert duban.clock.now() == at("03-27 10:00")
    sms = sms_of(duban)
    assert (sms.state, len(gateway.handed)) == ("unknown", 1)
    assert [m.state for m in in_stead(duban)] == ["accepted"]
    (notice,) = [told.notice for told in duban.notices(matter=MARCH) if told.notice.message == sms.id]
    named = f"notice {notice.id}, message {sms.id} to deputy:DA by sms"
    assert found(duban) == [("unknown", f"message:{sms.id}:1", f"{named}: {TIME_OUT.reason}")]


def test_what_a_call_back_tells_while_it_is_given_up_goes_by_no_e_mail(postgres_engine):
    duban, _ = unsure(postgres_engine, WhenUnknown.ASK_LATER)
    later(duban, PATIENCE.unknown_give_up_s)
    given_up = Other(postgres_engine, lambda _: settle_unknown(duban.services, duban.desks))
    word = Report(provider_id="p1", status=Status.DELIVERED, attempt=sms_of(duban).attempt)
    with postgres_engine.begin() as connection:
        outcomes.apply_report(connection, word, duban.clock.now())
        assert not given_up.begin(), "it waits for the call-back"
    given_up.end()
    assert (sms_of(duban).state, in_stead(duban), found(duban)) == ("delivered", [], [])


def test_what_was_given_up_is_still_asked_about_but_rarely(engine):
    duban, gateway = unsure(engine, WhenUnknown.ASK_LATER)
    later(duban, PATIENCE.unknown_give_up_s)
    duban.sweep()
    asked = len(gateway.sought)
    later(duban, RARELY.total_seconds() - 1)
    duban.sweep()
    assert len(gateway.sought) == asked
    later(duban, 1)
    duban.sweep()
    assert len(gateway.sought) == asked + 1
    gateway.finds = taken
    later(duban, RARELY.total_seconds())
    duban.sweep()
    assert (sms_of(duban).state, len(gateway.handed)) == ("accepted", 1)
    assert len(in_stead(duban)) == len(found(duban)) == 1, "told once"


def test_who_has_lost_the_address_meanwhile_cannot_be_asked_about(engine):
    duban, gateway = unsure(engine, WhenUnknown.ASK_LATER, finds=taken)
    duban.sql("UPDATE deputies SET mobile = NULL WHERE id = 'DA'")
    later(duban, 1)
    duban.run(shown(duban.clock.now()))
    later(duban, PATIENCE.unknown_ask_s)
    duban.sweep()
    assert (sms_of(duban).state, gateway.sought) == ("unknown", [])


# Unknown: a second copy is recognised ----------------------------------------------------------


def test_a_gateway_that_recognises_a_copy_is_given_one_after_a_pause(engine):
    duban, gateway = unsure(engine, WhenUnknown.REPEAT)
    later(duban, PATIENCE.retry_s - 1)
    duban.sweep()
    assert len(gateway.handed) == 1
    later(duban, 1)
    duban.sweep()
    assert (sms_of(duban).state, len(gateway.handed), gateway.sought) == ("accepted", 2, [])
    assert len({one.message for one in gateway.handed}) == 1, "by which the copy is recognised"


def test_copies_are_given_so_often_with_pauses_that_double_and_then_it_has_failed(engine):
    duban, gateway = unsure(engine, WhenUnknown.REPEAT)
    configure(duban, tries=3)
    gateway.answer = answers(TIME_OUT)
    at_seconds = []
    for seconds in range(0, 600, 30):
        duban.clock.instant = at("03-27 09:00") + timedelta(seconds=seconds)
        before = len(gateway.handed)
        duban.sweep()
        at_seconds += [seconds] * (len(gateway.handed) - before)
    assert at_seconds == [30, 90]
    assert sms_of(duban).state == "failed"


def test_a_copy_is_not_given_when_it_has_lost_its_point(engine):
    duban, gateway = unsure(engine, WhenUnknown.REPEAT)
    duban.keep(record(visits=(visit("03-10", "V1"), visit("03-11", "G1"))))
    later(duban, PATIENCE.retry_s)
    duban.run("03-27 09:00:30", sends=False)
    duban.sweep()
    assert (sms_of(duban).state, len(gateway.handed)) == ("superseded", 1)


# Against all promises --------------------------------------------------------------------------


def test_an_adapter_that_raises_leaves_an_unknown_outcome_and_the_others_go_on(engine):
    duban = crowd(engine, 3)
    through(duban, Listening(answers(Accepted("p0"), ValueError("a slip"), Accepted("p2"))), only=Channel.SMS)
    duban.send_due()
    assert [(m.state, m.reason) for m in of_notices(duban)] == [
        ("accepted", None),
        ("unknown", "ValueError in the adapter"),
        ("accepted", None),
    ]


class PowerCut(BaseException):
    """The process dies at once."""


@pytest.mark.parametrize("was_taken", [False, True])
@pytest.mark.parametrize("when_unknown", WhenUnknown)
def test_after_a_crash_between_claim_and_outcome_nothing_is_lost_and_nothing_sent_blindly(
    engine, when_unknown, was_taken
):
    """The second of three calls is the last of this process: it has gone through, or has not."""
    duban = crowd(engine, 3)
    lease_by_its_clock(duban)
    gateway = Listening(answers(Accepted("p0"), PowerCut()), when_unknown=when_unknown)
    gateway.finds = lambda sought: known(gateway.handed, sought, was_taken=was_taken)
    through(duban, gateway, only=Channel.SMS)
    with pytest.raises(PowerCut):
        duban.send_due()
    first, second, third = of_notices(duban)
    assert {m.state for m in (first, second, third)} == {"sending"}
    assert [made.outcome for m in (first, second, third) for made in tries(duban, m.id)] == [None] * 3
    gateway.answer = accepted
    later(duban, 14)
    duban.sweep()
    assert {m.state for m in of_notices(duban)} == {"sending"}, "while the lease lasts"
    later(duban, 2)
    with_a_sweep_each(duban, minutes=20)
    assert {m.state for m in of_notices(duban)} == {"accepted"}
    calls = [[one.message for one in gateway.handed].count(m.id) for m in (first, second, third)]
    # Only a gateway that recognises a copy is given one of what it may have; the third call was never made.
    assert calls == ([2, 2, 1] if when_unknown is WhenUnknown.REPEAT else [1, 1 if was_taken else 2, 1])


def known(handed, sought, *, was_taken):
    """What a gateway knows that took the first call, the second or not, and never saw a third."""
    attempts = [one.attempt for one in handed]
    place = attempts.index(sought.attempt) if sought.attempt in attempts else None
    if place == 0 or (place == 1 and was_taken):
        return Report(provider_id=f"p{place}", status=Status.ACCEPTED)
    return ABSENT


def with_a_sweep_each(duban, minutes):
    for _ in range(minutes * 2):
        duban.sweep()
        later(duban, 30)


def test_what_the_lease_had_stranded_says_why(engine):
    duban = reminded(engine)
    lease_by_its_clock(duban)
    through(duban, Listening(answers(PowerCut())), only=Channel.SMS)
    with pytest.raises(PowerCut):
        duban.send_due()
    later(duban, 16)
    duban.sweep()
    assert (sms_of(duban).state, sms_of(duban).reason) == ("unknown", STRANDED)


def test_a_claim_is_not_stranded_by_a_clock_of_this_process_that_jumps(engine):
    """The lease is on the database's clock: one that runs ahead here takes nothing from its sender."""
    duban = reminded(engine)

    def answer(outgoing):
        later(duban, 7200)
        duban.sweep()
        assert sms_of(duban).state == "sending"
        return accepted(outgoing)

    through(duban, Listening(answer), only=Channel.SMS)
    duban.send_due()
    assert sms_of(duban).state == "accepted"


@pytest.mark.parametrize(
    ("outcome", "state"), [(Accepted("p1"), "accepted"), (BAD_NUMBER, "failed"), (BUSY, "due"), (TIME_OUT, "unknown")]
)
def test_an_outcome_that_comes_after_the_lease_is_noted_all_the_same(engine, outcome, state):
    duban = reminded(engine)
    lease_by_its_clock(duban)

    def answer(_outgoing):
        later(duban, 16)
        duban.sweep()
        assert sms_of(duban).state == "unknown"
        return outcome

    gateway = Listening(answer)
    through(duban, gateway, only=Channel.SMS)
    duban.sender.send_due()
    assert (sms_of(duban).state, len(gateway.handed)) == (state, 1)


# Silence ---------------------------------------------------------------------------------------


def test_a_gateway_that_tells_nothing_for_long_is_asked_how_far_the_message_has_come(engine):
    def delivered(provider_id):
        return Report(provider_id=provider_id, status=Status.DELIVERED, segments=1, cost=0.05)

    gateway = Listening(looks_up=delivered)
    duban = reminded(engine, gateway)
    duban.send_due()
    later(duban, SILENT_FOR.total_seconds())
    duban.sweep()
    assert gateway.looked_up == []
    later(duban, 1)
    duban.sweep()
    assert gateway.looked_up == [f"id-{gateway.handed[0].attempt}"]
    assert sms_of(duban).state == "delivered"
    assert tries(duban, sms_of(duban).id)[0].cost == 0.05
    later(duban, 86_400)
    duban.sweep()
    assert len(gateway.looked_up) == 1


def test_a_gateway_that_cannot_tell_is_asked_again_later_and_the_message_stays(engine):
    gateway = Listening()
    duban = reminded(engine, gateway)
    duban.send_due()
    for _ in range(3):
        later(duban, SILENT_FOR.total_seconds() + 1)
        duban.sweep()
        duban.sweep()
    assert len(gateway.looked_up) == 3
    assert sms_of(duban).state == "accepted"


@pytest.mark.parametrize("when_unknown", [WhenUnknown.ASK_NOW, WhenUnknown.REPEAT])
def test_a_gateway_that_keeps_no_list_is_not_asked(engine, when_unknown):
    gateway = Listening(when_unknown=when_unknown)
    duban = reminded(engine, gateway)
    duban.send_due()
    later(duban, 86_400)
    duban.sweep()
    assert gateway.looked_up == []


def test_a_sweep_asks_a_slow_gateway_for_so_long_and_goes_on_in_the_next(engine):
    duban = crowd(engine, 4)
    watch = duban.services.elapsed = Stopwatch()

    def slowly(_asked):
        watch.seconds += ASKS_S * 0.6
        return CANNOT_TELL

    gateway = Listening(answers(TIME_OUT), finds=slowly)
    through(duban, gateway, only=Channel.SMS)
    duban.send_due()
    later(duban, PATIENCE.unknown_ask_s)
    for asked in (2, 4, 4):
        duban.sweep()
        assert len(gateway.sought) == asked
