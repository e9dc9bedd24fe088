"""Does what runs on the database tell the same people the same things at the same instants as `duban simulate`?"""

import json
import threading
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from actors.steps import Plan, next_instant, take_step
from config.calendars import load_calendar
from config.drill import Drill, DrillClock
from config.policies import load_policy
from config.settings import load_settings
from daemon.processes import working
from intake.checking import check
from replay.engine import Replay
from replay.simulate import digest_lines, local_iso, matter_lines, notice_lines, run_record
from rules.facts import midnight
from rules.matters import MatterKind
from rules.policy import Policy
from rules.workdays import ONE_DAY
from store import notices, outbox, projection
from store.ahead import look_ahead
from tests.actors.installations import Installation
from tests.oracle.records import write_random_record
from tests.oracle.renaming import give_odd_ids
from tests.oracle.test_oracle_cases import arguments
from tests.store.deliveries import made_digests

CASES = Path(__file__).parents[1] / "cases"
#: rolling and calendar, both and either, assigned and any, with and without a daily limit of SMS
SEEDS = {"sqlite": [4, 7, 12, 25], "postgresql": [8]}
CHOSEN = ["10-petition-whole-loop", "20-key-project-slips-twice", "24-rolling", "26-digests"]
Line = dict[str, Any]


def expected(record, first: date, last: date, policy: Policy) -> Replay:
    return run_record(record, first, last, policy=policy, settings=load_settings({}))


def policy_of(settings: dict[str, object]) -> Policy:
    return load_policy(None, [f"{key}={value}" for key, value in settings.items()], {})


def record_in(folder: Path, first: date, policy: Policy):
    checked = check(folder, calendar=load_calendar(), policy=policy.model_copy(update={"start_on": first}))
    assert checked.faults == ()
    return checked.record


# Lines of both sides -------------------------------------------------------------------------


def plain(lines: Iterable[Line]) -> list[Line]:
    """Return lines as a reader of JSON gets them."""
    return [json.loads(json.dumps(line)) for line in lines]


def in_simulation(run: Replay) -> tuple[list[Line], ...]:
    """Return notices, digests and matters; an e-mail's text is one line there and a letter here, so it is left out."""
    told, made, matters = (list(map(json.loads, found(run))) for found in (notice_lines, digest_lines, matter_lines))
    for line in told:
        if line["channel"] != "sms":
            del line["text"]
    return told, made, matters


def in_database(connection, last: date) -> tuple[list[Line], ...]:
    return (
        in_order(_notices(connection), "at", "matter", "rung", "to", "channel"),
        in_order(_digests(connection), "at", "digest", "office", "to"),
        in_order(_matters(connection, last), "matter"),
    )


def in_order(lines: Iterable[Line], *keys: str) -> list[Line]:
    return sorted(plain(lines), key=lambda line: [line[key] or "" for key in keys])


def _notices(connection):
    for told in notices.list_notices(connection):
        row = told.notice
        if row.state not in ("bundled", "recorded"):
            continue
        line = {
            "at": local_iso(row.leaves_at),
            "matter": row.matter,
            "rung": row.rung,
            "due": row.due.isoformat(),
            "to": row.to_person or None,
            "office": row.office,
            "channel": row.channel or None,
            "status": row.verdict,
            "rerouted": row.rerouted,
        }
        yield line | ({"text": told.text or ""} if row.channel == "sms" else {})


def _digests(connection):
    for row in made_digests(connection):
        yield {
            "at": local_iso(row["at"]),
            "digest": row["kind"],
            "period": row["period"],
            "office": row["office"],
            "to": row["person"],
            "due_soon": row["due_soon"],
            "overdue": row["overdue"],
        }


def _matters(connection, last):
    for listed in projection.list_matters(connection, last):
        matter = listed.matter
        line = {
            "matter": matter.id,
            "opened": matter.opened.isoformat(),
            "due": matter.due.isoformat(),
            "settled": matter.settled.isoformat() if matter.settled else None,
            "status": listed.status,
            "responsible": matter.responsible,
        }
        yield line | ({"arrivals": matter.arrivals} if matter.kind is MatterKind.VISIT else {})


