"""Does an empty table that is filled at once end up as if its rows had come one by one?

SQLite alone: what PostgreSQL does is in test_copied.py.
"""

from dataclasses import replace

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from store import facts, filling, upserts
from store.facts import Tally
from store.schema import FACTS, stale
from tests.store.rows import FULL, SPARE
from tests.store.saving import save

PATTERN = SPARE["visits"]
VISITS = [replace(PATTERN, id=f"N{i}", deputy=("DA", "DB", "DB")[i % 3]) for i in range(10)]


@pytest.fixture
def connection(sqlite_engine, monkeypatch):
    """The record without its visits, nothing marked; four rows are many."""
    monkeypatch.setattr(upserts, "LOT", 4)
    with sqlite_engine.begin() as connection:
        save(connection, replace(FULL, visits=[]))
        connection.execute(delete(stale))
        yield connection


def schema(connection):
    return set(connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master"))


def marks(connection):
    return {tuple(row) for row in connection.execute(select(stale))}


def test_indexes_triggers_and_marks_are_those_of_rows_that_come_one_by_one(connection):
    connection.execute(stale.insert().values(kind="deputy", id="DA", mark=5))
    before = schema(connection)
    assert facts.upsert(connection, "visits", VISITS) == Tally(added=10)
    assert schema(connection) == before
    assert marks(connection) == {("deputy", "DA", 5 + 4), ("deputy", "DB", 6)}


def test_a_row_that_passes_to_another_while_the_table_is_filled_marks_both(connection):
    given = [*VISITS[1:9], replace(VISITS[1], deputy="DA")]
    assert facts.upsert(connection, "visits", given) == Tally(added=8, changed=1)
    assert {ident for _, ident, _ in marks(connection)} == {"DA", "DB"}


def test_a_failure_leaves_the_table_as_it_was(connection):
    before = schema(connection)

    def broken():
        yield from VISITS
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        facts.upsert(connection, "visits", broken())
    assert schema(connection) == before
    assert connection.execute(select(FACTS["visits"])).first() is None
    assert not marks(connection)


@pytest.mark.parametrize(("there", "given"), [(VISITS[:1], VISITS[1:]), ([], VISITS[:3])])
def test_a_table_that_has_rows_or_gets_few_keeps_its_triggers_meanwhile(connection, monkeypatch, there, given):
    facts.upsert(connection, "visits", there)
    monkeypatch.setattr(filling, "mark_rows_of", None)  # calling it would fail
    assert facts.upsert(connection, "visits", given) == Tally(added=len(given))
    assert len(marks(connection)) == len({visit.deputy for visit in [*there, *given]})


def test_a_word_that_a_column_does_not_admit_is_refused_though_sqlite_is_not_asked(connection):
    with pytest.raises(ValueError, match="'abroad' is none of grid, station"):
        facts.upsert(connection, "visits", [*VISITS[1:], replace(VISITS[0], kind="abroad")])
    with pytest.raises(IntegrityError):
        connection.exec_driver_sql(
            "INSERT INTO visits (id, deputy, day, kind, place, voters, opinions, recorded_at) "
            "VALUES ('N', 'DA', '2026-03-09', 'abroad', 'G', 0, 0, '2026-03-09')"
        )


def test_of_two_rows_with_one_key_the_later_counts_though_the_earlier_is_on_record(connection):
    facts.upsert(connection, "visits", VISITS[:1])
    first, *_ = VISITS
    facts.upsert(connection, "visits", [replace(first, note="a"), VISITS[1], first, replace(first, note="b")])
    assert [visit.note for visit in facts.load(connection, "visits")] == ["b", VISITS[1].note]
