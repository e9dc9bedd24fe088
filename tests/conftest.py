"""What do all tests share? Real servers, started when first asked for, one each per test process."""

from collections.abc import Iterator

import pytest

from tests.servers import Postgres, Valkey


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """One database for the whole session."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def fresh_postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """A database for this test alone."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
def valkey_url(valkey_server: Valkey) -> str:
    """The session's Valkey, emptied."""
    valkey_server.forget()
    return valkey_server.url


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """A Valkey that this test may stop, kill and start."""
    with Valkey() as server:
        yield server
