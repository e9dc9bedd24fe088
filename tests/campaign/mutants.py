"""Does the campaign find each planted fault? `python -m tests.campaign.mutants [FAULT ...]` prints a table."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.campaign.planted import PLANTED
from tests.campaign.running import campaign


def hunt(name: str, folder: Path, *, is_sound: bool = False) -> tuple[dict[str, list[str]], float]:
    """Run the campaign that is aimed at a fault, with it planted.

    Return what was found wrong, and after how long. `is_sound`: without the fault, for comparison.
    """
    began = time.monotonic()
    outcome = campaign(folder, PLANTED[name].plan, planted=None if is_sound else name, stops_at_a_wrong=True)
    return outcome.wrongs, time.monotonic() - began


def main() -> int:
    """Hunt each fault; 0 if all were caught."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("faults", nargs="*", metavar="FAULT", help=f"of {', '.join(PLANTED)}; none: all")
    options.add_argument("--sound", action="store_true", help="the same campaigns without the faults: all must be well")
    given = options.parse_args()
    escaped = []
    for name in given.faults or PLANTED:
        wrongs, took_s = hunt(name, Path(tempfile.mkdtemp(prefix=f"duban-{name}-")), is_sound=given.sound)
        caught = {kind: found for kind, found in wrongs.items() if kind != "fell"}
        told = "; ".join(f"{kind} {len(found)}: {found[0]}" for kind, found in caught.items()) or "nothing wrong"
        sys.stdout.write(f"| {name} | {PLANTED[name].what} | {told} | {took_s:.0f} s |\n")
        sys.stdout.flush()
        escaped += [name] if bool(caught) is given.sound else []
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
