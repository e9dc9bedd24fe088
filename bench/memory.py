"""How much memory do daemon and worker take, and does it grow with what they have sent?

P5: a daemon and a worker on PostgreSQL and Valkey send notices as fast as they can; their resident memory is read
along the way. The organisation has the size of a county's. The yardstick is a process that has only imported the
libraries that they stand on. Caller: the runner.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.measuring import ROOT
from bench.results import NO_GOAL, Goal, Row
from bench.stage import Stage, assigned, fill, rss_mb, stage, wait_until
from bench.town import write_lots

NOTICES: Final = {"small": 50, "usual": 20_000, "full": 1_000_000}
DEPARTMENTS: Final = 1_000
POINTS: Final = 20
#: facts in one transaction, and so many notices may wait: memory must not depend on it, but the database's size does
LOT: Final = 500
GOALS: Final = {"daemon": Goal(at_most=90), "worker": Goal(at_most=130)}
#: after the first notices everything is loaded and every statement is known; from there on memory has to stay
SETTLED: Final = 0.1
GROWTH: Final = Goal(ratio_at_most=1.05)
DECIDED: Final = "SELECT count(*) FROM notices"
#: asked for again and again: each part is a look at an index
BUSY: Final = (
    "SELECT CAST(EXISTS (SELECT 1 FROM stale) OR EXISTS (SELECT 1 FROM notices WHERE state = 'waiting')"
    " OR EXISTS (SELECT 1 FROM messages WHERE state IN ('due', 'sending', 'unknown')) AS integer)"
)
PATIENCE_S: Final = 600.0
LIBRARIES: Final = {
    "daemon": "import dramatiq.brokers.redis, sqlalchemy, psycopg, pydantic, structlog",
    "worker": "import dramatiq.brokers.redis, sqlalchemy, psycopg, pydantic, structlog, jinja2, twilio.rest",
}
TOLD: Final = "; import pathlib; print(pathlib.Path('/proc/self/statm').read_text().split()[1])"


def rows(size: str) -> Iterator[Row]:
    """Send so many notices, and read the memory after each part of them."""
    notices = NOTICES[size]
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder), minutes=10 + notices / 6000) as set_:
        fill(set_.engine, notices, DEPARTMENTS)
        processes = {name: set_.start(name) for name in GOALS}
        set_.wait_until_reckoned()
        found: dict[str, list[tuple[int, float]]] = {name: [] for name in GOALS}
        for sent in _sending(set_, notices):
            for name, process in processes.items():
                found[name].append((sent, rss_mb(process)))
    for name, points in found.items():
        yield from _rows(name, points)


def _sending(set_: Stage, notices: int) -> Iterator[int]:
    """Have notices sent, and yield now and then how many have been."""
    step = max(1, notices // POINTS)
    for first in range(0, notices, step):
        last = min(first + step, notices)
        write_lots(set_.engine, "petition_events", (assigned(i, DEPARTMENTS) for i in range(first, last)), LOT)
        wait_until(lambda: set_.ask(BUSY) == 0, set_.log, PATIENCE_S)
        assert set_.ask(DECIDED) >= last
        yield last


def _rows(name: str, points: list[tuple[int, float]]) -> Iterator[Row]:
    bare = _bare_mb(name)
    for sent, value in points[:-1]:
        what = f"{name}, after {sent:,} notices"
        yield Row(dimension="P5", what=what, value=value, unit="MB", series=name, size=sent, is_shown=False)
    sent, value = points[-1]
    yield Row(
        dimension="P5",
        what=f"{name}, after {sent:,} notices",
        value=value,
        unit="MB",
        goal=GOALS[name],
        ratio=value / bare,
        yardstick=f"its libraries alone: {bare:.0f} MB",
        series=name,
        size=sent,
    )
    settled, early = points[int(SETTLED * len(points))]
    yield Row(
        dimension="P5",
        what=f"{name}, more than after {settled:,}",
        value=value - early,
        unit="MB more",
        goal=GROWTH if sent > settled else NO_GOAL,
        ratio=value / early,
        yardstick=f"itself after {settled:,}",
    )


def _bare_mb(name: str) -> float:
    """Return the memory of a process that has imported the libraries and nothing of ours."""
    command = [sys.executable, "-c", LIBRARIES[name] + TOLD]
    pages = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603
    return int(pages) * 4096 / (1 << 20)
