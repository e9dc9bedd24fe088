"""What wakes up when?

The clock looks for the next instant at which something is due, has the step taken, and looks again. It never
decides anything itself. Callers: `duban up`, `duban daemon`.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from actors.bells import Bells
from actors.desks import Desks
from actors.steps import Plan, cursor, next_instant, plan_next
from config.services import Services
from store import outbox
from store.engine import reading

LOOK_S: Final = 0.5  #: longest wait between two looks, in real seconds
STEP_S: Final = 60.0  #: how long a step may take before it is rung for again
DOWN_S: Final = 600.0  #: a longer pause in real seconds means that the daemon was down
SWEEP_S: Final = 5.0  #: between two sweeps, in real seconds

log = structlog.get_logger()


class Clockwork:
    """The loop of a daemon."""

    def __init__(self, services: Services, desks: Desks, bells: Bells) -> None:
        """Start as one that was down: what was missed is caught up with."""
        self._services = services
        self._desks = desks
        self._bells = bells
        self._stopping = threading.Event()
        self._looked: float | None = None
        self._swept = 0.0

    def stop(self) -> None:
        """Let the loop end after the step in hand."""
        self._stopping.set()

    def run(self) -> None:
        """Look, have steps taken, sleep; until stopped."""
        while not self._stopping.is_set():
            try:
                busy = self._look()
            except SQLAlchemyError:
                log.exception("the database cannot be reached; looking again")
                busy = False
            if not busy:
                self._stopping.wait(self._pause())

    def _look(self) -> bool:
        """Have the next step taken if one is due; say whether there may be more at once."""
        was_down = self._was_down()
        with reading(self._services.engine) as connection:
            desk = self._desks.of(connection)
            plan = plan_next(connection, desk, self._services.clock.now(), was_down=was_down)
        self._looked = time.monotonic()
        if plan is not None:
            self._take(plan)
        self._sweep()
        return plan is not None

    def _was_down(self) -> bool:
        """Say whether so much real time has passed since the last look that the machine or process slept.

        A drill sees no such pause: it goes through every instant, each as of its own time.
        """
        if self._services.clock.is_drill:
            return False
        return self._looked is None or time.monotonic() - self._looked > DOWN_S

    def _take(self, plan: Plan) -> None:
        """Ring for a step, and wait until it is taken; in a drill also until what leaves has left.

        In a drill time may run fast: without the wait the next fact would overtake a message on its way.
        """
        self._bells.ring_step(plan)
        self._wait(lambda connection: cursor(connection, self._desks.of(connection)) >= plan.at)
        if self._services.clock.is_drill:
            self._wait(lambda connection: not outbox.is_busy(connection, self._services.clock.now()))

    def _wait(self, is_done: Callable[[Connection], bool]) -> None:
        """Wait until something is done by whoever does it, or until it is time to ring again."""
        give_up = time.monotonic() + STEP_S
        pause = 0.001
        while not self._stopping.wait(pause) and time.monotonic() < give_up:
            with reading(self._services.engine) as connection:
                if is_done(connection):
                    return
            self._sweep()
            pause = min(pause * 2, 0.05)

    def _sweep(self) -> None:
        if time.monotonic() - self._swept > SWEEP_S:
            self._swept = time.monotonic()
            self._bells.sweep.send()

    def _pause(self) -> float:
        """Return how long to sleep, in real seconds: to the next instant, at most LOOK_S."""
        with reading(self._services.engine) as connection:
            coming = next_instant(connection, self._desks.of(connection))
        left = (coming - self._services.clock.now()).total_seconds() / self._services.clock.speed
        return min(max(left, 0.0), LOOK_S)
