"""When does the clock look sooner than it meant to, and how does it know that a step is taken?

PostgreSQL tells whoever listens that a fact has been changed or a step taken, as soon as that is committed
(store/triggers.py). It is a bell and no more: one that is lost, as behind a pool of connections that shares them out
by transaction, costs the pause between two looks. Caller: daemon/clockwork.py.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from store.triggers import BELL, FACT

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Told:
    """What a wait has heard of."""

    fact: bool = False  #: one has been changed
    step: datetime | None = None  #: the last instant of which the step has been taken

    def __bool__(self) -> bool:
        """Say whether anything was told."""
        return self.fact or self.step is not None


NOTHING: Final = Told()


class Ear:
    """A connection of its own that listens; of one thread."""

    def __init__(self, engine: Engine) -> None:
        """Open nothing yet."""
        self._engine = engine
        self._connection: Connection | None = None

    def wait(self, seconds: float) -> Told:
        """Return what has been told since the last wait, as soon as something is; nothing after so many seconds.

        While the database is out of reach this only waits.
        """
        until = time.monotonic() + seconds
        try:
            return self._hear(seconds)
        except Exception as err:  # noqa: BLE001 - the driver's own errors come unwrapped; whatever it was, the looks go on
            log.warning("the bell of changed facts is not heard", why=type(err).__name__)
            self.close()
            time.sleep(max(0.0, until - time.monotonic()))
            return NOTHING

    def close(self) -> None:
        """Listen no more; the next wait begins anew."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.invalidate()
                connection.close()

    def _hear(self, seconds: float) -> Told:
        driver = self._listening()
        words = {each.payload for each in driver.notifies(timeout=seconds, stop_after=1)}
        # What was told meanwhile is told by the same look.
        words |= {each.payload for each in driver.notifies(timeout=0)} if words else set()
        return Told(FACT in words, max((datetime.fromisoformat(word) for word in words - {FACT}), default=None))

    def _listening(self) -> Any:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._connection.exec_driver_sql(f"LISTEN {BELL}")
        return self._connection.connection.driver_connection


def ear_of(engine: Engine) -> Ear | None:
    """Return what hears of changed facts; None on SQLite, where nobody tells."""
    return Ear(engine) if engine.dialect.name == "postgresql" else None
