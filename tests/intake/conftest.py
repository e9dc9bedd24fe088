"""What do the tests of intake share? An empty database, made once and copied."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from store.engine import make_engine
from store.migrating import migrate


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory) -> Path:
    file: Path = tmp_path_factory.mktemp("empty") / "duban.sqlite"
    engine = make_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        migrate(connection)
    engine.dispose()  # the last connection that closes leaves one whole file
    return file


@pytest.fixture
def database(empty_database, tmp_path) -> Iterator[Engine]:
    """A database with its schema and nothing in it."""
    file = tmp_path / "database" / "duban.sqlite"
    file.parent.mkdir()
    shutil.copy(empty_database, file)
    engine = make_engine(f"sqlite:///{file}")
    yield engine
    engine.dispose()


@pytest.fixture
def connection(database) -> Iterator[Connection]:
    """A transaction that is rolled back in the end."""
    with database.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()
