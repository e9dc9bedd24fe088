"""Can this machine's clock be believed?

A clock that jumps would fire what is not due, or leave out what is. Whoever finds one holds all sending and takes no
step until an operator has looked and released. Callers: daemon/clockwork.py.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from actors.steps import TOLERATED
from config.services import Clock

#: a clock that stands further behind what is done has jumped back
BEHIND: Final = timedelta(minutes=2)
#: an office that was away for longer confirms that it is back
AWAY: Final = timedelta(days=30)
#: how the reason of such a hold begins
CLOCK: Final = "clock: "


def since_boot() -> float:
    """Return seconds that also count while the machine sleeps, and that nobody can set."""
    which = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(which)


class ClockGuard:
    """Compares the clock with what cannot be set: seconds since boot, the database's clock, what has been done."""

    def __init__(self, clock: Clock, seconds: Callable[[], float] = since_boot) -> None:
        """Begin to compare from now on."""
        self._clock = clock
        self._seconds = seconds
        self._is_trusted = False
        self._look()

    def _look(self) -> None:
        self._now, self._counted = self._clock.now(), self._seconds()

    def has_jumped(self) -> bool:
        """Say whether the clock has jumped since the last comparison. Costs next to nothing: it asks no database."""
        return abs(self._jumped(self._clock.now(), self._seconds())) > TOLERATED

    def _jumped(self, now: datetime, counted: float) -> timedelta:
        return (now - self._now) - timedelta(seconds=counted - self._counted)

    def follow(self) -> None:
        """Compare from now on, whatever has happened: somebody else has judged it."""
        self._look()

    def trust(self) -> None:
        """Take the clock as right from now on: an operator has released."""
        self._is_trusted = True
        self._look()

    def doubt(self, done_to: datetime | None, database_now: datetime) -> str | None:
        """Return why the clock cannot be believed, or None. `done_to`: the instant up to which all is done."""
        now, counted = self._clock.now(), self._seconds()
        jumped = self._jumped(now, counted)
        self._now, self._counted = now, counted
        if abs(jumped) > TOLERATED:
            return f"{CLOCK}this machine's clock has jumped by {_seconds(jumped)}"
        if abs(now - database_now) > TOLERATED:
            return f"{CLOCK}this machine's clock is {_seconds(now - database_now)} off the database's"
        if done_to is None:
            return None
        if now < done_to - BEHIND:
            return f"{CLOCK}it is {_seconds(done_to - now)} behind what has been done already"
        if now - done_to > AWAY and not self._is_trusted:
            return f"{CLOCK}{(now - done_to).days} days have passed since anything was done"
        return None


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"
