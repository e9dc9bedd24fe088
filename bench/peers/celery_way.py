"""How fast do reminders leave with Celery and beat, and what becomes of them when its worker is killed?

The program is programs/county.py: two worker processes and beat. Caller: bench/peers/__main__.py.
"""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy import Connection, create_engine, text

from bench.peers.environment import PROGRAMS, PYTHON
from bench.peers.figures import Cut, Ground, Group, Row, cut_of, row_of, wait_until
from tests.fakes.twilio import ACCOUNT, SERVICE, TOKEN

STARTS_S: Final = 60.0
PROCESSES: Final = 2
HOUR_S: Final = 3_600
#: as the kills cannot wait for an hour
SOON_S: Final = 10
#: a worker looks for what is due for redelivery when it starts, and then each hundred seconds
QUIET_S: Final = 115.0
ENDS_S: Final = 1_200.0


@dataclass(frozen=True)
class Way:
    """One of the usual settings."""

    marks_first: bool = False
    acks_late: bool = False
    visibility_s: int = HOUR_S

    @property
    def name(self) -> str:
        return "Celery + beat" + (", marked when enqueued" if self.marks_first else "")

    @property
    def note(self) -> str:
        return "acks_late" if self.acks_late else ""


class Office:
    """The tables, the worker and beat of one run."""

    def __init__(self, ground: Ground, way: Way) -> None:
        self.ground = ground
        self.way = way
        self.engine = create_engine(ground.database)
        self._ready = ground.folder / "ready"
        self.environ = os.environ | {
            "PEER_DATABASE_URL": ground.database,
            "PEER_REDIS_URL": ground.valkey.url.replace("unix://", "redis+socket://").replace(
                "?db=0", "?virtual_host=0"
            ),
            "PEER_TWILIO_API": ground.twilio.address["url"],
            "PEER_WAY": "marked" if way.marks_first else "plain",
            "PEER_ACKS_LATE": "1" if way.acks_late else "0",
            "PEER_VISIBILITY_S": str(way.visibility_s),
            "PEER_READY": str(self._ready),
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
        }

    def run(self, *words: str) -> Group:
        return Group([str(PYTHON), *words], self.environ, self.ground.folder / "celery.log", PROGRAMS)

    def fill(self, count: int) -> None:
        """Write as many rows, all due now."""
        made = self.run("county.py")
        wait_until(lambda: not made.is_running, STARTS_S, "making the tables")
        now = datetime.now(UTC)
        with (
            psycopg.connect(self.ground.database.replace("+psycopg", "")) as connection,
            connection.cursor().copy("COPY reminders (mobile, title, due_at, state) FROM STDIN") as copy,
        ):
            for i in range(count):
                copy.write_row((f"139{i:08}", f"群众意见P{i:08}号", now, "due"))
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE reminders"))

    def worker(self) -> Group:
        """Start the worker, and return when it is ready."""
        self._ready.unlink(missing_ok=True)
        words = ["worker", "--concurrency", str(PROCESSES), "--loglevel", "WARNING"]
        group = self.run("-m", "celery", "-A", "county", *words, "--without-mingle", "--without-gossip")
        wait_until(self._ready.exists, STARTS_S, "the start of Celery's worker")
        return group

    def beat(self) -> Group:
        folder = self.ground.folder
        return self.run("-m", "celery", "-A", "county", "beat", "-s", str(folder / "beat"), "--pidfile", "")

    def unsent(self) -> int:
        with self.engine.connect() as connection:
            return _count(connection, "SELECT count(*) FROM reminders WHERE state <> 'sent'")

    def is_quiet(self) -> bool:
        """Say whether nothing has been sent for a while, and all is sent or will never be."""
        taken = self.ground.taken("SMS")
        return bool(taken) and time.time() - taken[-1]["at"] > QUIET_S


def _count(connection: Connection, question: str) -> int:
    return int(connection.execute(text(question)).scalar_one())


@contextmanager
def office(folder: Path, way: Way, due: int) -> Iterator[Office]:
    """Lend one with `due` rows."""
    folder.mkdir()
    with Ground(folder) as ground:
        opened = Office(ground, way)
        try:
            opened.fill(due)
            yield opened
        finally:
            opened.engine.dispose()


def rows(folder: Path, due: int) -> Iterator[Row]:
    """Measure both ways with so many due."""
    for way in (Way(), Way(marks_first=True)):
        with office(folder / f"celery-{due}-{way.marks_first}", way, due) as opened:
            worker = opened.worker()
            beat = opened.beat()
            try:
                wait_until(lambda: opened.ground.has_begun("SMS"), STARTS_S, "the first SMS")
                wait_until(lambda: opened.unsent() == 0, ENDS_S, "sending")
            finally:
                beat.kill()
                worker.kill()
            left = _tasks_left(opened.ground)
            note = f"{left:,} needless tasks left in the queue" if left else ""
            taken = opened.ground.taken("SMS")
            # From the first: how long beat's next look was away is left out.
            yield row_of(way.name, "SMS", due, taken, taken[0]["at"], note)


def _tasks_left(ground: Ground) -> int:
    import redis  # noqa: PLC0415 - not needed to measure the others

    with redis.Redis.from_url(ground.valkey.url) as client:
        return int(client.llen("celery"))  # type: ignore[arg-type]


def cuts(folder: Path, kills: int, due: int) -> Iterator[Cut]:
    """Kill the worker as often, in mid-sending, and count what arrived."""
    ways = (
        Way(visibility_s=SOON_S),
        Way(acks_late=True, visibility_s=SOON_S),
        Way(marks_first=True, visibility_s=SOON_S),
        Way(marks_first=True, acks_late=True, visibility_s=SOON_S),
    )
    for n, way in enumerate(ways):
        with office(folder / f"celery-cut-{n}", way, due) as opened:
            yield _suffer(opened, kills, due)


def _suffer(opened: Office, kills: int, due: int) -> Cut:
    dice = random.Random(631)
    beat, worker, done = opened.beat(), opened.worker(), 0
    try:
        for n in range(kills):
            wanted = (n + dice.random()) * 0.9 * due / kills
            wait_until(lambda: len(opened.ground.taken("SMS")) >= wanted, ENDS_S, "sending")  # noqa: B023
            if opened.unsent() == 0:
                break
            worker.kill()
            done += 1
            worker = opened.worker()
        wait_until(opened.is_quiet, ENDS_S, "settling")
    finally:
        beat.kill()
        worker.kill()
    note = ", ".join(filter(None, [opened.way.note, f"redelivery after {SOON_S} s instead of an hour"]))
    return cut_of(opened.way.name, done, due, opened.ground.taken("SMS"), note)