def assert_same(engine, run: Replay) -> None:
    with engine.begin() as connection:
        found = in_database(connection, run.last)
        states = outbox.count_by_state(connection)
    for ours, theirs in zip(found, in_simulation(run), strict=True):
        assert [line for line in ours if line not in theirs] == [], "told by the daemon alone"
        assert ours == theirs
    assert set(states) <= {"accepted"}, "everything was sent at once"


# On a clock that jumps -----------------------------------------------------------------------


def assert_live_equals_simulation(engine, folder: Path, first: date, last: date, settings: dict[str, object]) -> None:
    policy = policy_of(settings)
    record = record_in(folder, first, policy)
    duban = Installation(engine, start=first, policy=policy, calendar=load_calendar())
    duban.keep(record)
    duban.run_to(midnight(last + ONE_DAY) - timedelta(microseconds=1))
    assert_same(engine, expected(record, first, last, policy))


@pytest.mark.parametrize("seed", SEEDS["sqlite"])
def test_a_random_record_is_told_as_in_the_simulation(sqlite_engine, tmp_path, seed):
    args = write_random_record(tmp_path, seed)
    assert_live_equals_simulation(sqlite_engine, tmp_path, args["from"], args["to"], args["settings"])


@pytest.mark.parametrize("seed", SEEDS["postgresql"])
def test_a_random_record_is_told_as_in_the_simulation_on_postgresql(postgres_engine, tmp_path, seed):
    args = write_random_record(tmp_path, seed)
    assert_live_equals_simulation(postgres_engine, tmp_path, args["from"], args["to"], args["settings"])


@pytest.mark.parametrize("seed", [4, 7])
def test_ids_of_whatever_shape_change_nothing(engine, tmp_path, seed):
    args = write_random_record(tmp_path, seed)
    give_odd_ids(tmp_path)
    assert_live_equals_simulation(engine, tmp_path, args["from"], args["to"], args["settings"])


@pytest.mark.parametrize("case", CHOSEN)
def test_a_worked_case_is_told_as_in_the_simulation(engine, case):
    assert_live_equals_simulation(engine, CASES / case, *arguments(CASES / case))


def test_the_seeds_have_every_variant(tmp_path):
    drawn = [write_random_record(tmp_path, seed)["settings"] for seeds in SEEDS.values() for seed in seeds]
    for key, values in {
        "period": {"rolling", "calendar"},
        "arrivals": {"both", "either"},
        "place": {"assigned", "any"},
        "sms_per_day": {None, 1, 2},
    }.items():
        assert {settings.get(key) for settings in drawn} == values


# Through the broker --------------------------------------------------------------------------


class EndingClock(DrillClock):
    """A drill's clock that stops at an instant."""

    def __init__(self, drill: Drill, ends: datetime) -> None:
        super().__init__(drill)
        self.ends = ends

    def now(self) -> datetime:
        return min(super().now(), self.ends)


@pytest.mark.parametrize("case", ["10-petition-whole-loop", "12-climb-and-acknowledge"])
def test_the_clock_and_the_workers_of_an_embedded_broker_tell_the_same(engine, case):
    first, last, settings = arguments(CASES / case)
    policy = policy_of(settings)
    record = record_in(CASES / case, first, policy)
    ends = midnight(last + ONE_DAY) - timedelta(microseconds=1)
    duban = Installation(engine, start=first, policy=policy, calendar=load_calendar())
    duban.keep(record)
    # As `duban up` does: what is known at the start is reckoned while the clock stands.
    take_step(duban.services, duban.desks, Plan(midnight(first)))
    duban.services.clock = EndingClock(Drill(midnight(first), 1_000_000.0), ends)
    with working(duban.services) as desks:
        is_over = _waits_until(lambda: _is_over(engine, desks, ends))
    assert is_over
    assert_same(engine, expected(record, first, last, policy))


def _is_over(engine, desks, ends: datetime) -> bool:
    with engine.begin() as connection:
        coming = next_instant(look_ahead(connection), desks.of(connection))
        return coming > ends and not outbox.is_busy(connection, ends)


def _waits_until(is_so) -> bool:
    pause = threading.Event()
    return any(is_so() or pause.wait(0.05) for _ in range(1200))
