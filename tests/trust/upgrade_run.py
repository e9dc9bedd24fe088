"""Does a true older duban go on working while its schema is brought up under it, and after the way back?

Old and new processes on one PostgreSQL and one Valkey, with gateways that keep ledgers, while an office writes facts:

1. the old code, out of git's history, sends on a schema of its own making;
2. `duban init` of the new code brings the schema up; the old code runs on, and dies and starts anew where it knows how
   to ask whether a newer schema admits it (docs/adr/0020-upgrades-and-back.md);
3. workers, then daemons, are replaced one by one;
4. all stop; `duban init --to` of the new code takes the schema back; the old code starts and sends;
5. all stop; the new code starts, brings the schema up by itself, and sends what is left.

Every ledger is then held against a simulation of the facts, as in any campaign. The new code is that of this folder
with one more migration, so that there is always something to bring up. The old code runs with the libraries of this
environment.

Run as `python -m tests.trust.upgrade_run [--old COMMIT]`; docs/trust.md has figures. Test: test_upgrade_run.py.
"""

import argparse
import io
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import create_engine, text

from daemon.clockwork import LEASE_S
from tests.campaign.chaos import Chaos, Plan
from tests.campaign.running import OUT_OF_REACH, Outcome, campaign
from tests.campaign.stage import ROOT, Stage, dying, end
from tests.fakes.ledger import entries
from tests.trust.next_version import NEXT_VERSION, write_next

#: the code of before: it asks what a newer schema admits. 3d23a75 is the newest that does not
BEFORE: Final = "81cd23d"
MIGRATIONS: Final = "store/migrations/versions"
PACKAGES: Final = ("actors", "channels", "config", "daemon", "intake", "replay", "rules", "store", "templates", "web")
PLAN: Final = Plan(
    kills=0, for_s=60.0, opens_s=14.0, per_s=4.0, named=0.0, stalls=0.0, twilio={}, mail={}, disturbances=(),
    daemons=2, workers=3,
)  # fmt: skip
KINDS: Final = {"worker": PLAN.workers, "daemon": PLAN.daemons}
SPELL_S: Final = 10.0  #: between one change and the next
MOST_S: Final = 60.0  #: in which something must leave, and a daemon must have brought the schema up
RUN: Final = "import sys; from daemon.cli import main; main(sys.argv[1:])"
VERSION: Final = text("SELECT version_num FROM alembic_version")


class NoHistory(RuntimeError):
    """The older code is not to be had: no git, or a checkout without its history."""


def git(*words: str) -> bytes:
    """Return what git says of this repository. Raises NoHistory."""
    try:
        return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True).stdout  # noqa: S607 - that of the path
    except (OSError, subprocess.CalledProcessError) as err:
        said = err.stderr.decode().strip() if isinstance(err, subprocess.CalledProcessError) else str(err)
        raise NoHistory(f"git {words[0]}: {said}") from err


@dataclass(frozen=True)
class OldCode:
    """duban as it was at a commit."""

    folder: Path
    commit: str
    version: str  #: of the schema, the newest that it knows
    asks: bool  #: whether it asks if a newer schema admits it, so that it can be started on one

    @classmethod
    def laid_out(cls, commit: str, folder: Path) -> "OldCode":
        """Lay its files into a new folder. Raises NoHistory."""
        folder.mkdir()
        commit = git("rev-parse", "--verify", f"{commit}^{{commit}}").decode().strip()
        archive = git("archive", "--format=tar", commit, "--", *PACKAGES)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        newest = max(path.name.partition("_")[0] for path in (folder / MIGRATIONS).glob("*.py"))
        asks = "schema_admits" in (folder / "store" / "migrating.py").read_text("utf-8")
        return cls(folder, commit, newest, asks)

    def command(self, *words: str) -> list[str]:
        """Return what runs `duban WORDS` in an environment that names its folder first."""
        return dying(sys.executable, "-P", "-c", RUN, *words)

    @property
    def environ(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self.folder)}


