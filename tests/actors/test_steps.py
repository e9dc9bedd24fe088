"""Is each step taken once and wholly, what was missed caught up with as the rules say, and every change seen?

The seat S1 of deputy DA owes March 2026: reminders on 24 and 27 March, overdue on 1 April, climbs on 8 and 15 April.
"""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

import actors.digests
import actors.leaving
import actors.rounds
import actors.steps
from actors.calendar_watch import notice_change
from actors.desks import Desks, note_start, start_on
from actors.steps import Plan
from daemon.processes import WrongClock, claim_for_clock
from rules.facts import Acknowledgement
from rules.workdays import Calendar
from store import findings, installation, projection
from store.ahead import look_ahead
from store.engine import make_engine
from tests.actors.installations import Installation
from tests.rules.builders import (
    CALENDAR,
    CONTACTS,
    OFFICES,
    at,
    contact,
    day,
    event,
    office,
    petition,
    policy,
    progress,
    project,
    record,
    seat,
    visit,
)
from tests.rules.builders import milestone as planned
from tests.store.between import Other
from tests.store.saving import save

MARCH = "visit:S1:2026-03"
#: a term that ends with April: nothing but March and April, and no May
SEAT = seat(ends="04-30")


@pytest.fixture
def duban(engine):
    """An installation with one seat, taken into use on 20 March."""
    made = Installation(engine, start=day("03-20"))
    made.keep(record(seats=(SEAT,)))
    return made


@pytest.fixture
def early(engine):
    """The same, taken into use on 9 March."""
    made = Installation(engine, start=day("03-09"))
    made.keep(record(seats=(SEAT,)))
    return made


def beside(duban, **settings):
    """Another process on the same database."""
    url = duban.engine.url.render_as_string(hide_password=False)
    other = Installation(make_engine(url), start=duban.services.policy.start_on, **settings)
    other.clock.instant = duban.clock.instant
    return other


def of_march(told):
    return [(when, rung, who, channel) for when, matter, rung, who, channel in told if matter == MARCH]


# Once, and wholly ----------------------------------------------------------------------------


def test_the_first_step_of_all_is_taken(duban):
    done = duban.wake("03-26 10:00")
    assert done is not None
    assert (done.reckoned, done.messages) == (1, done.digests + 1)
    assert of_march(duban.told()) == [("03-26 10:00", "remind-7", "DA", "sms")]
    assert [made[:3] for made in duban.digests() if made[3] == "T1"] == [("03-26 10:00", "daily", "2026-03-26")]


@pytest.mark.parametrize("when", ["03-24 09:00", "04-01 08:30", "04-01 09:00", "04-15 09:00"])
def test_a_step_taken_twice_does_nothing_the_second_time(duban, when):
    duban.run(when)
    plan = Plan(at(when), makes_digests=when.endswith("08:30"), holds_round=when.endswith("09:00"))
    before = duban.dump()
    again = duban.take(plan)
    assert again is None or (again.digests, again.notices, again.messages) == (0, 0, 0)
    assert duban.dump() == before


def test_a_step_before_the_last_one_is_not_taken(duban):
    duban.run("04-01 09:00")
    before = duban.dump()
    assert duban.take(Plan(at("03-31 09:00"), makes_digests=True, holds_round=True)) is None
    assert duban.dump() == before


def test_of_two_processes_one_takes_each_step(duban):
    duban.run("04-01 08:00")
    desks = [beside(duban), beside(duban)]
    for when in ("04-01 08:30", "04-01 09:00", "04-08 08:30", "04-08 09:00", "04-15 09:00"):
        plan = Plan(at(when), makes_digests=when.endswith("08:30"), holds_round=when.endswith("09:00"))
        done = _at_once([lambda desk=desk, plan=plan: desk.take(plan, sends=False) for desk in desks])
        busy = [one for one in done if one is not None and (one.digests or one.notices or one.messages)]
        assert len(busy) == 1, (when, done)
    lone = [(when, rung, who) for when, rung, who, channel in of_march(duban.told("04-01 00:00")) if channel == "sms"]
    assert lone == [
        ("04-01 09:00", "overdue", "DA"),
        ("04-08 09:00", "climb-1", "CT1"),
        ("04-15 09:00", "climb-2", "CMUN"),
    ]
    for desk in desks:
        desk.engine.dispose()


