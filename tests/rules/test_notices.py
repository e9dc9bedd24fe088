"""R2.4, R5.5 to R5.11: who is told, on which channel, when it leaves, and what is not sent after all."""

from dataclasses import replace

import pytest

from replay.engine import replay
from rules.facts import Channel
from rules.notices import BOTH, EMAIL, SMS, Notice, Verdict, leaves_at, once, put_off, urgency
from tests.rules.builders import (
    CONTACTS,
    ack,
    at,
    contact,
    day,
    deputy,
    desk,
    event,
    house,
    matter_of,
    milestone,
    petition,
    progress,
    project,
    run,
    rungs,
    seat,
    shown,
    staff,
    told,
    visit,
)
from tests.rules.builders import duties as duties_of
from tests.rules.builders import record as record_of

BLANK = {"mobile": None, "email": None}
ASSIGNED = event("03-10 10:00", "assigned", office="DT")
ACCEPTED = event("03-11 10:00", "accepted")
HANDLED = event("03-19 10:00", "handled")
REWORK = event("03-23 10:00", "verified", result="rework")


def loop(*events, of=None, **tables):
    return record_of(petitions=(of or petition(),), petition_events=events, **tables)


def events_of(lines):
    """Which event notices are among the lines, without the petition that all are about?"""
    return [
        (when, matter.split(":", 2)[2], rung.removeprefix("event-"), who, channel)
        for when, matter, rung, who, channel in lines
        if rung.startswith("event-")
    ]


# R2.4: routes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("responsible", "people", "to", "rerouted"),
    [
        pytest.param("office:T1", CONTACTS, ["CT1"], False, id="the office itself"),
        pytest.param("office:T1", (*CONTACTS, contact("T1", "CT1b")), ["CT1", "CT1b"], False, id="each contact"),
        pytest.param(
            "office:T1",
            staff(contact("T1", on_duty=False), contact("T1", "CT1b")),
            ["CT1b"],
            False,
            id="nobody off duty, if another is on duty",
        ),
        pytest.param("office:T1", staff(contact("T1", on_duty=False)), ["CMUN"], True, id="off duty"),
        pytest.param("office:T1", staff(contact("T1", **BLANK)), ["CMUN"], True, id="without an address"),
        pytest.param(
            "office:T1", staff(contact("T1", mobile="12345", email="x")), ["CMUN"], True, id="unusable addresses"
        ),
        pytest.param(
            "office:T1",
            staff(contact("T1", email=None, channels=(Channel.EMAIL,))),
            ["CMUN"],
            True,
            id="no address on the channel of their own",
        ),
        pytest.param("office:T1", staff(without=["T1"]), ["CMUN"], True, id="no contact"),
        pytest.param("office:T1", staff(without=["T1", "MUN"]), ["CDIR"], True, id="nor above it"),
        pytest.param("office:T1", staff(without=["T1", "MUN", "DIR"]), [], True, id="nobody up to the root"),
        pytest.param("office:DT", staff(without=["DT"]), ["CT1"], True, id="a town's department: to its town"),
        pytest.param("office:DM", staff(without=["DM"]), ["CMUN"], True, id="a municipal department: to municipal"),
        pytest.param("office:DIR", staff(without=["DIR"]), [], True, id="the root has nobody above it"),
    ],
)
def test_a_notice_to_an_office_goes_to_its_contacts_or_to_the_nearest_office_above(responsible, people, to, rerouted):
    route = house(people).route(responsible, "T1")
    assert [p.id for p in route.people] == [f"contact:{c}" for c in to]
    assert route.rerouted is rerouted


@pytest.mark.parametrize(
    ("who", "people", "to", "rerouted"),
    [
        pytest.param(deputy("DA"), CONTACTS, ["deputy:DA"], False, id="the deputy"),
        pytest.param(deputy("DA", **BLANK), CONTACTS, ["contact:CT2"], True, id="else the matter's town"),
        pytest.param(deputy("DA", **BLANK), staff(without=["T2"]), ["contact:CMUN"], True, id="then up"),
    ],
)
def test_a_notice_to_a_deputy_goes_to_the_deputy_or_to_the_matters_town(who, people, to, rerouted):
    route = house(people, (who,)).route("deputy:DA", "T2")
    assert ([p.id for p in route.people], route.rerouted) == (to, rerouted)


