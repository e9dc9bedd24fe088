"""What do the tests of trust share? An empty database of either kind, and no settings of whoever runs them."""

from tests.daemon.conftest import only_our_settings
from tests.store.databases import (
    connection,
    empty_url,
    engine,
    postgres_engine,
    postgres_with_schema,
    sqlite_engine,
    sqlite_with_schema,
    unchanged_postgres_engine,
    unchanged_sqlite_engine,
)

__all__ = [
    "connection",
    "empty_url",
    "engine",
    "only_our_settings",
    "postgres_engine",
    "postgres_with_schema",
    "sqlite_engine",
    "sqlite_with_schema",
    "unchanged_postgres_engine",
    "unchanged_sqlite_engine",
]
