"""Which processes, people and gateways does a trial have, and what happens to them?

Two daemons with the real clockwork, two workers with the real actors, a web process that takes commands, levers and
call-backs: all over one SQLite database in memory, each with its own services. What stands in for the machine is
here: clock, broker, engine's boundaries. Callers: trials.py.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

import dramatiq
from dramatiq.middleware import Retries
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from actors.bells import Bells, hang_bells
from actors.desks import Desks
from actors.steps import next_instant
from actors.watching import AFTER
from channels.gateway import Status
from config.calendars import load_calendar
from config.services import Services
from daemon.clock_guard import ClockGuard
from daemon.clockwork import FAILED_S, LEASE_S, LOOK_S, MOST_POLL_S, STEP_S, SWEEP_S, Clockwork
from daemon.processes import claim_for_clock
from rules.dockets import Desk
from rules.facts import Channel, local_day, midnight
from rules.ladders import round_at
from rules.offices import House
from store import audit
from store.ahead import Ahead
from store.engine import make_engine
from store.migrating import migrate
from tests.trial.faults import Chance
from tests.trial.gateways import Provider, TrialGateway
from tests.trial.hub import Hub, Killed, Task
from tests.trial.loads import Load
from tests.trial.quick import quick

KEY: Final = b"a key of this trial alone, 32+ bytes"
QUIET: Final = timedelta(hours=24)  #: a daemon looks at least so often
IDLE_S: Final = 600.0  #: so long at most between two looks while what was rung for has not come
LOST: Final = "the trial's database is out of reach"


@cache
def _schema() -> sqlite3.Connection:
    engine = make_engine("sqlite://")
    with engine.begin() as connection:
        migrate(connection)
    raw: Any = engine.raw_connection().driver_connection
    return raw


def empty_database() -> Engine:
    """Return a database in memory with its schema, opened as duban opens its own."""
    engine = quick(make_engine("sqlite://"))
    fairy = engine.raw_connection()
    target: Any = fairy.driver_connection
    _schema().backup(target)
    fairy.close()
    audit.use_key(engine, lambda: KEY)
    return engine


class Boundaries:
    """The engine as one process sees it: something may happen before and after each transaction, and to its commit.

    A transaction runs without a switch: the database would let writers pass one at a time, too.
    """

    def __init__(self, process: "Process") -> None:
        self._process = process
        self._engine = process.world.engine
        self.dialect = self._engine.dialect
        self.url = self._engine.url

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        process = self._process
        process.boundary("before a transaction")
        process.reach_database("database")
        with self._engine.connect() as connection, connection.begin():
            yield connection
            process.may_crash("before a commit")
            process.reach_database("commit undone")
        if process.world.has_changed(process):
            process.world.committed(process)
        process.boundary("after a commit")
        process.reach_database("commit not told")

    def connect(self) -> Connection:
        self._process.boundary("before a look")
        self._process.reach_database("database")
        return self._engine.connect()

    def dispose(self) -> None:
        """Hold nothing of its own."""


class TrialClock:
    """The machine's clock: it may be set wrong."""

    speed = 1.0
    is_drill = False

    def __init__(self, world: "World") -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.clock_now()


class TrialBroker(dramatiq.Broker):
    """Passes bells on; they may be lost, doubled or late."""

    def __init__(self, world: "World") -> None:
        super().__init__(middleware=[Retries(max_retries=0)])
        self._world = world

    def declare_queue(self, queue_name: str) -> None:
        self.queues[queue_name] = None

    def enqueue(self, message: Any, *, delay: int | None = None) -> Any:
        self._world.ring(message.actor_name, message.args)
        return message


