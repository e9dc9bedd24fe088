"""Do rows that go by COPY arrive as they are, and only where nobody else can write?"""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from rules.derivations import Measure, Reckoning
from rules.matters import Cause, Hold, Matter, MatterKind, SubjectKind
from store import facts, filling, projection, upserts
from store.facts import Tally
from store.lots import Written, write_all
from store.schema import FACTS, matters, stale, subjects
from tests.store.rows import FULL, SPARE
from tests.store.saving import save

NINE = datetime(2026, 3, 31, 1, tzinfo=UTC)
ODD = ["tab\there", "line\nhere", "return\rhere", "back\\slash", r"\N", "", "NULL", '"quoted"', "字"]
PATTERN = SPARE["visits"]
VISITS = [replace(PATTERN, id=f"N{i}", note=note, deputy=("DA", "DB")[i % 2]) for i, note in enumerate(ODD)]
MATTER = Matter(
    id="petition:P1:assign:1",
    kind=MatterKind.PETITION,
    subject="P1",
    town="T1",
    responsible="office:T1",
    ladder="petition",
    cause=Cause.REGISTERED,
    opened=date(2026, 3, 2),
    due=date(2026, 3, 9),
    reckoned=Reckoning(Measure.WORKDAYS, date(2026, 3, 2), 5),
    began=date(2026, 3, 2),
    label="P1",
)


@pytest.fixture
def server(postgres_engine, monkeypatch):
    """The record without its visits, nothing marked; four rows are many."""
    monkeypatch.setattr(upserts, "LOT", 4)
    with postgres_engine.begin() as connection:
        save(connection, replace(FULL, visits=[]))
        connection.execute(delete(stale))
    return postgres_engine


def marks(connection):
    return {(ident, mark) for kind, ident, mark in connection.execute(select(stale)) if kind == "deputy"}


def test_an_empty_table_takes_rows_as_they_are_and_marks_whom_they_concern(server):
    with server.begin() as connection:
        assert facts.upsert(connection, "visits", VISITS) == Tally(added=len(ODD))
    with server.begin() as connection:
        assert {visit.id: visit for visit in facts.load(connection, "visits")} == {v.id: v for v in VISITS}
        assert {ident for ident, _ in marks(connection)} == {"DA", "DB"}


def test_nobody_else_writes_to_a_table_that_is_kept_empty_and_all_may_read_it(server):
    visits = FACTS["visits"]
    with server.begin() as connection, server.connect() as other:
        assert filling.is_kept_empty(connection, visits)
        assert other.execute(select(visits)).all() == []
        other.exec_driver_sql("SET lock_timeout = '50ms'")
        with pytest.raises(DBAPIError, match="lock timeout"):
            other.execute(delete(visits))


def test_a_table_to_which_somebody_is_writing_is_not_kept_and_still_filled(server):
    visits = FACTS["visits"]
    with server.connect() as other, server.begin() as connection:
        # A row of a deputy whom the import does not concern: it has nothing to wait for.
        other.exec_driver_sql("LOCK TABLE visits IN ROW EXCLUSIVE MODE")
        assert not filling.is_kept_empty(connection, visits)
        assert facts.upsert(connection, "visits", VISITS) == Tally(added=len(ODD))


def test_a_table_that_has_rows_is_locked_by_nobody(server):
    visits = FACTS["visits"]
    with server.begin() as connection:
        facts.upsert(connection, "visits", VISITS[:1])
    with server.begin() as connection, server.begin() as other:
        assert not filling.is_kept_empty(connection, visits)
        other.execute(delete(visits))


def test_what_refers_to_nothing_is_refused_there_too(server):
    with pytest.raises(IntegrityError, match="fk_visits_deputy"), server.begin() as connection:
        facts.upsert(connection, "visits", [*VISITS, replace(PATTERN, id="X", deputy="nobody")])
    with server.begin() as connection:
        assert connection.execute(select(FACTS["visits"])).first() is None


def test_a_projection_that_is_filled_is_the_one_that_is_put_row_by_row(engine):
    held = replace(MATTER, id="petition:P2:assign:1", holds=(Hold("T1", MATTER.due, date(2026, 3, 12)),), label="a\tb")
    found = [(MATTER, NINE), (replace(held, silent=True), None)]
    of = [projection.SubjectRow(SubjectKind.PETITION, "P1", "T1", NINE, None)]
    with engine.begin() as connection:
        projection.save_matters(connection, found)
        projection.save_subjects(connection, of)
        expected = [connection.execute(select(table)).all() for table in (matters, subjects)]
        connection.execute(delete(matters))
        connection.execute(delete(subjects))
        written = Written(connection.dialect)
        projection.fill(written, found, of)
        write_all(connection, written.statements)
        assert [connection.execute(select(table)).all() for table in (matters, subjects)] == expected