def test_of_two_processes_one_takes_the_first_step_of_all(duban):
    desks = [beside(duban), beside(duban)]
    plan = Plan(at("03-26 10:00"), makes_digests=True, holds_round=True)
    done = _at_once([lambda desk=desk: desk.take(plan, sends=False) for desk in desks])
    assert [one.reckoned for one in done if one is not None and one.digests] == [1]
    assert [made[1:] for made in duban.digests() if made[3] == "T1"] == [("daily", "2026-03-26", "T1")]
    for desk in desks:
        desk.engine.dispose()


def _at_once(calls):
    """What do the calls give, all begun at the same moment, each in a thread of its own?"""
    barrier = threading.Barrier(len(calls))
    found = [None] * len(calls)

    def run(number, call):
        barrier.wait()
        found[number] = call()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize("part", ["reckon_changes", "make_digests", "warn_of_missing_year", "hold_round", "let_go"])
def test_a_step_that_fails_half_way_leaves_nothing_behind_and_is_taken_again(duban, monkeypatch, part):
    duban.run("03-31 16:00")
    duban.keep(record(seats=(seat(id="S2"),)))
    before = duban.dump()
    real = getattr(actors.steps, part)

    def fail(*args, **options):
        real(*args, **options)
        raise RuntimeError("the power went")

    monkeypatch.setattr(actors.steps, part, fail)
    plan = Plan(at("04-01 10:00"), makes_digests=True, holds_round=True)
    with pytest.raises(RuntimeError, match="the power went"):
        duban.take(plan)
    assert duban.dump() == before
    monkeypatch.undo()
    assert duban.take(plan).notices > 0
    assert ("04-01 10:00", "overdue", "DA", "sms") in of_march(duban.told())


def test_a_process_that_did_not_move_the_cursor_does_nothing(duban):
    duban.run("03-31 16:00")
    with duban.engine.begin() as connection:
        assert not actors.steps._move_cursor(connection, at("03-31 08:00"), at("04-01 09:00"))


# Catching up ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("down", "up", "told"),
    [
        pytest.param("03-20 16:00", "03-24 10:00", [("remind-7", "DA", "sms")], id="one round, an hour late"),
        pytest.param(
            "03-20 16:00",
            "03-30 10:00",
            [("remind-2", "DA", "sms"), ("remind-7", "skipped DA", "sms")],
            id="a reminder gives way to a later one",
        ),
        pytest.param(
            "03-20 16:00",
            "04-03 10:00",
            [
                ("overdue", "DA", "email"),
                ("overdue", "DA", "sms"),
                ("remind-2", "skipped DA", "sms"),
                ("remind-7", "skipped DA", "sms"),
            ],
            id="reminders give way to overdue",
        ),
        pytest.param(
            "03-30 16:00",
            "04-16 10:00",
            [
                ("climb-1", "CT1", "email"),
                ("climb-1", "CT1", "sms"),
                ("climb-2", "CMUN", "email"),
                ("climb-2", "CMUN", "sms"),
                ("overdue", "DA", "email"),
                ("overdue", "DA", "sms"),
            ],
            id="overdue and climbs never give way",
        ),
    ],
)
def test_missed_rounds_are_caught_up_with_as_one(duban, down, up, told):
    duban.run(down)
    duban.wake(up)
    found = of_march(duban.told(down))
    assert {when for when, *_ in found} == {up}
    assert [line[1:] for line in found] == told


def test_a_matter_that_changed_while_duban_was_down_is_in_the_round_that_is_caught_up_with(duban):
    duban.run("03-20 16:00")
    duban.keep(record(visits=(visit("03-23", "V1"),)))
    duban.wake("03-24 10:00")
    assert of_march(duban.told()) == [("03-24 10:00", "remind-7", "DA", "sms")]


def test_a_round_goes_on_behind_matters_that_were_closed_since_they_were_looked_at(engine, monkeypatch):
    monkeypatch.setattr(actors.rounds, "BATCH", 1)
    duban = Installation(engine, start=day("03-20"))
    duban.keep(record(seats=(seat(id="S0", deputy="DB", ends="04-30"), SEAT)))
    duban.run("03-24 16:00")
    duban.keep(record(visits=(visit("03-25", who="DB"), visit("03-26", "G1", who="DB"))))
    duban.run("03-27 16:00")
    assert duban.told("03-27 00:00") == [("03-27 09:00", MARCH, "remind-2", "DA", "sms")]


