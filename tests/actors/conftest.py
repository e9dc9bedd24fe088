"""What do the tests of actors/ share? An empty database of either kind, and quiet logs."""

import logging

import pytest

from daemon.logs import log_plainly
from tests.store.databases import (
    empty_url,
    engine,
    postgres_engine,
    postgres_with_schema,
    sqlite_engine,
    sqlite_with_schema,
)

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
