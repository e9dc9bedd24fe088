"""What do people do in a trial: type facts, correct them, pull levers, go off duty, want no more SMS?

All through the web process, as one asks it: what dies with it is asked again. Callers: trials.py.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from config.services import Services
from daemon.clock_guard import CLOCK
from intake import commands, levers
from intake.faults import Refused
from rules.facts import Channel, PetitionEvent, PetitionEventKind, Record, Row, Visit, midnight
from rules.ladders import next_round
from rules.workdays import ONE_DAY
from store import facts, optouts
from tests.trial.judges import HOUSE, Judge
from tests.trial.loads import LIVE, Sheet, sheets_of, whose
from tests.trial.worlds import World

COMMANDS: Final = {
    "visits": commands.record_visit,
    "leaves": commands.record_leave,
    "petitions": commands.register_petition,
    "petition_events": commands.report_petition_event,
    "project_events": commands.report_project_event,
}
#: how long before they count facts are typed in a seed, in seconds: in advance, just before, or in that second
LEADS: Final = (2 * 86_400, 3600, 90, 5, 1)


class People:
    """Everybody who changes something from outside."""

    def __init__(self, world: World, judge: Judge, *, by_command: bool) -> None:
        self.world = world
        self.judge = judge
        self.by_command = by_command
        self.lead = LEADS[int(world.chance.unit("lead") * len(LEADS))]
        self.files: dict[tuple[str, str], list[Sheet]] = defaultdict(list)

    def begin(self) -> None:
        """Put what was on record before on record; have the rest typed in its time."""
        world, record = self.world, self.world.load.record
        begins = world.hub.now
        with world.engine.begin() as connection:
            for table in Record.TABLES:
                if table not in LIVE:
                    facts.upsert(connection, table, getattr(record, table))
            later = []
            for sheet in sheets_of(record):
                if sheet.at - timedelta(seconds=self.lead) <= begins:
                    _write(connection, sheet)
                    self._count(len(sheet.rows))
                else:
                    later.append(sheet)
        world.has_changed()
        for sheet in later:
            self.files[sheet.of].append(sheet)
        for of in self.files:
            self._type_next(of)
        day = world.load.first
        while day <= world.load.last:
            self._plan_day(day)
            day += ONE_DAY

    def _count(self, rows: int) -> None:
        self.judge.asked += rows
        self.judge.accepted += rows

    # Asking ------------------------------------------------------------------------------

    def ask(self, name: str, work: Callable[[Services], None], done: Callable[[], None] = lambda: None) -> None:
        """Have the web process do something; ask again if it is down, dies, or the database is out of reach."""
        world, web = self.world, self.world.web

        def again() -> None:
            world.hub.after(world.between(1, 60, "again"), lambda: self.ask(name, work, done))

        def run() -> None:
            try:
                work(web.services)
            except OperationalError as err:
                world.failed(web, err)
                again()
            else:
                done()

        if web.is_up:
            web.start(name, run, again)
        else:
            again()

    # Facts -------------------------------------------------------------------------------

    def _type_next(self, of: tuple[str, str]) -> None:
        """Have the next sheet of a file typed in its time; those of one file are typed one after the other."""
        if not self.files[of]:
            return
        world = self.world
        sheet = self.files[of].pop(0)
        at = sheet.at - timedelta(seconds=self.lead)
        if world.chance.strikes("late fact", at, f"{sheet.of}"):
            at = self._late(sheet)
        world.hub.at(at, lambda: self._type(sheet))

    def _late(self, sheet: Sheet) -> datetime:
        """Return when a late sheet is typed: at any time, or just when the next round's messages leave."""
        world = self.world
        if world.chance.next("race", sheet.at) < 0.5:
            return sheet.at + timedelta(seconds=world.chance.between(1, 30 * 3600, "late", sheet.at))
        coming = next_round(sheet.at, world.load.policy, world.calendar)
        return coming + timedelta(seconds=world.chance.between(0, 0.8, "late", sheet.at))

    def _type(self, sheet: Sheet) -> None:
        world = self.world
        table, row = sheet.rows[0]

        def right() -> None:
            self._put(sheet, lambda: self._type_next(sheet.of))

        if self.by_command and world.strikes("refused fact", f"{sheet.of}"):
            self._put_wrong(sheet)
        if sheet.is_command and isinstance(row, Visit) and world.strikes("wrong first", f"visit {row.id}"):
            wrong = replace(row, voters=(row.voters or 0) + 1, day=row.day - 20 * ONE_DAY)
            hurry = world.between(0.5, 3 * 3600, "hurry")
            first = replace(sheet, rows=((table, wrong),))
            self._put(first, lambda: world.hub.after(hurry, right), is_to_stay=False)
        else:
            right()

    def _put(self, sheet: Sheet, done: Callable[[], None], *, is_to_stay: bool = True) -> None:
        def write(services: Services) -> None:
            with services.engine.begin() as connection:
                if self.by_command and sheet.is_command and sheet.rows[0][0] in COMMANDS:
                    table, row = sheet.rows[0]
                    policy = services.policy
                    COMMANDS[table](connection, row, calendar=services.calendar, policy=policy)  # type: ignore[operator]
                else:
                    _write(connection, sheet)
                self.judge.edited(*(whose(table, row) for table, row in sheet.rows))

        def noted() -> None:
            if is_to_stay:
                self._count(len(sheet.rows))
            done()

        if is_to_stay and self.world.strikes("typed twice", f"{sheet.of}"):
            self.ask("typing", write)
        self.ask("typing", write, noted)

    def _put_wrong(self, sheet: Sheet) -> None:
        """Report something that never holds: a verification with an office."""
        if sheet.of[0] != "petition":
            return
        wrong = PetitionEvent(
            petition=sheet.of[1], at=sheet.at, event=PetitionEventKind.VERIFIED, office="no such office"
        )  # fmt: skip
        self.judge.asked += 1

        def write(services: Services) -> None:
            try:
                with services.engine.begin() as connection:
                    commands.report_petition_event(
                        connection, wrong, calendar=services.calendar, policy=services.policy
                    )
            except Refused:
                return
            self.judge.wrong("rows", f"{wrong} was not refused")

        def refused() -> None:
            self.judge.refused += 1

        self.ask("typing what does not hold", write, refused)

    # Days --------------------------------------------------------------------------------

    def _plan_day(self, day: date) -> None:
        """Lay out what people and machines do to duban on a day."""
        hub = self.world.hub
        for name, do in {
            "hold": self._hold,
            "house": self._go_off_duty,
            "retry": self._retry,
            "stop": self._stop,
            "outage": self._outage,
            "jump": self._jump,
            "down": self._go_down,
            "restart": self._restart,
        }.items():
            at = midnight(day) + timedelta(seconds=self._hour(name, day) * 3600)
            hub.at(at, lambda name=name, do=do: do() if self.world.strikes(name) else None)
        hub.at(midnight(day) + timedelta(hours=10, minutes=7), self._visit)

    def _hour(self, name: str, day: date) -> float:
        """Return an hour of the day, mostly about the time of the round."""
        drawn = self.world.chance.unit(f"hour of {name} {day}")
        return 8.4 + 2 * drawn if self.world.chance.unit(f"{name} about the round {day}") < 0.6 else 24 * drawn

    def _hold(self) -> None:
        self._pull(held=True)
        hours = self.world.between(0.01, 20, "held")
        self.world.hub.after(hours * 3600, self._go_on)

    def _go_on(self) -> None:
        """Let go what was held by hand; who reads that it is for the clock leaves it to whoever sets that right."""
        if not self._held_because().startswith(CLOCK):
            self._pull(held=False)

    def _held_because(self) -> str:
        held = self.world.raw.execute("SELECT value FROM installation WHERE key = 'held'").fetchone()
        return held[0] if held else ""

    def _pull(self, *, held: bool) -> None:
        def pull(services: Services) -> None:
            with services.engine.begin() as connection:
                levers.set_held(connection, held=held, actor="operator:trial", at=services.clock.now())
            self.judge.levers += 1

        self.ask("lever", pull)

    def _visit(self) -> None:
        """Let the operator look once a day: set a wrong clock right, let go what the system held by itself."""
        world = self.world
        if world.offset:
            return
        reason = self._held_because()
        is_own = not reason or reason.startswith(CLOCK)
        if reason.startswith(CLOCK) or (
            is_own and world.raw.execute("SELECT 1 FROM messages WHERE state = 'held' LIMIT 1").fetchone()
        ):
            self._pull(held=False)

    def _retry(self) -> None:
        query = "SELECT id FROM messages WHERE state IN ('failed', 'undeliverable') ORDER BY id DESC LIMIT 1"
        row = self.world.raw.execute(query).fetchone()
        if row is None:
            return
        message = row[0]

        def retry(services: Services) -> None:
            with services.engine.begin() as connection:
                done = levers.retry_message(connection, message, actor="operator:trial", at=services.clock.now())
            self.judge.levers += done

        self.ask("lever", retry)

    def _stop(self) -> None:
        """Let the owner of a number want no more, by an SMS of his own."""
        ledger = [taken for taken in self.world.provider.ledger if taken.outgoing.channel == "sms"]
        if not ledger:
            return
        address = ledger[int(self.world.chance.next("who", self.world.hub.now) * len(ledger))].outgoing.address
        self.world.provider.opted_out.setdefault(address, self.world.hub.now)

        def stop(services: Services) -> None:
            with services.engine.begin() as connection:
                optouts.add(connection, "sms", address, services.clock.now(), "sms")

        self.ask("reply", stop)

    def _go_off_duty(self) -> None:
        """Take somebody off duty, and put him back later."""
        contacts = self.world.load.record.contacts
        if not contacts:
            return
        who = contacts[int(self.world.chance.next("who", self.world.hub.now) * len(contacts))]

        def put(row: Row) -> Callable[[Services], None]:
            def write(services: Services) -> None:
                with services.engine.begin() as connection:
                    facts.upsert(connection, "contacts", [row])
                    self.judge.edited(HOUSE)

            return write

        hours = self.world.between(0.1, 50, "back")

        def back() -> None:
            self.world.hub.after(hours * 3600, lambda: self.ask("house", put(who)))

        self.ask("house", put(replace(who, on_duty=not who.on_duty)), back)

    # Machines ----------------------------------------------------------------------------

    def _outage(self) -> None:
        world = self.world
        channel = Channel.SMS if world.chance.next("which", world.hub.now) < 0.5 else Channel.EMAIL
        ends = world.hub.now + timedelta(minutes=world.between(5, 300, "outage"))
        world.provider.out_until[channel] = max(ends, world.provider.out_until.get(channel, ends))

    def _jump(self) -> None:
        world = self.world
        is_small = world.chance.next("small", world.hub.now) < 0.5
        far = 50 if is_small else 40 * 3600
        before, world.offset = world.offset, timedelta(seconds=world.between(-far, far, "jump"))
        world.jumped = world.offset - before
        (world.pulled_before,) = world.raw.execute("SELECT count(*) FROM audit").fetchone()
        world.set_wrong_at = world.hub.now
        for daemon in world.daemons:
            world.disturb(daemon)
        world.hub.after(world.between(60, 5 * 3600, "set right"), self._set_right)

    def _set_right(self) -> None:
        self.world.offset = timedelta()
        for daemon in self.world.daemons:
            self.world.disturb(daemon)
        self.world.hub.after(120, self._visit)

    def _go_down(self) -> None:
        world = self.world
        for_s = world.between(60, 4 * 86_400, "down")
        for process in world.processes:
            process.die(for_s + world.between(0, 60, "boot"))

    def _restart(self) -> None:
        world = self.world
        process = world.processes[int(world.chance.next("which", world.hub.now) * len(world.processes))]
        process.die(world.between(2, 2 * 3600, "boot"))

    def mend(self) -> None:
        """Make everything well: nothing goes wrong from now on."""
        world = self.world
        world.chance.is_quiet = True
        world.offset = timedelta()
        world.provider.out_until.clear()
        for process in world.processes:
            process.boot()
        for daemon in world.daemons:
            world.disturb(daemon)
        self._pull(held=False)
        world.hub.after(300, lambda: self._pull(held=False))


def _write(connection: Connection, sheet: Sheet) -> None:
    for table in Record.TABLES:
        rows = [row for of, row in sheet.rows if of == table]
        if rows:
            facts.upsert(connection, table, rows)