def test_a_round_finds_rungs_by_their_index_though_there_were_none_when_it_began(postgres_engine):
    with postgres_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM rungs"))
    duban = Installation(postgres_engine, start=day("03-20"))
    duban.keep(record(seats=(SEAT,)))
    duban.run("03-23 16:00")
    with postgres_engine.begin() as connection:
        desk, nine = duban.desks.of(connection), at("03-24 09:00")
        held = actors.rounds.hold_round(
            connection, desk, at("03-23 09:00"), nine, actors.leaving.Envelopes(connection, desk, nine)
        )
        plan = connection.execute(text(f"EXPLAIN SELECT * FROM rungs WHERE matter = '{MARCH}'")).scalars().all()
    assert held == 1
    assert any("Index" in line for line in plan), plan


def test_what_was_caught_up_with_does_not_come_again(duban):
    duban.run("03-20 16:00")
    duban.wake("04-03 10:00")
    caught = duban.told()
    duban.wake("04-03 11:00")
    duban.run("04-07 16:00")
    assert of_march(duban.told()) == of_march(caught)


def test_a_round_that_was_held_today_is_not_held_again(duban):
    duban.run("04-08 09:00")
    duban.sql("UPDATE seats SET ends = NULL WHERE id = 'S1'")
    before = of_march(duban.told())
    duban.wake("04-08 15:00")
    assert of_march(duban.told()) == before


@pytest.mark.parametrize(
    ("up", "next_round"),
    [
        pytest.param("04-01 20:00", "04-02 09:00", id="in the evening"),
        pytest.param("04-03 02:00", "04-03 09:00", id="in the night"),
        pytest.param("04-04 10:00", "04-07 09:00", id="on a holiday"),
        pytest.param("04-03 08:29", "04-03 09:00", id="before the window"),
        pytest.param("04-03 08:45", "04-03 09:00", id="in the window, before the round"),
    ],
)
def test_outside_the_window_nothing_is_caught_up_with_until_the_next_round(duban, up, next_round):
    duban.run("03-31 16:00")
    duban.wake(up)
    assert duban.told("03-31 16:00") == []
    if up != "04-03 08:45":
        assert [made for made in duban.digests() if made[0] >= up] == []
    duban.run(next_round)
    assert {when for when, *_ in of_march(duban.told("03-31 16:00"))} == {next_round}


def test_what_waited_for_a_missed_round_leaves_in_the_next_one_and_not_in_the_night(early):
    early.run("03-09 20:30")
    early.keep(record(petitions=(petition(recorded="03-09 21:00"),)))
    early.run("03-09 22:00")
    early.wake("03-10 22:00")
    assert early.told("03-09 20:30") == []
    early.run("03-11 09:00")
    assert early.told("03-09 20:30")[0] == ("03-11 09:00", "petition:P1:assign:1", "event-assign", "CT1", "sms")


def test_an_event_just_before_the_window_that_is_reckoned_just_after_waits_for_the_round(early):
    early.run("03-10 08:00")
    early.keep(record(petitions=(petition(recorded="03-10 08:29"),)))
    early.take(Plan(at("03-10 08:31")))
    assert early.told("03-10 08:00") == []
    early.run("03-10 09:00")
    assert early.told("03-10 08:00") == [("03-10 09:00", "petition:P1:assign:1", "event-assign", "CT1", "sms")]


def test_an_event_that_came_to_nothing_while_duban_was_down_is_superseded(early):
    early.run("03-09 09:30")
    early.keep(record(petitions=(petition(),), petition_events=(event("03-10 10:00", "assigned", office="DT"),)))
    early.wake("03-11 10:00")
    told = early.told("03-09 09:30")
    assert told == [("03-11 10:00", "petition:P1:accept:1", "event-assigned", "CDT", "sms")]
    assert early.superseded() == [("petition:P1:assign:1", "event-assign", "the matter is settled")]


def test_of_daily_digests_the_last_is_made_late_and_once(duban):
    duban.run("03-25 16:00")
    assert duban.digests()[-1][:3] == ("03-25 08:30", "daily", "2026-03-25")
    duban.wake("03-30 10:00")
    late = [made for made in duban.digests() if made[0] >= "03-26"]
    assert late == [
        ("03-30 10:00", "daily", "2026-03-30", "T1"),
        ("03-30 10:00", "weekly", "2026-W14", "MUN"),
    ]
    duban.wake("03-30 11:00")
    duban.run("03-31 08:29")
    assert [made for made in duban.digests() if made[0] >= "03-26"] == late


