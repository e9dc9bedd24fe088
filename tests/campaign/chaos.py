"""What goes wrong in a campaign, and when?

Processes die at a point named at their birth, or at any instant, each replaced at once; servers are emptied, killed
and started; the gateways refuse, keep silent, and take without saying so. Caller: tests/campaign/running.py.
"""

import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.campaign.points import OF_A_DAEMON, OF_A_WORKER, STALL_S
from tests.campaign.stage import Stage

LOOK_S: Final = 0.03
HOLD_S: Final = 6.0
#: one that has been told where to die gets so long to come there; another daemon must wait for the lease
LIVES_S: Final = {"worker": 4.0, "daemon": 40.0}
UNBORN: Final = 0.15  #: of those killed at any instant die before they have begun to work
TOO_SLOW: Final = 5.0
BREATH_S: Final = 3.0
TWILIO: Final = {
    "429": 0.02, "500": 0.02, "500-taken": 0.03, "503": 0.01, "reset": 0.02, "reset-taken": 0.03, "close-taken": 0.02,
    "garbage-taken": 0.01, "silence": 0.005, "silence-taken": 0.005, "dribble-taken": 0.005, "408": 0.005,
}  # fmt: skip
MAIL: Final = {
    "421-greeting": 0.02, "421-mail": 0.02, "451-mail": 0.02, "450-rcpt": 0.02, "drop-data": 0.03, "drop-text": 0.03,
    "drop-end": 0.03, "drop-taken": 0.04, "451-text": 0.02, "garbage-taken": 0.01,
}  # fmt: skip
#: longer than a call may take
SILENCE_S: Final = 10.0


@dataclass(frozen=True)
class Plan:
    """How bad it gets."""

    kills: int = 200
    for_s: float = 90.0
    opens_s: float = 12.0  #: from the start to the opening of the window
    per_s: float = 2.5  #: petitions a second
    daemons: int = 2
    workers: int = 6
    seed: int = 631
    settles_s: float = 120.0  #: at most, after the troubles, until everything has left
    points: tuple[str, ...] = (*OF_A_WORKER, *OF_A_DAEMON)
    named: float = 0.6  #: of the processes are told at birth where to die
    stalls: float = 0.02  #: of the processes stand still for longer than a lease, and go on
    twilio: dict[str, float] = field(default_factory=lambda: dict(TWILIO))
    mail: dict[str, float] = field(default_factory=lambda: dict(MAIL))
    #: at which part of the time what happens
    disturbances: tuple[tuple[float, str], ...] = (
        (0.24, "flush"),
        (0.31, "kill workers"),
        (0.38, "kill redis"),
        (0.47, "crash postgres"),
        (0.56, "hold"),
        (0.68, "flush"),
        (0.74, "kill all"),
        (0.82, "restart redis"),
        (0.90, "crash postgres"),
    )

    @property
    def petitions(self) -> int:
        """How many petitions there may be at most."""
        return int(self.per_s * self.for_s * 1.3) + 100


