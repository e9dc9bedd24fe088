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

from actors.bells import Bells, embedded_broker, hang_bells
from actors.desks import Desks
from config.services import Services
from daemon.clockwork import Clockwork
from store import migrating

#: one thread takes steps, the others send
THREADS: Final = 4


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


def prepare(services: Services) -> date:
    """Bring the schema up to date, note the first day, and return it."""
    with services.engine.begin() as connection:
        migrating.migrate(connection)
        return Desks(services).of(connection).start_on


@contextmanager
def working(services: Services) -> Iterator[tuple[Bells, Desks, Clockwork]]:
    """Run the clock and the workers of the embedded broker; on leaving, let the work in hand end."""
    desks = Desks(services)
    broker = embedded_broker()
    bells = hang_bells(services, desks, broker)
    worker = Worker(broker, worker_threads=THREADS, worker_timeout=100)
    clockwork = Clockwork(services, desks, bells)
    loop = threading.Thread(target=clockwork.run, name="clockwork")
    worker.start()
    loop.start()
    try:
        yield bells, desks, clockwork
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
