"""What do the tests of trust share? An empty database of either kind, and no settings of whoever runs them."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

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
    with_schema,
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

ROOT = Path(__file__).parents[2]


@pytest.fixture
def service_url(fresh_postgres_url) -> Iterator[str]:
    """A database with the roles of deploy/postgres-roles.sql: its address as the services open it."""
    with_schema(fresh_postgres_url)
    url = make_url(fresh_postgres_url)
    script = (ROOT / "deploy" / "postgres-roles.sql").read_text(encoding="utf-8")

    def administer(*statements: str) -> None:
        where = {"host": str(url.query["host"]), "user": "postgres", "dbname": url.database}
        with psycopg.connect(**where, autocommit=True) as administrator:
            for statement in statements:
                administrator.execute(statement.encode())

    administer(script, script)  # once more, as after an update
    yield url.set(username="duban").render_as_string(hide_password=False)
    administer(*(f"DROP OWNED BY {r} CASCADE; DROP ROLE {r}" for r in ("duban", "duban_owner")))
