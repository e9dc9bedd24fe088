"""What do the tests of the commands share? duban as somebody types it, on a database of its own."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from actors.desks import Desks
from actors.sending import Sender
from actors.steps import plan_next, take_step
from config import services as services_module
from config.drill import Drill, DrillClock, parse_drill
from config.services import Services, open_services
from daemon.cli import main
from store.ahead import look_ahead
from store.engine import make_engine

CASES: Final = Path(__file__).parents[1] / "cases"
ACKNOWLEDGED: Final = CASES / "12-climb-and-acknowledge"
LATE: Final = CASES / "02-climb-then-late"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def facts(self) -> Any:
        return json.loads(self.out)


Duban = Callable[..., Answer]


@pytest.fixture(autouse=True)
def only_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests do not count."""
    for name in [name for name in os.environ if name.startswith(("DUBAN_", "TWILIO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DUBAN_PORT", "0")


@pytest.fixture
def database(tmp_path, monkeypatch) -> Path:
    """The file of a database that is not there yet; duban is set to it."""
    file: Path = tmp_path / "duban.db"
    monkeypatch.setenv("DUBAN_DATABASE_URL", f"sqlite:///{file}")
    return file


@pytest.fixture
def duban(database, monkeypatch) -> Iterator[Duban]:
    """Call it as one would type it: `duban("status", "--json")`."""
    with opened(monkeypatch):
        yield typed


def typed(*words: object) -> Answer:
    result = CliRunner().invoke(main, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


@contextmanager
def opened(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close all databases in the end: a command leaves that to the end of its process, which does not come here."""
    engines: list[Engine] = []

    def opening(url: str) -> Engine:
        engines.append(make_engine(url))
        return engines[-1]

    patch.setattr(services_module, "make_engine", opening)
    try:
        yield
    finally:
        for engine in engines:
            engine.dispose()


@pytest.fixture(scope="session")
def imported_record(tmp_path_factory) -> Path:
    """A database that has taken in a small record; made once, copied for each test."""
    file: Path = tmp_path_factory.mktemp("imported") / "duban.db"
    with pytest.MonkeyPatch.context() as patch, opened(patch):
        patch.setenv("DUBAN_DATABASE_URL", f"sqlite:///{file}")
        assert typed("import", ACKNOWLEDGED).status == 0
    return file


@pytest.fixture
def imported(imported_record, database) -> Path:
    """Duban's database holds the record of case 12; no clock has run yet."""
    shutil.copy(imported_record, database)
    return Path(database)


@pytest.fixture
def run_to(imported, monkeypatch) -> Callable[[str], None]:
    """Let the clock run from 1 March 2026 to an instant, every round held and every message sent; look from there."""

    def run(until: str) -> None:
        monkeypatch.setenv("DUBAN_POLICY__START_ON", "2026-03-01")
        monkeypatch.setenv("DUBAN_CLOCK", until)
        with opened(monkeypatch):
            _take_steps(open_services(sends=True), parse_drill(until).begins)

    return run


def _take_steps(services: Services, end: datetime) -> None:
    """Take every step up to `end`, each at its own time, and send what leaves."""
    desks = Desks(services)
    sender = Sender(services, desks)
    while True:
        with services.engine.begin() as connection:
            plan = plan_next(look_ahead(connection), desks.of(connection), end)
        if plan is None:
            return
        services.clock = DrillClock(Drill(plan.at, 1e-6))
        take_step(services, desks, plan)
        while sender.send_due():
            pass
