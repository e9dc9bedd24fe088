"""What do all tests share? Real servers, started when first asked for, one each per test process."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.servers import Postgres, Valkey

TOGETHER: Final = {
    # two campaigns at once would take the processors from one another
    "campaigns": ("tests/campaign/", "tests/trust/test_upgrade_run.py"),
    # three gigabytes are packed once
    "hostile files": ("tests/trust/test_hostile_files.py",),
}


class Groups(LoadScopeScheduling):
    """Gives a group to one test process, campaigns as its first work; each other test goes to whoever is free.

    xdist's own `loadgroup` keeps no group together beside pytest 9.2, which no longer reads the ids that it writes.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((group for group, files in TOGETHER.items() if nodeid.startswith(files)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups | None:
    return Groups(config, log) if config.getvalue("dist") == "loadgroup" else None


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