def test_what_cannot_be_delivered_is_one_line_for_each_rung_and_is_not_tried_again():
    nobody = {"contacts": (), "deputies": (deputy("DA", **BLANK),)}
    assert told(record_of(seats=(seat(ends="04-29"),), **nobody), "03-26", "04-30") == [
        ("03-27 09:00", "visit:S1:2026-03", "remind-2", "undeliverable", ""),
        ("04-01 09:00", "visit:S1:2026-03", "overdue", "undeliverable", ""),
        ("04-08 09:00", "visit:S1:2026-03", "climb-1", "undeliverable", ""),
        ("04-15 09:00", "visit:S1:2026-03", "climb-2", "undeliverable", ""),
    ]


def test_a_reminder_that_gives_way_and_reaches_nobody_leaves_no_line():
    record = record_of(
        contacts=(),
        projects=(project(is_key=True),),
        milestones=(milestone(1, "groundbreaking", "04-30"),),
        project_events=(progress("04-13 10:00", "replan", 1, "04-16", "提前"),),
    )
    assert told(record, "03-01", "04-14") == [("04-14 09:00", "milestone:J1:1", "remind-3", "undeliverable", "")]


def test_both_parts_of_a_reopening_that_reach_nobody_are_one_line():
    lines = told(loop(ASSIGNED, ACCEPTED, HANDLED, REWORK, contacts=()), "03-20", "03-23")
    assert [line for line in lines if line[2] == "event-reopened"] == [
        ("03-23 10:00", "petition:P1:handle:2", "event-reopened", "undeliverable", "")
    ]


def test_a_rerouted_rung_is_marked():
    record = record_of(seats=(seat(ends="04-29"),), contacts=staff(without=["T1"]))
    assert ("04-08 09:00", "climb-1", "!CMUN") in rungs(told(record, "03-01", "04-30"))


# R5.5: channels --------------------------------------------------------------------------------------------

BOTH_SET = {"mobile": "13800000000", "email": "a@example.cn"}


@pytest.mark.parametrize(
    ("cells", "channels", "sms", "email", "both"),
    [
        (BOTH_SET, "", "sms", "email", "sms email"),
        (BOTH_SET, "sms email", "sms", "email", "sms email"),
        pytest.param(
            BOTH_SET, "email sms", "sms", "email", "sms email", id="their order matters only as a last resort"
        ),
        pytest.param(BOTH_SET, "sms", "sms", "sms", "sms", id="only SMS of one's own"),
        pytest.param(BOTH_SET, "email", "email", "email", "email", id="only e-mail of one's own"),
        pytest.param({"mobile": "13800000000"}, "", "sms", "sms", "sms", id="no e-mail address"),
        pytest.param({"email": "a@example.cn"}, "", "email", "email", "email", id="no mobile"),
        pytest.param({"mobile": "13800000000"}, "email sms", "sms", "sms", "sms", id="the first with an address"),
        pytest.param({"email": "a@example.cn"}, "sms", "", "", "", id="no address on the only channel: unreachable"),
        pytest.param({}, "", "", "", "", id="no address at all"),
    ],
)
def test_the_channels_of_a_notice_are_those_of_the_persons_own_that_have_an_address(cells, channels, sms, email, both):
    own = tuple(Channel(c) for c in channels.split())
    person = house((contact("T1", **(BLANK | cells), channels=own),)).person("contact:CT1")
    assert person is not None
    assert [" ".join(person.used(wanted)) for wanted in (SMS, EMAIL, BOTH)] == [sms, email, both]