class Chaos:
    """What befalls a stage."""

    def __init__(self, stage: Stage, plan: Plan, opens: float) -> None:
        """`opens`: when the window opens."""
        self.befell: list[tuple[float, str]] = []
        self.holds: list[tuple[float, float]] = []  #: from when to when nothing may leave
        self._stage = stage
        self._plan = plan
        self._dice = random.Random(plan.seed)
        self._opens = opens
        self._left = (0, time.monotonic())  #: size of the ledgers, and since when
        self._lives: dict[int, tuple[float | None, float]] = {}
        self._acts: dict[str, Sequence[Callable[[], None]]] = {
            "flush": [stage.valkey.forget],
            "kill redis": [stage.valkey.kill, stage.valkey.start],
            "restart redis": [stage.valkey.stop, stage.valkey.start],
            "crash postgres": [stage.postgres.crash, stage.postgres.start],
            "kill workers": [lambda: self._kill_all("worker")],
            "kill all": [lambda: self._kill_all("worker"), lambda: self._kill_all("daemon")],
            "hold": [self._hold],
        }

    def rage(self) -> Iterator[None]:
        """Let things go wrong until there were enough deaths and enough time; yields between them.

        A slow machine takes longer: who has not begun to work is left alone, mostly, and while nothing leaves at all
        nobody is killed on purpose: the death of a service that does nothing proves nothing.
        """
        began = time.monotonic()
        coming = list(self._plan.disturbances)
        while True:
            spent = time.monotonic() - began
            killed = self._stage.nursery.killed()
            part = min(spent / self._plan.for_s, killed / self._plan.kills if self._plan.kills else 1.0)
            if (part >= 1 and not coming) or spent > self._plan.for_s * TOO_SLOW:
                return
            self.staff()
            if coming and part >= coming[0][0]:
                self._disturb(coming.pop(0)[1])
            elif killed < self._plan.kills * min(spent / self._plan.for_s, 1.0) and not self._gasps():
                self._kill_one()
            yield
            time.sleep(LOOK_S)

    def staff(self, *, calm: bool = False) -> None:
        """Start whoever is missing."""
        for kind, wanted, points in (
            ("daemon", self._plan.daemons, OF_A_DAEMON),
            ("worker", self._plan.workers, OF_A_WORKER),
        ):
            for _ in range(wanted - len(self._stage.nursery.alive(kind))):
                death = None if calm else self._death(points)
                pid = self._stage.nursery.start(kind, death=death)
                self._lives[pid] = self._life(kind, death)

    def _life(self, kind: str, death: str | None) -> tuple[float | None, float]:
        """Return when one may be killed: at an instant, or so long after it began to work."""
        if death is None and self._dice.random() < UNBORN:
            return time.monotonic() + self._dice.uniform(0.0, 0.5), 0.0
        if death is not None and death.endswith("stall"):
            return None, STALL_S + LIVES_S[kind]
        return None, LIVES_S[kind] if death else self._dice.uniform(0.1, LIVES_S[kind] / 2)

    def _may_die(self, pid: int) -> bool:
        at, life_s = self._lives[pid]
        works = self._stage.nursery.works_since(pid)
        at = at or (works + life_s if works else None)
        return at is not None and time.monotonic() >= at

    def calm(self) -> None:
        """Let the gateways be well again."""
        self._stage.tell_twilio(chances={})
        self._stage.tell_mail(chances={})

    def _death(self, points: Mapping[str, int]) -> str | None:
        mine = [point for point in points if point in self._plan.points]
        if mine and self._dice.random() < self._plan.named:
            point = self._dice.choice(mine)
            return f"{point}:{self._dice.randint(1, points[point])}"
        if "claimed" in mine and self._dice.random() < self._plan.stalls:
            return "claimed:1:stall"
        return None

    def _kill_one(self) -> None:
        alive = self._stage.nursery.alive("worker") + self._stage.nursery.alive("daemon")
        if ripe := [pid for pid in alive if self._may_die(pid)]:
            self._stage.nursery.kill(self._dice.choice(ripe))

    def _kill_all(self, kind: str) -> None:
        for pid in self._stage.nursery.alive(kind):
            self._stage.nursery.kill(pid, signal.SIGKILL)

    def _gasps(self) -> bool:
        """Say whether nothing has left for a while, though it might have."""
        size = sum(gateway.ledger.stat().st_size for gateway in (self._stage.twilio, self._stage.mail))
        now = time.monotonic()
        if size != self._left[0] or time.time() < self._opens:
            self._left = (size, now)
        return now - self._left[1] > BREATH_S

    def _disturb(self, name: str) -> None:
        self.befell.append((time.time(), name))
        for act in self._acts[name]:
            act()

    def _hold(self) -> None:
        """Have an operator stop all sending for a while, and go on."""
        if self._stage.nursery.run("hold") != 0:
            raise RuntimeError(f"duban hold failed:\n{self._stage.log()[-2000:]}")
        since = time.time()
        while time.time() - since < HOLD_S:
            self.staff()
            time.sleep(LOOK_S)
        until = time.time()
        if self._stage.nursery.run("release") != 0:
            raise RuntimeError(f"duban release failed:\n{self._stage.log()[-2000:]}")
        self.holds.append((since, until))
