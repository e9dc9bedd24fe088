"""What does `duban up` do, from an empty folder to a stop by Ctrl-C?

Everything in one process on the embedded default. Without a terminal it prints one line for each step that did
something. Callers: daemon/commands.
"""

import sys
import threading
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from actors.desks import Desks
from actors.steps import Plan, cursor, plan_next, take_step
from config.drill import Drill, DrillClock
from config.policies import load_policy
from config.services import Services, open_services
from config.settings import Settings, load_settings
from daemon.logs import log_plainly
from daemon.processes import POLICY, claim_for_clock, prepare, stop_on_signals, working
from daemon.saying import BAD_INPUT, fail
from daemon.view import StepLog, draw, look
from rules.facts import SHANGHAI, Record
from rules.policy import Arrivals, Policy
from store import facts, installation
from store.ahead import look_ahead
from store.engine import reading

if TYPE_CHECKING:
    from daemon.serving import Address

FRAME_S: Final = 0.5
#: the demo's year is one whose holiday notice is out; its clock starts before a round
DEMO_YEAR: Final = 2026
DEMO_BEGINS: Final = datetime(DEMO_YEAR, 3, 2, 8, 20, tzinfo=SHANGHAI).astimezone(UTC)
DEMO_SPEED: Final = 3600.0
DEMO_DATABASE: Final = "sqlite:///var/demo.db"


def run_up(*, demo: bool, port: int | None) -> None:
    """Run until Ctrl-C or SIGTERM; started again, it goes on where it was."""
    log_plainly()
    stopping = stop_on_signals()
    settings = _settings(demo=demo, port=port)
    services = open_services(settings, _policy(demo=demo), sends=True)
    console = Console(soft_wrap=not sys.stdout.isatty())
    _begin(services, console, demo=demo)
    steps = StepLog()
    with working(services, steps) as desks:
        # Only now: what is due leaves while the web's libraries are being loaded.
        from daemon.serving import serving

        with serving(services, desks) as address:
            _show(services, desks, steps, console, stopping, address)
    _say(console, f"stopped; all is kept in {services.engine.url.render_as_string(hide_password=True)}")


def _settings(*, demo: bool, port: int | None) -> Settings:
    given = load_settings(port=port)
    default = Settings().database_url
    return load_settings(port=port, database_url=DEMO_DATABASE) if demo and given.database_url == default else given


def _policy(*, demo: bool) -> Policy:
    """Return the policy in force; the demo's year has one arrival a period, as 7,258 visits a year imply."""
    policy = load_policy()
    if demo and policy.duty == Policy().duty:
        return policy.model_copy(update={"duty": policy.duty.model_copy(update={"arrivals": Arrivals.EITHER})})
    return policy


def _begin(services: Services, console: Console, *, demo: bool) -> None:
    """Make the schema, fill an empty database of a demo, and start a drill's clock."""
    if demo:
        with services.engine.begin() as connection:
            _refuse_anothers(connection, services)
        if not services.clock.is_drill:
            services.clock = DrillClock(Drill(DEMO_BEGINS, DEMO_SPEED))
    prepare(services)
    with services.engine.begin() as connection:
        # First: a database that runs on the machine's clock is not filled.
        claim_for_clock(connection, services)
        if demo:
            if facts.is_empty(connection):
                _say(console, f"第一次启动：正在生成一个虚构的县级市（{DEMO_YEAR}年）…… making up a municipality")
                _fill(connection, services)
            installation.put(connection, POLICY, services.policy.model_dump_json(by_alias=True))
    if isinstance(services.clock, DrillClock):
        services.clock = _started(services, services.clock)


def _refuse_anothers(connection: Connection, services: Services) -> None:
    """End if there is a record that no demo made up: a drill's clock that has run on it cannot be taken off again."""
    is_made = installation.mark(connection) is not None
    if is_made and installation.get(connection, POLICY) is None and not facts.is_empty(connection):
        where = services.engine.url.render_as_string(hide_password=True)
        fail(
            f"{where} holds a record that no demo made up, and --demo fills an empty database; "
            "leave --demo out, or name another DUBAN_DATABASE_URL",
            BAD_INPUT,
        )


def _fill(connection: Connection, services: Services) -> None:
    from intake.demo import make_record

    first, last = date(DEMO_YEAR, 1, 1), date(DEMO_YEAR, 12, 31)
    record = make_record(year_from=first, year_to=last, calendar=services.calendar)
    for table in Record.TABLES:
        facts.upsert(connection, table, getattr(record, table))


def _started(services: Services, clock: DrillClock) -> DrillClock:
    """Return a drill's clock that starts now, where it was left: a drill that was stopped saw no time pass.

    What is known by then is reckoned first, while the clock stands.
    """
    desks = Desks(services)
    with services.engine.begin() as connection:
        desk = desks.of(connection)
        begins = max(clock.begins, cursor(connection, desk))
        plan = plan_next(look_ahead(connection), desk, begins, was_down=True) or Plan(begins)
    take_step(services, desks, plan)
    return DrillClock(Drill(begins, clock.speed))


def _show(
    services: Services,
    desks: Desks,
    steps: StepLog,
    console: Console,
    stopping: threading.Event,
    address: "Address",
) -> None:
    if not console.is_terminal:
        with reading(services.engine) as connection:
            _say(console, address.line(connection))
        _print_steps(steps, console, stopping)
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            try:
                screen = _screen(services, desks, steps, address)
            except SQLAlchemyError as err:  # clock and workers go on when it is back, and so does this
                screen = Group(Text(f"数据库暂时无法访问 the database: {type(err).__name__}", style="bold red"))
            live.update(screen, refresh=True)
            if stopping.wait(FRAME_S):
                return


def _screen(services: Services, desks: Desks, steps: StepLog, address: "Address") -> Group:
    with reading(services.engine) as connection:
        scene = look(connection, desks.of(connection), services.clock.now(), services.clock.speed, steps)
        return Group(Text(address.line(connection), style="bold"), draw(scene))


def _print_steps(steps: StepLog, console: Console, stopping: threading.Event) -> None:
    _say(console, "督办 duban 已启动；Ctrl-C 结束")
    while not stopping.wait(FRAME_S):
        while steps.lines:
            _say(console, steps.lines.popleft())


def _say(console: Console, line: str) -> None:
    """Print a line; one that cannot be written, since the disk is full, ends no work."""
    with suppress(OSError):
        console.print(line, highlight=False)