@pytest.mark.parametrize(
    ("rung", "channels"),
    [("remind-7", {"sms"}), ("remind-2", {"sms"}), ("overdue", {"sms", "email"}), ("climb-1", {"sms", "email"})],
)
def test_the_channels_of_a_rung(rung, channels):
    lines = told(record_of(seats=(seat(ends="04-29"),)), "03-01", "04-30")
    assert {channel for _, _, each, _, channel in lines if each == rung} == channels


# R5.6: once ------------------------------------------------------------------------------------------------


def notice(rung="overdue", *, due="03-31", ident="visit:S1:2026-03", rerouted=False, channel=Channel.SMS):
    matter = replace(matter_of(duties_of(seat()), "2026-03"), due=day(due), id=ident)
    person = house().person("contact:CT1")
    return Notice(matter=matter, rung=rung, person=person, channel=channel, verdict=Verdict.SENT, rerouted=rerouted)


@pytest.mark.parametrize(
    ("first", "second", "rerouted"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_two_notices_with_one_key_are_one_that_is_rerouted_only_if_both_are(first, second, rerouted):
    (kept,) = once([notice(rerouted=first), notice(rerouted=second)])
    assert kept.rerouted is rerouted


@pytest.mark.parametrize(
    "other",
    [
        notice("climb-1"),
        notice(due="04-30"),
        notice(ident="visit:S2:2026-03"),
        notice(channel=Channel.EMAIL),
    ],
    ids=["another rung", "another due date", "another matter", "another channel"],
)
def test_notices_with_different_keys_are_both_kept(other):
    assert once([notice(), other]) == [notice(), other]


def test_the_handler_and_the_office_above_may_be_one_person_and_is_told_once():
    people = staff(contact("T1", email=None), without=["DT"])
    lines = told(loop(ASSIGNED, ACCEPTED, HANDLED, REWORK, contacts=people), "03-20", "03-23")
    assert events_of(lines) == [("03-23 10:00", "handle:2", "reopened", "CT1", "sms")]


# R5.8: what each event tells, and to whom --------------------------------------------------------------------


def test_the_whole_loop_tells_the_one_who_must_act_next():
    record = loop(
        ASSIGNED,
        ACCEPTED,
        HANDLED,
        event("03-23 10:00", "verified", result="ok"),
        event("03-24 10:00", "fed_back", result="satisfied"),
    )
    assert events_of(told(record, "03-01", "03-31")) == [
        ("03-09 10:00", "assign:1", "assign", "CT1", "sms"),
        ("03-10 10:00", "accept:1", "assigned", "CDT", "sms"),
        ("03-19 10:00", "verify:1", "handled", "DA", "sms"),
    ]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [event("03-10 11:00", "returned")], ("03-10 11:00", "assign:2", "assign", "CT1", "sms"), id="returned"
        ),
        pytest.param(
            [event("03-10 11:00", "raised", level="municipal")],
            ("03-10 11:00", "assign:2", "assign", "CMUN", "sms"),
            id="raised",
        ),
        pytest.param(
            [event("03-11 11:00", "handled")],
            ("03-11 11:00", "verify:1", "handled", "DA", "sms"),
            id="handled before it was accepted",
        ),
    ],
)
def test_an_event_notice_names_the_matter_that_its_event_opened(events, expected):
    assert events_of(told(loop(ASSIGNED, *events), "03-01", "03-13"))[-1] == expected


def test_without_a_deputy_the_town_is_asked_to_verify():
    lines = told(loop(ASSIGNED, ACCEPTED, HANDLED, of=petition(who=None)), "03-19", "03-19")
    assert events_of(lines) == [("03-19 10:00", "verify:1", "handled", "CT1", "sms")]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([event("03-12 10:00", "handled")], id="handled"),
        pytest.param([], id="registered"),
    ],
)
def test_what_the_deputy_solves_alone_is_told_to_nobody(events):
    assert events_of(told(loop(*events, of=petition(level="self")), "03-01", "03-13")) == []


