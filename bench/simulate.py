"""How long does `duban simulate` take for a year of Heshan, and for ten times as much?

Goals: a year in 5 s and 250 MB; ten times the size in at most 12 times the time.
Run: `python -m bench.simulate [--scale 10] [--times 3]`.
"""

import argparse
import tempfile
from pathlib import Path

from bench.measuring import Measured, duban, measure, python, show
from bench.records import FIRST, LAST, write_year


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
