"""Is the schema there, and may this duban work on it?

Code of an older version works on a schema to which things were only added. Whose code may, stands in the database:
older code cannot know what a newer migration did (docs/adr/0020-upgrades-and-back.md). Alembic is loaded only where
something is to be migrated: a process whose schema is up to date starts without it. Triggers hold no data: they are
hung anew after every migration, so that only tables have versions.
Callers: `duban init`, `duban up`, `duban doctor`, all that look at a database.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from store import installation
from store.locks import Lock, alone
from store.schema import metadata
from store.triggers import postgresql_triggers, sqlite_triggers

#: Whoever changes tables gives way to those at work on them: less than the second after which PostgreSQL looks for
#: deadlocks, so that no step and no sending is undone.
WAITS_MS: Final = 500
PATIENCE_S: Final = 60.0  #: in which a change is tried again and again
PAUSE_S: Final = 0.2  #: between two tries
IN_USE: Final = ("40P01", "55P03")  #: PostgreSQL's codes for a deadlock, and for a lock that was not to be had
ASKED_FIRST: Final = ("installation", "offices")  #: tables that a transaction asks before others
NOT_ALLOWED: Final = "42501"  #: and for what the role may not do
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


T = TypeVar("T")

# Whole tables -------------------------------------------------------------------------------


class InUse(RuntimeError):
    """Others have not let go of the tables for a whole minute."""


def giving_way(engine: Engine, change: Callable[[Connection], T], patience_s: float = PATIENCE_S) -> T:
    """Make a change that locks whole tables, in one transaction; it is made again if others had them just then.

    Raises InUse after `patience_s`: nothing is changed then.
    """
    give_up = time.monotonic() + patience_s
    while True:
        try:
            with engine.begin() as connection:
                return change(connection)
        except DBAPIError as err:
            if _code(err) not in IN_USE:
                raise
            if time.monotonic() > give_up:
                raise InUse("others use the tables without a break; stop the workers, or try again later") from err
        time.sleep(PAUSE_S)


def _code(err: DBAPIError) -> str | None:
    return getattr(err.orig, "sqlstate", None)


# Forwards -----------------------------------------------------------------------------------


def migrate(connection: Connection, versions: Sequence[str] = VERSIONS) -> None:
    """Bring the schema up to date; nothing happens if it is, or if it is newer and admits this duban.

    To be called by `giving_way` where others may be at work. Raises WrongSchema if it is newer and does not admit this
    duban, or if this role may not change it.
    """
    _queue(connection)
    found, known = current_version(connection), known_versions(versions)
    if found is not None and found not in known:
        require(connection, versions)
        return  # its triggers, too, are the newer duban's
    try:
        if found != known[-1]:
            _take_tables(connection)
            upgrade(connection, versions=versions)
        if installation.get(connection, HUNG) != _fingerprint(connection):
            _take_tables(connection)
            hang_triggers(connection)
    except DBAPIError as err:
        if _code(err) != NOT_ALLOWED:
            raise
        raise WrongSchema(
            f"the schema is at {found or 'nothing'} and not as this duban, which knows {known[-1]}, made it; "
            "run duban init in the role that owns the tables"
        ) from err
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))


def _queue(connection: Connection) -> None:
    alone(connection, Lock.MIGRATING)
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = {WAITS_MS}"))


def _take_tables(connection: Connection) -> None:
    """Lock all tables before any is changed.

    Taken one by one, in the course of the change, some are held while others are waited for, and whoever holds those
    and wants these keeps the change from its end: each time, where an office writes without a pause. What most ask
    first comes first, so that they wait with nothing in their hands.
    """
    if connection.dialect.name != "postgresql":
        return
    ours = set(inspect(connection).get_table_names()) & set(metadata.tables)
    tables = sorted(ours, key=lambda name: (name not in ASKED_FIRST, name))
    if tables:
        connection.execute(text(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE"))


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
    _take_tables(connection)
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


def is_newer(connection: Connection) -> bool:
    """Say whether the schema is at a version that this duban does not know: only a newer duban can lead it anywhere."""
    found = current_version(connection)
    return found is not None and found not in known_versions()


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