class Process:
    """One process of duban: what it has in hand is lost when it dies."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.is_up = False
        self.tasks: dict[Task, Callable[[], None]] = {}
        self.is_frozen = False

    def boot(self) -> None:
        """Start anew, with nothing in mind."""
        if self.is_up:
            return
        self.is_up = True
        self.booted_at = self.world.hub.now
        self.services = self.world.services_of(self)
        self.desks = Desks(self.services)
        self.bells: Bells = hang_bells(self.services, self.desks, TrialBroker(self.world))
        self.begin()
        for daemon in self.world.daemons:
            if daemon is not self:
                self.world.disturb(daemon)

    def begin(self) -> None:
        """Begin to work; the web process waits to be asked."""

    def start(self, name: str, work: Callable[[], Any], if_it_dies: Callable[[], None] = lambda: None) -> Task:
        def run() -> None:
            try:
                work()
            finally:
                self.tasks.pop(task, None)

        task = self.world.hub.start(f"{self.name} {name}", run)
        self.tasks[task] = if_it_dies
        return task

    def die(self, again_in_s: float) -> None:
        """Lose all that is not committed; start again after a while."""
        if not self.is_up:
            return
        self.is_up = False
        tasks, self.tasks = self.tasks, {}
        for task, if_it_dies in tasks.items():
            self.world.hub.kill(task)
            if_it_dies()
        self.world.hub.after(again_in_s, self.boot)
        self.world.one_is_gone()

    # Boundaries --------------------------------------------------------------------------

    def boundary(self, where: str) -> None:
        """Let the others run; whoever comes here may die, or freeze."""
        world, hub = self.world, self.world.hub
        self.may_crash(where)
        if world.strikes("freeze", f"{self.name} {where}"):
            self.is_frozen = True
            world.one_is_gone()
            hub.sleep(world.between(0.5, 40, "freeze"))
            self.is_frozen = False
        else:
            hub.sleep(world.between(0.0002, 0.004, "pace"))

    def may_crash(self, where: str) -> None:
        if self.world.strikes("crash", f"{self.name} {where}"):
            self.die(self.world.between(1, 300, "boot"))
            raise Killed

    def reach_database(self, fault: str) -> None:
        if self.world.strikes(fault, self.name):
            raise OperationalError(LOST, None, Exception(LOST))


class Sweepless(Clockwork):
    """The real clockwork; it rings for no sweep that would find nothing."""

    def __init__(self, daemon: "Daemon") -> None:
        super().__init__(daemon.services, daemon.desks, daemon.bells, is_alone=False)
        self._world = daemon.world

    def _sweep(self) -> None:
        if self._world.has_for_sweep():
            super()._sweep()


class Daemon(Process):
    """Runs the real clockwork; it naps through looks that would find nothing."""

    looked_at = 0  #: news at its last look
    idle_s = 1.0
    is_woken = False  #: by something that it does not see coming

    def begin(self) -> None:
        self.clockwork = Sweepless(self)
        self.clockwork._guard = ClockGuard(self.services.clock, lambda: self.world.hub.seconds)
        self.naps = Naps(self)
        self.clockwork._stopping = self.naps  # type: ignore[assignment]
        self.task = self.start("clock", self._run)

    def _run(self) -> None:
        while True:
            try:
                with self.services.engine.begin() as connection:
                    claim_for_clock(connection, self.services)
                break
            except OperationalError:
                self.world.hub.sleep(1)
        self.clockwork.run()

    @property
    def holds_lease(self) -> bool:
        return self.is_up and self.clockwork._renewed is not None


class Naps:
    """Stands for the event on which the clockwork waits between two looks.

    A look that would find nothing new is left out: it would only take time. What the daemon remembers of its looks
    is set as if it had looked all the while.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def is_set(self) -> bool:
        return False

    def wait(self, pause: float) -> bool:
        daemon, world = self._daemon, self._daemon.world
        hub, clockwork = world.hub, self._daemon.clockwork
        if clockwork._renewed is None:
            hub.sleep(world.patience_of(daemon))
            return False
        if pause >= FAILED_S:  # the look failed: what it was to see, a clock set wrong for one, is still to be seen
            hub.sleep(pause)
            return False
        began = hub.seconds
        if world.strikes("shared", daemon.name):
            world.wake_others(daemon)
        # Who waits for a step that he has rung for rings again after a while, also where nothing has come of it; and so
        # does who finds a mark of a changed fact at his next look.
        most = STEP_S if pause <= MOST_POLL_S or world.has_marks() else QUIET.total_seconds()
        world.nap(daemon, max(pause, 0.001), most)
        napped = hub.seconds - began
        if clockwork._looked is not None and napped > pause:
            clockwork._looked += napped - pause
        return False


class Worker(Process):
    """Does what it is rung for, with the real actors."""

    THREADS: Final = 2

    def begin(self) -> None:
        for number in range(self.THREADS):
            self.start(f"thread {number}", self._run)

    def _run(self) -> None:
        while True:
            name, args = self.world.next_bell()
            try:
                self.bells.broker.get_actor(name).fn(*args)
            except Exception as err:  # noqa: BLE001 - whatever an actor raises is judged
                self.world.failed(self, err)


