"""Is nothing lost, doubled or mistimed while processes and servers die, by the ledgers of the gateways?

`CAMPAIGN_KILLS`, `CAMPAIGN_SECONDS` and `CAMPAIGN_SEED` make it longer and another one; docs/campaign.md has the rest.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from tests.campaign.chaos import Chaos, Plan
from tests.campaign.judging import DIGEST
from tests.campaign.mutants import hunt
from tests.campaign.running import Outcome, campaign
from tests.campaign.stage import ROOT, Stage
from tests.fakes.ledger import entries
from tests.fakes.mail import mails

pytestmark = [
    pytest.mark.timeout(900),
    # A database that is killed in the middle of a reading leaves a cursor behind.
    pytest.mark.filterwarnings("ignore:Exception ignored in.*ServerCursor:pytest.PytestUnraisableExceptionWarning"),
]

KILLS: Final = int(os.environ.get("CAMPAIGN_KILLS", "200"))
SECONDS: Final = float(os.environ.get("CAMPAIGN_SECONDS", "90"))
SEED: Final = int(os.environ.get("CAMPAIGN_SEED", "631"))
CALM: Final = Plan(
    kills=0, for_s=15.0, opens_s=6.0, per_s=4.0, named=0.0, stalls=0.0, twilio={}, mail={}, disturbances=()
)
RECOVERS_S: Final = 60.0
CLAIM_S: Final = 30.0
STOPS_S: Final = 30.0
LIVES_S: Final = 9.0
BIN: Final = Path(sys.executable).parent


def assert_all_is_well(outcome: Outcome) -> None:
    assert outcome.wrongs == {}, outcome.told()


def test_nothing_is_lost_or_doubled_while_processes_and_servers_die(tmp_path):
    outcome = campaign(tmp_path, Plan(kills=KILLS, for_s=SECONDS, seed=SEED))
    assert_all_is_well(outcome)
    assert outcome.kills >= KILLS, outcome.told()
    assert len(outcome.points) > 3, outcome.told()
    assert outcome.verdict.figures["SMS taken"] > 100, outcome.told()
    assert outcome.verdict.figures["SMS whose taking was not told"] > 0, outcome.told()


def test_people_are_told_what_a_simulation_of_the_same_facts_says(tmp_path):
    outcome = campaign(tmp_path, CALM)
    assert_all_is_well(outcome)
    figures = outcome.verdict.figures
    assert figures["notices expected"] > 60, outcome.told()
    assert figures["copies of e-mails with the same id"] == 0, outcome.told()


# Recovery ----------------------------------------------------------------------------------


def test_after_the_death_of_all_senders_or_of_redis_messages_leave_again_within_a_minute(tmp_path):
    died: list[float] = []

    def troubles(stage: Stage, chaos: Chaos) -> Iterator[None]:
        # The workers die with what they have claimed, and the leading daemon with them.
        for _ in range(4):
            stage.nursery.start("worker", death="claimed:1")
        daemon = stage.nursery.start("daemon")
        give_up = time.monotonic() + RECOVERS_S
        while len(stage.nursery.alive("worker")) > 2 and time.monotonic() < give_up:
            yield from pause(0.2)
        stage.nursery.kill(daemon)
        for worker in stage.nursery.alive("worker"):
            stage.nursery.kill(worker)
        died.append(time.time())
        chaos.staff(calm=True)
        yield from until_one_is_taken(stage, died[-1])
        # What the dead had claimed is settled by then, or never.
        yield from pause(max(0.0, died[-1] + CLAIM_S + 2.0 - time.time()))
        stage.valkey.kill()
        died.append(time.time())
        yield from pause(2.0)
        stage.valkey.start()
        yield from until_one_is_taken(stage, died[-1])

    outcome = campaign(tmp_path, replace(CALM, for_s=60.0), troubles=troubles)
    assert_all_is_well(outcome)
    assert outcome.points["claimed"] >= 2, outcome.told()
    assert outcome.longest_claim_s <= CLAIM_S, outcome.told()
    for moment in died:
        assert first_after(tmp_path, moment) - moment <= RECOVERS_S, outcome.told()


def first_after(folder: Path, moment: float) -> float:
    """When the next SMS was taken; one that was on its way at that moment is none of it."""
    taken = [entry["at"] for entry in entries(folder / "twilio.jsonl", "message")]
    return min((at for at in taken if at > moment + 1.0), default=float("inf"))


def until_one_is_taken(stage: Stage, moment: float) -> Iterator[None]:
    while first_after(stage.folder, moment) > time.time() and time.time() < moment + RECOVERS_S:
        yield from pause(0.5)


def pause(seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
        time.sleep(0.03)


# Stopping ----------------------------------------------------------------------------------


def test_a_service_told_to_stop_ends_in_good_order_and_loses_nothing(tmp_path):
    ends: list[Any] = []

    def troubles(stage: Stage, _: Chaos) -> Iterator[None]:
        for number in (signal.SIGTERM, signal.SIGINT):
            with honcho(stage) as process:
                yield from life(stage)
                process.send_signal(number)
                ends.append(ended(process))
        # As systemd does with its default: everybody is told, and honcho tells them once more.
        with honcho(stage) as process:
            yield from life(stage)
            everybody = psutil.Process(process.pid).children(recursive=True)
            for each in everybody:
                each.terminate()
            process.terminate()
            ends.append(ended(process))

    outcome = campaign(tmp_path, replace(CALM, opens_s=3.0), troubles=troubles)
    assert_all_is_well(outcome)
    for status, said in ends:
        assert said.count("stopped (rc=0)") == 3, said
        assert status in (0, 128 + signal.SIGTERM, 128 + signal.SIGINT), (status, said)


def life(stage: Stage) -> Iterator[None]:
    """Let a service live, at least until the digests are behind it: a step of seconds, and honcho kills after five."""
    yield from pause(LIVES_S)
    give_up = time.monotonic() + RECOVERS_S
    while not any(DIGEST.search(mail["subject"]) for mail in mails(stage.folder / "mail.jsonl")):
        assert time.monotonic() < give_up, "no digest left"
        yield from pause(0.5)


class honcho:  # noqa: N801 - reads as what is run
    """`honcho start` on a Procfile of one daemon and two workers, in a process group of its own."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __enter__(self) -> "subprocess.Popen[str]":
        folder = self._stage.folder
        self._process = subprocess.Popen(
            [BIN / "honcho", "start", "-f", ROOT / "Procfile", "-c", "worker=2", "daemon", "worker"],
            cwd=folder,
            env=self._stage.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return self._process

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    said, _ = process.communicate(timeout=STOPS_S)
    return process.returncode, said


# The campaign itself -----------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "judgements"), [("blind-retry", {"twice"}), ("no-recheck", {"late", "uncalled"})])
def test_a_planted_fault_is_found(tmp_path, fault, judgements):
    wrongs, _ = hunt(fault, tmp_path)
    assert wrongs.keys() & judgements
