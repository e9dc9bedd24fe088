"""Which databases do the tests of SQL run on? A SQLite file and a real PostgreSQL, the schema made once for each.

SQLite: an empty file is copied for each test. PostgreSQL: one database for the session, emptied before each test.
The conftest of each folder takes these fixtures over.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Connection, Engine, text

from store.engine import make_engine
from store.migrating import migrate
from store.schema_service import slots

BACKENDS: Final = ("sqlite", "postgresql")
#: the tables of the service stand in the metadata once their module is imported
TABLES: Final = ", ".join(table.name for table in slots.metadata.sorted_tables)


def with_schema(url: str) -> None:
    """Make the schema."""
    engine = make_engine(url)
    with engine.begin() as connection:
        migrate(connection)
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_with_schema(tmp_path_factory) -> Path:
    file: Path = tmp_path_factory.mktemp("schema") / "duban.sqlite"
    with_schema(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_with_schema(postgres_server) -> Iterator[str]:
    with postgres_server.database() as url:
        with_schema(url)
        yield url


@pytest.fixture
def sqlite_engine(sqlite_with_schema, tmp_path) -> Iterator[Engine]:
    """An empty SQLite file."""
    file = tmp_path / "duban.sqlite"
    shutil.copy(sqlite_with_schema, file)
    engine = make_engine(f"sqlite:///{file}")
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine(postgres_with_schema) -> Iterator[Engine]:
    """The session's PostgreSQL database, emptied."""
    engine = make_engine(postgres_with_schema)
    with engine.begin() as connection:
        # As a replica the triggers rest: the audit trail, too, starts empty.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE"))
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def unchanged_sqlite_engine(tmp_path_factory) -> Iterator[Engine]:
    """A SQLite file in which nothing is ever committed: it stays empty."""
    url = f"sqlite:///{tmp_path_factory.mktemp('unchanged') / 'duban.sqlite'}"
    with_schema(url)
    engine = make_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def unchanged_postgres_engine(postgres_server) -> Iterator[Engine]:
    """A PostgreSQL database in which nothing is ever committed: it stays empty."""
    with postgres_server.database() as url:
        with_schema(url)
        engine = make_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture(params=BACKENDS)
def connection(request) -> Iterator[Connection]:
    """One transaction on an empty database, undone in the end. Faster than `engine`; ids go on where they were."""
    engine = request.getfixturevalue(f"unchanged_{_fixture(request.param)}")
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        if transaction.is_active:
            transaction.rollback()


def _fixture(backend: str) -> str:
    return f"{'postgres' if backend == 'postgresql' else backend}_engine"


@pytest.fixture(params=BACKENDS)
def engine(request) -> Engine:
    """An empty database with its schema: each test runs on both kinds."""
    found: Engine = request.getfixturevalue(_fixture(request.param))
    return found


@pytest.fixture(params=BACKENDS)
def empty_url(request, tmp_path) -> str:
    """The address of a database with nothing in it, not even a schema."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.sqlite'}"
    found: str = request.getfixturevalue("fresh_postgres_url")
    return found
