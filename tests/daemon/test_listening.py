"""Is a changed fact heard of at once?"""

import time

import pytest
from sqlalchemy import text

from daemon.listening import Ear, ear_of
from rules.facts import Office
from store import facts
from store.engine import make_engine
from tests.store.databases import postgres_engine, postgres_with_schema  # noqa: F401 - fixtures

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
    assert ear.wait(60)
    assert time.monotonic() - began < 30


def test_what_was_told_is_told_once(ear, postgres_engine):  # noqa: F811
    for _ in range(3):
        change(postgres_engine)
    assert ear.wait(60)
    assert not ear.wait(0.01)


def test_a_fact_that_is_not_committed_wakes_nobody(ear, postgres_engine):  # noqa: F811
    with postgres_engine.connect() as connection:
        facts.upsert(connection, "offices", [TOWN])
        assert not ear.wait(0.01)


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
