"""How does the web process run, and stop without cutting off whoever is being answered?

`duban web` serves until SIGTERM, however often it comes; `duban up` serves beside the clock and the workers. What
headers say of a request's origin is left to web/origins.py. Callers: daemon/commands, daemon/up.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import structlog
import uvicorn
from sqlalchemy import Connection

from actors.desks import Desks
from config.layers import WrongSettings
from config.services import Services, open_services
from config.settings import load_settings
from daemon.logs import log_as_json
from daemon.policies import Rehearser
from daemon.processes import WrongClock, claim_for_clock, stop_on_signals
from store import accounts, idempotency, migrating
from web.app import make_app
from web.sessions import in_real_time
from web.signing_in import offer_first

LOOPBACK: Final = "127.0.0.1"
#: an answer in hand has so long to end
GRACE_S: Final = 10
WAITING_MOST: Final = 2048
#: connections that asyncio takes at once. Where no more files can be opened it complains as often, with a traceback
#: each, every second.
ACCEPTED_AT_ONCE: Final = 1

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Address:
    """Where the console is."""

    url: str
    first: str | None  #: path of the one-time address at which the first operator names himself

    def line(self, connection: Connection) -> str:
        """Return what a terminal shows; the one-time address only as long as it works."""
        if self.first and not accounts.are_there(connection):
            return f"控制台（设立第一个管理员，地址仅一次有效）：{self.url}{self.first}"
        return f"控制台 console: {self.url}/"


def run_web(*, host: str = LOOPBACK, port: int | None = None) -> None:
    """Serve console, API and webhooks until SIGTERM."""
    log_as_json()
    stopping = stop_on_signals()
    services = open_services(load_settings(sends=False, port=port))
    if services.clock.is_drill:
        raise WrongClock("a drill has one clock, so it runs in one process: duban up; or unset DUBAN_CLOCK")
    migrating.giving_way(services.engine, migrating.migrate)
    with services.engine.begin() as connection:
        claim_for_clock(connection, services)
    with serving(services, Desks(services), host) as address:
        log.info("serving", url=address.url)
        if address.first:
            with suppress(OSError):  # the disk is full: no reason not to serve
                print(f"the first operator signs up, once, at {address.url}{address.first}", flush=True)  # noqa: T201
        stopping.wait()


@contextmanager
def serving(services: Services, desks: Desks, host: str = LOOPBACK) -> Iterator[Address]:
    """Serve in a thread; on leaving, let the answers in hand end."""
    listening = _listen(host, services.settings.port)
    rehearser = Rehearser(services.settings)
    server = uvicorn.Server(_config(services, desks, rehearser))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="web")
    with services.engine.begin() as connection:
        before = services.clock.now() - in_real_time(services, idempotency.KEPT)
        idempotency.forget(connection, before)
        first = offer_first(connection)
    thread.start()
    try:
        yield Address(services.settings.public_url or f"http://{LOOPBACK}:{listening.getsockname()[1]}", first)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
        rehearser.close()


def _config(services: Services, desks: Desks, rehearser: Rehearser) -> uvicorn.Config:
    return uvicorn.Config(
        make_app(services, desks, rehearser),
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        backlog=ACCEPTED_AT_ONCE,
        h11_max_incomplete_event_size=16 * 1024,
    )


class _Door(socket.socket):
    """Lets as many wait as ever: for asyncio that is the number of connections that it takes at once."""

    def listen(self, _: int = 0, /) -> None:
        super().listen(WAITING_MOST)


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; 0 takes any free port."""
    try:
        return _Door(fileno=socket.create_server((host, port), backlog=WAITING_MOST).detach())
    except OSError as err:
        raise WrongSettings(
            [f"port {port} of {host} cannot be had ({err.strerror}); name another: --port, or DUBAN_PORT"]
        ) from err
