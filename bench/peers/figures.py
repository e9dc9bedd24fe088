"""What did the stand-in gateways see? The figures of duban and of its peers are all read from their ledgers.

Callers: the modules of bench/peers.
"""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bench.measuring import ROOT
from bench.town import DurablePostgres
from tests.campaign.stage import Fake, dying
from tests.fakes.ledger import entries
from tests.servers import Valkey

LOOK_S = 0.2
ENDS_S = 20.0


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    peer: str
    channel: str
    due: int
    sent: int  #: different messages that the gateway took
    doubles: int
    per_s: float  #: from the first to the last that the gateway took
    half_s: float  #: from the instant at which all were due until half of them were there
    p99_s: float
    note: str = ""


@dataclass(frozen=True)
class Cut:
    """What came of messages whose senders were killed, again and again."""

    peer: str
    kills: int
    due: int
    lost: int
    twice: int
    note: str = ""


class UsualValkey(Valkey):
    """Valkey as one runs it: written to the disk each second, not before each answer."""

    def command(self) -> list[str]:
        return ["everysec" if word == "always" else word for word in super().command()]


class Ground:
    """The servers that all share: PostgreSQL as one runs it, Valkey, the gateways' stand-ins, each run its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.postgres = self._stack.enter_context(DurablePostgres())
        self.valkey = self._stack.enter_context(UsualValkey())
        self.database = self._stack.enter_context(self.postgres.database())
        self.twilio = self._stack.enter_context(Fake("tests.fakes.twilio", self.folder / "twilio.jsonl", {}))
        self.mail = self._stack.enter_context(Fake("tests.fakes.mail", self.folder / "mail.jsonl", {}))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def taken(self, channel: str) -> list[dict[str, Any]]:
        """Return what the stand-in of a channel has taken; it takes time that is then not there for sending."""
        if channel == "SMS":
            return entries(self.twilio.ledger, "message")
        return entries(self.mail.ledger, "mail")

    def has_begun(self, channel: str) -> bool:
        """Say whether the stand-in of a channel has seen anything."""
        return (self.twilio if channel == "SMS" else self.mail).ledger.stat().st_size > 0


class Group:
    """A process that ends with us, and all that it starts."""

    def __init__(self, command: list[str], environ: Mapping[str, str], log: Path, cwd: Path = ROOT) -> None:
        with log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                dying(*command), cwd=cwd, env=dict(environ), stdout=out, stderr=out, start_new_session=True
            )

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """End all of it at once, as an operating system out of memory does, or a power cut."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def wait_until(is_done: Callable[[], bool], wait_s: float, what: str) -> None:
    """Wait; an error when it takes too long."""
    give_up = time.monotonic() + wait_s
    while not is_done():
        if time.monotonic() > give_up:
            raise RuntimeError(f"{what} takes longer than {wait_s:.0f} s")
        time.sleep(LOOK_S)


def recipients(taken: list[dict[str, Any]]) -> Counter[str]:
    """Return how many messages each recipient got: each is due one."""
    return Counter(each["to"] if isinstance(each["to"], str) else each["to"][0] for each in taken)


def row_of(peer: str, channel: str, due: int, taken: list[dict[str, Any]], since: float, note: str = "") -> Row:
    """Return the figures of one run in which `due` people were due one message each."""
    first: dict[str, float] = {}
    for each in taken:
        first.setdefault(each["to"] if isinstance(each["to"], str) else each["to"][0], each["at"])
    moments = sorted(first.values())
    if not moments:
        return Row(peer, channel, due, 0, 0, 0.0, 0.0, 0.0, note)
    return Row(
        peer=peer,
        channel=channel,
        due=due,
        sent=len(moments),
        doubles=len(taken) - len(moments),
        per_s=(len(moments) - 1) / max(moments[-1] - moments[0], 1e-9),
        half_s=moments[len(moments) // 2] - since,
        p99_s=moments[int(len(moments) * 0.99)] - since,
        note=note,
    )


def cut_of(peer: str, kills: int, due: int, taken: list[dict[str, Any]], note: str = "") -> Cut:
    """Return what kills came to."""
    by_recipient = recipients(taken)
    return Cut(peer, kills, due, due - len(by_recipient), sum(n - 1 for n in by_recipient.values()), note)