def lay_new(folder: Path) -> None:
    """Lay the code of here into a new folder, with one more migration."""
    for name in (*PACKAGES, "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    write_next(folder / MIGRATIONS)


@dataclass
class Notes:
    """What was seen on the way."""

    legs: list[tuple[str, float]] = field(default_factory=list)  #: what ran, since when
    versions: list[str] = field(default_factory=list)  #: of the schema, at the end of each
    took_s: dict[str, float] = field(default_factory=dict)
    restarts: int = 0  #: of old processes that met a lock in their first moments, and that systemd would start anew
    fell: list[str] = field(default_factory=list)  #: old processes that ended by themselves otherwise


class UpgradeStage(Stage):
    """A stage that the old code sets, on a schema of its own making."""

    def __init__(self, old: OldCode, new: Path, *what: Any) -> None:
        super().__init__(*what)
        self.old, self.code, self.notes = old, new, Notes()
        self._processes: dict[str, list[subprocess.Popen[bytes]]] = {kind: [] for kind in KINDS}
        self._log = self.folder / "old.log"

    def run(self, *words: str) -> int | None:
        """Run `duban WORDS` of the old code, and return its status."""
        process = self._start(*words)
        return process.wait(120)

    def log(self) -> str:
        return super().log() + self._log.read_text("utf-8", "replace")

    def _start(self, *words: str) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self.old.command(*words),
                cwd=self.folder,
                env=self.environ | self.old.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_old(self, kind: str) -> None:
        self._processes[kind].append(self._start(kind))

    def end_old(self, kind: str, *, how: signal.Signals = signal.SIGTERM) -> None:
        """End the one of a kind that has run the longest."""
        process = self._processes[kind].pop(0)
        if process.poll() is not None:
            self.notes.fell.append(f"an old {kind} ended by itself with {process.returncode}")
        process.send_signal(how)
        end(process)

    def start_all_old(self) -> None:
        for kind, number in KINDS.items():
            for _ in range(number):
                self.start_old(kind)

    def staff_old(self) -> None:
        """Start anew, as systemd does, who found the database out of reach; older code does not try again by itself."""
        for kind, processes in self._processes.items():
            fell = [process for process in processes if process.poll() == OUT_OF_REACH]
            for process in fell:
                processes.remove(process)
                self.start_old(kind)
            self.notes.restarts += len(fell)

    def end_all_old(self) -> None:
        for kind, processes in self._processes.items():
            while processes:
                self.end_old(kind)

    def end_all_new(self) -> None:
        pids = [pid for kind in KINDS for pid in self.nursery.alive(kind)]
        for pid in pids:
            self.nursery.kill(pid, signal.SIGTERM)
        if None in self.nursery.ended(pids, 60):
            raise RuntimeError(f"a new process does not end:\n{self.log()[-2000:]}")

    def new(self, *words: str) -> None:
        """Run `duban WORDS` of the new code to its end, and note how long it took."""
        began = time.monotonic()
        if self.nursery.run(*words, wait_s=120) != 0:
            raise RuntimeError(f"duban {' '.join(words)} of the new code failed:\n{self.log()[-3000:]}")
        self.notes.took_s[" ".join(words)] = time.monotonic() - began

    def leg(self, name: str, seconds: float, doing: Iterable[None] = ()) -> Iterator[None]:
        """Let it play for so long, and until something has left; `doing` something first."""
        self.notes.legs.append((name, time.time()))
        size = self.twilio.ledger.stat().st_size
        yield from doing
        began = time.monotonic()
        while (spent := time.monotonic() - began) < seconds or (
            self.twilio.ledger.stat().st_size == size and spent < MOST_S
        ):
            self.staff_old()
            yield
            time.sleep(0.03)
        self.notes.versions.append(self.version())

    def version(self) -> str:
        """Return the schema's version."""
        engine = create_engine(self.database)
        with engine.connect() as connection:
            found: str = connection.execute(VERSION).scalar_one()
        engine.dispose()
        return found


def pause(seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
        time.sleep(0.03)


def upgrade(stage: UpgradeStage, chaos: Chaos, *, spell_s: float) -> Iterator[None]:
    """Upgrade under load, part by part, and go back."""
    stage.start_all_old()
    yield from stage.leg("old code, old schema", PLAN.opens_s + spell_s)  # digests and round fall into it
    stage.new("init")
    doing, longer_s = (start_anew(stage), LEASE_S) if stage.old.asks else ((), 0.0)
    yield from stage.leg("old code, new schema", spell_s + longer_s, doing)
    yield from stage.leg("old and new code, new schema", 0.0, replace_one_by_one(stage))
    yield from stage.leg("new code, new schema", spell_s)
    stage.end_all_new()
    stage.new("init", "--to", stage.old.version)
    stage.start_all_old()
    yield from stage.leg("old code, schema taken back", spell_s)
    stage.end_all_old()
    chaos.staff(calm=True)  # the first daemon brings the schema up
    yield from stage.leg("new code, schema brought up again", spell_s, until_brought_up(stage))


def until_brought_up(stage: UpgradeStage) -> Iterator[None]:
    """Wait for the daemons, which give way to whoever is at work."""
    began = time.monotonic()
    while stage.version() != NEXT_VERSION and time.monotonic() - began < MOST_S:
        yield from pause(0.5)
    stage.notes.took_s["daemon, until the schema is up"] = time.monotonic() - began


def start_anew(stage: UpgradeStage) -> Iterator[None]:
    """Kill all old processes on the newer schema, and start them anew."""
    for kind, number in KINDS.items():
        for _ in range(number):
            stage.end_old(kind, how=signal.SIGKILL)
            stage.start_old(kind)
    yield


def replace_one_by_one(stage: UpgradeStage) -> Iterator[None]:
    """Put new processes in the place of the old ones, in the order of docs/operator.md."""
    for kind, number in KINDS.items():
        for _ in range(number):
            stage.nursery.start(kind)
            stage.end_old(kind)
            yield from pause(2.0)


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade and the way back came to."""

    old: OldCode
    outcome: Outcome
    notes: Notes
    sent: dict[str, int]  #: SMS that the gateway took in each leg

    @property
    def wrongs(self) -> dict[str, list[str]]:
        """Return what is wrong; nothing if all is well."""
        fell = [f"{n} new processes ended with {status}" for status, n in self.outcome.fell.items() if status != 0]
        old, new = self.old.version, NEXT_VERSION
        versions = [old, new, new, new, old, new]
        found = self.outcome.wrongs | {
            "fell": self.notes.fell + fell,
            "idle": [f"no SMS left while there was {name}" for name, number in self.sent.items() if number == 0],
            "versions": [f"{self.notes.versions}"] if self.notes.versions != versions else [],
        }
        return {kind: lines for kind, lines in found.items() if lines}

    def told(self) -> str:
        """Return it for people."""
        facts = [f"old code: {self.old.commit[:10]}, schema {self.old.version}"]
        facts += [f"SMS while there was {name}: {number}" for name, number in self.sent.items()]
        facts += [f"duban {words} took (s): {took_s:.1f}" for words, took_s in self.notes.took_s.items()]
        facts.append(f"old processes started anew: {self.notes.restarts}")
        wrongs = [f"{kind.upper()}: {'; '.join(lines[:10])}" for kind, lines in self.wrongs.items()]
        facts += [f"{name}: {value}" for name, value in self.outcome.verdict.figures.items()]
        return "\n".join([*facts, *(wrongs or ["nothing wrong"])])


def run(
    folder: Path,
    commit: str = BEFORE,
    *,
    spell_s: float = SPELL_S,
    say: Callable[[str], None] = lambda _: None,
) -> Upgrade:
    """Upgrade and go back once, in an empty folder. Raises NoHistory.

    `commit`: the old code; `spell_s`: between one change and the next.
    """
    old = OldCode.laid_out(commit, folder / "old")
    lay_new(folder / "new")
    stages: list[UpgradeStage] = []

    def stage_of(*what: Any) -> UpgradeStage:
        stages.append(UpgradeStage(old, folder / "new", *what))
        return stages[0]

    plan = replace(PLAN, for_s=PLAN.opens_s + 6 * spell_s + 30)
    outcome = campaign(folder, plan, troubles=partial(upgrade, spell_s=spell_s), say=say, stage_of=stage_of)
    notes = stages[0].notes
    taken = [entry["at"] for entry in entries(folder / "twilio.jsonl", "message")]
    ends = [*(since for _, since in notes.legs[1:]), float("inf")]
    sent = {
        name: sum(since <= at < until for at in taken) for (name, since), until in zip(notes.legs, ends, strict=True)
    }
    return Upgrade(old, outcome, notes, sent)


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def main() -> int:
    """Upgrade and go back once; 0 if nothing is wrong, 1 otherwise, 2 without the older code."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--old", default=BEFORE, help="a commit of the older code")
    options.add_argument("--spell", type=float, default=SPELL_S, help="seconds between one change and the next")
    given = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="duban-upgrade-"))
    try:
        found = run(folder, given.old, spell_s=given.spell, say=say)
    except NoHistory as err:
        say(f"no older code to be had: {err}")
        return 2
    say(found.told())
    say(f"ledgers and logs: {folder}")
    return 1 if found.wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
