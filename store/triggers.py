"""How does duban learn that somebody changed a fact, whatever program it was?

A trigger on each table of the record marks the subject stale: the next step reckons it anew. The mark counts up,
so that a change made while a step is under way is not lost. Callers: store/migrations.
"""

from collections.abc import Iterator
from typing import Final

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
#: event → the rows that are marked
ROWS: Final = {"insert": ("NEW",), "update": ("OLD", "NEW"), "delete": ("OLD",)}


def _mark(kind: str, column: str | None, row: str) -> str:
    ident = f"{row}.{column}" if column else "''"
    return (
        f"INSERT INTO stale (kind, id, mark) VALUES ('{kind}', {ident}, 1) "  # noqa: S608 - names of our own
        "ON CONFLICT (kind, id) DO UPDATE SET mark = stale.mark + 1;"
    )


def sqlite_triggers() -> Iterator[str]:
    """Yield the statements that make the triggers on SQLite."""
    for table, (kind, column) in MARKS.items():
        for event, rows in ROWS.items():
            marks = " ".join(_mark(kind, column, row) for row in rows)
            yield f"CREATE TRIGGER {table}_{event}_stale AFTER {event.upper()} ON {table} BEGIN {marks} END"
    refuse = "BEGIN SELECT RAISE(ABORT, 'the audit trail is never changed'); END"
    for event in ("update", "delete"):
        yield f"CREATE TRIGGER audit_{event} BEFORE {event.upper()} ON audit {refuse}"
    # INSERT OR REPLACE removes a row without firing the trigger of DELETE.
    replaced = "EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq)"
    yield f"CREATE TRIGGER audit_replace BEFORE INSERT ON audit WHEN {replaced} {refuse}"


def postgresql_triggers() -> Iterator[str]:
    """Yield the statements that make the triggers on PostgreSQL."""
    for table, (kind, column) in MARKS.items():
        for event, rows in ROWS.items():
            marks = " ".join(_mark(kind, column, row) for row in rows)
            name = f"{table}_{event}_stale"
            yield f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {marks} RETURN NULL; END $$"
            yield f"CREATE TRIGGER {name} AFTER {event.upper()} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
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
