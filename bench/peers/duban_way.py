"""How fast do duban's own reminders leave on the same ground: `duban daemon`, two `duban worker`, Valkey between?

The opinions are five workdays old, and the reminder of each is due in today's round, shortly after the start: what
is measured is the product as one runs it, by the machine's clock. Caller: bench/peers/__main__.py.
"""

import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, text

from bench.peers.figures import Cut, Ground, Group, Row, cut_of, row_of, wait_until
from rules.facts import SHANGHAI, Contact, Office, OfficeKind, Petition, PetitionEvent, PetitionEventKind
from store import facts
from tests.campaign.record import write_calendar
from tests.campaign.stage import PATIENCE
from tests.fakes.twilio import ACCOUNT, SERVICE, TOKEN

DUBAN: Final = str(Path(sys.executable).with_name("duban"))
PROCESSES: Final = 2
TOWNS: Final = 10
#: by then the processes have started and reckoned all opinions, on a machine with other work
STARTS_S: Final = 15
RECKONED_PER_S: Final = 250
ENDS_S: Final = 600.0
QUIET_S: Final = 3.0
OPEN: Final = text(
    "SELECT (SELECT count(*) FROM stale) + (SELECT count(*) FROM notices WHERE state = 'waiting')"
    " + (SELECT count(*) FROM messages WHERE state IN ('due', 'sending', 'unknown'))"
)


class Town:
    """An installation on a ground, with as many opinions as are due."""

    def __init__(self, ground: Ground, channel: str, due: int) -> None:
        self.ground = ground
        self.channel = channel
        self.due = due
        self.engine = create_engine(ground.database)
        now = datetime.now(SHANGHAI).replace(microsecond=0)
        self.round = now + timedelta(seconds=STARTS_S + due / RECKONED_PER_S)
        if self.round.date() != now.date():
            raise RuntimeError("it is nearly midnight in Shanghai: a round belongs to one day; try again after it")
        folder = ground.folder
        (folder / "policy.toml").write_text(
            f'start_on = {now.date()}\nsend_window = ["00:00:00", "23:59:59"]\nnotify_at = "{self.round:%H:%M:%S}"\n'
        )
        write_calendar(folder / "calendar", now.date())
        self.environ = os.environ | PATIENCE | {
            "DUBAN_DATABASE_URL": ground.database,
            "DUBAN_REDIS_URL": ground.valkey.url,
            "DUBAN_POLICY": str(folder / "policy.toml"),
            "DUBAN_CALENDAR": str(folder / "calendar"),
            "DUBAN_AUDIT_KEY": "of-a-bench-and-long-enough-for-it",
            "DUBAN_SMS": "twilio",
            "DUBAN_TWILIO_API": ground.twilio.address["url"],
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
            "DUBAN_EMAIL": "smtp",
            "DUBAN_SMTP_URL": f"smtp://127.0.0.1:{ground.mail.address['port']}?starttls=none",
            "DUBAN_EMAIL_FROM": "duban@example.cn",
        }  # fmt: skip

    def run(self, *words: str) -> Group:
        return Group([DUBAN, *words], self.environ, self.ground.folder / "duban.log")

    def workers(self) -> list[Group]:
        return [self.run("worker") for _ in range(PROCESSES)]

    def fill(self) -> None:
        """Write the facts, as an import does; the daemon reckons them."""
        made = self.run("init")
        wait_until(lambda: not made.is_running, ENDS_S, "duban init")
        recorded = self.round.replace(hour=0, minute=0, second=0) - timedelta(days=5)
        with self.engine.begin() as connection:
            facts.upsert(connection, "offices", self._offices())
            facts.upsert(connection, "contacts", (self._contact(i) for i in range(self.due)))
            numbers = range(self.due)
            facts.upsert(
                connection,
                "petitions",
                (
                    Petition(id=f"P{i:08}", town=f"T{i % TOWNS}", level="town", title="事", recorded_at=recorded)
                    for i in numbers
                ),
            )
            facts.upsert(connection, "petition_events", (self._event(i, "assigned", recorded) for i in numbers))
        with self.engine.begin() as connection:
            later = recorded + timedelta(minutes=1)
            facts.upsert(connection, "petition_events", (self._event(i, "accepted", later) for i in range(self.due)))

    def _offices(self) -> Iterator[Office]:
        yield Office(id="DIR", name="主任会议", kind=OfficeKind.DIRECTORS)
        yield Office(id="MUN", name="代表工委", kind=OfficeKind.MUNICIPAL, parent="DIR")
        for town in range(TOWNS):
            yield Office(id=f"T{town}", name=f"第{town}镇", kind=OfficeKind.TOWN, parent="MUN")
        for i in range(self.due):
            yield Office(id=f"D{i}", name=f"第{i}办", kind=OfficeKind.DEPARTMENT, parent=f"T{i % TOWNS}")

    def _contact(self, i: int) -> Contact:
        mobile = f"139{i:08}" if self.channel == "SMS" else None
        return Contact(id=f"C{i}", office=f"D{i}", name="某", mobile=mobile, email=f"c{i}@example.cn")

    def _event(self, i: int, event: str, at: datetime) -> PetitionEvent:
        kind = PetitionEventKind(event)
        office = f"D{i}" if kind is PetitionEventKind.ASSIGNED else None
        return PetitionEvent(petition=f"P{i:08}", at=at, event=kind, office=office)

    def is_reckoned(self) -> bool:
        with self.engine.connect() as connection:
            return not connection.execute(text("SELECT EXISTS (SELECT FROM stale)")).scalar_one()

    def is_done(self) -> bool:
        """Say whether the round is held and nothing is left to send."""
        if datetime.now(UTC) < self.round or not self.ground.has_begun(self.channel):
            return False
        with self.engine.connect() as connection:
            return connection.execute(OPEN).scalar_one() == 0


@contextmanager
def town(folder: Path, channel: str, due: int) -> Iterator[tuple[Town, list[Group]]]:
    """Lend one that runs and has reckoned all, and its workers."""
    folder.mkdir()
    with Ground(folder) as ground:
        opened = Town(ground, channel, due)
        opened.fill()
        daemon, workers = opened.run("daemon"), opened.workers()
        try:
            wait_until(opened.is_reckoned, ENDS_S, "reckoning")
            if datetime.now(UTC) > opened.round:
                raise RuntimeError("the round came before all was reckoned: lower RECKONED_PER_S")
            yield opened, workers
        finally:
            for each in (daemon, *workers):
                each.kill()
            opened.engine.dispose()


def rows(folder: Path, channel: str, due: int) -> Iterator[Row]:
    """Measure one round with so many due."""
    with town(folder / f"duban-{channel}-{due}", channel, due) as (opened, _):
        wait_until(opened.is_done, ENDS_S, "sending")
        yield row_of("duban", channel, due, opened.ground.taken(channel), opened.round.timestamp())


def cuts(folder: Path, kills: int, due: int) -> Iterator[Cut]:
    """Kill both workers as often, in mid-sending, and count what arrived."""
    dice, done = random.Random(631), 0
    with town(folder / "duban-cut", "SMS", due) as (opened, workers):
        for n in range(kills):
            wanted = (n + dice.random()) * 0.9 * due / kills
            wait_until(lambda: len(opened.ground.taken("SMS")) > wanted, ENDS_S, "sending")  # noqa: B023
            for each in workers:
                each.kill()
            done += 1
            workers[:] = opened.workers()
        wait_until(opened.is_done, ENDS_S, "settling")
        time.sleep(QUIET_S)
        yield cut_of("duban", done, due, opened.ground.taken("SMS"))
