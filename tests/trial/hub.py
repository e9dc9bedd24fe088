"""Who runs when? Many tasks in one thread, on a clock that jumps from one to the next.

A task runs until it comes to a boundary: before and after each transaction, before and after each call. There it
sleeps for a while, and others run. Nothing else switches, so a run is the same each time.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from greenlet import getcurrent, greenlet


class Killed(BaseException):
    """The process of this task has died: nothing after this line happens."""


class Task:
    """Something that runs, and can be put to sleep, woken and killed."""

    def __init__(self, hub: "Hub", name: str, work: Callable[[], Any]) -> None:
        self.name = name
        self.is_killed = False
        self.sleep = 0  #: number of the present sleep; an alarm for an earlier one is stale
        self.wakes_at: datetime | None = None
        self.light = greenlet(self._run, parent=hub.light)
        self._work = work

    def _run(self) -> None:
        with suppress(Killed):
            self._work()

    @property
    def is_over(self) -> bool:
        return self.is_killed or self.light.dead


class Hub:
    """Virtual time, and all that is to happen in it."""

    def __init__(self, begins: datetime) -> None:
        self.now = begins
        self.begins = begins
        self.light = getcurrent()
        self.switches = 0
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._number = 0
        self._tasks: dict[greenlet, Task] = {}

    @property
    def seconds(self) -> float:
        """Seconds since the beginning, that nobody can set."""
        return (self.now - self.begins).total_seconds()

    def at(self, when: datetime, do: Callable[[], None]) -> None:
        """Have something done; it may not sleep: what sleeps is a task."""
        self._number += 1
        heappush(self._agenda, (max(when, self.now), self._number, do))

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        self.at(self.now + timedelta(seconds=seconds), do)

    def run_to(self, until: datetime) -> None:
        """Let everything happen up to an instant."""
        while self._agenda and self._agenda[0][0] <= until:
            self.now, _, do = heappop(self._agenda)
            do()
        self.now = max(self.now, until)

    # Tasks -------------------------------------------------------------------------------

    def start(self, name: str, work: Callable[[], Any]) -> Task:
        """Let a task begin as soon as whoever runs now sleeps."""
        task = Task(self, name, work)
        self._tasks[task.light] = task
        self.after(0, lambda: self._go_on(task))
        return task

    def _go_on(self, task: Task) -> None:
        if not task.is_over:
            self.switches += 1
            task.light.switch()
        if task.is_over:
            self._tasks.pop(task.light, None)

    def current(self) -> Task:
        """Return the task that runs now."""
        return self._tasks[getcurrent()]

    def sleep(self, seconds: float) -> None:
        """Let the others run for so long."""
        task = self._tasks[getcurrent()]
        task.sleep += 1
        task.wakes_at = None
        self.rouse(task, self.now + timedelta(0, seconds))
        self.light.switch()

    def wait(self) -> None:
        """Let the others run until one of them rouses this task."""
        task = self._tasks[getcurrent()]
        task.sleep += 1
        task.wakes_at = None
        self.light.switch()

    def rouse(self, task: Task, when: datetime) -> None:
        """Have a sleeping task go on at `when`; an alarm that is set already for an earlier time stays."""
        number = task.sleep
        task.wakes_at = when if task.wakes_at is None else min(task.wakes_at, when)

        def ring() -> None:
            if task.sleep == number:
                task.sleep += 1
                task.wakes_at = None
                self._go_on(task)

        self.at(when, ring)

    def kill(self, task: Task) -> None:
        """End a task where it sleeps; what it had not committed is rolled back. Whoever kills goes on."""
        task.sleep += 1
        self._tasks.pop(task.light, None)
        task.is_killed = True
        if task.light and task.light is not getcurrent():
            task.light.parent = getcurrent()
            task.light.throw(Killed)