def test_each_monthly_digest_that_was_missed_is_made_late(duban):
    made = Installation(duban.engine, start=day("01-30"))
    made.run("01-30 16:00")
    made.wake("04-02 10:00")
    monthly = sorted(line for line in made.digests() if line[1] == "monthly")
    assert monthly == [
        ("04-02 10:00", "monthly", f"2026-0{month}", office) for month in (1, 2, 3) for office in ("DIR", "MUN")
    ]
    made.wake("04-02 11:00")
    made.run("04-03 16:00")
    assert sorted(line for line in made.digests() if line[1] == "monthly") == monthly


def test_a_digest_that_cannot_be_put_into_words_keeps_nothing_else_waiting_and_is_made_late(duban, monkeypatch):
    duban.run("03-24 08:00")
    monkeypatch.setattr(actors.digests._Press, "_by_kind", refusing(actors.digests._Press._by_kind))
    duban.run("04-01 10:00")
    assert {made[1] for made in duban.digests() if made[0] >= "03-24"} == {"daily", "monthly"}
    assert {rung for _, _, rung, *_ in duban.told("03-24 08:00")} == {"remind-7", "remind-2", "overdue"}
    with duban.engine.begin() as connection:
        told = [(kind, text) for _, kind, _, text in findings.latest(connection, 9)]
    assert told == [("digest", "the digest weekly:2026-W14:MUN cannot be put into words (ValueError); see the log")]
    monkeypatch.undo()
    duban.run("04-02 10:00")
    late = [made for made in duban.digests() if made[0] >= "04-02"]
    assert late == [("04-02 08:30", "daily", "2026-04-02", "T1"), ("04-02 08:30", "weekly", "2026-W14", "MUN")]


def refusing(by_kind):
    """Have no weekly digest be made."""

    def refuse(press, digest):
        if digest.kind == "weekly":
            raise ValueError("a word of a shape that nobody thought of")
        return by_kind(press, digest)

    return refuse


def test_digests_before_the_first_day_are_not_made_up_for(duban):
    duban.wake("03-25 10:00")
    assert {made[2] for made in duban.digests()} == {"2026-03-25", "2026-W13"}


# Changes of the record -----------------------------------------------------------------------


def test_a_petition_recorded_behind_the_last_steps_back_is_told_at_the_next(early):
    early.run("03-10 11:00")
    early.keep(record(petitions=(petition(recorded="03-09 10:00"),)))
    early.run("03-10 11:00")
    assert early.told("03-09 00:00")[0] == ("03-10 11:00", "petition:P1:assign:1", "event-assign", "CT1", "sms")
    with early.engine.begin() as connection:
        (listed,) = projection.list_matters(connection, day("03-10"), subject="P1")
    assert (listed.matter.opened, listed.matter.due) == (day("03-09"), day("03-12"))


def test_an_event_recorded_behind_the_last_steps_back_is_told_at_the_next(early):
    early.keep(record(petitions=(petition(),)))
    early.run("03-12 11:00")
    early.keep(record(petition_events=(event("03-10 10:00", "assigned", office="DT"),)))
    early.run("03-12 11:00")
    told = [line for line in early.told("03-12 10:00") if line[2].startswith("event")]
    assert told == [("03-12 11:00", "petition:P1:accept:1", "event-assigned", "CDT", "sms")]
    early.run("03-13 09:00")
    assert ("03-13 09:00", "petition:P1:accept:1", "overdue", "CDT", "sms") in early.told()


def test_a_visit_dated_before_the_last_step_counts_at_the_next(duban):
    duban.run("04-01 10:00")
    duban.keep(record(visits=(visit("03-10", "V1"), visit("03-11", "G1"))))
    duban.run("04-30 16:00")
    assert of_march(duban.told("04-01 10:00")) == []
    assert _status(duban, "04-30") == "met"


def _status(duban, on, ident=MARCH):
    with duban.engine.begin() as connection:
        return next(
            (one.status for one in projection.list_matters(connection, day(on)) if one.matter.id == ident), None
        )


VISIT = (
    "INSERT INTO visits (id, deputy, day, kind, place, recorded_at) "
    "VALUES (:id, 'DA', '2026-03-10', :kind, :place, '2026-03-10 02:00:00.000000')"
)


def test_a_fact_written_by_another_program_is_reckoned_at_the_next_step(duban):
    duban.run("03-20 16:00")
    duban.sql(VISIT, id="X1", kind="station", place="V1")
    assert _status(duban, "03-20") == "open"
    duban.sql(VISIT, id="X2", kind="grid", place="G1")
    duban.run("03-20 16:00")
    assert _status(duban, "03-20") == "met"
    duban.run("04-15 16:00")
    assert of_march(duban.told("03-20 16:00")) == []


