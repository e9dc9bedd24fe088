"""What becomes of one seed?

Callers: __main__.py, mutants.py, test_trial.py.
"""

import gc
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from time import process_time
from types import SimpleNamespace
from typing import Any
from unittest import mock

from actors import digests
from config.collecting import seldom_collecting
from daemon import clockwork
from rules.facts import midnight
from rules.workdays import ONE_DAY
from templates import report_xlsx
from tests.trial.faults import Chance, Fault
from tests.trial.judges import Judge, totals
from tests.trial.loads import load_of
from tests.trial.people import People
from tests.trial.worlds import LOST, World

HOUR = timedelta(hours=1)
#: more switches between tasks in an hour are for nothing
RESTLESS = 8000
FOR_EACH = 50  #: and so many for each attempt at a message


@dataclass(slots=True)
class Outcome:
    """What a trial found."""

    seed: int
    size: str
    wrong: list[str]
    script: list[Fault]
    is_exact: bool
    seconds: float
    totals: dict[str, int] = field(default_factory=dict)

    @property
    def invariant(self) -> str:
        """The first promise that was broken."""
        return self.wrong[0].partition(":")[0] if self.wrong else ""


def try_seed(seed: int, size: str = "dense", days: int | None = None, only: Collection[str] | None = None) -> Outcome:
    """Run one trial of at most `days`; `only`: keys of the faults that may strike."""
    began = process_time()
    chance = Chance(seed, only)
    world = World(chance, load_of(chance, size, days))
    judge = Judge(world)
    with _virtual(world):
        try:
            _run(world, judge, People(world, judge, by_command=size in ("dense", "small")))
        finally:
            for process in world.processes:
                process.die(0)
    outcome = Outcome(seed, size, world.wrong, chance.script, chance.is_exact, process_time() - began)
    outcome.totals = dict(totals(world))
    world.engine.dispose()
    del world, judge  # they hold each other, and all that was on record
    gc.collect()
    return outcome


def _run(world: World, judge: Judge, people: People) -> None:
    people.begin()
    for process in world.processes:
        process.boot()
    load = world.load
    is_mended = False
    at = midnight(load.first)
    while at <= midnight(load.ends + ONE_DAY) and not world.wrong:
        if at > midnight(load.last + ONE_DAY) and not is_mended:
            is_mended = True
            people.mend()
        switches, attempts = world.hub.switches, judge.seen_attempt
        world.hub.run_to(at)
        judge.look()
        if world.hub.switches - switches > RESTLESS + FOR_EACH * (judge.seen_attempt - attempts):
            judge.wrong("restless", f"{world.hub.switches - switches} switches in an hour up to {at}: nothing moves")
        if at == midnight(load.first) or at.hour == 4:  # noon
            judge.look_daily()
        at += HOUR
    if not world.wrong:
        judge.end(is_exact=world.chance.is_exact)


@contextmanager
def _virtual(world: World) -> Iterator[None]:
    """Let the clockwork run on virtual time, and tell of what it logs as failed."""
    time = SimpleNamespace(monotonic=lambda: world.hub.seconds)
    with (
        seldom_collecting(),
        mock.patch.object(clockwork, "time", time),
        mock.patch.object(clockwork, "log", _Log(world)),
        mock.patch.object(digests, "digest_workbook", _plain),
        mock.patch.object(report_xlsx, "as_xlsx", _plain),
    ):
        yield


def _plain(*content: object) -> bytes:
    """Stand for a workbook: what it would hold, without the work of making one."""
    return repr(content).encode()


class _Log:
    """Hears what the clockwork could not do."""

    def __init__(self, world: World) -> None:
        self._world = world

    def exception(self, what: str) -> None:
        import sys

        err = sys.exc_info()[1]
        if err is not None and LOST not in str(err):
            self._world.wrong.append(f"raised: {what}: {type(err).__name__}: {err}")

    def error(self, what: str, **_more: Any) -> None:
        """Held by the clock's guard: that is meant."""
