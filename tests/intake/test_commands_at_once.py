"""Do two who write about the same thing at the same moment hear of each other? (R4.3, R5.4, R8)"""

import threading
from dataclasses import replace
from typing import Any

import pytest

from config.policies import load_policy
from intake import commands
from intake.adopting import adopt_changes
from intake.faults import Refused
from intake.importing import import_record
from rules.facts import Acknowledgement
from rules.policy import Policy
from store import facts, policies
from tests.intake.records import write
from tests.rules.builders import CALENDAR, at, day, event, petition, record, seat
from tests.store.between import Other
from tests.store.databases import (
    engine,
    postgres_engine,
    postgres_with_schema,
    sqlite_engine,
    sqlite_with_schema,
)
from tests.store.saving import save

__all__ = ["engine", "postgres_engine", "postgres_with_schema", "sqlite_engine", "sqlite_with_schema"]
TERMS: dict[str, Any] = {"calendar": CALENDAR, "policy": Policy()}
WAITS_S = 0.3


def at_once(engine, first, second):
    """Do `first`, and `second` in another transaction before that of `first` ends; return the second's refusal."""
    refused: list[Refused] = []

    def run() -> None:
        try:
            with engine.begin() as connection:
                second(connection)
        except Refused as err:
            refused.append(err)

    other = threading.Thread(target=run)
    with engine.begin() as connection:
        first(connection)
        other.start()
        other.join(WAITS_S)
        assert other.is_alive(), "it waits for the first"
    other.join()
    return refused[0] if refused else None


def kept(engine, table):
    with engine.begin() as connection:
        return list(facts.load(connection, table))


@pytest.fixture
def town(engine):
    with engine.begin() as connection:
        save(connection, record(seats=(seat(),), petitions=(petition(),)))
    return engine


def test_of_two_opinions_under_one_number_the_second_is_refused_and_the_first_stays(town):
    mine, yours = petition("P2"), replace(petition("P2"), title="修桥")
    refused = at_once(
        town,
        lambda c: commands.register_petition(c, mine, is_new=True, **TERMS),
        lambda c: commands.register_petition(c, yours, is_new=True, **TERMS),
    )
    assert "is on record already" in str(refused)
    assert [one.title for one in kept(town, "petitions") if one.id == "P2"] == [mine.title]


def test_what_happens_to_an_opinion_is_judged_by_what_happened_to_it_a_moment_before(town):
    refused = at_once(
        town,
        lambda c: commands.report_petition_event(c, event("03-10 10:00", "withdrawn"), **TERMS),
        lambda c: commands.report_petition_event(c, event("03-10 10:01", "assigned", office="DT"), **TERMS),
    )
    assert refused is not None
    assert [one.event for one in kept(town, "petition_events")] == ["withdrawn"]


def test_an_acknowledgement_is_judged_by_what_happened_to_its_opinion_a_moment_before(town):
    word = Acknowledgement(matter="petition:P1:assign:1", at=at("03-19 10:01"), office="MUN")
    refused = at_once(
        town,
        lambda c: commands.report_petition_event(c, event("03-19 10:00", "withdrawn"), **TERMS),
        lambda c: commands.acknowledge(c, word, **TERMS),
    )
    assert refused is not None
    assert kept(town, "acknowledgements") == []


def test_who_writes_about_another_opinion_waits_for_nobody(postgres_engine):
    with postgres_engine.begin() as connection:
        save(connection, record(seats=(seat(),), petitions=(petition(), petition("P2"))))
    done = threading.Event()

    def run() -> None:
        with postgres_engine.begin() as connection:
            commands.report_petition_event(connection, event("03-10 10:00", "withdrawn", "P2"), **TERMS)
        done.set()

    with postgres_engine.begin() as connection:
        commands.report_petition_event(connection, event("03-10 10:00", "withdrawn"), **TERMS)
        threading.Thread(target=run).start()
        assert done.wait(10)


ASSIGNED = {"petition_events": "P1,2026-03-10T10:01,assigned,DT,,,,,\n"}


def bring_in(engine, folder):
    return lambda _: import_record(folder, engine, **TERMS)


@pytest.fixture
def county(postgres_engine):
    with postgres_engine.begin() as connection:
        save(connection, record(seats=(seat(),), petitions=(petition(),)))
    return postgres_engine


def test_an_import_is_judged_by_what_happened_to_its_opinions_a_moment_before(county, tmp_path):
    imported = Other(county, bring_in(county, write(tmp_path, ASSIGNED, whole=False)))
    with county.begin() as connection:
        commands.report_petition_event(connection, event("03-10 10:00", "withdrawn"), **TERMS)
        assert not imported.begin(), "it waits for the command"
    assert [fault.column for fault in imported.end().faults] == ["event"]
    assert [one.event for one in kept(county, "petition_events")] == ["withdrawn"]


def test_a_command_is_judged_by_what_an_import_brings_in_meanwhile(county, tmp_path):
    handled = Other(county, lambda c: commands.report_petition_event(c, event("03-10 10:00", "withdrawn"), **TERMS))
    handled.begin_after(county, "incoming_petition_events")
    assert bring_in(county, write(tmp_path, ASSIGNED, whole=False))(None).is_written
    with pytest.raises(Refused):
        handled.end()
    assert [one.event for one in kept(county, "petition_events")] == ["assigned"]


def test_of_two_imports_at_once_the_second_is_judged_by_the_first(county, tmp_path):
    withdrawn = {"petition_events": "P1,2026-03-10T10:00,withdrawn,,,,,,\n"}
    second = Other(county, bring_in(county, write(tmp_path / "second", withdrawn, whole=False)))
    second.begin_after(county, "incoming_petition_events")
    assert bring_in(county, write(tmp_path / "first", ASSIGNED, whole=False))(None).is_written
    assert second.end().faults
    assert [one.event for one in kept(county, "petition_events")] == ["assigned"]


def test_of_two_changes_of_the_policy_the_second_is_laid_over_the_first(engine):
    policy = load_policy(environ={})

    def adopt(key, value):
        return lambda connection: adopt_changes(
            connection,
            policy,
            {key: value},
            begins=day("03-12"),
            reason="试行",
            actor="operator:test",
            at=at("03-10 10:00"),
        )

    assert at_once(engine, adopt("duty.climb", "[1, 2]"), adopt("sms_per_day", "3")) is None
    with engine.begin() as connection:
        assert policies.in_force(connection, day("03-12")).changes == {"duty.climb": "[1, 2]", "sms_per_day": "3"}