def test_a_step_ends_though_facts_keep_coming(duban, monkeypatch):
    take_stale = projection.take_stale

    def take_while_somebody_writes(connection, *how):
        taken = take_stale(connection, *how)
        connection.execute(text("INSERT INTO stale (kind, id, mark) VALUES ('seat', 'S1', 1)"))
        return taken

    monkeypatch.setattr(projection, "take_stale", take_while_somebody_writes)
    assert duban.wake("03-26 10:00").reckoned == 1
    with duban.engine.begin() as connection:
        assert look_ahead(connection).is_stale


def test_a_change_of_the_organisation_has_each_subject_reckoned_once_whatever_else_is_marked(early):
    early.keep(record(petitions=(petition(),)))
    early.run("03-10 16:00")
    early.sql("INSERT INTO stale (kind, id, mark) VALUES ('house', '', 1), ('petition', 'P1', 1), ('deputy', 'DA', 1)")
    known = {("seat", "S1"), ("petition", "P1")}
    with early.engine.begin() as connection:
        assert {tuple(row) for row in connection.execute(text("SELECT kind, id FROM subjects"))} == known
    assert early.wake("03-10 16:01").reckoned == len(known)
    with early.engine.begin() as connection:
        assert not look_ahead(connection).is_stale


def test_an_office_that_comes_in_with_its_first_opinion_while_a_step_is_taken_is_told(postgres_engine):
    duban = Installation(postgres_engine, start=day("03-09"))
    duban.keep(record(seats=(SEAT,), petitions=(petition(),)))
    duban.run("03-10 11:00")
    duban.keep(record(petitions=(petition("P2"),)))
    assigned = tuple(event("03-10 10:00", "assigned", of, office="DNEW") for of in ("P1", "P2"))
    more = {"offices": (*OFFICES, office("DNEW", "department", "T1")), "contacts": (*CONTACTS, contact("DNEW"))}
    brought = Other(postgres_engine, lambda c: save(c, record(**more, petition_events=assigned)))
    brought.begin_after(postgres_engine, "some_house")  # the step has looked whether the organisation has changed
    duban.wake("03-10 11:01")
    brought.end()
    duban.wake("03-10 11:02")
    told = {line[1] for line in duban.told() if line[2:4] == ("event-assigned", "CDNEW")}
    assert told == {"petition:P1:accept:1", "petition:P2:accept:1"}
    assert [one.notice.matter for one in duban.notices(verdict="undeliverable")] == []


def test_a_fact_removed_by_another_program_is_reckoned_at_the_next_step(duban):
    duban.keep(record(visits=(visit("03-10", "V1"), visit("03-11", "G1"))))
    duban.run("03-25 16:00")
    assert _status(duban, "03-25") == "met"
    duban.sql("DELETE FROM visits WHERE place = 'G1'")
    duban.run("03-27 09:00")
    assert _status(duban, "03-27") == "open"
    # The reminder of the 24th is outstanding too, and gives way to that of the 27th (R5.2).
    assert of_march(duban.told()) == [
        ("03-26 09:00", "remind-7", "DA", "sms"),
        ("03-27 09:00", "remind-2", "DA", "sms"),
    ]


def test_a_subject_that_is_removed_is_forgotten(early):
    early.keep(record(petitions=(petition(),)))
    early.run("03-10 16:00")
    assert _status(early, "03-10", "petition:P1:assign:1") == "open"
    early.sql("DELETE FROM petitions WHERE id = 'P1'")
    early.run("03-13 16:00")
    assert _status(early, "03-13", "petition:P1:assign:1") is None
    assert {line[2] for line in early.told() if line[1].startswith("petition")} == {"event-assign", "remind-2"}


def test_a_subject_that_is_removed_while_the_organisation_changes_is_forgotten_too(early):
    early.keep(record(petitions=(petition(),)))
    early.run("03-10 16:00")
    early.sql("DELETE FROM petitions WHERE id = 'P1'")
    early.sql("UPDATE contacts SET title = '主任' WHERE id = 'CT2'")
    early.run("03-16 16:00")
    assert _status(early, "03-16", "petition:P1:assign:1") is None
    assert "overdue" not in {line[2] for line in early.told()}


