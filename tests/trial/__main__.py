"""Run trials: `python -m tests.trial --seeds 1-60 --jobs 2`."""

import argparse
import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from time import monotonic
from typing import Final

import click

from daemon.logs import log_plainly
from tests.trial.loads import SIZES
from tests.trial.shrinking import shrunk
from tests.trial.trials import Outcome, try_seed

SEEDS_A_PROCESS: Final = 50


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.trial", description=__doc__)
    parser.add_argument("--seeds", default="1-60", help="such as 7 or 1-60")
    parser.add_argument("--size", default="dense", choices=SIZES, help="of the random record")
    parser.add_argument("--notices", type=int, help="a year of the made-up municipality with about so many notices")
    parser.add_argument("--days", type=int, help="of each trial, at most")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--shrink", action="store_true", help="leave out the faults that a failure does not need")
    parser.add_argument("--verbose", action="store_true", help="a line for each seed")
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    size = str(given.notices) if given.notices else given.size
    log_plainly(logging.CRITICAL)
    began = monotonic()
    failed = []
    total = 0
    for outcome in _outcomes(given.jobs, seeds, size, given.days):
        total += outcome.totals.get("notices", 0)
        if given.verbose or outcome.wrong:
            _show(outcome)
        if outcome.wrong:
            failed.append(outcome.seed)
            if given.shrink:
                click.echo("  shrunk:")
                _show(shrunk(outcome, given.days))
    click.echo(f"{len(seeds)} seeds, {total} notices, {monotonic() - began:.1f} s; failed: {failed or 'none'}")
    return 1 if failed else 0


def _outcomes(jobs: int, seeds: range, size: str, days: int | None) -> Iterator[Outcome]:
    if jobs == 1:
        yield from (try_seed(seed, size, days) for seed in seeds)
        return
    # Of each trial some 2 MB are not given back by the allocator: after a thousand, gigabytes. With the pool's own
    # `max_tasks_per_child` some versions of Python hang once the first processes have ended (gh-115634).
    for first in range(0, len(seeds), jobs * SEEDS_A_PROCESS):
        some = seeds[first : first + jobs * SEEDS_A_PROCESS]
        with ProcessPoolExecutor(jobs, get_context("spawn"), log_plainly, (logging.CRITICAL,)) as pool:
            yield from pool.map(try_seed, some, [size] * len(some), [days] * len(some))


def _show(outcome: Outcome) -> None:
    how = "as replayed" if outcome.is_exact else "as the facts say"
    click.echo(
        f"seed {outcome.seed} ({how}): {outcome.seconds:.2f} s, {outcome.totals}, {len(outcome.script)} faults",
    )
    for line in outcome.wrong[:5]:
        click.echo(f"  {line}")
    if outcome.wrong:
        for fault in outcome.script[-8:]:
            click.echo(f"    {fault}")


if __name__ == "__main__":
    sys.exit(main())