@pytest.mark.parametrize(
    ("of", "events", "handler", "above"),
    [
        pytest.param(petition(), [ASSIGNED, ACCEPTED, HANDLED, REWORK], "CDT", "CT1", id="rework"),
        pytest.param(
            petition(),
            [
                ASSIGNED,
                ACCEPTED,
                HANDLED,
                event("03-20 10:00", "verified", result="ok"),
                event("03-23 10:00", "fed_back", result="dissatisfied"),
            ],
            "CDT",
            "CT1",
            id="dissatisfied",
        ),
        pytest.param(
            petition(),
            [event("03-10 10:00", "assigned", office="DM"), ACCEPTED, HANDLED, REWORK],
            "CDM",
            "CMUN",
            id="of a municipal department",
        ),
        pytest.param(
            petition(level="self"),
            [event("03-12 10:00", "handled"), event("03-23 10:00", "fed_back", result="dissatisfied")],
            "DA",
            "CT1",
            id="of the deputy",
        ),
    ],
)
def test_what_is_reopened_is_told_to_the_handler_and_to_the_office_above(of, events, handler, above):
    assert set(events_of(told(loop(*events, of=of), "03-23", "03-23"))) == {
        ("03-23 10:00", "handle:2", "reopened", handler, "sms"),
        ("03-23 10:00", "handle:2", "reopened", above, "email"),
    }


def test_the_second_dissatisfaction_tells_municipal_to_assign_and_reopens_nothing():
    again = (event("03-24 10:00", "handled"), event("03-25 10:00", "fed_back", result="dissatisfied"))
    first = (event("03-10 10:00", "handled"), event("03-11 10:00", "fed_back", result="dissatisfied"))
    lines = told(loop(*first, *again, of=petition(level="self")), "03-12", "03-25")
    assert events_of(lines) == [("03-25 10:00", "assign:1", "assign", "CMUN", "sms")]


def test_only_the_second_slip_of_a_milestone_tells_municipal():
    moves = [("03-10 10:00", "05-08"), ("03-11 10:00", "05-15"), ("03-12 10:00", "05-22")]
    record = record_of(
        projects=(project(),),
        milestones=(milestone(1, "groundbreaking", "04-30"), milestone(2, "acceptance", "06-30")),
        project_events=(
            progress("03-09 10:00", "replan", 2, "07-03", "雨季"),
            *(progress(when, "replan", 1, to, "雨季") for when, to in moves),
        ),
    )
    (slip,) = run(record, "03-01", "03-31").sent
    assert (shown(slip.at), slip.notice.matter.id, slip.notice.rung) == (
        "03-11 10:00",
        "milestone:J1:1",
        "event-replanned",
    )
    assert slip.notice.matter.due == day("05-15"), "the new due date"
    assert [line[3:] for line in told(record, "03-01", "03-31")] == [("CMUN", "email")]


def test_what_opens_and_ends_within_one_instant_gives_no_notice():
    both = (event("03-09 10:00", "assigned", office="DT"),)
    assert events_of(told(loop(*both), "03-01", "03-10")) == [("03-09 10:00", "accept:1", "assigned", "CDT", "sms")]


# R5.8: settled ----------------------------------------------------------------------------------------------


def settling(*visits, acks=(), people=CONTACTS, **of):
    record = record_of(seats=(seat(**({"ends": "05-30"} | of)),), visits=visits, acknowledgements=acks, contacts=people)
    return [line for line in told(record, "03-01", "05-29") if line[2] == "event-settled"]


LATE = "visit:S1:2026-03"


@pytest.mark.parametrize(
    ("grid", "told_to"),
    [
        pytest.param("04-07", [], id="before any climb"),
        pytest.param("04-09", ["CT1"], id="after the first"),
        pytest.param("04-20", ["CMUN", "CT1"], id="after the second"),
    ],
)
def test_those_whom_the_climb_reached_are_told_that_it_is_settled(grid, told_to):
    lines = settling(visit("03-05"), visit(grid, "G1", recorded=f"{grid} 10:15"))
    assert lines == [(f"{grid} 10:15", LATE, "event-settled", who, "email") for who in told_to]


