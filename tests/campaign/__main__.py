"""How is a campaign run by hand? `python -m tests.campaign --kills 1000 --seconds 420`; `make soak` does it."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.campaign.chaos import Plan
from tests.campaign.planted import PLANTED
from tests.campaign.running import campaign


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Run one campaign; 0 if nothing is wrong, 1 otherwise."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=Plan.kills)
    options.add_argument("--seconds", type=float, default=Plan.for_s)
    options.add_argument("--rate", type=float, default=Plan.per_s, help="petitions a second")
    options.add_argument("--seed", type=int, default=Plan.seed)
    options.add_argument("--planted", choices=sorted(PLANTED), help="with this fault in every process")
    options.add_argument("--keep", action="store_true", help="keep ledgers and logs")
    given = options.parse_args()
    plan = Plan(kills=given.kills, for_s=given.seconds, per_s=given.rate, seed=given.seed)
    folder = Path(tempfile.mkdtemp(prefix="duban-campaign-"))
    outcome = campaign(folder, plan, planted=given.planted, say=say)
    say(outcome.told())
    if given.keep or outcome.wrongs:
        say(f"ledgers and logs: {folder}")
    return 1 if outcome.wrongs or not outcome.is_settled else 0


if __name__ == "__main__":
    sys.exit(main())
