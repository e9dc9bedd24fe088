"""Does the work of a worker get on, or has some of it hung for hours?

Caller: daemon/processes.py, which tells systemd.
"""

import time
from collections.abc import Callable
from typing import Any, Final

import dramatiq

#: what takes longer hangs: the largest step that was measured, a whole country reckoned anew, takes twelve minutes
HANGS_S: Final = 2 * 3600.0


class UnderWay(dramatiq.Middleware):
    """Knows since when each bell is being answered."""

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        """Know of none yet; `elapsed`: seconds of a clock that nobody can set."""
        self._elapsed = elapsed
        self._since: dict[str, float] = {}

    def before_process_message(self, broker: dramatiq.Broker, message: Any) -> None:
        """Note that a bell is being answered."""
        self._since[message.message_id] = self._elapsed()

    def after_process_message(
        self, broker: dramatiq.Broker, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """Note that a bell has been answered, or could not be."""
        self._since.pop(message.message_id, None)

    def hangs(self) -> bool:
        """Say whether a bell has been answered for so long that its thread must hang."""
        # A copy: threads begin and end meanwhile.
        return any(self._elapsed() - since > HANGS_S for since in list(self._since.values()))