def test_a_climb_that_nobody_could_be_reached_by_is_not_followed_up():
    nobody = staff(without=["T1", "MUN", "DIR"])
    assert settling(visit("03-05"), visit("04-09", "G1", recorded="04-09 10:15"), people=nobody) == []


def test_a_person_with_only_a_mobile_is_told_by_sms_that_it_is_settled():
    lines = settling(
        visit("03-05"), visit("04-09", "G1", recorded="04-09 10:15"), people=staff(contact("T1", email=None))
    )
    assert lines == [("04-09 10:15", LATE, "event-settled", "CT1", "sms")]


def test_a_late_record_of_what_was_missed_still_tells_those_whom_it_reached():
    lines = settling(visit("03-05"), visit("03-30", "G1", recorded="05-08 10:00"))
    assert lines == [("05-08 10:00", LATE, "event-settled", who, "email") for who in ("CMUN", "CT1")]


def test_settling_outside_the_window_is_told_in_the_next_round_whatever_happens_until_then():
    lines = settling(visit("03-05"), visit("04-10", "G1", recorded="04-10 20:00"))
    assert lines == [("04-13 09:00", LATE, "event-settled", "CT1", "email")]


def test_a_milestone_tells_each_person_once_whatever_the_due_dates_were():
    record = record_of(
        projects=(project(),),
        milestones=(milestone(1, "groundbreaking", "03-06"),),
        project_events=(
            progress("03-16 10:00", "replan", 1, "03-20", "雨季"),
            progress("03-30 10:00", "done", 1),
        ),
    )
    lines = told(record, "03-01", "04-30")
    climbs = [(line[0], line[3]) for line in lines if line[2].startswith("climb") and line[4] == "email"]
    assert climbs == [("03-13 09:00", "CT1"), ("03-27 09:00", "CT1")]
    assert [line for line in lines if line[2] == "event-settled"] == [
        ("03-30 10:00", "milestone:J1:1", "event-settled", "CT1", "email")
    ]


def test_a_withdrawn_petition_tells_those_whom_its_climb_reached():
    record = loop(event("03-18 10:00", "withdrawn"))
    assert events_of(told(record, "03-10", "03-31")) == [("03-18 10:00", "assign:1", "settled", "CMUN", "email")]


# R5.8: the window ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("happened", "leaves"),
    [
        ("03-09 08:29:59", "03-09 09:00"),
        ("03-09 08:30:00", "03-09 08:30"),
        ("03-09 19:59:59", "03-09 19:59:59"),
        ("03-09 20:00:00", "03-10 09:00"),
        ("03-09 00:00:00", "03-09 09:00"),
        pytest.param("03-07 10:00:00", "03-09 09:00", id="a Saturday"),
        pytest.param("02-28 10:00:00", "02-28 10:00", id="a Saturday that works"),
        pytest.param("2024-02-18 08:30:00", "02-18 08:30", id="a Sunday that works"),
        pytest.param("02-14 20:00:00", "02-24 09:00", id="over Spring Festival"),
        pytest.param("04-06 10:00:00", "04-07 09:00", id="a holiday on a Monday"),
    ],
)
def test_an_event_notice_leaves_inside_the_window_or_in_the_next_round(happened, leaves):
    assert shown(leaves_at(at(happened), desk())) == leaves


@pytest.mark.parametrize(
    ("window", "happened", "leaves"),
    [("['06:00','22:00']", "03-09 21:59", "03-09 21:59"), ("['06:00','22:00']", "03-09 22:00", "03-10 09:00")],
)
def test_the_window_is_that_of_the_policy(window, happened, leaves):
    assert shown(leaves_at(at(happened), desk(send_window=window))) == leaves


def test_a_deferred_notice_leaves_with_the_round():
    record = loop(of=petition(recorded="03-06 21:00"))
    assert rungs(told(record, "03-01", "03-09")) == [
        ("03-09 09:00", "event-assign", "CT1"),
        ("03-09 09:00", "remind-2", "CT1"),
    ]


