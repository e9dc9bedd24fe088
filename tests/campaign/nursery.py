"""How are daemons and workers started by the hundred?

A parent that has everything imported forks each of them, which then runs the command line as anybody would type it:
a start costs 20 ms instead of two seconds. It takes orders as lines of JSON on its standard input, and tells of births
and deaths on its standard output. With its input closed, or its parent dead, it ends all that it has started.

Run as `python -m tests.campaign.nursery --folder DIR [--planted FAULT]` by tests/campaign/stage.py.
"""

import argparse
import ctypes
import gc
import json
import os
import select
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psycopg  # noqa: F401 - likewise
import twilio.rest.api.v2010.account  # noqa: F401 - likewise

# Loaded here, once: the children have them from the start.
from config.calendars import load_calendar
from daemon.cli import main as duban
from templates import wording
from tests.campaign.planted import PLANTED
from tests.campaign.points import Death, tell_when_working

ROOT: Final = Path(__file__).parents[2]
PR_SET_PDEATHSIG: Final = 1
LOOK_S: Final = 0.02


def dies_with_its_parent(parent: int) -> None:
    """Have the kernel end this process when its parent ends, however that comes about."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class Nursery:
    """The parent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: set[int] = set()

    def run(self) -> None:
        """Take orders until the input is closed."""
        orders = b""
        while True:
            readable, _, _ = select.select([0], [], [], LOOK_S)
            if readable:
                read = os.read(0, 65536)
                if not read:
                    break
                orders += read
                *lines, orders = orders.split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
            self._bury()
        for child in self._children:
            os.kill(child, signal.SIGKILL)
        while self._children:
            self._bury(wait=True)

    def _obey(self, order: Mapping[str, Any]) -> None:
        """Start a child, or send one of them a signal: its number cannot have gone to another before we bury it."""
        if "signal" in order:
            if order["child"] in self._children:
                os.kill(order["child"], order["signal"])
            return
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            self._become(order, parent)
        self._children.add(child)
        tell(1, born=child, number=order["number"])

    def _become(self, order: Mapping[str, Any], parent: int) -> None:
        """Run one command of duban in this process, and end with its status."""
        status = 70
        try:
            dies_with_its_parent(parent)
            line = os.dup(1)
            tell_when_working(lambda: tell(line, works=os.getpid()))
            with (self._folder / "processes.log").open("ab") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            with Path(os.devnull).open("rb") as nothing:
                os.dup2(nothing.fileno(), 0)
            os.environ.update(order["environ"])
            if order.get("death"):
                Death(order["death"], self._folder / "deaths.jsonl").arm()
            duban(order["words"], standalone_mode=True)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:  # noqa: BLE001 - it ends here, whatever it was
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _bury(self, *, wait: bool = False) -> None:
        while self._children:
            child, status = os.waitpid(-1, 0 if wait else os.WNOHANG)
            if child == 0:
                return
            self._children.discard(child)
            tell(1, ended=child, status=os.waitstatus_to_exitcode(status))


def tell(line: int, **facts: Any) -> None:
    os.write(line, (json.dumps(facts) + "\n").encode())


def main() -> None:
    """Serve until the input is closed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folder", type=Path, required=True)
    options.add_argument("--parent", type=int, required=True)
    options.add_argument("--planted", choices=sorted(PLANTED), default=None)
    given = options.parse_args()
    dies_with_its_parent(given.parent)
    # Orders of a terminal are for the one who runs the campaign.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    load_calendar(Path(os.environ["DUBAN_CALENDAR"]))
    for folder in ("sms", "email", "digest"):
        for template in (ROOT / "templates" / folder).glob("*.j2"):
            wording._template(f"{folder}/{template.name}")
    if given.planted:
        PLANTED[given.planted].plant()
    # What is here will not be looked through by the children's collectors, and so stays shared.
    gc.collect()
    gc.freeze()
    tell(1, ready=os.getpid())
    Nursery(given.folder).run()


if __name__ == "__main__":
    main()
