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


#: who may do what, as an office's administrator brings it about
ROLES = (ROOT / "deploy" / "postgres-roles.sql").read_text(encoding="utf-8")


def administer(address: str, *statements: str) -> None:
    """Have a superuser do something in a database."""
    url = make_url(address)
    where = {"host": str(url.query["host"]), "user": "postgres", "dbname": url.database}
    with psycopg.connect(**where, autocommit=True) as administrator:
        for statement in statements:
            administrator.execute(statement.encode())


@pytest.fixture
def roles_url(fresh_postgres_url) -> Iterator[str]:
    """A new database: the roles that a test makes end with it."""
    yield fresh_postgres_url
    administer(fresh_postgres_url, f'ALTER DATABASE "{make_url(fresh_postgres_url).database}" OWNER TO postgres')
    administer(fresh_postgres_url, *(f"DROP OWNED BY {r} CASCADE; DROP ROLE {r}" for r in ("duban", "duban_owner")))


@pytest.fixture
def service_url(roles_url) -> str:
    """A database with the roles of deploy/postgres-roles.sql: its address as the services open it."""
    with_schema(roles_url)
    administer(roles_url, ROLES, ROLES)  # once more, as after an update
    return as_duban(roles_url)


@pytest.fixture
def begun_by_services_url(roles_url) -> str:
    """Likewise, where the services' role had made and owned all of it before."""
    name = make_url(roles_url).database
    administer(
        roles_url,
        "CREATE ROLE duban LOGIN",
        f'ALTER DATABASE "{name}" OWNER TO duban',
        "ALTER SCHEMA public OWNER TO duban",
    )
    with_schema(as_duban(roles_url))
    administer(roles_url, ROLES)
    return as_duban(roles_url)


def as_duban(address: str) -> str:
    return make_url(address).set(username="duban").render_as_string(hide_password=False)
