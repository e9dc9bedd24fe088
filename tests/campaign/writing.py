"""What happens in the office while the campaign runs, and when was each fact committed?

A thread of its own registers petitions and reports their events through intake's commands, as the console does. A fact
whose commit got lost with the database is reported again, as a clerk would, until it is on record: reporting it twice
changes nothing. The journal is the expectation's only source; nothing is read back. Caller: tests/campaign/running.py.
"""

import heapq
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from intake.commands import register_petition, report_petition_event
from rules.facts import Petition, PetitionEvent, PetitionEventKind, Result
from rules.policy import Policy
from rules.workdays import Calendar
from tests.campaign.record import CAPPED, event, old_ones, petition

Kind = PetitionEventKind
AGAIN_S: Final = 0.1
CORRECTION_S: Final = 0.3
CORRECTION_TRIES: Final = 15
#: of the capped departments' petitions: so far apart that no two leave together
CAPPED_EVERY_S: Final = 3.0
CAPPED_EACH: Final = 7


@dataclass(frozen=True)
class Step:
    """One fact to come: so long after the one before."""

    after_s: float
    kind: Kind
    result: Result | None = None


@dataclass(frozen=True)
class Written:
    """A fact that is on record, and until when its commit took."""

    fact: Petition | PetitionEvent
    committed: float


@dataclass
class Journal:
    """All that was written, in order."""

    written: list[Written] = field(default_factory=list)

    @property
    def petitions(self) -> list[Petition]:
        return [each.fact for each in self.written if isinstance(each.fact, Petition)]

    @property
    def events(self) -> list[PetitionEvent]:
        return [each.fact for each in self.written if isinstance(each.fact, PetitionEvent)]


def course(dice: random.Random) -> list[Step]:
    """Return what becomes of a petition: often little, sometimes much in a short time."""
    soon, later = dice.uniform(0.02, 3.0), dice.uniform(6, 15)
    assigned = Step(dice.choice((soon, soon, later)), Kind.ASSIGNED)
    accepted, handled = (Step(dice.uniform(0.05, 4.0), kind) for kind in (Kind.ACCEPTED, Kind.HANDLED))
    rework = Step(dice.uniform(0.1, 8.0), Kind.VERIFIED, Result.REWORK)
    courses: list[tuple[float, list[Step]]] = [
        (0.20, []),
        (0.35, [assigned]),
        (0.15, [assigned, accepted, handled]),
        (0.15, [assigned, accepted, handled, rework]),
        (0.15, [Step(dice.choice((soon, later)), Kind.WITHDRAWN)]),
    ]
    return dice.choices([steps for _, steps in courses], [weight for weight, _ in courses])[0]


class Writer:
    """The office."""

    def __init__(
        self,
        engine: Engine,
        calendar: Calendar,
        policy: Policy,
        petitions: int,
        seed: int,
        told: Callable[[str], bool],
    ) -> None:
        """`told`: whether an SMS with these words has arrived; only then is a fact corrected (R5.6)."""
        self.journal = Journal()
        self.refused: list[str] = []
        self.corrected: set[str] = set()
        self._engine = engine
        self._law: dict[str, Any] = {"calendar": calendar, "policy": policy}
        self._last = petitions
        self._dice = random.Random(seed)
        self._told = told
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._numbers = iter(range(old_ones(), petitions))
        self._stopping = threading.Event()
        self._finishing = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def working(self, per_s: float) -> Iterator[None]:
        """Write so many petitions a second until told to finish."""
        self._plan(per_s)
        self._thread = threading.Thread(target=self._run, name="office")
        self._thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            self._thread.join()

    def finish(self) -> None:
        """Begin nothing more; what has begun goes on to its end."""
        self._finishing.set()

    @property
    def is_done(self) -> bool:
        return self._thread is not None and not self._thread.is_alive()

    def _plan(self, per_s: float) -> None:
        now = time.monotonic()

        def begin() -> None:
            if not self._finishing.is_set():
                self._at(time.monotonic() + self._dice.expovariate(per_s), begin)
                self._begin()

        self._at(now, begin)
        for n in range(CAPPED_EACH):
            for department in range(CAPPED):
                self._at(now + (n + 1) * CAPPED_EVERY_S, lambda d=department: self._begin(f"M{d}"))

    def _at(self, moment: float, work: Callable[..., None]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._order), work))

    def _run(self) -> None:
        while self._agenda and not self._stopping.is_set():
            moment, _, work = self._agenda[0]
            if self._stopping.wait(max(moment - time.monotonic(), 0.0)):
                return
            heapq.heappop(self._agenda)
            work()

    def _begin(self, capped: str | None = None) -> None:
        number = next(self._numbers, None)
        if number is None:
            return
        self._write(petition(number, _now()))
        steps = [Step(self._dice.uniform(0.1, 1.0), Kind.ASSIGNED)] if capped else course(self._dice)
        self._go_on(number, steps, capped or f"D{number}")

    def _go_on(self, number: int, steps: list[Step], office: str) -> None:
        if not steps:
            return
        step, *rest = steps

        def write() -> None:
            fact = event(number, _now(), step.kind, office if step.kind is Kind.ASSIGNED else None)
            if step.result is not None:
                fact = PetitionEvent(petition=fact.petition, at=fact.at, event=fact.event, result=step.result)
            self._write(fact)
            if step.kind is Kind.ASSIGNED and not rest and number % 3 == 0:
                self._correct_once_told(fact)
            self._go_on(number, rest, office)

        self._at(time.monotonic() + step.after_s, write)

    def _write(self, fact: Petition | PetitionEvent) -> None:
        """Put a fact on record, however often the database goes away meanwhile."""
        command: Callable[..., Any] = register_petition if isinstance(fact, Petition) else report_petition_event
        if self._until_it_holds(lambda connection: command(connection, fact, **self._law)):
            self.journal.written.append(Written(fact, time.time()))

    def _until_it_holds(self, change: Callable[[Any], Any]) -> bool:
        while not self._stopping.is_set():
            try:
                with self._engine.begin() as connection:
                    change(connection)
            except SQLAlchemyError:
                self._stopping.wait(AGAIN_S)
            else:
                return True
        return False

    # Corrections -------------------------------------------------------------------------

    def _correct_once_told(self, fact: PetitionEvent) -> None:
        """Have a clerk take an entry back and make it anew once its notice has arrived: nobody is told twice."""

        def look(tries: int = 0) -> None:
            if self._told(f"群众意见{fact.petition}号已分办"):
                self._take_back(fact)
            elif tries < CORRECTION_TRIES:
                self._at(time.monotonic() + 1.0, lambda: look(tries + 1))

        look()

    def _take_back(self, fact: PetitionEvent) -> None:
        gone = text("DELETE FROM petition_events WHERE petition = :petition AND event = 'assigned'")
        self._until_it_holds(lambda connection: connection.execute(gone, {"petition": fact.petition}))

        def again() -> None:
            self._until_it_holds(lambda connection: report_petition_event(connection, fact, **self._law))
            self.corrected.add(fact.petition)

        self._at(time.monotonic() + CORRECTION_S, again)


def _now() -> datetime:
    return datetime.now(UTC)
