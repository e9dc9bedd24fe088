"""What does `python -m intake.demo OUT_DIR` write?

A made-up record as a folder of CSV files, which `duban check` finds in order and `duban simulate` replays.
"""

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from config.calendars import load_calendar
from intake.demo.municipality import FIRST, LAST, SEED, make_record
from intake.exporting import write_record
from rules.policy import Arrivals


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the record that the arguments describe; exit status 2 if they do not describe one."""
    parser = argparse.ArgumentParser(prog="python -m intake.demo", description="a made-up record of Heshan's shape")
    parser.add_argument("folder", type=Path, metavar="OUT_DIR", help="where the CSV files go")
    parser.add_argument("--seed", type=int, default=SEED, help="another seed, another record (default %(default)s)")
    parser.add_argument("--scale", type=int, default=1, help="so many times Heshan (default %(default)s)")
    parser.add_argument("--from", type=date.fromisoformat, default=FIRST, dest="first", help="default %(default)s")
    parser.add_argument("--to", type=date.fromisoformat, default=LAST, dest="last", help="default %(default)s")
    parser.add_argument(
        "--arrivals",
        type=Arrivals,
        choices=list(Arrivals),
        default=Arrivals.EITHER,
        help="what the deputies take a period to owe (default %(default)s)",
    )
    given = parser.parse_args(arguments)
    if given.last < given.first:
        parser.error(f"--to {given.last} is before --from {given.first}: give a later one")
    if given.scale < 1:
        parser.error(f"--scale {given.scale}: give 1 or more")
    record = make_record(given.seed, given.first, given.last, given.scale, load_calendar(), given.arrivals)
    write_record(record, given.folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
