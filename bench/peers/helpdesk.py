"""How fast do e-mails leave with django-helpdesk's escalate_tickets, and what does a run cost that finds nothing?

One queue that escalates after a day, tickets of two days ago, one submitter each. Caller: bench/peers/__main__.py.
"""

import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from bench.peers.environment import PROGRAMS, PYTHON
from bench.peers.figures import Cut, Ground, Group, Row, cut_of, row_of, wait_until

PEER: Final = "django-helpdesk"
ENDS_S: Final = 900.0
IDLE_RUNS: Final = 3
QUEUE: Final = """INSERT INTO helpdesk_queue (title, slug, email_address, locale, allow_public_submission,
    allow_email_submission, enable_notifications_on_email_events, escalate_days, email_box_type, email_box_ssl,
    logging_type)
    VALUES ('群众意见', 'opinions', 'desk@example.cn', 'en', false, false, false, 1, 'local', false, 'none')"""
TICKETS: Final = """INSERT INTO helpdesk_ticket (title, queue_id, created, modified, submitter_email, status, on_hold,
    description, priority, secret_key)
    SELECT '群众意见P' || i || '号', (SELECT id FROM helpdesk_queue), now() - %(age)s::interval, now(),
    'c' || i || '@example.cn', 1, false, '事', 3, md5(i::text) FROM generate_series(1, %(count)s) AS i"""


@dataclass(frozen=True)
class Idle:
    """A run that finds nothing to do."""

    peer: str
    rows: int
    best_s: float


class Desk:
    """An installation on a ground."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self._url = ground.database.replace("+psycopg", "")
        self.environ = os.environ | {
            "PEER_DATABASE": self._url.partition("?")[0].rpartition("/")[2],
            "PEER_DATABASE_HOST": str(ground.postgres.folder),
            "PEER_SMTP_PORT": str(ground.mail.address["port"]),
        }
        self.do("prepare")
        self.write(QUEUE)

    def write(self, statement: str, **values: object) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement.encode(), values or None)

    def fill(self, count: int, age: str) -> None:
        """Write as many open tickets of an age."""
        self.write(TICKETS, count=count, age=age)
        self.write("VACUUM ANALYZE helpdesk_ticket")

    def do(self, *words: str) -> str:
        """Run a command to its end, and return what it printed."""
        command = [str(PYTHON), "escalate.py", *words]
        done = subprocess.run(  # noqa: S603 - our own words
            command, cwd=PROGRAMS, env=self.environ, stdout=subprocess.PIPE, text=True, check=True, timeout=ENDS_S
        )
        return done.stdout

    def start(self, *words: str) -> Group:
        """Run a command that may be killed."""
        return Group([str(PYTHON), "escalate.py", *words], self.environ, self.ground.folder / "desk.log", PROGRAMS)


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    """Lend one without tickets."""
    folder.mkdir()
    with Ground(folder) as ground:
        yield Desk(ground)


def rows(folder: Path, due: int) -> Iterator[Row]:
    """Measure one run with so many due; the start of Python and Django is left out."""
    with desk(folder / f"desk-{due}") as opened:
        opened.fill(due, "2 days")
        (spent,) = json.loads(opened.do("run", "1"))
        ended = time.time()
        yield row_of(PEER, "e-mail", due, opened.ground.taken("e-mail"), ended - spent)


def idle(folder: Path, sizes: list[int]) -> Iterator[Idle]:
    """Measure runs over open tickets of which none is due."""
    for size in sizes:
        with desk(folder / f"desk-idle-{size}") as opened:
            opened.fill(size, "1 hour")
            yield Idle(PEER, size, min(json.loads(opened.do("run", str(IDLE_RUNS)))))


def cuts(folder: Path, kills: int, due: int) -> Iterator[Cut]:
    """Kill the run as often, in mid-sending, and start it again, as cron does."""
    dice, done = random.Random(631), 0
    with desk(folder / "desk-cut") as opened:
        for n in range(kills):
            wanted = (n + dice.random()) * 0.9 * due / kills
            if n == 0:
                opened.fill(due, "2 days")
            run = opened.start("run", "1")
            wait_until(lambda: len(opened.ground.taken("e-mail")) > wanted, ENDS_S, "sending")  # noqa: B023
            run.kill()
            done += 1
        opened.do("run", "1")
        yield cut_of(PEER, done, due, opened.ground.taken("e-mail"))
