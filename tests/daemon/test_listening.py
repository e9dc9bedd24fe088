"""Is a changed fact heard of at once, and a step that is taken?"""

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from daemon.clockwork import Clockwork
from daemon.listening import Ear, Told, ear_of
from rules.facts import Office
from store import facts
from store.engine import make_engine
from store.triggers import tell_step
from tests.store.databases import postgres_engine, postgres_with_schema  # noqa: F401 - fixtures

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TOWN = Office(id="T", name="镇", kind="town")


@pytest.fixture
def ear(postgres_engine):  # noqa: F811
    ear = Ear(postgres_engine)
    assert not ear.wait(0.01)
    yield ear
    ear.close()


def change(engine):
    with engine.begin() as connection:
        facts.upsert(connection, "offices", [TOWN])


def test_a_changed_fact_wakes_whoever_listens(ear, postgres_engine):  # noqa: F811
    change(postgres_engine)
    began = time.monotonic()
    assert ear.wait(60) == Told(fact=True)
    assert time.monotonic() - began < 30


def test_what_was_told_is_told_once(ear, postgres_engine):  # noqa: F811
    for _ in range(3):
        change(postgres_engine)
        assert ear.wait(60)
        assert not ear.wait(0.01)


def test_several_changes_are_told_at_most_once_each(ear, postgres_engine):  # noqa: F811
    for _ in range(3):
        change(postgres_engine)
    assert ear.wait(60)
    later = 0  # on a busy machine they do not all come at once
    while ear.wait(1):
        later += 1
    assert later < 3


def test_a_fact_that_is_not_committed_wakes_nobody(ear, postgres_engine):  # noqa: F811
    with postgres_engine.connect() as connection:
        facts.upsert(connection, "offices", [TOWN])
        assert not ear.wait(0.01)


def test_a_step_that_is_taken_is_told_with_its_instant(ear, postgres_engine):  # noqa: F811
    with postgres_engine.begin() as connection:
        tell_step(connection, NOON)
        assert not ear.wait(0.01)
    assert ear.wait(60) == Told(step=NOON)


def test_of_several_steps_the_last_is_told_beside_the_facts(ear, postgres_engine):  # noqa: F811
    for minutes in (2, 3, 1):
        with postgres_engine.begin() as connection:
            tell_step(connection, NOON + timedelta(minutes=minutes))
    change(postgres_engine)
    told = ear.wait(60)
    while not (told.fact and told.step == NOON + timedelta(minutes=3)):
        more = ear.wait(60)
        assert more, told
        told = Told(fact=told.fact or more.fact, step=max(filter(None, (told.step, more.step)), default=None))


def test_the_clock_looks_again_after_any_step_and_at_a_fact_that_came_before_it(postgres_engine):  # noqa: F811
    services: Any = SimpleNamespace(engine=postgres_engine, clock=SimpleNamespace(is_drill=True))
    nothing: Any = None
    clockwork = Clockwork(services, nothing, nothing)
    ear = clockwork._ear
    assert ear is not None
    try:
        assert not clockwork._hears_of_step(ear)
        change(postgres_engine)
        while not clockwork._is_rung:
            assert not clockwork._hears_of_step(ear)
        with postgres_engine.begin() as connection:
            tell_step(connection, NOON)
        assert any(clockwork._hears_of_step(ear) for _ in range(100))
    finally:
        ear.close()


def test_a_connection_that_broke_is_replaced(ear, postgres_engine):  # noqa: F811
    with postgres_engine.begin() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        connection.execute(text(others))
    assert not ear.wait(0.01)
    assert not ear.wait(0.01)
    change(postgres_engine)
    assert ear.wait(60)


def test_nobody_listens_to_sqlite():
    assert ear_of(make_engine("sqlite://")) is None
