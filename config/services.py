"""Which services does a process run with: database, calendar, policy, clock, gateways, ids?

The only module that reads the machine's clock and its randomness. Callers: daemon/, which hands the services
to actors/, intake/ and web/.
"""

import secrets
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import make_url

from channels.gateway import Gateway
from config.audit_key import audit_key
from config.calendars import load_calendar
from config.drill import DrillClock, parse_drill
from config.gateways import gateways_of
from config.policies import load_policy
from config.settings import Settings, load_settings
from rules.deliveries import Patience
from rules.facts import Channel
from rules.policy import Policy
from rules.workdays import Calendar
from store import audit
from store.engine import make_engine
from store.outbox import database_now

SQLITE: Final = "sqlite"


class Clock(Protocol):
    """Tells the instant, and how fast it runs."""

    speed: float  #: seconds of this clock for one real second
    is_drill: bool

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""


class MachineClock:
    """The machine's own clock."""

    speed = 1.0
    is_drill = False

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)


def make_clock(drill: str | None) -> Clock:
    """Return the machine's clock, or a drill's."""
    return DrillClock(parse_drill(drill)) if drill else MachineClock()


def new_attempt() -> str:
    """Return an id that names one attempt at sending, unique for ever."""
    return secrets.token_hex(12)


def call_address(url: str, timeout_s: float) -> None:
    """Give a sign of life at an address; that it cannot be reached is for its owner to notice."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s):  # noqa: S310 - http or https, by its setting
            pass
    except OSError:
        pass


def new_audit_key() -> str:
    """Return a key with which the audit trail is sealed."""
    return secrets.token_hex(32)


@dataclass(slots=True)
class Services:
    """What a process of duban runs with."""

    settings: Settings
    policy: Policy
    calendar: Calendar
    engine: Engine
    clock: Clock
    gateways: Mapping[Channel, Gateway]
    new_attempt: Callable[[], str] = new_attempt
    #: claims are leased on the clock that all processes share
    lease_now: Callable[[Connection], datetime] = database_now
    elapsed: Callable[[], float] = time.monotonic
    ping: Callable[[str, float], None] = call_address

    @property
    def patience(self) -> Patience:
        """Return how often and how long a message is tried."""
        return Patience(**{f.name: getattr(self.settings, f.name) for f in fields(Patience)})

    @property
    def rates(self) -> Mapping[Channel, float]:
        """Return how many messages a second a channel's gateway may be given, for those that have a limit."""
        known = {Channel.SMS: self.settings.sms_per_second, Channel.EMAIL: self.settings.email_per_second}
        return {channel: rate for channel, rate in known.items() if rate is not None}


def _prepare_folder(url: str) -> None:
    database = make_url(url)
    if database.get_backend_name() == SQLITE and database.database and database.database != ":memory:":
        Path(database.database).parent.mkdir(parents=True, exist_ok=True)


def open_services(
    settings: Settings | None = None,
    policy: Policy | None = None,
    clock: Clock | None = None,
    *,
    sends: bool = False,
) -> Services:
    """Return the services that the settings name; the database is not touched yet.

    `sends`: whether this process hands messages over; others have no gateways.
    Raises WrongSettings for a wrong setting.
    """
    settings = settings or load_settings(sends=sends)
    _prepare_folder(settings.database_url)
    engine = make_engine(settings.database_url)
    audit.use_key(engine, lambda: audit_key(settings, new_audit_key))
    return Services(
        settings=settings,
        policy=policy or load_policy(),
        calendar=load_calendar(settings.calendar),
        engine=engine,
        clock=clock or make_clock(settings.clock),
        gateways=gateways_of(settings, engine) if sends else {},
    )