def test_a_contact_that_goes_off_duty_gets_nothing_more(duban):
    other = beside(duban)
    other.run("04-07 16:00")
    duban.clock.instant = other.clock.instant
    duban.sql("UPDATE contacts SET on_duty = :no WHERE id = 'CT1'", no=False)
    duban.run("04-07 16:00")
    other.run("04-08 09:00")
    assert of_march(duban.told("04-08 00:00")) == [
        ("04-08 09:00", "climb-1", "!CMUN", "email"),
        ("04-08 09:00", "climb-1", "!CMUN", "sms"),
    ]
    assert [made for made in duban.digests() if made[0] >= "04-08" and made[1] == "daily"] == []
    other.engine.dispose()


def test_a_change_of_the_organisation_is_seen_by_every_process(duban):
    other = beside(duban)
    other.run("04-07 16:00")
    duban.clock.instant = other.clock.instant
    duban.keep(record(contacts=(contact("T1", "CT1b", email=None),)))
    duban.run("04-07 16:00")
    other.run("04-08 09:00")
    assert ("04-08 09:00", MARCH, "climb-1", "CT1b", "sms") in other.told()
    other.engine.dispose()


PROVISIONAL = Calendar()


def under(duban, *, calendar=CALENDAR, **settings):
    """The same database, started again with another calendar or policy."""
    other = Installation(duban.engine, start=duban.services.policy.start_on, calendar=calendar, **settings)
    other.clock.instant = duban.clock.instant
    with other.engine.begin() as connection:
        notice_change(connection, other.services.calendar, other.services.policy)
    return other


def test_the_same_calendar_and_policy_have_nothing_reckoned_anew(duban):
    under(duban).run("03-20 16:00")
    again = under(duban)
    with again.engine.begin() as connection:
        assert not look_ahead(connection).is_stale


def test_another_calendar_has_due_dates_reckoned_anew(duban):
    duban.keep(record(petitions=(petition(recorded="04-02 10:00"),)))
    before = under(duban, calendar=PROVISIONAL)
    before.run("04-02 16:00")
    assert _due(before, "petition:P1:assign:1") == day("04-07")
    after = under(duban)
    after.clock.instant = before.clock.instant
    after.run("04-02 16:00")
    # The holiday notice of 2026 has 4 to 6 April off.
    assert _due(after, "petition:P1:assign:1") == day("04-08")
    after.run("04-09 16:00")
    told = [(when, rung) for when, matter, rung, *_ in after.told() if matter.startswith("petition")]
    assert sorted(set(told)) == [
        ("04-02 10:00", "event-assign"),
        ("04-03 09:00", "remind-2"),
        ("04-09 09:00", "overdue"),
    ]


def _due(duban, ident):
    with duban.engine.begin() as connection:
        return next(
            one.matter.due for one in projection.list_matters(connection, day("04-02")) if one.matter.id == ident
        )


def test_another_policy_has_rungs_that_come_earlier_fire_earlier(duban):
    before = under(duban)
    before.run("04-01 16:00")
    after = under(duban, duty__climb="[1, 2]")
    after.clock.instant = before.clock.instant
    after.run("04-03 16:00")
    assert {(when, rung) for when, rung, *_ in of_march(after.told("04-01 16:00"))} == {
        ("04-02 09:00", "climb-1"),
        ("04-02 09:00", "climb-2"),
    }


def test_another_calendar_has_rungs_that_come_earlier_fire_earlier(duban):
    long_holiday = Calendar(
        replace(notice, is_workday=False) if day("04-07") <= notice.day <= day("04-10") else notice
        for notice in CALENDAR._days.values()
    )
    before = under(duban, calendar=long_holiday)
    before.run("04-01 16:00")
    after = under(duban)
    after.clock.instant = before.clock.instant
    after.run("04-10 16:00")
    assert {(when, rung) for when, rung, *_ in of_march(after.told("04-01 16:00"))} == {("04-08 09:00", "climb-1")}


def _failing_once(monkeypatch):
    """The next step gets to its end, and is rolled back."""

    def fail(*_: object) -> None:
        monkeypatch.undo()
        raise RuntimeError("the power went")

    monkeypatch.setattr(actors.steps, "_hold_round", fail)


