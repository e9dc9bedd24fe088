"""Where does a campaign play: which servers, which processes of duban, with which settings?

PostgreSQL and Valkey as in tests/servers.py, the fake gateways as processes with ledgers of their own, daemons and
workers out of a nursery. All end with the campaign: in good order, and by the kernel where that could not be.
Caller: tests/campaign/running.py.
"""

import http.client
import json
import os
import signal
import smtplib
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import psycopg
from sqlalchemy.engine import make_url

from tests import servers
from tests.campaign.record import Start, write_calendar
from tests.fakes.twilio import ACCOUNT, SERVICE, TOKEN

ROOT: Final = Path(__file__).parents[2]
DUBAN: Final = Path(sys.executable).with_name("duban")
#: an account of an unknown outcome is asked for soon, and refusals are tried again soon: a campaign has minutes
PATIENCE: Final = {
    "DUBAN_TRIES": "50",
    "DUBAN_RETRY_S": "1",
    "DUBAN_UNKNOWN_ASK_S": "1",
    "DUBAN_UNKNOWN_AGAIN_S": "2",
}
ENDS_S: Final = 20.0
BEGINS_S: Final = 60.0
# As tests/servers.py does for its servers; the signal is that of a parent's thread.
DYING: Final = (
    "import ctypes, os, signal, sys; parent = int(sys.argv[1]); "
    "sys.platform == 'linux' and ctypes.CDLL(None).prctl(1, signal.SIGKILL); "
    "os.getppid() == parent or os._exit(1); os.execv(sys.argv[2], sys.argv[2:])"
)


def dying(*command: str) -> list[str]:
    """Return a command that ends with us, however we end."""
    return [sys.executable, "-I", "-S", "-c", DYING, str(os.getpid()), *command]


class Postgres(servers.Postgres):
    """A PostgreSQL that keeps what it has confirmed when it crashes."""

    def command(self) -> list[str]:
        return [word.replace("synchronous_commit=off", "synchronous_commit=on") for word in super().command()]

    def alter(self, database: str, statement: str) -> None:
        """Change a database's schema."""
        where = make_url(database)
        with psycopg.connect(host=str(where.query["host"]), user="postgres", dbname=where.database) as connection:
            connection.execute(statement.encode())

    def crash(self) -> None:
        """End at once, its backends too; a plain SIGKILL would leave those behind for a while."""
        self._end(signal.SIGQUIT)