# R5.7: checked again at the last moment ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], [("assign:1", "assign", "CT1")], id="nothing has happened"),
        pytest.param(
            [event("03-07 10:00", "assigned", office="DT")], [("accept:1", "assigned", "CDT")], id="assigned since"
        ),
        pytest.param(
            [event("03-07 10:00", "raised", level="municipal")], [("assign:2", "assign", "CMUN")], id="raised"
        ),
        pytest.param([event("03-07 10:00", "withdrawn")], [], id="withdrawn"),
        pytest.param(
            [event("03-09 09:00", "withdrawn")], [], id="withdrawn at the very instant at which it would leave"
        ),
    ],
)
def test_a_notice_that_waits_is_superseded_by_what_has_happened_since(events, expected):
    record = loop(*events, of=petition(recorded="03-06 21:00"))
    lines = events_of(told(record, "03-01", "03-09"))
    assert [(matter, name, who) for _, matter, name, who, _ in lines] == expected


def test_a_second_slip_is_told_even_if_the_milestone_is_done_by_then():
    record = record_of(
        projects=(project(),),
        milestones=(milestone(1, "groundbreaking", "04-30"),),
        project_events=(
            progress("03-10 10:00", "replan", 1, "05-08", "雨季"),
            progress("03-13 20:00", "replan", 1, "05-15", "雨季"),
            progress("03-14 10:00", "done", 1),
        ),
    )
    assert told(record, "03-01", "03-31") == [("03-16 09:00", "milestone:J1:1", "event-replanned", "CMUN", "email")]


def test_a_reminder_whose_day_came_while_the_due_date_was_elsewhere_comes_when_it_returns():
    record = record_of(
        projects=(project(),),
        milestones=(milestone(1, "groundbreaking", "04-30"),),
        project_events=(
            progress("04-22 10:00", "replan", 1, "05-15", "雨季"),
            progress("04-24 10:00", "replan", 1, "04-30", "提前"),
        ),
    )
    lines = told(record, "03-01", "05-06")
    assert [(line[0], line[2]) for line in lines if line[4] == "sms"] == [
        ("04-27 09:00", "remind-5"),
        ("05-06 09:00", "overdue"),
    ]


@pytest.mark.parametrize(
    ("moves", "reminded"),
    [
        pytest.param([], ["04-24 09:00"], id="put off by a day"),
        pytest.param([("04-23 15:00", "05-15")], ["05-09 09:00"], id="moved in the meantime"),
        pytest.param([("04-23 15:00", "05-15"), ("04-27 10:00", "04-30")], [], id="and moved back: its key is used up"),
        pytest.param(
            [("04-23 15:00", "05-15"), ("04-23 16:00", "04-30")], ["04-24 09:00"], id="moved back before it would leave"
        ),
    ],
)
def test_a_reminder_superseded_while_it_waits_is_not_repeated(moves, reminded):
    record = record_of(
        petitions=(petition(recorded="04-22 10:00"),),
        petition_events=(event("04-23 08:45", "assigned", office="DT"), event("04-23 10:00", "withdrawn")),
        projects=(project(),),
        milestones=(milestone(1, "groundbreaking", "04-30"),),
        project_events=tuple(progress(when, "replan", 1, to, "雨季") for when, to in moves),
    )
    lines = told(record, "03-01", "05-15", sms_per_day=1)
    assert [line[0] for line in lines if line[2] == "remind-5"] == reminded


# R5.9: one message for one person -----------------------------------------------------------------------------------


