"""What wakes up when?

The clock looks for the next instant at which something is due, has the step taken, and looks again. It never
decides anything itself. Of several daemons one does so, by a lease; that nothing is done twice does not rest on it.
Callers: `duban up`, `duban daemon`.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from actors.bells import Bells
from actors.desks import Desks
from actors.steps import Plan, is_taken, next_instant, plan_next
from actors.watching import is_time_to_watch
from config.services import Services
from daemon import watchdog
from daemon.clock_guard import CLOCK, ClockGuard
from daemon.listening import Ear, ear_of
from store import findings, leases, outbox
from store.ahead import Ahead, look_ahead
from store.engine import reading

LOOK_S: Final = 0.1  #: longest wait between two looks, in real seconds
FAILED_S: Final = 1.0  #: wait after a look that failed
STEP_S: Final = 10.0  #: how long a step, or the watch of a day, may take before it is rung for again
GUARD_S: Final = 1.0  #: between two looks at the clock itself
FOLLOW_S: Final = 60.0  #: between two of them without the lease: longer than the lease of one that has died
DOWN_S: Final = 600.0  #: a longer pause in real seconds means that the daemon was down
LAG_S: Final = 0.01  #: a look that comes later than this takes what came in meanwhile together
POLL_S: Final = 0.001  #: between the first two looks whether a step is taken; each is a quarter longer than the last
MOST_POLL_S: Final = 0.05  #: between two of them at most, and where the database tells of it
SWEEP_S: Final = 5.0  #: between two sweeps, in real seconds
LEASE_S: Final = 15.0
RENEW_S: Final = 5.0

log = structlog.get_logger()


class Clockwork:
    """The loop of a daemon."""

    def __init__(self, services: Services, desks: Desks, bells: Bells, *, is_alone: bool = True) -> None:
        """Start as one that was down: what was missed is caught up with. `is_alone`: no other daemon can be there."""
        self._services = services
        self._desks = desks
        self._bells = bells
        self._stopping = threading.Event()
        self._looked: float | None = None
        self._swept = 0.0
        self._called_for_watch = 0.0
        self._holder = None if is_alone else services.new_attempt()
        self._renewed: float | None = None
        self._guard = None if services.clock.is_drill else ClockGuard(services.clock)
        self._guarded = 0.0
        self._leaves_jump = False  #: one that has been seen without the lease, and is not forgotten yet
        self._is_in_doubt = False
        self._untold: str | None = None  #: a doubt of which nobody has been told yet
        self._ear = ear_of(services.engine)
        self._is_rung = False  #: a fact has been changed since the last look began

    def stop(self) -> None:
        """Let the loop end after the step in hand."""
        self._stopping.set()

    def run(self) -> None:
        """Look, have steps taken, sleep; until stopped."""
        while not self._stopping.is_set():
            try:
                pause = self._look()
            except Exception:
                # Database or broker out of reach, a row that nobody foresaw: the clock goes on, and others see the log.
                log.exception("a look failed; looking again")
                pause = FAILED_S
            self._rest(pause)
        self._give_back()

    def _rest(self, pause: float) -> None:
        """Sleep; a fact that is changed meanwhile wakes, where the database tells of it."""
        if self._ear is not None and self._looked is not None and pause > 0.0:
            if not self._is_rung:
                self._ear.wait(pause)
            return
        if self._ear is not None and self._looked is None:
            self._ear.close()  # who does not look must not let bells pile up
        self._stopping.wait(pause)

    def _look(self) -> float:
        """Have the next step taken if one is due; return how long to sleep until the next look, in real seconds."""
        if not self._has_lease():
            self._looked = None
            self._leave_clock_to_others()
            watchdog.tell(watchdog.ALIVE)  # it has asked for the lease, and waits its turn
            return LOOK_S
        was_down = self._was_down()
        self._is_rung = False
        with reading(self._services.engine) as connection:
            ahead = look_ahead(connection)
            doubt = self._doubt(connection, ahead)
            desk = self._desks.of(connection, ahead)
            now = self._services.clock.now()
            lags_s = None if self._services.clock.is_drill else LAG_S
            plan = plan_next(ahead, desk, now, was_down=was_down, lags_s=lags_s)
            watches = not self._services.clock.is_drill and is_time_to_watch(connection, desk, now)
            pause = self._until(next_instant(ahead, desk)) if plan is None else 0.0
        if doubt:
            self._alarm(doubt)
        watchdog.tell(watchdog.ALIVE)  # also in doubt: it waits for an operator, maybe until morning
        if self._is_in_doubt:
            self._looked = None
            return LOOK_S
        self._looked = time.monotonic()
        if plan is not None:
            self._take(plan)
        elif watches:
            self._call_for_watch()
        self._sweep()
        if plan is None:
            return pause
        if self._services.clock.is_drill or plan.holds_round or plan.makes_digests or self._is_rung:
            return 0.0
        # Marks of a long import that has not committed stay: looking again and again would not take them.
        with reading(self._services.engine) as connection:
            ahead = look_ahead(connection)
            return self._until(next_instant(ahead, self._desks.of(connection, ahead)))

    def _has_lease(self) -> bool:
        """Take or renew the lease, now and then; a daemon that is alone needs none."""
        if self._holder is None:
            return True
        if self._renewed is not None and time.monotonic() - self._renewed < RENEW_S:
            return True
        with self._services.engine.begin() as connection:
            now = self._services.lease_now(connection)
            mine = leases.take(connection, leases.CLOCK, self._holder, now, LEASE_S)
        self._renewed = time.monotonic() if mine else None
        return mine

    def _give_back(self) -> None:
        if self._ear is not None:
            self._ear.close()
        if self._renewed is None or self._holder is None:
            return
        try:
            with self._services.engine.begin() as connection:
                leases.give_back(connection, leases.CLOCK, self._holder)
        except SQLAlchemyError:
            log.exception("the lease could not be given back; it runs out by itself")

    def _doubt(self, connection: Connection, ahead: Ahead) -> str | None:
        """Return why the clock is newly in doubt, or None, and note whether it is.

        While it is, all sending is held and no step is taken; once an operator has released, the clock goes on.
        """
        if self._guard is None:
            return self._untold
        # Steps are planned at each look: one by a clock that has just jumped ahead could not be undone.
        if time.monotonic() - self._guarded < GUARD_S and not self._guard.has_jumped():
            return self._untold
        self._guarded = time.monotonic()
        held, known = ahead.held or "", datetime.fromisoformat(ahead.cursor) if ahead.cursor else None
        # The guard tells of a jump once: what could not be noted then, the database out of reach, is not forgotten.
        doubt = self._guard.doubt(known, self._services.lease_now(connection)) or self._untold
        if self._is_in_doubt and not self._untold and not held.startswith(CLOCK):
            self._is_in_doubt = False
            self._guard.trust()
            return None
        self._untold = doubt
        self._is_in_doubt = bool(doubt) or held.startswith(CLOCK)
        return doubt

    def _leave_clock_to_others(self) -> None:
        """Let whoever has the lease judge the clock: he knows which jump an operator has looked at and released.

        A jump is still judged by whoever takes the lease within a minute of seeing it: the one before may be dead.
        """
        self._is_in_doubt = False
        if self._guard is None or time.monotonic() - self._guarded < FOLLOW_S:
            return
        self._guarded = time.monotonic()
        self._leaves_jump = self._guard.has_jumped() and not self._leaves_jump
        if not self._leaves_jump:
            self._guard.follow()

    def _alarm(self, doubt: str) -> None:
        now = self._services.clock.now()
        log.error("sending is held", reason=doubt)
        with self._services.engine.begin() as connection:
            # Whoever holds by hand and lets go again must read that the clock is in doubt.
            held = outbox.held_because(connection) or ""
            outbox.hold(connection, doubt, now, outranks=not held.startswith(CLOCK))
            findings.note(connection, "clock", now.isoformat(), f"{doubt}; set it right, then duban release", now)
        self._untold = None

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
        self._wait(lambda connection: is_taken(connection, plan), is_step=True)
        if self._services.clock.is_drill:
            self._wait(lambda connection: not outbox.is_busy(connection, self._services.clock.now()))

    def _wait(self, is_done: Callable[[Connection], bool], *, is_step: bool = False) -> None:
        """Wait until something is done by whoever does it, or until it is time to ring again.

        `is_step`: or until the database tells that a step is taken. It may be another than ours, whose bell came late;
        ours then found the cursor moved, and did nothing: it is time to look again.
        """
        give_up = time.monotonic() + STEP_S
        pause = POLL_S
        while not self._stopping.is_set() and time.monotonic() < give_up:
            if self._ear is None or not is_step:
                self._stopping.wait(pause)
            elif self._hears_of_step(self._ear):
                return
            with reading(self._services.engine) as connection:
                if is_done(connection):
                    return
            self._sweep()
            pause = min(pause * 1.25, MOST_POLL_S)

    def _hears_of_step(self, ear: Ear) -> bool:
        """Wait a moment for word of a step; a changed fact of which word comes meanwhile is looked at after it."""
        until = time.monotonic() + MOST_POLL_S
        while (left := until - time.monotonic()) > 0:
            told = ear.wait(left)
            self._is_rung |= told.fact
            if told.step is not None:
                return True
        return False

    def _call_for_watch(self) -> None:
        if time.monotonic() - self._called_for_watch > STEP_S:
            self._called_for_watch = time.monotonic()
            self._bells.watch.send()

    def _sweep(self) -> None:
        if time.monotonic() - self._swept > SWEEP_S:
            self._swept = time.monotonic()
            self._bells.sweep.send()

    def _until(self, coming: datetime) -> float:
        """Return how many real seconds are left until an instant, at most LOOK_S."""
        left = (coming - self._services.clock.now()).total_seconds() / self._services.clock.speed
        return min(max(left, 0.0), LOOK_S)
