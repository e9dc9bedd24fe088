"""Which gateway does as a test tells it, and what waits in the outbox when a test begins?

The seat S1 of deputy DA owes March 2026. Its last reminder leaves on 27 March: one SMS. It is overdue on 1 April: one
SMS and one e-mail. Both at 09:00, all to DA.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select

from channels.gateway import CANNOT_TELL, Accepted, Found, Gateway, Outcome, Outgoing, Report, Sought, WhenUnknown
from config.settings import load_settings
from rules.facts import Channel
from store import findings
from store.schema_service import attempts
from tests.actors.installations import Installation
from tests.rules.builders import at, day, deputy, record, seat

NINE = "04-01 09:00"
MARCH = "visit:S1:2026-03"
SEAT = seat(ends="04-30")


def accepted(outgoing: Outgoing) -> Outcome:
    """Take a message."""
    return Accepted(f"id-{outgoing.attempt}")


@dataclass
class Listening:
    """A gateway that remembers what it was handed and asked, and does as it is told."""

    answer: Callable[[Outgoing], Outcome] = accepted
    finds: Callable[[Sought], Found] = lambda _sought: CANNOT_TELL
    looks_up: Callable[[str], Report | None] = lambda _provider_id: None
    name: str = "listening"
    when_unknown: WhenUnknown = WhenUnknown.ASK_LATER
    handed: list[Outgoing] = field(default_factory=list)
    sought: list[Sought] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)

    def send(self, outgoing: Outgoing) -> Outcome:
        self.handed.append(outgoing)
        return self.answer(outgoing)

    def find(self, sought: Sought) -> Found:
        self.sought.append(sought)
        return self.finds(sought)

    def look_up(self, provider_id: str) -> Report | None:
        self.looked_up.append(provider_id)
        return self.looks_up(provider_id)

    def close(self) -> None:
        pass


def answers(*outcomes: Outcome | BaseException) -> Callable[[Outgoing], Outcome]:
    """Answer one call after the other, the last for ever; what is an exception is raised."""
    left = list(outcomes)

    def answer(_outgoing: Outgoing) -> Outcome:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return answer


class Stopwatch:
    """Real seconds as a test lets them pass."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


# Installations -------------------------------------------------------------------------------


def installed(engine: Engine, *, gateway: Gateway | None = None, until: str = NINE, **tables: Any) -> Installation:
    """Return an installation whose round of `until` has been held, and what leaves lies in the outbox."""
    duban = Installation(engine, start=day("03-26") if at(until) < at("03-30 09:00") else day("03-30"))
    duban.keep(record(**{"seats": (SEAT,)} | tables))
    duban.run_to(at(until) - timedelta(minutes=1))
    duban.run(until, sends=False)
    if gateway:
        through(duban, gateway)
    return duban


def reminded(engine: Engine, gateway: Gateway | None = None, **tables: Any) -> Installation:
    """Return an installation in which one SMS waits, the reminder of 27 March; e-mail goes to the sandbox."""
    duban = installed(engine, until="03-27 09:00", **tables)
    if gateway:
        through(duban, gateway, only=Channel.SMS)
    return duban


def crowd(engine: Engine, count: int, gateway: Gateway | None = None) -> Installation:
    """Return an installation in which one SMS waits for each of `count` deputies, the reminders of 27 March."""
    many = [deputy(f"D{n:02}", mobile=f"139000000{n:02}") for n in range(count)]
    seats = [seat(id=f"S{n:02}", deputy=f"D{n:02}", ends="04-30") for n in range(count)]
    return reminded(engine, gateway, seats=tuple(seats), deputies=tuple(many))


def through(duban: Installation, gateway: Gateway, only: Channel | None = None) -> None:
    """Let messages go through a gateway: all, or those of one channel."""
    channels = [only] if only else list(Channel)
    duban.services.gateways = dict(duban.services.gateways) | dict.fromkeys(channels, gateway)


def configure(duban: Installation, **settings: Any) -> None:
    """Change settings of a process that runs."""
    duban.services.settings = load_settings({}, **settings)


def lease_by_its_clock(duban: Installation) -> None:
    """Let the database's clock stand where the installation's does."""
    duban.services.lease_now = lambda _connection: duban.clock.now()


def later(duban: Installation, seconds: float) -> datetime:
    """Let time pass."""
    duban.clock.instant += timedelta(seconds=seconds)
    return duban.clock.instant


def move(duban: Installation, when: str) -> None:
    """Set the clock."""
    duban.clock.instant = at(when)


# What became of it ---------------------------------------------------------------------------


def of_notices(duban: Installation, channel: str = "sms") -> list[Any]:
    """Return the messages of a channel that carry notices, the oldest first."""
    return [m for m in duban.messages() if m.channel == channel and m.kind == "notices"]


def tries(duban: Installation, message: int) -> list[Any]:
    """Return the attempts at a message, the first one first."""
    query = select(attempts).where(attempts.c.message == message).order_by(attempts.c.at, attempts.c.id)
    with duban.engine.begin() as connection:
        return list(connection.execute(query))


def found(duban: Installation) -> list[tuple[str, str, str]]:
    """Return what the operator is told: kind, subject, text; the oldest first."""
    with duban.engine.begin() as connection:
        return [(kind, subject, text) for _, kind, subject, text in findings.latest(connection, 99)[::-1]]
