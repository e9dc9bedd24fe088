"""What would duban say if every library told all it can? Its processes, with everything logged from DEBUG up.

Nobody can ask for that by a setting; a fault may be looked for so all the same. Run as `python -m tests.trust.loud web
daemon worker` by test_canaries.py: what has been imported once is forked for each of them. All end with the first.
"""

import logging
import os
import signal
import sys
from typing import Any

import twilio.rest.api.v2010.account  # noqa: F401 - the largest, loaded once

from daemon import logs, processes, serving  # noqa: F401 - likewise
from daemon.cli import main
from tests.campaign.nursery import dies_with_its_parent

_configure = logs._configure


def loud(level: int, renderer: Any) -> None:
    """Log as duban does, whatever the level."""
    del level
    _configure(logging.DEBUG, renderer)
    logging.getLogger().setLevel(logging.DEBUG)


def run(commands: list[str]) -> None:
    """Run each command in a process of its own, until told to stop."""
    parent, children = os.getpid(), []
    for command in commands:
        child = os.fork()
        if child == 0:
            dies_with_its_parent(parent)
            main([command])
        children.append(child)
    signal.signal(signal.SIGTERM, lambda *_: [os.kill(child, signal.SIGTERM) for child in children])
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    sys.exit(max(map(abs, ended)))


if __name__ == "__main__":
    logs._configure = loud
    run(sys.argv[1:])
