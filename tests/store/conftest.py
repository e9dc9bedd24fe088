"""What do the tests of store/ share? An empty database of either kind."""

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
    "postgres_engine",
    "postgres_with_schema",
    "sqlite_engine",
    "sqlite_with_schema",
    "unchanged_postgres_engine",
    "unchanged_sqlite_engine",
]
