"""Does a trial run the same, to the bit, as over SQLAlchemy's own connections?"""

import logging
from dataclasses import replace
from unittest import mock

import pytest
from sqlalchemy import column, insert, select, table
from sqlalchemy.exc import IntegrityError

from daemon.logs import log_plainly
from store import installation
from store.engine import make_engine, reading
from store.schema import installation as installation_table
from tests.trial import trials, worlds
from tests.trial.quick import quick

ADD = insert(installation_table)


def dumped(world):
    """Return all that is in the database in the end, but the number that says that the organisation is another."""
    world.raw.execute("DELETE FROM installation WHERE key = 'house'")
    yield "dump", "\n".join(world.raw.iterdump())


@pytest.mark.parametrize("seed", [5, 6])
def test_a_trial_over_quick_connections_is_the_same(seed):
    log_plainly(logging.CRITICAL)
    with mock.patch.object(trials, "totals", dumped):
        ours = trials.try_seed(seed, "dense", days=8)
        with mock.patch.object(worlds, "quick", lambda engine: engine):
            theirs = trials.try_seed(seed, "dense", days=8)
    assert ours.totals["dump"].count("\n") > 500
    assert ours == replace(theirs, seconds=ours.seconds)


@pytest.fixture
def engine():
    found = quick(make_engine("sqlite://"))
    with found.begin() as connection:
        installation_table.create(connection)
    return found


def put_twice(engine):
    with engine.begin() as connection:
        for value in ("1", "2"):
            connection.execute(ADD, {"key": "a", "value": value})


def test_what_breaks_a_rule_is_raised_as_sqlalchemy_raises_it_and_undone(engine):
    for _ in range(3):
        with pytest.raises(IntegrityError):
            put_twice(engine)
        with reading(engine) as connection:
            assert installation.get(connection, "a") is None


def test_a_statement_made_from_another_has_its_own_plan(engine):
    every = select(column("key")).select_from(table("installation"))
    for word in ("a", "b", "c"):
        with engine.begin() as connection:
            installation.put(connection, word, word)
            found = [connection.execute(every).scalars().all() for _ in range(3)]
            one = every.where(column("key") == word)
            assert [connection.execute(one).scalars().all() for _ in range(3)] == [[word]] * 3
        assert found[0] == found[1] == found[2]
