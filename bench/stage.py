"""Where do the benches of whole processes play: which servers, which processes of duban, on which record?

PostgreSQL as one runs it (a commit is on the disk), Valkey, a stand-in for Twilio in a process of its own, `duban
daemon` and `duban worker` as anybody would start them, on the machine's clock: every day is a workday and the window
is open all day. Unless told otherwise, each opinion has a department of its own, so that each fact becomes an SMS of
its own. Callers: latency.py, memory.py, starting.py.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psutil
from sqlalchemy import Engine, text

from bench.measuring import ROOT
from bench.town import TOWNS, DurablePostgres, offices, write_lots
from rules.facts import Contact, Petition, PetitionEvent
from store import facts
from store.engine import make_engine
from tests.campaign.record import write_calendar
from tests.campaign.running import wait_for_enough_of_the_day
from tests.campaign.stage import DUBAN, Fake, end
from tests.fakes.ledger import entries
from tests.fakes.twilio import ACCOUNT, SERVICE, TOKEN
from tests.servers import Valkey

LOOK_S: Final = 0.05
UP_S: Final = 60.0
RECKONED_S: Final = 3_600.0
POLICY: Final = (
    'start_on = {today}\nsend_window = ["00:00:00", "23:59:59"]\ndigest_at = "00:00:01"\nnotify_at = "00:00:02"\n'
)


@dataclass
class Stage:
    """Servers that run, and what duban's processes are started with."""

    folder: Path
    database: str
    ledger: Path
    environ: dict[str, str]
    engine: Engine
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Run `duban WORDS` beside us; it ends with the stage."""
        with (self.folder / "processes.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [str(DUBAN), *words], cwd=ROOT, env=self.environ, stdout=log, stderr=log, start_new_session=True
            )
        self.processes.append(process)
        return process

    def run(self, *words: str) -> None:
        """Run `duban WORDS` to its end."""
        process = self.start(*words)
        assert process.wait() == 0, self.log()

    def stop(self) -> None:
        """End the processes of duban in good order."""
        while self.processes:
            end(self.processes.pop())

    def log(self) -> str:
        """Return the last that the processes said."""
        return (self.folder / "processes.log").read_text("utf-8", "replace")[-3000:]

    def wait_until_reckoned(self) -> None:
        """Wait until the daemon is up and has nothing left to reckon; the first step takes all that is on record."""
        cursor = "SELECT count(*) FROM installation WHERE key = 'cursor'"
        wait_until(lambda: self.ask(cursor) == 1, self.log, RECKONED_S)
        wait_until(lambda: self.ask("SELECT count(*) FROM stale") == 0, self.log, RECKONED_S)

    def ask(self, question: str) -> int:
        """Return the count that a question to the database gives."""
        with self.engine.connect() as connection:
            return int(connection.execute(text(question)).scalar_one())

    def arrivals(self) -> dict[str, float]:
        """Return when each number's text was at the stand-in, by the monotonic clock."""
        return {entry["to"]: entry["monotonic"] for entry in entries(self.ledger, "message")}


def wait_until(is_so: Any, told: Any, patience_s: float = UP_S) -> None:
    """Wait until something is so; an error with what the processes said if it takes too long."""
    give_up = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < give_up, told()
        time.sleep(LOOK_S)


@contextmanager
def stage(folder: Path, *, minutes: float, database: str | None = None) -> Iterator[Stage]:
    """Set a stage with an empty schema for so many minutes of one day; `database`: another than PostgreSQL."""
    today = wait_for_enough_of_the_day(minutes * 60, print)
    (folder / "policy.toml").write_text(POLICY.format(today=today.isoformat()), encoding="utf-8")
    write_calendar(folder / "calendar", today)
    with ExitStack() as stack:
        if database is None:
            server = stack.enter_context(DurablePostgres())
            database = stack.enter_context(server.database())
        valkey = stack.enter_context(Valkey())
        twilio = stack.enter_context(Fake("tests.fakes.twilio", folder / "ledger", {}))
        engine = make_engine(database)
        stack.callback(engine.dispose)
        environ = _environ(folder, database, valkey.url, twilio.address["url"])
        made = Stage(folder, database, folder / "ledger", environ, engine)
        stack.callback(made.stop)
        made.run("init")
        yield made


def _environ(folder: Path, database: str, valkey: str, twilio: str) -> dict[str, str]:
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("DUBAN_", "TWILIO_"))}
    return ours | {
        "DUBAN_DATABASE_URL": database,
        "DUBAN_REDIS_URL": valkey,
        "DUBAN_POLICY": str(folder / "policy.toml"),
        "DUBAN_CALENDAR": str(folder / "calendar"),
        "DUBAN_AUDIT_KEY": "of-a-bench-and-long-enough-for-it",
        "DUBAN_PORT": "0",
        "DUBAN_SMS": "twilio",
        "DUBAN_SMS_DAILY_TOTAL": "100000000",
        "DUBAN_TWILIO_API": twilio,
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
    }


def fill(engine: Engine, opinions: int, departments: int | None = None) -> None:
    """Put so many opinions on record, registered yesterday, and departments with one contact each.

    `departments`: how many, a multiple of ten; unset: as many as there are opinions.
    """
    with engine.begin() as connection:
        facts.upsert(connection, "offices", offices(departments or opinions))
        facts.upsert(connection, "contacts", _contacts(departments or opinions))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    write_lots(engine, "petitions", (_petition(i, yesterday) for i in range(opinions)))


def assigned(number: int, departments: int | None = None) -> PetitionEvent:
    """Return the fact that an opinion is assigned now: its department gets an SMS at once."""
    office = f"D{number % departments if departments else number}"
    return PetitionEvent(petition=f"P{number:08}", at=datetime.now(UTC), event="assigned", office=office)


def mobile(number: int) -> str:
    """Return where that SMS goes."""
    return f"+86139{number:08}"


def _contacts(departments: int) -> Iterator[Contact]:
    for i in range(departments):
        yield Contact(id=f"C{i}", office=f"D{i}", name="某", mobile=f"139{i:08}")


def _petition(i: int, at: datetime) -> Petition:
    return Petition(id=f"P{i:08}", town=f"T{i % TOWNS}", level="town", title="事", recorded_at=at)


def rss_mb(process: "subprocess.Popen[bytes]") -> float:
    """Return the memory that a process has resident now."""
    return float(psutil.Process(process.pid).memory_info().rss) / (1 << 20)
