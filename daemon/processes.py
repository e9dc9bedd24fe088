"""How does everything run in one process, and stop without loss?

`duban up`: the clock's loop, the workers of the embedded broker, and the terminal view. Callers: daemon/cli.
"""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Final

import structlog
from dramatiq import Worker
from sqlalchemy import Connection

from actors.bells import Watch, embedded_broker, hang_bells
from actors.calendar_watch import notice_change
from actors.desks import Desks, note_start
from config.services import Services
from daemon.clockwork import Clockwork
from store import installation, migrating

#: one thread takes steps, the others send
THREADS: Final = 4
CLOCK: Final = "clock"  #: what the database is run on: the machine's clock or a drill's


def quiet_logs(level: int = logging.WARNING) -> None:
    """Log what needs a look, in one line each; no addresses, no words of messages."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(),
    )


class WrongClock(RuntimeError):
    """The database belongs to a drill and the clock does not, or the other way round."""


def claim_for_clock(connection: Connection, services: Services) -> None:
    """Note that the clock runs from now on; raise WrongClock if the database was run on one of the other sort.

    A drill on a real record's database would send for days that have not come, and never send for them again.
    """
    sort = "drill" if services.clock.is_drill else "machine"
    known = installation.get(connection, CLOCK)
    if known is not None and known != sort:
        raise WrongClock(
            f"this database was run on a {known} clock; "
            + (
                "unset DUBAN_CLOCK, or name another DUBAN_DATABASE_URL for the drill"
                if sort == "drill"
                else "set DUBAN_CLOCK, or name another DUBAN_DATABASE_URL"
            )
        )
    installation.put(connection, CLOCK, sort)
    note_start(connection, services)


def prepare(services: Services) -> date:
    """Bring the schema up to date, and return the day on which duban was or will be taken into use."""
    with services.engine.begin() as connection:
        migrating.migrate(connection)
        notice_change(connection, services.calendar, services.policy)
        return Desks(services).of(connection).start_on


@contextmanager
def working(services: Services, watch: Watch = lambda *_: None) -> Iterator[Desks]:
    """Run the clock and the workers of the embedded broker; on leaving, let the work in hand end.

    `watch` is told of each step.
    """
    desks = Desks(services)
    broker = embedded_broker()
    bells = hang_bells(services, desks, broker, watch)
    worker = Worker(broker, worker_threads=THREADS, worker_timeout=100)
    clockwork = Clockwork(services, desks, bells)
    loop = threading.Thread(target=clockwork.run, name="clockwork")
    worker.start()
    loop.start()
    try:
        yield desks
    finally:
        clockwork.stop()
        loop.join()
        worker.stop()
        broker.close()


def stop_on_signals() -> threading.Event:
    """Return an event that Ctrl-C and SIGTERM set, however often they come."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    return stopping
