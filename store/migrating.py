"""Is the schema there, and is it the one that this duban knows?

Callers: `duban init`, `duban up`, `duban doctor`.
"""

from importlib.resources import files
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

MIGRATING: Final = 8631  #: lock that one process holds while it migrates


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("store") / "migrations"))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def migrate(connection: Connection) -> None:
    """Bring the schema up to date; nothing happens if it is."""
    if connection.dialect.name == "postgresql":  # SQLite's transactions queue by themselves
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})
    if current_version(connection) != head_version():
        command.upgrade(_config(connection), "head")


def current_version(connection: Connection) -> str | None:
    """Return the version of the schema in the database, or None if there is none."""
    return MigrationContext.configure(connection).get_current_revision()


def head_version() -> str | None:
    """Return the version that this duban knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


class WrongSchema(RuntimeError):
    """The database is not at the version of the schema that this duban knows."""


def require(connection: Connection) -> None:
    """Raise WrongSchema unless the schema is up to date."""
    found, known = current_version(connection), head_version()
    if found != known:
        raise WrongSchema(f"the schema is at {found or 'nothing'}, this duban knows {known}; run duban init")
