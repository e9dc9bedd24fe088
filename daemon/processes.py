"""How do the processes run, and stop without loss?

`duban up` runs the clock and the workers of an embedded broker in one; `duban daemon` and `duban worker` run them
apart, with a broker on Redis between them. Callers: daemon/commands, daemon/up.
"""

import os
import signal
import threading
import time
from _thread import start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Final

import dramatiq
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from actors.bells import Watch, embedded_broker, hang_bells, redis_broker
from actors.desks import Desks, known_start, note_start
from config.services import Services, open_services
from daemon import watchdog
from daemon.clockwork import Clockwork
from daemon.logs import log_as_json
from daemon.progress import UnderWay
from daemon.saying import OUT_OF_REACH, Mendable
from store import installation, migrating, outbox
from store.engine import reading

#: one thread takes steps, the others send
THREADS: Final = 4
#: longest pause between two looks at a broker; whoever is rung for is woken (actors/ringing.py)
BROKER_MS: Final = 250
EMBEDDED_MS: Final = 100
IDENTITY_LENGTH: Final = 8
ALIVE_S: Final = 20.0  #: between two signs of life of a worker
ENDS_S: Final = 45.0  #: the work in hand has so long to end, once a process is told to stop; systemd waits for a minute
SAYS_S: Final = 0.5
ASKS_S: Final = 1.0  #: between two looks for a database that is being made
POLICY: Final = "policy"  #: the policy that a demo's database was made with
CLOCK: Final = "clock"  #: what the database is run on: the machine's clock or a drill's


log = structlog.get_logger()


class WrongClock(Mendable):
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


def prepare(services: Services) -> date | None:
    """Bring the schema up to date, and return the day on which duban was or will be taken into use.

    None: the day on which the clock will first run.
    """
    migrating.giving_way(services.engine, migrating.migrate)
    with services.engine.begin() as connection:
        installation.put_new(connection, installation.IDENTITY, services.new_attempt()[:IDENTITY_LENGTH])
        desks = Desks(services)
        desks.note_terms(connection, desks.of(connection))
        return known_start(connection, services)


@contextmanager
def working(services: Services, watch: Watch = lambda *_: None) -> Iterator[Desks]:
    """Run the clock and the workers of the embedded broker; on leaving, let the work in hand end.

    `watch` is told of each step.
    """
    desks = Desks(services)
    broker = embedded_broker()
    bells = hang_bells(services, desks, broker, watch)
    clockwork = Clockwork(services, desks, bells)
    loop = threading.Thread(target=clockwork.run, name="clockwork")
    with _workers(broker, EMBEDDED_MS):
        loop.start()
        try:
            yield desks
        finally:
            clockwork.stop()
            loop.join()


@contextmanager
def _workers(broker: dramatiq.Broker, looks_ms: int) -> Iterator[None]:
    """Run the threads that do what is rung for; on leaving, let the work in hand end."""
    worker = dramatiq.Worker(broker, worker_threads=THREADS, worker_timeout=looks_ms)
    worker.start()
    try:
        yield
    finally:
        worker.stop()
        broker.close()


class NoBroker(Mendable):
    """Several processes need a broker that they share."""


def _redis_url(services: Services) -> str:
    if services.clock.is_drill:
        raise WrongClock("a drill has one clock, so it runs in one process: duban up; or unset DUBAN_CLOCK")
    if services.settings.redis_url is None:
        raise NoBroker("DUBAN_REDIS_URL is not set: want redis://host:port/0, or run everything in one by duban up")
    return services.settings.redis_url


def _mark(services: Services, stopping: threading.Event) -> str | None:
    """Return what names the installation, once its schema is one that this duban can work on.

    The daemon or `duban init` brings an older one up. None if told to stop before. Raises WrongSchema for a newer one
    that does not admit this duban.
    """
    said = None
    while not stopping.is_set():
        try:
            with reading(services.engine) as connection:
                mark = installation.mark(connection)
                wrong = migrating.misfit(connection)
                if wrong is not None and migrating.is_newer(connection):
                    raise migrating.WrongSchema(wrong)
        except SQLAlchemyError as err:
            log.warning("the database does not answer; asking again", error=type(err).__name__)
        else:
            if mark is not None and wrong is None:
                return mark
            if wrong != said:
                log.error("waiting for another schema", reason=wrong)
                said = wrong
        stopping.wait(ASKS_S)
    return None


def run_daemon() -> None:
    """Run the clock of a production set-up until SIGTERM; the work is done by workers."""
    log_as_json()
    stopping = stop_on_signals()
    services = open_services()
    url = _redis_url(services)
    prepare(services)
    mark = _mark(services, stopping)
    if mark is None:
        return
    broker = redis_broker(url, mark)
    with services.engine.begin() as connection:
        claim_for_clock(connection, services)
    desks = Desks(services)
    clockwork = Clockwork(services, desks, hang_bells(services, desks, broker), is_alone=False)
    loop = threading.Thread(target=clockwork.run, name="clockwork")
    loop.start()
    watchdog.tell(watchdog.READY)
    stopping.wait()
    watchdog.tell(watchdog.STOPPING)
    clockwork.stop()
    loop.join()
    broker.close()


def run_worker() -> None:
    """Do what the daemon rings for, until SIGTERM."""
    log_as_json()
    stopping = stop_on_signals()
    services = open_services(sends=True)
    url = _redis_url(services)
    mark = _mark(services, stopping)
    if mark is None:
        return
    broker = redis_broker(url, mark)
    under_way = UnderWay()
    broker.add_middleware(under_way)
    hang_bells(services, Desks(services), broker)
    with _workers(broker, BROKER_MS):
        watchdog.tell(watchdog.READY)
        _look_after(services, stopping, under_way)
        watchdog.tell(watchdog.STOPPING)
    for gateway in services.gateways.values():
        gateway.close()


def _look_after(services: Services, stopping: threading.Event, under_way: UnderWay) -> None:
    """Wait for the signal to stop, and tell systemd meanwhile that the database can be reached and no work hangs."""
    while not stopping.wait(ALIVE_S):
        if under_way.hangs():
            log.error("some work has not got on for hours; systemd is told no more that this process is alive")
            continue
        try:
            with reading(services.engine) as connection:
                outbox.held_because(connection)
        except SQLAlchemyError:
            continue
        watchdog.tell(watchdog.ALIVE)


def stop_on_signals(end: Callable[[], None] | None = None, ends_s: float = ENDS_S) -> threading.Event:
    """Return an event that Ctrl-C and SIGTERM set, however often they come.

    `end` is called if the process still runs after `ends_s`; by default it is ended.
    """
    stopping = threading.Event()

    def set_and_see_to_it() -> None:
        stopping.set()
        time.sleep(ends_s)
        (end or _end_at_once)()

    def stop(*_: object) -> None:
        # A signal comes between any two instructions, also while this thread is inside the event, or setting it for the
        # signal before: it would wait for its own lock for ever. Another thread waits for it a moment.
        if not stopping.is_set():
            start_new_thread(set_and_see_to_it, ())

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopping


def _end_at_once() -> None:
    """End the process although its work waits: for a lock that somebody holds, a server that does not answer.

    As after a kill, the database undoes what was not committed, and what was on its way is settled by others.
    """
    # On a thread of its own: who reads the log may be what is waited for.
    start_new_thread(log.error, ("the work in hand does not end; ending without it",))
    time.sleep(SAYS_S)
    os._exit(OUT_OF_REACH)
