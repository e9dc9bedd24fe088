"""When does the clock look sooner than it meant to?

PostgreSQL tells whoever listens that a fact has been changed, as soon as that is committed (store/triggers.py). It is a
bell and no more: one that is lost, as behind a pool of connections that shares them out by transaction, costs the
pause between two looks. Caller: daemon/clockwork.py.
"""

import time
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from store.triggers import BELL

log = structlog.get_logger()


class Ear:
    """A connection of its own that listens; of one thread."""

    def __init__(self, engine: Engine) -> None:
        """Open nothing yet."""
        self._engine = engine
        self._connection: Connection | None = None

    def wait(self, seconds: float) -> bool:
        """Return as soon as a fact has been changed since the last wait, or after so many seconds; say whether one was.

        While the database is out of reach this only waits.
        """
        until = time.monotonic() + seconds
        try:
            return self._hear(seconds)
        except Exception as err:  # noqa: BLE001 - the driver's own errors come unwrapped; whatever it was, the looks go on
            log.warning("the bell of changed facts is not heard", why=type(err).__name__)
            self.close()
            time.sleep(max(0.0, until - time.monotonic()))
            return False

    def close(self) -> None:
        """Listen no more; the next wait begins anew."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.invalidate()
                connection.close()

    def _hear(self, seconds: float) -> bool:
        driver = self._listening()
        is_rung = any(True for _ in driver.notifies(timeout=seconds, stop_after=1))
        # What was told meanwhile is told by the same look.
        return is_rung and all(True for _ in driver.notifies(timeout=0))

    def _listening(self) -> Any:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._connection.exec_driver_sql(f"LISTEN {BELL}")
        return self._connection.connection.driver_connection


def ear_of(engine: Engine) -> Ear | None:
    """Return what hears of changed facts; None on SQLite, where nobody tells."""
    return Ear(engine) if engine.dialect.name == "postgresql" else None
