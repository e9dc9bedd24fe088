"""How many SMS and e-mails a second leave, claimed, checked, put into words, handed over and recorded?

P3: N messages lie due; two processes with four threads each send them through Twilio's SDK to a stand-in in a process
of its own, or by SMTP to a stand-in for a mail server, with every guarantee on. Counted from the moment when both
processes are ready. The yardstick is the bare SDK, or smtplib, in a loop against the same stand-in in the same run.
Caller: the runner.
"""

import smtplib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from twilio.rest import Client

from actors.desks import Desks
from actors.sending import Sender
from actors.steps import Plan, take_step
from bench import beside
from bench.measuring import ROOT, python
from bench.results import Goal, Row
from bench.town import ROUND, database, fill, open_town
from config.gateways import gateways_of
from config.settings import load_settings
from daemon.logs import log_plainly
from store import outbox
from store.engine import reading
from tests.campaign.stage import Fake
from tests.fakes.ledger import entries
from tests.fakes.twilio import ACCOUNT, SERVICE, TOKEN

PROCESSES: Final = 2
THREADS: Final = 4
MESSAGES: Final = {"small": 40, "usual": 5_000, "full": 50_000}
#: of so many messages one goes out by the yardstick
ALONE: Final = 5
GO: Final = b"go\n"
TEXT: Final = "【鹤山人大】督办提醒：群众意见P00000001号应于3月11日前办理，请及时办理并登记。"


@dataclass(frozen=True)
class Way:
    """A channel, its stand-in, and the yardstick."""

    name: str
    fake: str
    goal: Goal
    settings: Callable[[Fake], dict[str, str]]
    entry: str  #: what the stand-in notes for each on its ledger
    alone: Callable[[Fake, int], None]
    told: str


def rows(size: str) -> Iterator[Row]:
    """Send by both channels."""
    log_plainly()
    for way in WAYS.values():
        row = _row(way, MESSAGES[size])
        peer = beside.sending(way.name, size)
        yield replace(row, peer=peer.value, peer_name=peer.name) if peer else row


def _row(way: Way, messages: int) -> Row:
    with (
        tempfile.TemporaryDirectory() as folder,
        Fake(way.fake, Path(folder) / "ledger", {}) as fake,
        database("postgresql", folder) as url,
    ):
        before = _alone(way, fake, messages // ALONE)
        due = _fill(url, way.name, messages)
        known = len(entries(fake.ledger, way.entry))
        spent = _send_all(url, way.settings(fake))
        sent = len(entries(fake.ledger, way.entry)) - known
        assert sent == due, f"{sent} of {due} messages are at the stand-in"
        after = _alone(way, fake, messages // ALONE)
    alone = max(before, after)  # a busy machine only ever slows it down
    return Row(
        dimension="P3",
        what=f"{way.name}, {due:,} messages",
        value=due / spent,
        unit=f"{way.name}/s",
        goal=way.goal,
        ratio=due / spent / alone,
        yardstick=f"{way.told}: {alone:,.0f}/s",
    )


def _fill(url: str, way: str, messages: int) -> int:
    """Have so many messages lie due, and return how many they are."""
    services = open_town(url)
    fill(services, messages, departments=messages, by_email=way == "e-mail")
    services.clock.instant = ROUND  # type: ignore[attr-defined]
    take_step(services, Desks(services), Plan(ROUND, holds_round=True))
    with reading(services.engine) as connection:
        due = outbox.count_claimable(connection, ROUND, 10 * messages)
    services.engine.dispose()
    return due


def _send_all(url: str, settings: Mapping[str, str]) -> float:
    """Have processes send until nothing is due, and return the seconds that it took."""
    words = [f"{key}={value}" for key, value in settings.items()]
    senders = [
        subprocess.Popen(  # noqa: S603 - ourselves
            python("bench.sending", url, *words), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(PROCESSES)
    ]
    for sender in senders:
        assert sender.stdout is not None
        sender.stdout.readline()
    began = time.perf_counter()
    for sender in senders:
        assert sender.stdin is not None
        sender.stdin.write(GO)
        sender.stdin.flush()
    for sender in senders:
        assert sender.stdout is not None
        sender.stdout.readline()
    spent = time.perf_counter() - began
    for sender in senders:
        sender.communicate()
        assert sender.returncode == 0
    return spent


def _send(url: str, words: list[str]) -> None:
    """Be one of the sending processes."""
    log_plainly()
    settings = load_settings({"DUBAN_SMS_DAILY_TOTAL": "100000000"} | dict(word.split("=", 1) for word in words))
    services = open_town(url, settings=settings)
    services.gateways = gateways_of(settings, services.engine)
    desks = Desks(services)
    with reading(services.engine) as connection:
        desks.of(connection)
    threads = [threading.Thread(target=_until_none, args=(Sender(services, desks),)) for _ in range(THREADS)]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("done", flush=True)


def _until_none(sender: Sender) -> None:
    while sender.send_due():
        pass


# Yardsticks ----------------------------------------------------------------------------------


def _alone(way: Way, fake: Fake, count: int) -> float:
    began = time.perf_counter()
    way.alone(fake, count)
    return count / (time.perf_counter() - began)


def _sdk_alone(fake: Fake, count: int) -> None:
    client = Client(ACCOUNT, TOKEN)
    client.api.base_url = fake.address["url"]
    for i in range(count):
        client.messages.create(to=f"+86138{i:08}", messaging_service_sid=SERVICE, body=TEXT)


def _smtplib_alone(fake: Fake, count: int) -> None:
    with _smtp(fake) as line:
        for i in range(count):
            letter = EmailMessage()
            letter["From"], letter["To"], letter["Subject"] = "duban@example.cn", f"a{i}@example.cn", "督办提醒"
            letter.set_content(TEXT)
            letter.add_alternative(f"<p>{TEXT}</p>", subtype="html")
            line.send_message(letter)


@contextmanager
def _smtp(fake: Fake) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", fake.address["port"], timeout=30) as line:
        yield line


def _twilio_settings(fake: Fake) -> dict[str, str]:
    return {
        "DUBAN_SMS": "twilio",
        "DUBAN_TWILIO_API": fake.address["url"],
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
    }


def _smtp_settings(fake: Fake) -> dict[str, str]:
    return {
        "DUBAN_EMAIL": "smtp",
        "DUBAN_SMTP_URL": f"smtp://127.0.0.1:{fake.address['port']}?starttls=none",
        "DUBAN_EMAIL_FROM": "duban@example.cn",
    }


WAYS: Final = {
    way.name: way
    for way in (
        Way(
            "SMS",
            "tests.fakes.twilio",
            Goal(at_least=1_200, ratio_at_least=0.5),
            _twilio_settings,
            "message",
            _sdk_alone,
            "the bare SDK",
        ),
        Way(
            "e-mail",
            "tests.fakes.mail",
            Goal(at_least=800, ratio_at_least=0.5),
            _smtp_settings,
            "mail",
            _smtplib_alone,
            "smtplib alone",
        ),
    )
}


if __name__ == "__main__":
    _send(sys.argv[1], sys.argv[2:])
