"""How is a change of the policy tried on the past, and adopted?

Callers: daemon/commands/policy.py, the console's workshop by way of `Rehearser`.
"""

import getpass
import multiprocessing
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection

from actors.desks import Desks, policy_in_force
from config.policies import as_changes, with_changes
from config.services import Services
from config.settings import Settings
from intake.adopting import adopt_changes
from replay.rehearsal import Rehearsal, rehearse
from rules.facts import Record, local_day
from rules.policy import Policy
from store import facts, policies

YEAR: Final = timedelta(days=365)
#: rehearsals kept to be looked at
KEPT: Final = 20


def past_year(today: date) -> tuple[date, date]:
    """Return the days over which a change is tried if none are named: the year up to yesterday."""
    return today - YEAR, today - timedelta(days=1)


def record_on_file(connection: Connection) -> Record:
    """Return the whole record that the database holds."""
    return Record(**{table: tuple(facts.load(connection, table)) for table in Record.TABLES})


def compare(
    connection: Connection, services: Services, changes: Mapping[str, str], first: date, last: date
) -> Rehearsal:
    """Replay the policy in force and the changed one over the record in the database."""
    now = policy_in_force(connection, services.policy, local_day(services.clock.now()))
    then = with_changes(now, changes)
    return rehearse(record_on_file(connection), first, last, now=now, then=then, settings=services.settings)


def comparison_lines(found: Rehearsal) -> Iterator[str]:
    """Tell people what would be different."""
    yield f"{found.first} to {found.last}: {'':<30} {'now':>12} {'then':>12} {'more':>12}"
    for name, now, then in found.rows():
        if now or then:
            yield f"  {name:<52} {now:>12,.10g} {then:>12,.10g} {then - now:>+12,.10g}"


def adopt(connection: Connection, services: Services, changes: Mapping[str, str], begins: date, reason: str) -> None:
    """Adopt changes from a day on; they are laid over those adopted before."""
    actor = f"operator:{getpass.getuser()}"
    adopt_changes(
        connection, services.policy, changes, begins=begins, reason=reason, actor=actor, at=services.clock.now()
    )


def policy_facts(connection: Connection, desks: Desks) -> dict[str, Any]:
    """Return the policy in force, key by key, and what has been adopted."""
    return {
        "policy": as_changes(desks.of(connection).policy),
        "adopted": [
            {
                "begins": one.begins.isoformat(),
                "adopted_at": one.adopted_at.isoformat(),
                "by": one.actor,
                "reason": one.reason,
                "changes": dict(one.changes),
            }
            for one in policies.adoptions(connection)
        ],
    }


class Rehearser:
    """Tries changes in a process of its own, so that the pages stay quick; one after the other."""

    def __init__(self, settings: Settings) -> None:
        """Start nothing yet."""
        self._settings = settings
        self._pool: ProcessPoolExecutor | None = None
        self._begun: dict[str, Future[Rehearsal]] = {}

    def begin(self, key: str, record: Record, days: tuple[date, date], now: Policy, then: Policy) -> None:
        """Begin to try a change; `key` names it."""
        while len(self._begun) >= KEPT:
            self._begun.pop(next(iter(self._begun))).cancel()
        submit = partial(rehearse, record, *days, now=now, then=then, settings=self._settings)
        try:
            self._begun[key] = self._processes().submit(submit)
        except BrokenProcessPool:  # its process was killed, for want of memory perhaps
            self._pool = None
            self._begun[key] = self._processes().submit(submit)

    def _processes(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # A fork of a process with threads may hang.
            self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        return self._pool

    def is_known(self, key: str) -> bool:
        """Say whether a rehearsal was begun and is still kept."""
        return key in self._begun

    def has_broken_off(self, key: str) -> bool:
        """Say whether the process of a rehearsal ended before it."""
        found = self._begun[key]
        return found.done() and isinstance(found.exception(), BrokenProcessPool)

    def outcome(self, key: str) -> Rehearsal | None:
        """Return how a rehearsal came out, or None while it runs; raises what it raised."""
        found = self._begun[key]
        return found.result() if found.done() else None

    def close(self) -> None:
        """Stop trying."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
