"""Does duban learn of a change to the record, whatever program made it?"""

import threading
from dataclasses import fields

import pytest
from sqlalchemy import delete, func, select, text, update

from rules.facts import Record
from store import projection
from store.ahead import look_ahead
from store.schema import FACTS, KEYS, stale
from tests.store.rows import FULL, SPARE
from tests.store.saving import insert_row, key_of, save

#: table → what is marked when its row of SPARE changes
MARKED = {
    "offices": ("house", ""),
    "contacts": ("house", ""),
    "grids": ("house", ""),
    "deputies": ("house", ""),
    "seats": ("seat", "S9"),
    "leaves": ("deputy", "DB"),
    "visits": ("deputy", "DB"),
    "petitions": ("petition", "P9"),
    "petition_events": ("petition", "P:2"),
    "projects": ("project", "J9"),
    "milestones": ("project", "J2"),
    "project_events": ("project", "J2"),
    "acknowledgements": ("matter", "milestone:J2:9"),
}
#: table, column, where it moves from and to, and the marks of both
MOVES = [
    ("visits", "deputy", "DA", {("deputy", "DB"), ("deputy", "DA")}),
    ("leaves", "deputy", "DA", {("deputy", "DB"), ("deputy", "DA")}),
    ("petition_events", "petition", "P1", {("petition", "P:2"), ("petition", "P1")}),
    ("milestones", "project", "J1", {("project", "J2"), ("project", "J1")}),
    ("project_events", "project", "J1", {("project", "J2"), ("project", "J1")}),
    ("acknowledgements", "matter", "visit:S1:2026-03", {("matter", "milestone:J2:9"), ("matter", "visit:S1:2026-03")}),
    ("seats", "id", "S7", {("seat", "S9"), ("seat", "S7")}),
]


def marks(connection):
    """Take all marks, and return them."""
    house = {("house", "")} if projection.take_house(connection) else set()
    return house | set(projection.take_stale(connection, 1000))


@pytest.fixture
def record(connection):
    """The whole record, nothing marked."""
    save(connection, FULL)
    connection.execute(delete(stale))
    return connection


def spare(connection, table):
    """A row of a table that nothing refers to; nothing is marked."""
    insert_row(connection, table, SPARE[table])
    connection.execute(delete(stale))


@pytest.mark.parametrize("table", Record.TABLES)
def test_a_row_that_is_added_is_marked(record, table):
    insert_row(record, table, SPARE[table])
    assert marks(record) == {MARKED[table]}


@pytest.mark.parametrize("table", Record.TABLES)
def test_a_row_that_is_changed_is_marked(record, table):
    spare(record, table)
    plain = next(f.name for f in reversed(fields(SPARE[table])) if f.name not in KEYS[table])
    row = update(FACTS[table]).where(*key_of(table, SPARE[table]))
    record.execute(row.values({plain: getattr(SPARE[table], plain)}))
    assert marks(record) == {MARKED[table]}


@pytest.mark.parametrize("table", Record.TABLES)
def test_a_row_that_is_removed_is_marked(record, table):
    spare(record, table)
    record.execute(delete(FACTS[table]).where(*key_of(table, SPARE[table])))
    assert marks(record) == {MARKED[table]}


@pytest.mark.parametrize(("table", "column", "to", "marked"), MOVES)
def test_a_row_that_moves_to_another_owner_marks_both(record, table, column, to, marked):
    spare(record, table)
    record.execute(update(FACTS[table]).where(*key_of(table, SPARE[table])).values({column: to}))
    assert marks(record) == marked


def test_a_statement_on_many_rows_marks_each(record):
    record.execute(text("UPDATE visits SET note = 'seen'"))
    assert marks(record) == {("deputy", "DA"), ("deputy", "DB")}


def test_a_change_that_is_undone_marks_nothing(record):
    with record.begin_nested() as change:
        record.execute(text("DELETE FROM visits"))
        change.rollback()
    assert marks(record) == set()


def test_a_mark_counts_up(record):
    for expected in (1, 2, 3):
        with record.begin_nested():
            record.execute(text("UPDATE visits SET note = 'seen' WHERE id = 'V1'"))
        row = record.execute(select(stale.c.mark)).scalar_one()
        # An update marks for the row as it was and as it is.
        assert row == 2 * expected


def test_a_mark_that_nobody_can_have_seen_is_set_once(postgres_engine):
    mark = select(stale.c.mark, text("ctid"))
    with postgres_engine.begin() as setting:
        save(setting, FULL)
        setting.execute(delete(stale))
        setting.execute(text("UPDATE visits SET note = 'seen' WHERE id = 'V1'"))
        first = setting.execute(mark).one()
        setting.execute(text("UPDATE visits SET note = 'gone' WHERE id = 'V1'"))
        assert setting.execute(mark).one() == first


def test_what_changes_after_the_marks_were_taken_is_marked_again(record):
    record.execute(text("DELETE FROM visits"))
    assert projection.take_stale(record, 100)
    record.execute(text("UPDATE leaves SET reason = 'ill' WHERE deputy = 'DA'"))
    assert marks(record) == {("deputy", "DA")}
    assert not look_ahead(record).is_stale


def test_only_so_many_marks_are_taken_as_wanted(record):
    record.execute(text("DELETE FROM visits"))
    before = record.execute(select(func.count()).select_from(stale)).scalar_one()
    assert len(projection.take_stale(record, 1)) == 1
    assert record.execute(select(func.count()).select_from(stale)).scalar_one() == before - 1


def test_a_fact_that_is_written_while_its_mark_is_taken_waits_and_is_marked_again(postgres_engine):
    with postgres_engine.begin() as setting:
        save(setting, FULL)
    writer = threading.Thread(target=_make_ill, args=(postgres_engine,))
    with postgres_engine.begin() as step:
        assert ("deputy", "DA") in marks(step)
        writer.start()
        writer.join(0.3)
        assert writer.is_alive(), "it waits for the step"
    writer.join()
    with postgres_engine.connect() as after:
        assert marks(after) == {("deputy", "DA")}


def _make_ill(engine):
    with engine.begin() as other:
        other.execute(text("UPDATE leaves SET reason = 'ill' WHERE deputy = 'DA'"))


def test_a_mark_that_is_just_being_set_is_left_for_later(postgres_engine):
    with postgres_engine.begin() as setting:
        save(setting, FULL)
    with postgres_engine.connect() as importing, importing.begin(), postgres_engine.begin() as step:
        importing.execute(text("UPDATE leaves SET reason = 'ill' WHERE deputy = 'DA'"))
        taken = marks(step)
        assert taken
        assert ("deputy", "DA") not in taken
    with postgres_engine.connect() as after:
        assert marks(after) == {("deputy", "DA")}


def test_a_row_that_is_replaced_by_one_of_another_owner_marks_both(sqlite_engine):
    with sqlite_engine.begin() as connection:
        save(connection, FULL)
        connection.execute(delete(stale))
        connection.execute(
            text(
                "INSERT OR REPLACE INTO visits (id, deputy, day, kind, place, recorded_at) "
                "SELECT id, 'DA', day, kind, place, recorded_at FROM visits WHERE id = 'V2'"
            )
        )
        assert marks(connection) == {("deputy", "DA"), ("deputy", "DB")}