class World:
    """All of a trial: what is in it, and what becomes of it."""

    def __init__(self, chance: Chance, load: Load) -> None:
        self.chance = chance
        self.load = load
        self.calendar = load_calendar()
        self.hub = Hub(_begins(load))
        self.offset = timedelta()  #: by how much the machine's clock is wrong
        self.set_wrong_at = self.hub.now
        self.jumped = timedelta()  #: by how much it was set wrong last
        self.pulled_before = 0  #: levers pulled by then
        self.engine = empty_database()
        self.raw: Any = self.engine.raw_connection().driver_connection
        self.changes = self.raw.total_changes
        self.news = 0  #: commits of more than a lease
        self.provider = Provider(self.hub, chance, self.call_back)
        self.wrong: list[str] = []
        self.pings: list[datetime] = []
        self.bells: deque[tuple[str, Any]] = deque(maxlen=1000)
        self.idle: deque[Task] = deque()
        self.attempts = 0
        self._seen: Any = None
        self._sweep_at: tuple[int, datetime | None] | None = None  #: with the number of changes by then
        self._coming: tuple[Any, tuple[datetime, datetime | None]] | None = None
        self.on_commit: Callable[[Process], None] = lambda _process: None
        self.on_told: Callable[[int], None] = lambda _message: None
        self.daemons = [Daemon(self, "daemon-1"), Daemon(self, "daemon-2")]
        self.workers = [Worker(self, "worker-1"), Worker(self, "worker-2")]
        self.web = Process(self, "web")
        self.processes: list[Process] = [*self.daemons, *self.workers, self.web]
        #: slots do not hang on the house
        self.timetable = Desk(House([], [], [], []), self.calendar, load.policy, load.first)

    # What processes run with -------------------------------------------------------------

    def services_of(self, process: Process, *, plain: bool = False) -> Services:
        engine: Any = self.engine if plain else Boundaries(process)
        return Services(
            settings=self.load.settings,
            policy=self.load.policy,
            calendar=self.calendar,
            engine=engine,
            clock=TrialClock(self),
            gateways={c: TrialGateway(self.provider, c, process.boundary) for c in Channel},
            new_attempt=self._new_attempt,
            lease_now=lambda _connection: self.clock_now(),
            elapsed=lambda: self.hub.seconds,
            ping=lambda _url, _timeout_s: self.pings.append(self.hub.now),
        )

    def _new_attempt(self) -> str:
        self.attempts += 1
        return f"a{self.attempts:06d}"

    def clock_now(self) -> datetime:
        return self.hub.now + self.offset

    # Chance ------------------------------------------------------------------------------

    def strikes(self, kind: str, where: str = "") -> bool:
        return self.chance.strikes(kind, self.hub.now, where)

    def between(self, low: float, high: float, what: str) -> float:
        return self.chance.between(low, high, what, self.hub.now)

    # Bells -------------------------------------------------------------------------------

    def ring(self, name: str, args: Any) -> None:
        if self.strikes("bell lost", name):
            return
        for _ in range(2 if self.strikes("bell doubled", name) else 1):
            late = self.between(0.1, 30, "late bell") if self.strikes("bell late", name) else 0.001
            self.hub.after(late, lambda: self._arrive(name, args))

    def _arrive(self, name: str, args: Any) -> None:
        self.bells.append((name, args))
        while self.idle:
            task = self.idle.popleft()
            if not task.is_over:
                self.hub.rouse(task, self.hub.now)
                return

    def next_bell(self) -> tuple[str, Any]:
        while not self.bells:
            self.idle.append(self.hub.current())
            self.hub.wait()
        return self.bells.popleft()

    # Commits -----------------------------------------------------------------------------

    def has_changed(self, process: Process | None = None) -> bool:
        before, self.changes = self.changes, self.raw.total_changes
        rows = self.changes - before
        if rows > isinstance(process, Daemon):  # one row of a daemon's is its lease: nothing new for anybody
            self.news += 1
        return rows > 0

    def committed(self, process: Process) -> None:
        """Tell whoever judges; daemons that nap look as soon as there is something for them."""
        self.on_commit(process)
        before, self._seen = self._seen, self.raw.execute(SEEN).fetchone()
        for_sweep = self._next_sweep() if self._seen == before else None
        for daemon in self.daemons:
            if daemon is process or not daemon.holds_lease:
                continue
            if self._seen != before:
                self._wake(daemon, self.hub.now + timedelta(seconds=LOOK_S))
            elif for_sweep is not None:
                can = self.hub.now + timedelta(seconds=max(LOOK_S, self.next_sweep_s(daemon)))
                self._wake(daemon, max(can, for_sweep - self.offset), for_sweep=True)

    def _wake(self, daemon: Daemon, when: datetime, *, for_sweep: bool = False) -> None:
        daemon.is_woken = daemon.is_woken or not for_sweep
        task = daemon.task
        if task.wakes_at is not None and task.wakes_at > when:
            self.hub.rouse(task, when)

    def disturb(self, daemon: Daemon) -> None:
        """Let a daemon look soon: something has changed that it does not see in the database."""
        if daemon.is_up:
            daemon.idle_s = 1.0
            self._wake(daemon, self.hub.now + timedelta(seconds=LOOK_S))

    # Naps --------------------------------------------------------------------------------

    def nap(self, daemon: Daemon, pause: float, most: float) -> None:
        """Let a daemon sleep until it may find something, from `pause` to `most`; a change of the database wakes it."""
        if daemon.clockwork._is_in_doubt:  # until an operator has released, or the clock is set right
            self.hub.sleep(pause if daemon.clockwork._untold else QUIET.total_seconds())
            return
        for_clock, _ = self.coming()
        until = min(for_clock, self.clock_now() + timedelta(seconds=most))
        daemon.is_woken = False
        self._sleep(daemon, pause, most)
        # A sweep for which it was to wake may have become needless meanwhile.
        while not daemon.is_woken and self.clock_now() < until and not self.has_for_sweep():
            self._sleep(daemon, pause, most)

    def has_marks(self) -> bool:
        """Say whether facts have been changed that are not reckoned yet."""
        return self.raw.execute("SELECT 1 FROM stale LIMIT 1").fetchone() is not None

    def has_for_sweep(self) -> bool:
        """Say whether a sweep would find anything."""
        _, for_sweep = self.coming()
        return for_sweep is not None and for_sweep <= self.clock_now()

    def _sleep(self, daemon: Daemon, pause: float, most: float) -> None:
        now = self.clock_now()
        for_clock, for_sweep = self.coming()
        left = (for_clock - now).total_seconds()
        sweep_in = (for_sweep - now).total_seconds() if for_sweep else left
        if min(left, sweep_in) <= 0:  # it has been rung for, and nothing has come of it yet
            is_new = daemon.looked_at != self.news
            daemon.looked_at = self.news
            daemon.idle_s = 1.0 if is_new else min(daemon.idle_s * 2, IDLE_S)
            left = left if left > 0 else daemon.idle_s
            sweep_in = sweep_in if sweep_in > 0 else daemon.idle_s
        left = min(left, max(sweep_in, self.next_sweep_s(daemon)))
        self.hub.sleep(min(max(pause, left), most))

    def next_sweep_s(self, daemon: Daemon) -> float:
        """Return in how many seconds a daemon may ring for a sweep again: a look before finds no messages."""
        return daemon.clockwork._swept + SWEEP_S + 0.001 - self.hub.seconds

    def coming(self) -> tuple[datetime, datetime | None]:
        """Return the next instants at which the clock, and a sweep, may find something, as far as is known now."""
        now = self.clock_now()
        known = (self.news, self.offset)
        if self._coming and self._coming[0] == known and self._coming[1][0] > now:
            return self._coming[1]
        cursor, reckon_at, leaves_at = self.raw.execute(AHEAD).fetchone()
        waits = [_instant(at) if at else None for at in (reckon_at, leaves_at)]
        found = [next_instant(Ahead(cursor, *waits, is_stale=False, held=None, house=None), self.timetable)]
        watch = round_at(local_day(now), self.timetable.policy) + AFTER + timedelta(seconds=1)
        if watch > now:
            found.append(watch)
        self._coming = (known, (min(found), self._next_sweep()))
        return self._coming[1]

    def _next_sweep(self) -> datetime | None:
        """Return when messages are to be looked at next, as of the last change of the database."""
        if self._sweep_at is None or self._sweep_at[0] != self.raw.total_changes:
            waits = [at for (at,) in self.raw.execute(COMING) if at]
            self._sweep_at = self.raw.total_changes, _instant(min(waits)) if waits else None
        return self._sweep_at[1]

    def patience_of(self, daemon: Daemon) -> float:
        """Return how long a daemon without the lease sleeps: the one that has it would renew it all the while."""
        others = [other for other in self.daemons if other is not daemon]
        if any(other.holds_lease and not other.is_frozen for other in others):
            return QUIET.total_seconds()
        lease = self.raw.execute("SELECT expires FROM leases").fetchone()
        left = (_instant(lease[0]) - self.clock_now()).total_seconds() if lease else 0.0
        return min(max(left, 0.0), LEASE_S) + self.between(0.05, 3, "take over")

    def wake_others(self, daemon: Daemon) -> None:
        """Let the second daemon look while the first one's lease is fresh."""
        for other in self.daemons:
            if other is not daemon and other.is_up and not other.holds_lease:
                self._wake(other, self.hub.now)

    def can_doubt_clock(self) -> bool:
        """Say whether a daemon saw the clock before it was set wrong: one that starts later has nothing to go by."""
        return any(daemon.is_up and daemon.booted_at < self.set_wrong_at for daemon in self.daemons)

    def one_is_gone(self) -> None:
        """Let daemons without the lease look: whoever had it may be gone."""
        for daemon in self.daemons:
            if daemon.is_up and not daemon.holds_lease:
                self._wake(daemon, self.hub.now + timedelta(seconds=0.2))

    # What comes from outside -------------------------------------------------------------

    def call_back(self, report: Any) -> None:
        """Let a gateway's word reach the web process, if it is up."""
        from store import outcomes

        web = self.web
        if not web.is_up:
            return

        def apply() -> None:
            try:
                with web.services.engine.begin() as connection:
                    outcomes.apply_report(connection, report, web.services.clock.now())
            except OperationalError as err:
                self.failed(web, err)
                return
            message = self.provider.by_id[report.provider_id].outgoing.message
            if report.status is Status.DELIVERED:
                self.provider.delivered.add(message)
            self.on_told(message)

        web.start("call-back", apply)

    def failed(self, process: Process, err: Exception) -> None:
        """Note what was raised where nothing should be."""
        if LOST not in str(err):
            self.wrong.append(f"{process.name} raised {type(err).__name__}: {err}")


