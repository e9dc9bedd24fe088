"""How long does a command take, and how much memory?

Each command runs in a process of its own, several times: the best counts, since a busy machine only ever adds. Times
are told as so many times a yardstick that runs in the same minutes on the same machine. Callers: the benches.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Final

ROOT: Final = Path(__file__).parents[1]
MB: Final = 1 << 20
WATCH_EVERY_S: Final = 0.5
#: of ru_maxrss: kilobytes on Linux, bytes on macOS
RSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The best of some runs of one command."""

    name: str
    wall_s: float
    cpu_s: float  #: of the command alone, not of a database server
    rss_mb: float  #: of the command and its helper processes: the sum of what each had at most
    rows: int = 0  #: that it went through


class Failed(RuntimeError):
    """A command that did not end well."""


def measure(
    name: str, command: Sequence[str], *, rows: int = 0, times: int = 3, before: Callable[[], None] | None = None
) -> Measured:
    """Run a command some times, `before` ahead of each, and return the best time and the largest memory."""
    runs = []
    for _ in range(times):
        if before is not None:
            before()
        runs.append(_run(command))
    return Measured(
        name=name,
        wall_s=min(wall for wall, _, _ in runs),
        cpu_s=min(cpu for _, cpu, _ in runs),
        rss_mb=max(rss for _, _, rss in runs),
        rows=rows,
    )


def _run(command: Sequence[str]) -> tuple[float, float, float]:
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)  # noqa: S603 - our own commands
    helpers = _Helpers(process.pid)
    helpers.start()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    helpers.end()
    if process.returncode:
        raise Failed(f"{' '.join(command)} ended with {process.returncode}")
    return wall, _cpu(used), used.ru_maxrss * RSS_UNIT / MB + helpers.peak_mb


class _Helpers(Thread):
    """Watches the processes that a command starts; none is seen where there is no /proc."""

    def __init__(self, command: int) -> None:
        super().__init__(daemon=True)
        self._command = command
        self._peaks: dict[int, float] = {}
        self._is_over = Event()

    def run(self) -> None:
        while not self._is_over.wait(WATCH_EVERY_S):
            for pid in _below(self._command):
                with suppress(OSError, StopIteration):
                    self._peaks[pid] = _most_mb(f"/proc/{pid}/status")

    def end(self) -> None:
        self._is_over.set()
        self.join()

    @property
    def peak_mb(self) -> float:
        return sum(self._peaks.values())


def _below(pid: int) -> Iterator[int]:
    """Yield the processes that one has started, and those that these have."""
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, file.read_text(encoding="ascii").split()):
                yield child
                yield from _below(child)


def _most_mb(status: str) -> float:
    """Return the most memory that a process has had resident."""
    lines = Path(status).read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _cpu(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def duban(*words: str | Path) -> list[str]:
    """Return a command of duban's."""
    return [sys.executable, "-c", "from daemon.cli import main; main()", *map(str, words)]


def python(module: str, *words: str | Path) -> list[str]:
    """Return the command that runs a module of the benches."""
    return [sys.executable, "-m", module, *map(str, words)]


def show(measured: Sequence[Measured], yardstick: Measured) -> None:
    """Print a table; times also as so many times the yardstick."""
    print(f"{'':<34}{'wall s':>9}{'cpu s':>9}{'× yardstick':>13}{'peak MB':>9}{'rows/s':>10}")
    for one in (yardstick, *measured):
        ratio = one.wall_s / yardstick.wall_s
        speed = f"{one.rows / one.wall_s:>10,.0f}" if one.rows else ""
        print(f"{one.name:<34}{one.wall_s:>9.2f}{one.cpu_s:>9.2f}{ratio:>13.2f}{one.rss_mb:>9.0f}{speed}")


def forget_peak() -> None:
    """Let the peak of this process's memory begin anew; where the kernel cannot, it stays that of its whole life."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_mb() -> float:
    """Return the most memory that this process had resident since then."""
    try:
        return _most_mb("/proc/self/status")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / MB
