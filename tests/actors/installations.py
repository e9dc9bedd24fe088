"""How is duban run over a database in a test? On a clock that stands until it is set, step by step.

The organisation is that of tests/rules/builders.py unless a record brings its own.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Engine, select, text

from actors.desks import Desks
from actors.sending import Sender
from actors.settling import ask_about_silent, follow_up, settle_unknown
from actors.steps import Done, Plan, next_instant, plan_next, take_step
from channels.gateway import Gateway
from config.gateways import sandbox_gateways
from config.services import Services
from config.settings import load_settings
from rules.facts import Channel, Record, midnight
from rules.policy import Policy
from rules.workdays import Calendar
from store import notices, sandbox
from store.ahead import look_ahead
from store.notices import Told
from store.sandbox import Kept
from store.schema import messages, metadata
from tests.rules import builders
from tests.rules.builders import CALENDAR, at, shown
from tests.store.deliveries import made_digests
from tests.store.saving import save

Dump = dict[str, list[tuple[Any, ...]]]
Line = tuple[str, str, str, str, str]
TABLES: Final = metadata.sorted_tables


class StillClock:
    """A clock that stands until it is set."""

    speed = 1.0
    is_drill = False

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant


class Installation:
    """One process of duban, and the database that it works on."""

    def __init__(
        self,
        engine: Engine,
        *,
        start: date = date(2026, 1, 1),
        policy: Policy | None = None,
        calendar: Calendar = CALENDAR,
        gateways: Mapping[Channel, Gateway] | None = None,
        **settings: Any,
    ) -> None:
        """Take into use on `start`, by the default policy with some settings changed; the clock stands at its 00:00."""
        self.engine = engine
        self.clock = StillClock(midnight(start))
        in_force = policy or builders.policy(**settings)
        self.services = Services(
            load_settings({}),
            in_force.model_copy(update={"start_on": start}),
            calendar,
            engine,
            self.clock,
            gateways or sandbox_gateways(engine),
        )
        self.desks = Desks(self.services)
        self.sender = Sender(self.services, self.desks)

    # The record --------------------------------------------------------------------------

    def keep(self, record: Record) -> None:
        """Write a whole record."""
        with self.engine.begin() as connection:
            save(connection, record)

    def sql(self, statement: str, **values: Any) -> None:
        """Do what another program might: one plain statement."""
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    # The clock ---------------------------------------------------------------------------

    def plan(self, *, was_down: bool = False) -> Plan | None:
        """Return the step that is due now."""
        with self.engine.begin() as connection:
            return plan_next(look_ahead(connection), self.desks.of(connection), self.clock.now(), was_down=was_down)

    def take(self, plan: Plan, *, sends: bool = True) -> Done | None:
        """Take a step, and send at once what leaves."""
        done = take_step(self.services, self.desks, plan)
        if done is not None and sends:
            self.send_due()
        return done

    def send_due(self) -> None:
        """Send all that is due."""
        while self.sender.send_due():
            pass

    def sweep(self) -> None:
        """Do what a sweep does, and send what it rings for."""
        settle_unknown(self.services, self.desks)
        follow_up(self.services, self.desks)
        ask_about_silent(self.services)
        self.send_due()

    def run_to(self, until: datetime, *, sends: bool = True) -> int:
        """Jump from instant to instant up to `until`, and return how many steps were taken."""
        steps = 0
        while True:
            plan = self.plan()
            if plan is not None:
                self.take(plan, sends=sends)
                steps += 1
                continue
            with self.engine.begin() as connection:
                coming = next_instant(look_ahead(connection), self.desks.of(connection))
            if coming > until:
                break
            self.clock.instant = coming
        self.clock.instant = until
        return steps

    def run(self, until: str, *, sends: bool = True) -> None:
        """Run up to an instant such as `03-31 09:00`."""
        self.run_to(at(until), sends=sends)

    def wake(self, when: str) -> Done | None:
        """Look for the first time after a pause, as a daemon that was down does."""
        self.clock.instant = at(when)
        plan = self.plan(was_down=True)
        return None if plan is None else self.take(plan)

    # What became of it -------------------------------------------------------------------

    def dump(self) -> Dump:
        """Return all that is in the database."""
        with self.engine.begin() as connection:
            return {t.name: sorted(map(tuple, connection.execute(select(t))), key=repr) for t in TABLES}

    def notices(self, **filters: Any) -> list[Told]:
        with self.engine.begin() as connection:
            return notices.list_notices(connection, **filters)

    def told(self, since: str = "01-01 00:00") -> list[Line]:
        """Return what people received: when, matter, rung, to whom, on which channel; as builders.told does."""
        return sorted(_line(one) for one in self.notices() if _is_told(one) and one.notice.leaves_at >= at(since))

    def superseded(self) -> list[tuple[str, str, str]]:
        """Return what was not sent after all: matter, rung, reason."""
        return [(t.notice.matter, t.notice.rung, t.notice.reason or "") for t in self.notices(state="superseded")]

    def digests(self) -> list[tuple[str, str, str, str]]:
        """Return the digests made: when, kind, period, office."""
        with self.engine.begin() as connection:
            made = made_digests(connection)
        return [(shown(d["at"]), str(d["kind"]), str(d["period"]), str(d["office"])) for d in made]

    def messages(self, state: str | None = None) -> list[Any]:
        """Return the rows of the outbox."""
        query = select(messages).order_by(messages.c.id)
        with self.engine.begin() as connection:
            return [row for row in connection.execute(query) if state in (None, row.state)]

    def sandbox(self, channel: str = "sms") -> list[Kept]:
        """Return what has left, the oldest first."""
        with self.engine.begin() as connection:
            return sandbox.latest(connection, channel, 10_000)[::-1]


def _is_told(told: Told) -> bool:
    return told.notice.state in ("bundled", "recorded")


def _line(told: Told) -> Line:
    row = told.notice
    who = row.to_person.partition(":")[2] or row.verdict
    mark = "!" if row.rerouted and row.to_person else "" if row.verdict != "skipped" else "skipped "
    return shown(row.leaves_at), row.matter, row.rung, f"{mark}{who}", row.channel