def _begins(load: Load) -> datetime:
    return midnight(load.first) - timedelta(minutes=1)


def _instant(words: str) -> datetime:
    return datetime.fromisoformat(f"{words}+00:00")


#: what a daemon waits for: a step that is taken, a lever, a fact
SEEN: Final = (
    "SELECT (SELECT value FROM installation WHERE key = 'cursor'), "
    "(SELECT value FROM installation WHERE key = 'held'), (SELECT sum(mark) FROM stale)"
)
#: how far the clock has come, and when facts and notices are to be looked at next
AHEAD: Final = (
    "SELECT (SELECT value FROM installation WHERE key = 'cursor'), (SELECT min(next_reckon_at) FROM subjects), "
    "(SELECT min(leaves_at) FROM notices WHERE state = 'waiting')"
)
#: when messages are to be looked at next, by the states that move by themselves
COMING: Final = (
    "SELECT max((SELECT try_at FROM messages WHERE state = 'due' AND channel = 'sms' ORDER BY try_at LIMIT 1), "
    "coalesce((SELECT open_until FROM gateways WHERE name = 'sms'), '')) "
    "UNION ALL SELECT max("
    "(SELECT try_at FROM messages WHERE state = 'due' AND channel = 'email' ORDER BY try_at LIMIT 1), "
    "coalesce((SELECT open_until FROM gateways WHERE name = 'mail'), '')) "
    "UNION ALL SELECT min(try_at) FROM messages WHERE state = 'unknown' "
    "UNION ALL SELECT min(claimed_until) FROM messages WHERE state = 'sending' "
    "UNION ALL SELECT min(moved_at) FROM messages WHERE state IN ('failed', 'undeliverable') AND followed_at IS NULL "
    "UNION ALL SELECT datetime((SELECT ended_at FROM attempts WHERE status = 'accepted' AND gateway = 'sms' "
    "AND provider_id IS NOT NULL ORDER BY ended_at LIMIT 1), '+2 hours', '+1 seconds') "
    "UNION ALL SELECT datetime((SELECT min(ended_at) FROM attempts WHERE status = 'sent' AND gateway = 'sms' "
    "AND provider_id IS NOT NULL AND datetime(ended_at, '+2 hours') < datetime(at, '+50 hours')), "
    "'+2 hours', '+1 seconds')"
)


def as_sql(at: datetime) -> str:
    """Return an instant as SQLite keeps it."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