def test_another_policy_has_all_reckoned_anew_though_the_first_step_under_it_is_rolled_back(duban, monkeypatch):
    before = under(duban)
    before.run("04-01 16:00")
    after = Installation(duban.engine, start=duban.services.policy.start_on, duty__climb="[1, 2]")
    after.clock.instant = before.clock.instant
    _failing_once(monkeypatch)
    with pytest.raises(RuntimeError):
        after.run("04-03 16:00")
    after.run("04-03 16:00")
    assert {(when, rung) for when, rung, *_ in of_march(after.told("04-01 16:00"))} == {
        ("04-02 09:00", "climb-1"),
        ("04-02 09:00", "climb-2"),
    }


def test_an_organisation_read_in_a_step_that_is_rolled_back_is_not_taken_for_the_next(duban, monkeypatch):
    duban.run("03-20 16:00")
    other = beside(duban)
    duban.sql("UPDATE deputies SET mobile = '13900000001' WHERE id = 'DA'")
    _failing_once(monkeypatch)
    with pytest.raises(RuntimeError):
        duban.run("03-23 16:00")
    other.sql("UPDATE deputies SET mobile = '13900000002' WHERE id = 'DA'")
    other.run("03-23 08:00")
    with duban.engine.begin() as connection:
        person = duban.desks.of(connection).house.person("deputy:DA")
    assert person.mobile == "13900000002"
    other.engine.dispose()


def test_an_acknowledgement_holds_the_climb(duban):
    duban.run("04-02 16:00")
    duban.keep(record(acknowledgements=(Acknowledgement(matter=MARCH, at=at("04-07 10:00"), office="T1"),)))
    duban.run("04-16 16:00")
    climbs = {(when, rung) for when, rung, *_ in of_march(duban.told()) if rung.startswith("climb")}
    assert climbs == {("04-10 09:00", "climb-1"), ("04-15 09:00", "climb-2")}


POISON = {
    "an acknowledgement of what is no matter": (
        "INSERT INTO acknowledgements (matter, at, office, position) "
        "VALUES ('nonsense', '2026-03-20 02:00:00.000000', 'T1', 0)"
    ),
    "an acknowledgement of a matter that never was": (
        "INSERT INTO acknowledgements (matter, at, office, position) "
        "VALUES ('visit:S9:2026-03', '2026-03-20 02:00:00.000000', 'T1', 0)"
    ),
    "an event out of order": (
        "INSERT INTO petition_events (petition, at, event, proposal, position, occurrence) "
        "VALUES ('P1', '2026-03-20 02:00:00.000000', 'verified', :no, 0, 0)"
    ),
    "an assignment to nobody": (
        "INSERT INTO petition_events (petition, at, event, proposal, position, occurrence) "
        "VALUES ('P1', '2026-03-20 02:00:00.000000', 'assigned', :no, 0, 0)"
    ),
    "a raise to no level": (
        "INSERT INTO petition_events (petition, at, event, proposal, position, occurrence) "
        "VALUES ('P1', '2026-03-20 02:00:00.000000', 'raised', :no, 0, 0)"
    ),
    "an extension without a day": (
        "INSERT INTO petition_events (petition, at, event, proposal, position, occurrence) "
        "VALUES ('P1', '2026-03-20 02:00:00.000000', 'extended', :no, 0, 0)"
    ),
    "progress of no milestone": (
        "INSERT INTO project_events (project, at, event, target, position, occurrence) "
        "VALUES ('J1', '2026-03-20 02:00:00.000000', 'done', -1, 0, 0)"
    ),
    "a replan without a day": (
        "INSERT INTO project_events (project, at, event, seq, target, position, occurrence) "
        "VALUES ('J1', '2026-03-20 02:00:00.000000', 'replan', 1, 1, 0, 0)"
    ),
    "a visit to nowhere": (
        "INSERT INTO visits (id, deputy, day, kind, place, recorded_at) "
        "VALUES ('X', 'DA', '2026-03-19', 'grid', 'nowhere', '2026-03-20 02:00:00.000000')"
    ),
    "a leave that ends before it begins": (
        "INSERT INTO leaves (id, deputy, begins, ends, recorded_at) "
        "VALUES ('X', 'DA', '2026-03-19', '2026-03-01', '2026-03-20 02:00:00.000000')"
    ),
    "a seat that ends before it begins": (
        "INSERT INTO seats (id, deputy, level, town, station, begins, ends) "
        "VALUES ('X', 'DA', 'county', 'T1', 'V1', '2026-03-19', '2026-03-01')"
    ),
    "a seat in a town that is none": (
        "INSERT INTO seats (id, deputy, level, town, station, begins) "
        "VALUES ('X', 'DA', 'town', 'DM', 'V1', '2026-03-01')"
    ),
    "an office that stands above itself": "UPDATE offices SET parent = 'DT' WHERE id = 'DT'",
    "an office under one that is none": "UPDATE offices SET parent = 'nowhere' WHERE id = 'DT2'",
    "a grid that is under itself": "UPDATE grids SET parent = 'G1' WHERE id = 'G1'",
    "a project whose office is a station": "UPDATE projects SET office = 'V1' WHERE id = 'J1'",
    "a petition of a station": "UPDATE petitions SET town = 'V1' WHERE id = 'P1'",
    "a milestone out of order": (
        "INSERT INTO milestones (project, seq, stage, planned) VALUES ('J1', 9, 'approved', '2026-01-01')"
    ),
    "two offices of directors": "INSERT INTO offices (id, name, kind) VALUES ('DIR2', '主任会议', 'directors')",
    "no directors": "UPDATE offices SET kind = 'station' WHERE id = 'DIR'",
    "no municipal office": "UPDATE offices SET kind = 'station' WHERE id = 'MUN'",
}