def test_the_most_urgent_item_stands_first():
    items = [
        notice("event-assign"),
        notice("remind-7"),
        notice("remind-2"),
        notice("overdue", due="04-30"),
        notice("overdue"),
        notice("overdue", ident="visit:S0:2026-03"),
        notice("climb-1"),
        notice("climb-2"),
    ]
    assert [(n.rung, n.matter.id.split(":")[1], f"{n.matter.due:%m-%d}") for n in sorted(items, key=urgency)] == [
        ("climb-2", "S1", "03-31"),
        ("climb-1", "S1", "03-31"),
        ("overdue", "S0", "03-31"),
        ("overdue", "S1", "03-31"),
        ("overdue", "S1", "04-30"),
        ("remind-2", "S1", "03-31"),
        ("remind-7", "S1", "03-31"),
        ("event-assign", "S1", "03-31"),
    ]


def test_what_leaves_for_one_person_at_one_instant_is_one_message_and_a_line_for_each_item():
    record = record_of(
        seats=(seat(ends="04-29"), seat(id="S2", ends="04-29"), seat(id="S3", deputy="DB", ends="04-29"))
    )
    messages = []

    def words(items, on):
        messages.append((f"{on:%m-%d}", items[0].person.id, items[0].channel.value, [n.matter.id for n in items]))
        return f"message {len(messages)}"

    sent = replay(record, desk("2026-03-31"), day("04-01"), words).sent
    both = ["visit:S1:2026-03", "visit:S2:2026-03"]
    assert sorted(messages) == [
        ("04-01", "deputy:DA", "email", both),
        ("04-01", "deputy:DA", "sms", both),
        ("04-01", "deputy:DB", "email", ["visit:S3:2026-03"]),
        ("04-01", "deputy:DB", "sms", ["visit:S3:2026-03"]),
    ]
    assert len(sent) == 6
    assert len({s.text for s in sent}) == 4


# R5.11: so many SMS a day -------------------------------------------------------------------------------------------


def three_petitions(*events):
    times = ("03-09 10:00", "03-09 11:00", "03-09 12:00")
    return record_of(petitions=[petition(f"P{i}", recorded=t) for i, t in enumerate(times, 1)], petition_events=events)


@pytest.mark.parametrize(
    ("limit", "times"),
    [
        (None, ["03-09 10:00", "03-09 11:00", "03-09 12:00"]),
        (3, ["03-09 10:00", "03-09 11:00", "03-09 12:00"]),
        (2, ["03-09 10:00", "03-09 11:00", "03-10 09:00"]),
        (1, ["03-09 10:00", "03-10 09:00", "03-10 09:00"]),
    ],
)
def test_what_is_more_than_the_number_of_a_day_joins_the_next_workdays_first_round(limit, times):
    settings = {} if limit is None else {"sms_per_day": limit}
    lines = told(three_petitions(), "03-01", "03-10", **settings)
    assert [line[0] for line in lines if line[2] == "event-assign"] == times


def test_what_was_put_off_is_checked_again():
    record = three_petitions(event("03-09 15:00", "withdrawn", ident="P2"))
    lines = told(record, "03-01", "03-10", sms_per_day=1)
    assert [line[:2] for line in lines if line[2] == "event-assign"] == [
        ("03-09 10:00", "petition:P1:assign:1"),
        ("03-10 09:00", "petition:P3:assign:1"),
    ]


def test_messages_and_not_items_are_counted():
    record = record_of(petitions=[petition(f"P{i}") for i in range(5)])
    lines = told(record, "03-01", "03-09", sms_per_day=1)
    assert [line[0] for line in lines] == ["03-09 10:00"] * 5


def test_email_is_not_limited():
    record = record_of(seats=[seat(id=f"S{i}", ends="04-29") for i in range(3)])
    lines = told(record, "03-31", "04-01", sms_per_day=1)
    assert len([line for line in lines if line[4] == "email"]) == 3


def test_sms_put_off_on_a_friday_wait_for_monday():
    assert shown(put_off(at("03-13 10:00"), desk())) == "03-16 09:00"
    assert shown(put_off(at("03-13 08:45"), desk())) == "03-16 09:00"


def test_an_acknowledgement_tells_nobody():
    with_ack = settling(visit("03-05"), visit("04-07", "G1"), acks=(ack(LATE, "04-01 10:00", "T1"),))
    assert with_ack == []