class Fake:
    """A fake gateway in a process of its own; `through`: a command that runs it elsewhere, in a network namespace."""

    def __init__(
        self, module: str, ledger: Path, script: Mapping[str, Any], *, host: str = "", through: Sequence[str] = ()
    ) -> None:
        self.ledger = ledger
        words = ["-m", module, "--ledger", str(ledger), "--script", json.dumps(script)]
        words += ["--host", host] if host else []
        self._process = subprocess.Popen(
            [*through, *dying(sys.executable, *words)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.address: dict[str, Any] = json.loads(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        end(self._process)


def end(process: "subprocess.Popen[Any]") -> None:
    process.terminate()
    try:
        process.wait(ENDS_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


class Nursery:
    """The processes of duban."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        planted: str | None = None,
        through: Sequence[str] = (),
        code: Path = ROOT,
    ) -> None:
        """Start the parent, of the duban in the folder `code`.

        `planted`: a fault that all its children have; `through`: as for a fake.
        """
        self.deaths: list[tuple[float, str, int]] = []  #: when, which, by which status
        self._kinds: dict[int, str] = {}
        self._births: dict[int, int] = {}
        self._works: dict[int, float] = {}
        self._ended: dict[int, int] = {}
        self._numbers = 0
        self._changed = threading.Condition()
        words = ["-m", "tests.campaign.nursery", "--folder", str(folder), "--parent", str(os.getpid())]
        words += ["--planted", planted] if planted else []
        self._process = subprocess.Popen(
            [*through, sys.executable, *words],
            cwd=code,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, name="nursery", daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def start(self, *words: str, death: str | None = None, environ: Mapping[str, str] | None = None) -> int:
        """Run `duban WORDS`, and return its process id; `environ` goes before what all have."""
        with self._changed:
            number = self._numbers = self._numbers + 1
            self._order(words=words, death=death, number=number, environ=environ or {})
            if not self._changed.wait_for(lambda: number in self._births, BEGINS_S):
                raise RuntimeError("the nursery does not answer")
            pid = self._births.pop(number)
            self._kinds[pid] = words[0]
        return pid

    def _order(self, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write((json.dumps(order) + "\n").encode())
        self._process.stdin.flush()

    def run(self, *words: str, wait_s: float = ENDS_S) -> int | None:
        """Run `duban WORDS` to its end, and return its status; None if it takes too long."""
        pid = self.start(*words)
        with self._changed:
            self._changed.wait_for(lambda: pid in self._ended, wait_s)
            return self._ended.get(pid)

    def alive(self, kind: str) -> list[int]:
        """Return the processes of a kind that run."""
        with self._changed:
            return [pid for pid, known in self._kinds.items() if known == kind and pid not in self._ended]

    def kill(self, pid: int, how: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to one that we started; one that has ended meanwhile is left alone."""
        with self._changed:
            if pid not in self._ended:
                self._order(signal=how, child=pid)

    def ended(self, pids: list[int], wait_s: float) -> list[int | None]:
        """Wait until all of them have ended, and return how."""
        with self._changed:
            self._changed.wait_for(lambda: all(pid in self._ended for pid in pids), wait_s)
            return [self._ended.get(pid) for pid in pids]

    def works_since(self, pid: int) -> float | None:
        """Return when, by the monotonic clock, one had done its first piece of work."""
        return self._works.get(pid)

    def killed(self) -> int:
        """Return how many daemons and workers died by SIGKILL."""
        return sum(status == -signal.SIGKILL and kind in ("daemon", "worker") for _, kind, status in self.deaths)

    def fell(self) -> Counter[int]:
        """Return by which other status daemons and workers have ended."""
        return Counter(s for _, kind, s in self.deaths if s != -signal.SIGKILL and kind in ("daemon", "worker"))

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            with self._changed:
                if "born" in told:
                    self._births[told["number"]] = told["born"]
                elif "works" in told:
                    self._works.setdefault(told["works"], time.monotonic())
                elif "ended" in told:
                    self._ended[told["ended"]] = told["status"]
                    kind = self._kinds.get(told["ended"], "")
                    self.deaths.append((time.time(), kind, told["status"]))
                self._changed.notify_all()


class Stage:
    """All servers, and where they are."""

    code = ROOT  #: the folder of the duban that plays

    def __init__(
        self, folder: Path, start: Start, today: date, planted: str | None, scripts: Mapping[str, Any]
    ) -> None:
        self.folder = folder
        self.start = start
        self.today = today
        self._planted = planted
        self._scripts = scripts
        self.environ: dict[str, str] = {}

    @contextmanager
    def open(self) -> Iterator[Self]:
        """Start all servers, and take the record in."""
        with ExitStack() as stack:
            self.postgres = stack.enter_context(Postgres())
            self.valkey = stack.enter_context(servers.Valkey())
            database = stack.enter_context(self.postgres.database())
            self.twilio = stack.enter_context(
                Fake("tests.fakes.twilio", self.folder / "twilio.jsonl", self._scripts.get("twilio", {}))
            )
            self.mail = stack.enter_context(
                Fake("tests.fakes.mail", self.folder / "mail.jsonl", self._scripts.get("mail", {}))
            )
            self._set(database)
            self.nursery = stack.enter_context(Nursery(self.folder, self.environ, self._planted, code=self.code))
            self.start.write(self.folder / "record")
            for words in (["init"], ["import", str(self.folder / "record")]):
                if self.run(*words) != 0:
                    raise RuntimeError(f"duban {words[0]} failed:\n{self.log()[-2000:]}")
            yield self

    def run(self, *words: str) -> int | None:
        """Run `duban WORDS` to its end, before any daemon or worker is there, and return its status."""
        return self.nursery.run(*words, wait_s=120)

    def _set(self, database: str) -> None:
        self.set_policy(f"start_on = {self.today.isoformat()}\n")
        write_calendar(self.folder / "calendar", self.today)
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("DUBAN_", "TWILIO_"))}
        self.database = database
        self.environ = ours | PATIENCE | {
            "DUBAN_DATABASE_URL": database,
            "DUBAN_REDIS_URL": self.valkey.url,
            "DUBAN_POLICY": str(self.folder / "policy.toml"),
            "DUBAN_CALENDAR": str(self.folder / "calendar"),
            "DUBAN_SMS": "twilio",
            "DUBAN_TWILIO_API": self.twilio.address["url"],
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
            "DUBAN_EMAIL": "smtp",
            "DUBAN_SMTP_URL": f"smtp://127.0.0.1:{self.mail.address['port']}?starttls=none",
            "DUBAN_EMAIL_FROM": "duban@example.cn",
        }  # fmt: skip

    def set_policy(self, policy: str) -> None:
        """Lay down the policy of whatever starts from now on."""
        (self.folder / "policy.toml").write_text(policy, encoding="utf-8")

    def tell_twilio(self, **orders: Any) -> None:
        """Have the fake Twilio behave otherwise from now on."""
        line = http.client.HTTPConnection("127.0.0.1", urlsplit(self.twilio.address["url"]).port or 0, timeout=10)
        line.request("POST", "/control", json.dumps(orders))
        assert line.getresponse().status == HTTPStatus.OK
        line.close()

    def tell_mail(self, **orders: Any) -> None:
        """Likewise the mail server."""
        with smtplib.SMTP("127.0.0.1", self.mail.address["port"], timeout=10) as line:
            code, said = line.docmd("XORDER", json.dumps(orders))
            assert code == 250, said

    def log(self) -> str:
        file = self.folder / "processes.log"
        return file.read_text("utf-8", "replace") if file.exists() else ""