@pytest.mark.parametrize("sort", POISON)
def test_one_bad_row_of_another_program_does_not_stop_the_others(sqlite_engine, sort):
    duban = Installation(sqlite_engine, start=day("03-30"))
    duban.keep(
        record(
            seats=(SEAT,),
            petitions=(petition(),),
            projects=(project(),),
            milestones=(planned(1, "groundbreaking", "03-20"),),
            project_events=(progress("03-18 10:00", "done", 1, date="03-18"),),
        )
    )
    duban.run("03-30 16:00")
    duban.sql(POISON[sort], **({"no": False} if ":no" in POISON[sort] else {}))
    duban.run("04-01 09:00")
    assert ("04-01 09:00", "overdue", "DA", "sms") in of_march(duban.told())


# The first day, and the clock ----------------------------------------------------------------


def fresh(engine, when):
    """An installation whose first day is not set."""
    duban = Installation(engine)
    duban.services.policy = policy()
    duban.clock.instant = at(when)
    return duban


def test_the_first_day_is_that_on_which_the_clock_first_ran(engine):
    duban = fresh(engine, "03-02 10:00")
    with engine.begin() as connection:
        assert start_on(connection, duban.services) == day("03-02")
        duban.clock.instant = at("03-05 10:00")
        assert start_on(connection, duban.services) == day("03-05"), "the clock never ran"
        note_start(connection, duban.services)
        duban.clock.instant = at("03-09 10:00")
        note_start(connection, duban.services)
        assert start_on(connection, duban.services) == day("03-05")
        assert Desks(duban.services).of(connection).start_on == day("03-05")


def test_the_first_day_of_the_policy_goes_before_that_of_the_clock(engine):
    duban = fresh(engine, "03-02 10:00")
    with engine.begin() as connection:
        note_start(connection, duban.services)
        duban.services.policy = policy(start_on="2026-04-01")
        assert start_on(connection, duban.services) == day("04-01")


def test_the_first_day_is_a_day_in_shanghai(engine):
    duban = fresh(engine, "03-03 00:30")
    with engine.begin() as connection:
        note_start(connection, duban.services)
        assert installation.get(connection, "start_on") == "2026-03-03"


@pytest.mark.parametrize(("first", "then"), [(True, False), (False, True)], ids=["a drill's", "the machine's"])
def test_a_database_of_one_sort_of_clock_is_not_run_on_the_other(engine, first, then):
    duban = fresh(engine, "03-02 10:00")
    duban.clock.is_drill = first
    for _ in range(2):
        with engine.begin() as connection:
            claim_for_clock(connection, duban.services)
    duban.clock.is_drill = then
    duban.clock.instant += timedelta(days=1)
    sort = "drill" if first else "machine"
    with (
        pytest.raises(WrongClock, match=f"this database was run on a {sort} clock; .*DUBAN_CLOCK"),
        engine.begin() as c,
    ):
        claim_for_clock(c, duban.services)
    with engine.begin() as connection:
        assert start_on(connection, duban.services) == day("03-02")


def test_the_operator_is_warned_each_workday_that_a_notice_is_missing(engine):
    duban = Installation(engine, start=day("2026-10-29"))
    duban.run_to(at("2026-11-03 16:00"))
    with engine.begin() as connection:
        warned = [(kind, subject) for _, kind, subject, _ in findings.latest(connection, 9)]
    assert warned == [("calendar", "2027:2026-11-03"), ("calendar", "2027:2026-11-02")]
