"""How does duban learn that somebody changed a fact, whatever program it was?

A trigger on each table of the record marks the subject stale: the next step reckons it anew. The mark counts up,
so that a change made while a step is under way is not lost. SQLite marks row by row; PostgreSQL once for each
statement, however many rows it wrote, and rings for whoever listens. Callers: store/migrating.py, daemon/listening.py.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

#: the channel on which PostgreSQL tells what a transaction has done, once, when it is committed
BELL: Final = "duban_changed"
FACT: Final = (
    ""  #: it has changed a fact: the triggers tell so; any other word is the instant of a step that it has taken
)
#: table → kind of mark, and the column that names whom it concerns
MARKS: Final = {
    "offices": ("house", None),
    "contacts": ("house", None),
    "grids": ("house", None),
    "deputies": ("house", None),
    "seats": ("seat", "id"),
    "leaves": ("deputy", "deputy"),
    "visits": ("deputy", "deputy"),
    "petitions": ("petition", "id"),
    "petition_events": ("petition", "petition"),
    "projects": ("project", "id"),
    "milestones": ("project", "project"),
    "project_events": ("project", "project"),
    "acknowledgements": ("matter", "matter"),
}
#: tables whose rows can pass to another owner under the same key
PASSED_ON: Final = ("leaves", "visits")
#: SQLite's triggers that fire when a row comes in
INSERTING: Final = ("{table}_insert_stale", "{table}_replace_stale")
#: event → the rows that are marked
ROWS: Final = {"insert": ("NEW",), "update": ("OLD", "NEW"), "delete": ("OLD",)}

#: A mark that this transaction has set is seen by nobody before it commits, and nobody can take it: once is enough. An
#: import of a million visits would set each hundreds of times, and PostgreSQL would pass over all its old versions.
SET_BY_OTHERS: Final = "stale.xmin <> pg_current_xact_id()::xid"

_TELL: Final = select(func.pg_notify(BELL, bindparam("word")))


def tell_step(connection: Connection, at: datetime) -> None:
    """Tell whoever listens that the step of an instant is taken, once this is committed; on SQLite nobody listens."""
    if connection.dialect.name == "postgresql":
        connection.execute(_TELL, {"word": at.isoformat()})


def _mark(kind: str, column: str | None, row: str) -> str:
    ident = f"{row}.{column}" if column else "''"
    return (
        f"INSERT INTO stale (kind, id, mark) VALUES ('{kind}', {ident}, 1) "  # noqa: S608 - names of our own
        "ON CONFLICT (kind, id) DO UPDATE SET mark = stale.mark + 1;"
    )


def _mark_all(kind: str, column: str | None, rows: Iterable[str]) -> str:
    """Return what marks whom all rows of a statement concern, always in one order: two statements cannot deadlock."""
    touched = " UNION ALL ".join(f"SELECT {column or repr('')} AS id FROM {row.lower()}_rows" for row in rows)  # noqa: S608
    return (
        f"INSERT INTO stale (kind, id, mark) SELECT '{kind}', id, count(*) FROM ({touched}) AS touched "  # noqa: S608
        "GROUP BY id ORDER BY id ON CONFLICT (kind, id) DO UPDATE SET mark = stale.mark + excluded.mark "
        f"WHERE {SET_BY_OTHERS};"
    )


def mark_rows_of(table: str) -> str:
    """Return what marks, on SQLite, whom all rows of a table concern, as if each had just come in."""
    kind, column = MARKS[table]
    # WHERE true: without it ON CONFLICT would be read as the condition of a join.
    return (
        f"INSERT INTO stale (kind, id, mark) SELECT '{kind}', {column or repr('')}, count(*) FROM {table} "  # noqa: S608
        "WHERE true GROUP BY 2 ON CONFLICT (kind, id) DO UPDATE SET mark = stale.mark + excluded.mark"
    )


def sqlite_triggers() -> Iterator[str]:
    """Yield the statements that make the triggers on SQLite."""
    for table, (kind, column) in MARKS.items():
        for event, rows in ROWS.items():
            marks = " ".join(_mark(kind, column, row) for row in rows)
            yield f"CREATE TRIGGER {table}_{event}_stale AFTER {event.upper()} ON {table} BEGIN {marks} END"
    for table in PASSED_ON:
        yield _replaced(table, *MARKS[table])
    refuse = "BEGIN SELECT RAISE(ABORT, 'the audit trail is never changed'); END"
    for event in ("update", "delete"):
        yield f"CREATE TRIGGER audit_{event} BEFORE {event.upper()} ON audit {refuse}"
    # INSERT OR REPLACE removes a row without firing the trigger of DELETE.
    replaced = "EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq)"
    yield f"CREATE TRIGGER audit_replace BEFORE INSERT ON audit WHEN {replaced} {refuse}"


def _replaced(table: str, kind: str, column: str | None) -> str:
    """Return a trigger that marks the old owner of a row: INSERT OR REPLACE fires none for what it removes."""
    passed_on = f"SELECT 1 FROM {table} WHERE id = NEW.id AND {column} <> NEW.{column}"  # noqa: S608 - our own names
    return (
        f"CREATE TRIGGER {table}_replace_stale BEFORE INSERT ON {table} WHEN EXISTS ({passed_on}) "  # noqa: S608
        f"BEGIN INSERT INTO stale (kind, id, mark) SELECT '{kind}', {column}, 1 FROM {table} WHERE id = NEW.id "
        "ON CONFLICT (kind, id) DO UPDATE SET mark = stale.mark + 1; END"
    )


def postgresql_triggers() -> Iterator[str]:
    """Yield the statements that make the triggers on PostgreSQL."""
    for table, (kind, column) in MARKS.items():
        for event, rows in ROWS.items():
            name = f"{table}_{event}_stale"
            marks = _mark_all(kind, column, rows)
            yield (
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql "
                f"AS $$ BEGIN {marks} NOTIFY {BELL}; RETURN NULL; END $$"
            )
            yield (
                f"CREATE TRIGGER {name} AFTER {event.upper()} ON {table} "
                f"REFERENCING {' '.join(f'{row} TABLE AS {row.lower()}_rows' for row in rows)} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
            )
    yield (
        "CREATE FUNCTION audit_unchanged() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit trail is never changed'; END $$"
    )
    yield (
        "CREATE TRIGGER audit_unchanged BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION audit_unchanged()"
    )
    yield (
        "CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_unchanged()"
    )
