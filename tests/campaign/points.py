"""At which points of its work can a process be told to die, or to stand still?

The points are laid around the functions of duban from outside, in the process that is to die: duban itself has no
hooks. Caller: tests/campaign/nursery.py.
"""

import functools
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import dramatiq
from sqlalchemy.engine import Connection as SqlConnection

import actors.bells
import actors.sending
from actors.bells import Bells
from channels.smtp import SmtpGateway
from channels.twilio import TwilioGateway
from store import leases, notices

#: longer than a claim's lease, so that whoever wakes finds its work settled by others
STALL_S: Final = 20.0
Call = Callable[..., Any]

#: point → whose method, which, and whether it is before or after the call
PLACES: Final[dict[str, list[tuple[Any, str, bool]]]] = {
    "claimed": [(actors.sending, "claim", False)],  # the claim is committed, nothing is called yet
    "calling": [(TwilioGateway, "send", True), (SmtpGateway, "send", True)],
    "called": [(TwilioGateway, "send", False), (SmtpGateway, "send", False)],  # taken, and not yet settled
    "recording": [(actors.sending, "_record", True)],
    "asked": [(TwilioGateway, "find", False)],
    "deciding": [(notices, "decide", True)],  # in the middle of a step
    "bundling": [(notices, "bundle", True)],
    "bundled": [(notices, "bundle", False)],
    "stepped": [(actors.bells, "take_step", False)],  # a step is committed, and its bells have not been rung
    "committing": [(SqlConnection, "_commit_impl", True)],
    "committed": [(SqlConnection, "_commit_impl", False)],
    "rung": [(Bells, "ring_step", False)],
    "leased": [(leases, "take", False)],
}
#: point → the n-th time at which one may be told to die is drawn up to this
OF_A_WORKER: Final = {
    "claimed": 2, "calling": 4, "called": 4, "recording": 2, "asked": 1, "deciding": 2, "bundling": 2, "bundled": 2,
    "stepped": 2, "committing": 20, "committed": 20,
}  # fmt: skip
# Another daemon takes over only when the lease has run out: they die less often.
OF_A_DAEMON: Final = {"rung": 20, "leased": 6, "committing": 300, "committed": 300}


class Death:
    """What befalls this process when it comes to a point for the n-th time; it is written down first."""

    def __init__(self, order: str, ledger: Path) -> None:
        """`order`: such as `called:3` or `claimed:1:stall`."""
        self.point, number, *stalls = order.split(":")
        self._left = int(number)
        self._is_stall = bool(stalls)
        self._ledger = ledger
        self._lock = threading.Lock()

    def arm(self) -> None:
        for owner, name, is_before in PLACES[self.point]:
            setattr(owner, name, self._around(getattr(owner, name), is_before=is_before))

    def _around(self, call: Call, *, is_before: bool) -> Call:
        @functools.wraps(call)
        def passing(*args: Any, **kwargs: Any) -> Any:
            if is_before:
                self._pass()
                return call(*args, **kwargs)
            found = call(*args, **kwargs)
            # A claim that took nothing is no claim.
            if self.point != "claimed" or found.outgoing:
                self._pass()
            return found

        return passing

    def _pass(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left:
                return
        note(self._ledger, point=self.point, stalls=self._is_stall, pid=os.getpid())
        if self._is_stall:
            time.sleep(STALL_S)
        else:
            os.kill(os.getpid(), signal.SIGKILL)


def tell_when_working(tell: Callable[[], None]) -> None:
    """Have it told once this process has begun to work: a worker by listening, a daemon by its first commit."""
    for owner, name in ((dramatiq.Worker, "start"), (SqlConnection, "_commit_impl")):
        _tell_after(owner, name, tell, once=owner is SqlConnection)


def _tell_after(owner: Any, name: str, tell: Callable[[], None], *, once: bool) -> None:
    call: Call = getattr(owner, name)

    def first(*args: Any, **kwargs: Any) -> Any:
        found = call(*args, **kwargs)
        if once:
            setattr(owner, name, call)
        tell()
        return found

    setattr(owner, name, first)


def note(ledger: Path, **facts: Any) -> None:
    """Add a line to a ledger; whole, whatever else is written at once."""
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, (json.dumps({"at": time.time(), **facts}) + "\n").encode())
    os.close(file)
