"""What time is it in a drill?

A drill starts at a given instant and runs at real speed or faster. Source: INTERFACES `DUBAN_CLOCK`.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from rules.facts import SHANGHAI


class Clock(Protocol):
    """Tells the instant, and how fast it runs."""

    speed: float  #: seconds of this clock for one real second

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""


@dataclass(frozen=True, slots=True)
class Drill:
    """Where a drill starts, and how fast it runs."""

    begins: datetime
    speed: float


def parse_drill(text: str) -> Drill:
    """Read `2026-03-31T08:59:50+08:00` or `…@60`; local time (Asia/Shanghai) where there is no offset.

    >>> parse_drill("2026-03-31T08:59:50+08:00@60").speed
    60.0
    """
    instant, at, speed = text.partition("@")
    try:
        begins = datetime.fromisoformat(instant)
        fast = float(speed) if at else 1.0
    except ValueError as err:
        raise ValueError("want an instant such as 2026-03-31T08:59:50+08:00, or the same with @60") from err
    if not 0 < fast <= 1_000_000:  # noqa: PLR2004 - faster than that no machine follows
        raise ValueError("want a speed above 0 and up to 1000000, such as …@60")
    if begins.tzinfo is None:
        begins = begins.replace(tzinfo=SHANGHAI)
    return Drill(begins.astimezone(UTC), fast)


class DrillClock:
    """A clock that starts at an instant of its own and may run faster than real time."""

    is_drill = True

    def __init__(self, drill: Drill) -> None:
        """Start now."""
        self.speed = drill.speed
        self.begins = drill.begins
        self._started = time.monotonic()

    def now(self) -> datetime:
        """Return the drill's present instant, aware, in UTC."""
        return self.begins + timedelta(seconds=(time.monotonic() - self._started) * self.speed)
