"""Is the schema there, and may this duban work on it?

Code of an older version works on a schema to which things were only added. Whose code may, stands in the database:
older code cannot know what a newer migration did (docs/adr/0020-upgrades-and-back.md). Alembic is loaded only where
something is to be migrated: a process whose schema is up to date starts without it. Triggers hold no data: they are
hung anew after every migration, so that only tables have versions.
Callers: `duban init`, `duban up`, `duban doctor`, all that look at a database.
"""

import hashlib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from store import installation
from store.triggers import postgresql_triggers, sqlite_triggers

MIGRATING: Final = 8631  #: lock that one process holds while it migrates
VERSION: Final = "alembic_version"  #: the table in which Alembic keeps the version
VERSIONS: Final = (str(files("store") / "migrations" / "versions"),)  #: folders of the migrations
ADMITTED: Final = "schema_admits"  #: the versions whose code may work on this schema
HUNG: Final = "triggers"  #: the fingerprint of those that hang
#: what takes our triggers down; on PostgreSQL a trigger falls with its function
OURS: Final = "(name LIKE '%_stale' OR name LIKE 'audit_%')"
SQLITE_HUNG: Final = f"SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger' AND {OURS}"  # noqa: S608
POSTGRESQL_HUNG: Final = (
    "SELECT 'DROP FUNCTION ' || signature || ' CASCADE' FROM "  # noqa: S608 - a text of our own
    "(SELECT proname AS name, oid::regprocedure AS signature FROM pg_proc "
    "WHERE prorettype = 'trigger'::regtype AND pronamespace = current_schema()::regnamespace) AS functions "
    f"WHERE {OURS}"
)


# Forwards -----------------------------------------------------------------------------------


def migrate(connection: Connection, versions: Sequence[str] = VERSIONS) -> None:
    """Bring the schema up to date; nothing happens if it is, or if it is newer and admits this duban.

    Raises WrongSchema if it is newer and does not.
    """
    _queue(connection)
    found, known = current_version(connection), known_versions(versions)
    if found is not None and found not in known:
        require(connection, versions)
        return  # its triggers, too, are the newer duban's
    if found != known[-1]:
        upgrade(connection, versions=versions)
    if installation.get(connection, HUNG) != _fingerprint(connection):
        hang_triggers(connection)


def _queue(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":  # SQLite's transactions queue by themselves
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})


def upgrade(connection: Connection, to: str = "head", versions: Sequence[str] = VERSIONS) -> None:
    """Bring the tables up to a version."""
    _lead(connection, versions, to)


def _lead(connection: Connection, versions: Sequence[str], to: str, *, back: bool = False) -> None:
    from store import revisions  # noqa: PLC0415 - Alembic: a fifth of a second, which few starts need

    revisions.lead(connection, versions, to, back=back)
    able = revisions.admitted(versions, current_version(connection) or "")
    installation.put(connection, ADMITTED, " ".join(able))


# Back ---------------------------------------------------------------------------------------


class NotBack(ValueError):
    """The schema cannot be taken back to that version, or not without being told so expressly."""


def unknown_to(connection: Connection, to: str, versions: Sequence[str] = VERSIONS) -> list[str]:
    """Return in words what is in the database and the older version `to` does not know. Raises NotBack."""
    from store import revisions  # noqa: PLC0415 - as above

    return revisions.unknown(connection, versions, _back_from(connection, to, versions), to)


def take_back(connection: Connection, to: str, versions: Sequence[str] = VERSIONS) -> None:
    """Take the schema back to an older version. Raises NotBack.

    What that version does not know is kept beside its tables, and comes back with the next migration.
    """
    _queue(connection)
    if _back_from(connection, to, versions) == to:
        return
    _lead(connection, versions, to, back=True)
    # Only the older duban knows its triggers. Those that hang mark all that it needs; it hangs its own when it starts.
    installation.put(connection, HUNG, "")


def _back_from(connection: Connection, to: str, versions: Sequence[str]) -> str:
    """Return the version of the schema, from which the way back to `to` is known."""
    found, known = current_version(connection), known_versions(versions)
    if found not in known or to not in known or to > found:
        raise NotBack(
            f"the schema is at {found or 'nothing'} and cannot be taken back to {to}; "
            f"this duban knows {', '.join(known)}"
        )
    return found


# Triggers -----------------------------------------------------------------------------------


def _triggers(connection: Connection) -> Iterator[str]:
    return sqlite_triggers() if connection.dialect.name == "sqlite" else postgresql_triggers()


def _fingerprint(connection: Connection) -> str:
    return hashlib.sha256("\n".join(_triggers(connection)).encode()).hexdigest()


def hang_triggers(connection: Connection) -> None:
    """Take all triggers down, and hang those that this duban knows."""
    is_sqlite = connection.dialect.name == "sqlite"
    for statement in connection.execute(text(SQLITE_HUNG if is_sqlite else POSTGRESQL_HUNG)).scalars().all():
        connection.exec_driver_sql(statement)
    for statement in _triggers(connection):
        connection.exec_driver_sql(statement)
    installation.put(connection, HUNG, _fingerprint(connection))


# Looking ------------------------------------------------------------------------------------


def current_version(connection: Connection) -> str | None:
    """Return the version of the schema in the database, or None if there is none."""
    if not inspect(connection).has_table(VERSION):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION}")).scalar()  # noqa: S608 - Alembic's
    return found


def known_versions(versions: Sequence[str] = VERSIONS) -> list[str]:
    """Return the versions that this duban knows, the oldest first: each migration's file is named by its number."""
    return sorted(script.name.partition("_")[0] for folder in versions for script in Path(folder).glob("*.py"))


def head_version() -> str:
    """Return the newest version that this duban knows."""
    return known_versions()[-1]


class WrongSchema(RuntimeError):
    """The database is at a version of the schema on which this duban cannot work."""


def misfit(connection: Connection, versions: Sequence[str] = VERSIONS) -> str | None:
    """Return why this duban cannot work on the schema, and what to do; None if it can."""
    found, known = current_version(connection), known_versions(versions)
    if found == known[-1]:
        return None
    if found is None or found in known:
        return f"the schema is at {found or 'nothing'}, this duban knows {known[-1]}; run duban init"
    admitted = (installation.get(connection, ADMITTED) or "").split()
    if found in admitted and known[-1] in admitted:
        return None
    return (
        f"the schema is at {found}, this duban knows {known[-1]}; "
        f"start the duban that knows {found}, or have it run duban init --to {known[-1]}"
    )


def require(connection: Connection, versions: Sequence[str] = VERSIONS) -> None:
    """Raise WrongSchema unless this duban can work on the schema."""
    wrong = misfit(connection, versions)
    if wrong:
        raise WrongSchema(wrong)


def require_own(connection: Connection) -> None:
    """Raise WrongSchema unless the schema is the very one that this duban knows: it is to see every column."""
    require(connection)
    found, known = current_version(connection), head_version()
    if found != known:
        raise WrongSchema(f"the schema is at {found}, newer than this duban's {known}; use one that knows {found}")
