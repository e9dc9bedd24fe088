"""How is a database opened?

SQLite: write-ahead log, and every transaction takes the write lock when it begins, so that none fails half-way.
Source: SQLAlchemy's page on pysqlite ("Serializable isolation / Savepoints / Transactional DDL").
Callers: config/services.py.
"""

import sqlite3
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url

BUSY_MS: Final = 5000


def make_engine(url: str) -> Engine:
    """Return an engine for SQLite or PostgreSQL; nothing is opened yet."""
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # SQLAlchemy's own BEGIN goes out; the driver must not send another.
    connection.isolation_level = None
    for pragma in (f"busy_timeout={BUSY_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
