"""How long from a start to the first notice at the gateway?

P6: a fact is on record when duban is started; counted until its SMS is on the stand-in's ledger. Embedded: `duban up`
on SQLite. Several processes: `duban daemon` and `duban worker`, started together, on PostgreSQL and Valkey that run.
The schema is there. The best of some starts counts; the yardstick is an interpreter that only imports the libraries.
Caller: the runner.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.measuring import ROOT
from bench.memory import LIBRARIES
from bench.results import Goal, Row
from bench.stage import Stage, assigned, fill, mobile, stage, wait_until
from bench.town import write_lots

STARTS: Final = {"small": 1, "usual": 5, "full": 10}
GOAL: Final = Goal(at_most=1.5)


def rows(size: str) -> Iterator[Row]:
    """Start both ways."""
    starts = STARTS[size]
    alone = min(_libraries_alone() for _ in range(starts))
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder), minutes=5) as set_:
        yield _row("daemon and worker, PostgreSQL", _first(set_, starts, "daemon", "worker"), alone)
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/duban.db"
        with stage(Path(folder), minutes=5, database=database) as set_:
            yield _row("duban up, SQLite", _first(set_, starts, "up"), alone)


def _row(what: str, seconds: float, alone: float) -> Row:
    return Row(
        dimension="P6",
        what=what,
        value=seconds,
        unit="s",
        goal=GOAL,
        ratio=seconds / alone,
        yardstick=f"import of the libraries alone: {alone:.2f} s",
    )


def _first(set_: Stage, starts: int, *commands: str) -> float:
    """Return the shortest time in seconds from the start of the processes to a notice that waited for them."""
    fill(set_.engine, starts + 1)
    for command in commands:
        set_.start(command)
    set_.wait_until_reckoned()
    set_.stop()
    return min(_start(set_, number, commands) for number in range(starts))


def _start(set_: Stage, number: int, commands: tuple[str, ...]) -> float:
    write_lots(set_.engine, "petition_events", iter([assigned(number)]))
    began = time.monotonic()
    for command in commands:
        set_.start(command)
    wait_until(lambda: mobile(number) in set_.arrivals(), set_.log)
    set_.stop()
    return set_.arrivals()[mobile(number)] - began


def _libraries_alone() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", LIBRARIES["worker"]], cwd=ROOT, check=True)  # noqa: S603
    return time.monotonic() - began
