"""Is the schema there, and is it the one that this duban knows?

Alembic is loaded only where something is to be migrated: a process whose schema is up to date starts without it.
Triggers hold no data: they are hung anew after every migration, so that only tables have versions.
Callers: `duban init`, `duban up`, `duban doctor`.
"""

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from typing import Final

from sqlalchemy import Connection, inspect, text

from store import installation
from store.triggers import postgresql_triggers, sqlite_triggers

MIGRATING: Final = 8631  #: lock that one process holds while it migrates
VERSION: Final = "alembic_version"  #: the table in which Alembic keeps the version
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


def migrate(connection: Connection) -> None:
    """Bring the schema up to date; nothing happens if it is."""
    if connection.dialect.name == "postgresql":  # SQLite's transactions queue by themselves
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})
    if current_version(connection) != head_version():
        upgrade(connection)
    if installation.get(connection, HUNG) != _fingerprint(connection):
        hang_triggers(connection)


def upgrade(connection: Connection, to: str = "head") -> None:
    """Bring the tables up to a version."""
    from alembic import command  # noqa: PLC0415 - a fifth of a second, which few starts need
    from alembic.config import Config  # noqa: PLC0415 - likewise

    config = Config()
    config.set_main_option("script_location", str(files("store") / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


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


def current_version(connection: Connection) -> str | None:
    """Return the version of the schema in the database, or None if there is none."""
    if not inspect(connection).has_table(VERSION):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION}")).scalar()  # noqa: S608 - Alembic's
    return found


def head_version() -> str | None:
    """Return the version that this duban knows: each revision's file is named by its number."""
    scripts = (files("store") / "migrations" / "versions").iterdir()
    return max((script.name.partition("_")[0] for script in scripts if script.name.endswith(".py")), default=None)


class WrongSchema(RuntimeError):
    """The database is not at the version of the schema that this duban knows."""


def require(connection: Connection) -> None:
    """Raise WrongSchema unless the schema is up to date."""
    found, known = current_version(connection), head_version()
    if found != known:
        raise WrongSchema(f"the schema is at {found or 'nothing'}, this duban knows {known}; run duban init")
