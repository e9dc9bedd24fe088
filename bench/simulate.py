"""How long does `duban simulate` take for a year of Heshan, and for ten times as much?

Goals: a year in 5 s and 250 MB; ten times the size in at most 12 times the time.
Run: `python -m bench.simulate [--scale 10] [--times 3]`; the runner takes `rows` (P7).
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.measuring import Measured, duban, measure, python, show
from bench.records import FIRST, LAST, write_year
from bench.results import NO_GOAL, Goal, Row

SCALES: Final = {"small": (1,), "usual": (1, 10), "full": (1, 3, 10, 30)}
TIMES: Final = {"small": 1, "usual": 3, "full": 3}
YEAR: Final = Goal(at_most=5)
YEAR_MB: Final = Goal(at_most=250)
TEN_YEARS: Final = Goal(ratio_at_most=12)


def rows(size: str) -> Iterator[Row]:
    """Simulate a year at each scale; a larger one's yardstick is the year of Heshan of the same run."""
    alone = measure("count", python("bench.yardsticks", "count"), times=TIMES[size]).wall_s
    first = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for scale in SCALES[size]:
            found = _year(Path(folder), scale, TIMES[size] if scale == 1 else 1)
            first = first or found.wall_s
            common = {"dimension": "P7", "what": found.name, "size": scale}
            yield Row(
                **common,
                value=found.wall_s,
                unit="s",
                goal=YEAR if scale == 1 else TEN_YEARS if scale == 10 else NO_GOAL,
                ratio=found.wall_s / (alone if scale == 1 else first),
                yardstick=f"counting to 20,000,000: {alone:.2f} s" if scale == 1 else f"1 × Heshan: {first:.2f} s",
                series="wall time",
            )
            yield Row(
                **common, value=found.rss_mb, unit="MB", goal=YEAR_MB if scale == 1 else NO_GOAL, series="peak memory"
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=int, default=10, help="so many times Heshan, beside Heshan itself; 1: only it")
    parser.add_argument("--times", type=int, default=3, help="runs of each; the best counts")
    options = parser.parse_args()
    yardstick = measure("count to 20,000,000", python("bench.yardsticks", "count"), times=options.times)
    with tempfile.TemporaryDirectory() as folder:
        scales = sorted({1, options.scale})
        years = [_year(Path(folder), scale, options.times if scale == 1 else 1) for scale in scales]
    show(years, yardstick)
    print(f"the largest takes {years[-1].wall_s / years[0].wall_s:.1f} times as long as the year of Heshan")


def _year(folder: Path, scale: int, times: int) -> Measured:
    record = write_year(folder / f"year{scale}", scale)
    command = duban("simulate", record, "--from", str(FIRST), "--to", str(LAST), "--out", folder / f"out{scale}")
    return measure(f"simulate a year, {scale} × Heshan", command, times=times)


if __name__ == "__main__":
    main()
