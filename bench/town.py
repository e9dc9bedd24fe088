"""What do the benches of the service work on: an installation with as many matters and people as are wanted?

Opinions registered on 2 March 2026, assigned and accepted at once; the reminder of each is due in the round of 9 March
at 09:00. Each department has one contact. Callers: looks.py, rounds.py, sending.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import Engine

from actors.desks import Desks
from actors.steps import Plan, take_step
from channels.gateway import Gateway
from config.calendars import load_calendar
from config.services import Services
from config.settings import Settings, load_settings
from rules.facts import SHANGHAI, Channel, Contact, Office, Petition, PetitionEvent
from rules.policy import Policy
from store import facts, installation
from store.engine import make_engine
from store.migrating import migrate
from tests.servers import Postgres

START: Final = date(2026, 3, 2)
REGISTERED: Final = datetime(2026, 3, 2, 10, 0, tzinfo=SHANGHAI)
ROUND: Final = datetime(2026, 3, 9, 9, 0, tzinfo=SHANGHAI).astimezone(UTC)  #: as the clock plans it
TOWNS: Final = 10
LOT: Final = 5_000


class SetClock:
    """A clock that stands where it is set: only the time that work takes is measured."""

    speed = 1.0
    is_drill = False

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant


class DurablePostgres(Postgres):
    """PostgreSQL as one runs it for very many rows: a commit is on the disk, the log has room between checkpoints."""

    def command(self) -> list[str]:
        off = {"fsync=off": "fsync=on", "synchronous_commit=off": "synchronous_commit=on"}
        off |= {"full_page_writes=off": "full_page_writes=on"}
        return [
            *(off.get(word, word) for word in super().command()),
            "-c",
            "shared_buffers=512MB",
            "-c",
            "work_mem=64MB",
            "-c",
            "max_wal_size=8GB",
        ]


@contextmanager
def database(kind: str, folder: str) -> Iterator[str]:
    """Lend an empty database of a kind: postgresql or sqlite."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/town.db"
        return
    with DurablePostgres() as server, server.database() as url:
        yield url


def open_town(url: str, gateways: dict[Channel, Gateway] | None = None, settings: Settings | None = None) -> Services:
    """Return the services of the installation over a database."""
    policy = Policy().model_copy(update={"start_on": START})
    engine = make_engine(url)
    return Services(settings or load_settings({}), policy, load_calendar(), engine, SetClock(ROUND), gateways or {})


def fill(services: Services, petitions: int, departments: int, *, by_email: bool = False) -> None:
    """Write the facts, and reckon them up to a minute before the round; `by_email`: nobody has a mobile."""
    with services.engine.begin() as connection:
        migrate(connection)
        installation.put(connection, "start_on", START.isoformat())
        facts.upsert(connection, "offices", offices(departments))
        facts.upsert(connection, "contacts", _contacts(departments, by_email=by_email))
    write_lots(services.engine, "petitions", (_petition(i) for i in range(petitions)))
    for offset, event in enumerate(("assigned", "accepted"), 1):
        rows = (_event(i, event, offset, departments) for i in range(petitions))
        write_lots(services.engine, "petition_events", rows)
    desks = Desks(services)
    for at in (REGISTERED + timedelta(hours=1), ROUND - timedelta(minutes=1)):
        services.clock.instant = at  # type: ignore[attr-defined]
        take_step(services, desks, Plan(at))


def offices(departments: int) -> Iterator[Office]:
    """Yield the tree: ten towns, and the departments spread over them."""
    yield Office(id="DIR", name="主任会议", kind="directors")
    yield Office(id="MUN", name="代表工委", kind="municipal", parent="DIR")
    for town in range(TOWNS):
        yield Office(id=f"T{town}", name=f"第{town}镇", kind="town", parent="MUN")
    for i in range(departments):
        yield Office(id=f"D{i}", name=f"第{i}办", kind="department", parent=f"T{i % TOWNS}")


def _contacts(departments: int, *, by_email: bool) -> Iterator[Contact]:
    for i in range(departments):
        mobile = None if by_email else f"139{i:08}"
        yield Contact(id=f"C{i}", office=f"D{i}", name="某", mobile=mobile, email=f"c{i}@example.cn")


def _petition(i: int) -> Petition:
    return Petition(id=f"P{i:08}", town=f"T{i % TOWNS}", level="town", title="事", recorded_at=REGISTERED)


def _event(i: int, event: str, offset: int, departments: int) -> PetitionEvent:
    # A department of the petition's own town: both numbers end in the same digit.
    office = f"D{i % departments}" if event == "assigned" else None
    return PetitionEvent(petition=f"P{i:08}", at=REGISTERED + timedelta(seconds=offset), event=event, office=office)


def tidy_up(engine: Engine) -> None:
    """Do what PostgreSQL's autovacuum does before long: else it begins in the midst of what is measured."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")


def write_lots(engine: Engine, table: str, rows: Iterator[Any], lot_of: int = LOT) -> None:
    """Write facts, so many in one transaction."""
    while lot := list(islice(rows, lot_of)):
        with engine.begin() as connection:
            facts.upsert(connection, table, lot)
