"""How is a database opened, and how is it only read?

SQLite: write-ahead log, and every transaction takes the write lock when it begins, so that none fails half-way;
one of `reading` sees a snapshot and waits for nobody. An error names no value: errors go into logs, and a row may hold
a resident's name. Source: SQLAlchemy's page on pysqlite ("Serializable isolation"). Callers: config/services.py,
whoever only looks.
"""

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import URL, Connection, Engine, PoolProxiedConnection, create_engine, event
from sqlalchemy.engine import ExceptionContext, make_url

#: a long import is one transaction: whoever wants to write meanwhile waits for it
BUSY_MS: Final = 60_000
SWITCH_S: Final = 0.01  #: between two tries at switching a new file to the write-ahead log
#: PostgreSQL quotes the row that breaks a rule, cell by cell, and what comes after may be a line of a cell
QUOTED_ROW: Final = re.compile(r"\nDETAIL:.*", re.DOTALL)
CONNECT_S: Final = 5
FILE: Final = "file"  #: where a connection to SQLite keeps which file it has open: its path, and what it is
#: A host whose network is cut says no goodbye. By default PostgreSQL keeps the locks of such a one for two hours, and
#: the host waits a quarter of an hour for an answer: both ends give up after about ten seconds.
SILENT: Final = {"keepalives_idle": 4, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}


def make_engine(url: str) -> Engine:
    """Return an engine for SQLite or PostgreSQL; nothing is opened yet."""
    if make_url(url).get_backend_name() != "sqlite":
        options = _postgresql_options(make_url(url))
        engine = create_engine(
            url, pool_pre_ping=True, hide_parameters=True, json_deserializer=orjson.loads, connect_args=options
        )
        event.listen(engine, "handle_error", _quote_no_row)
        return engine
    engine = create_engine(url, hide_parameters=True, json_deserializer=orjson.loads)
    event.listen(engine, "do_connect", _make_for_its_owner)
    event.listen(engine, "connect", _prepare_sqlite)
    # No listener of "begin": with one, SQLAlchemy asks for listeners at every statement, a third of its time.
    engine.dialect.do_begin = _begin  # type: ignore[assignment, method-assign]
    return engine


def _quote_no_row(context: ExceptionContext) -> None:
    for err in (context.original_exception, context.sqlalchemy_exception):
        if err is not None:
            err.args = tuple(QUOTED_ROW.sub("", arg) if isinstance(arg, str) else arg for arg in err.args)


def _postgresql_options(url: URL) -> dict[str, Any]:
    """Return what a session is opened with; what the URL itself says of the network goes before ours."""
    # A claim that a crash of the server undid would be a message sent twice, however the server is set.
    server = {"timezone": "UTC", "synchronous_commit": "on"}
    server |= {key if key.startswith("tcp_") else f"tcp_{key}": str(value) for key, value in SILENT.items()}
    ours = {"connect_timeout": CONNECT_S, **SILENT}
    return {key: value for key, value in ours.items() if key not in url.query} | {
        "options": " ".join(f"-c {key}={value}" for key, value in server.items())
    }


def _make_for_its_owner(_dialect: Any, _record: Any, args: list[Any], _options: Any) -> None:
    """Make a new file one that nobody else on the machine can read; those beside it follow it in that."""
    file = str(args[0]) if args else ""
    if file and file != ":memory:" and not file.startswith("file:"):
        with suppress(OSError):  # it is there, or SQLite says why it cannot be
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _prepare_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    # SQLAlchemy's own BEGIN goes out; the driver must not send another.
    connection.isolation_level = None
    # FULL: a claim that a power cut undid would be a message sent twice.
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    _keep_write_ahead_log(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    file = connection.execute("PRAGMA database_list").fetchone()[2]
    record.info[FILE] = (file, file_at(file))


def file_at(path: str) -> tuple[int, int] | None:
    """Return what tells the file at a path from any other, or None if there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _keep_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch a new file to the write-ahead log, and wait for whoever does so at the same moment.

    The switch raises its lock from shared to exclusive, where SQLite's own wait could deadlock: it fails at once.
    """
    give_up = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as err:
            if err.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(SWITCH_S)
        else:
            return


def _begin(connection: PoolProxiedConnection) -> None:
    # A transaction that reads, then writes, fails at once if another wrote in between: so writers queue at BEGIN.
    driver: Any = connection.driver_connection
    if not driver.in_transaction:  # one of `reading` has begun already
        driver.execute("BEGIN IMMEDIATE")


def look_up(connection: Connection) -> None:
    """Have PostgreSQL use its indexes in this transaction, which asks for rows by their keys.

    Of a table that has just been filled it knows nothing, and would go through all of it for each lot of keys.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Lend a connection that sees one snapshot of the database and does not wait for those who write."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            driver: Any = connection.connection.driver_connection
            driver.execute("BEGIN DEFERRED")
        else:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection
