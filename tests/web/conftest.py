"""What do the tests of web/ share? The application over a small record, and browsers that are signed in."""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from daemon.logs import log_plainly
from store import accounts
from store.engine import make_engine
from tests.actors.installations import Installation
from tests.rules.builders import at
from tests.store.databases import (
    empty_url,
    engine,
    postgres_engine,
    postgres_with_schema,
    sqlite_engine,
    sqlite_with_schema,
)
from tests.web.browsers import NOW, Browser, small_record
from web.app import make_app

__all__ = [
    "empty_url",
    "engine",
    "postgres_engine",
    "postgres_with_schema",
    "sqlite_engine",
    "sqlite_with_schema",
]


@pytest.fixture(autouse=True, scope="session")
def _quiet():
    log_plainly(logging.CRITICAL)


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch):
    """Real argon2, at a cost that a test can bear."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "_hasher", hasher)
    monkeypatch.setattr(accounts, "_nobody", hasher.hash("nobody"))


@pytest.fixture(scope="session")
def small_file(sqlite_with_schema, tmp_path_factory) -> Path:
    """A database with the small record, reckoned up to a Monday morning."""
    file: Path = tmp_path_factory.mktemp("small") / "duban.sqlite"
    shutil.copy(sqlite_with_schema, file)
    made = Installation(make_engine(f"sqlite:///{file}"), start=NOW.date())
    made.keep(small_record())
    made.run(f"{NOW:%Y-%m-%d %H:%M}", sends=False)
    made.engine.dispose()
    return file


@pytest.fixture
def house(small_file, tmp_path) -> Iterator[Installation]:
    """The organisation of tests/rules/builders.py with three opinions, two visits and a project."""
    with house_like(small_file, tmp_path) as made:
        yield made


@contextmanager
def house_like(file: Path, folder: Path) -> Iterator[Installation]:
    """Lend an installation over a copy of a database."""
    copy = folder / "house.sqlite"
    shutil.copy(file, copy)
    made = Installation(make_engine(f"sqlite:///{copy}"), start=NOW.date())
    made.clock.instant = at(f"{NOW:%Y-%m-%d %H:%M}")
    yield made
    made.engine.dispose()


@pytest.fixture
def app(house):
    return make_app(house.services, house.desks)


@pytest.fixture
def client(app) -> TestClient:
    """A browser on this machine in which nobody is signed in."""
    return TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)


@pytest.fixture
def browser(house, app) -> Callable[..., Browser]:
    """Makes an account, and a browser that is signed in."""

    def open_browser(role="operator", *, office=None, deputy=None, account=None) -> Browser:
        return Browser(house, app, role, office=office, deputy=deputy, account=account or f"{role}-one")

    return open_browser
