"""Would the judge notice, if duban broke a promise? Each mutant is a bug planted on purpose.

`python -m tests.trial.mutants` tries each on one seed after the other until it is caught.
"""

import argparse
import logging
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Final
from unittest import mock

import click
from sqlalchemy import insert, select, text

from actors import bells, claiming, leaving, letters, reckoning, sending, settling, steps
from actors import digests as digests_made
from actors.digests import MADE_TO
from channels.gateway import ABSENT, Accepted, Refused, Unsure
from daemon import clock_guard
from daemon.logs import log_plainly
from intake import levers
from rules import dossiers
from rules.deliveries import State
from rules.workdays import ONE_DAY
from store import audit, digests, gateways, installation, notices, optouts, outbox, outcomes, projection, unsettled
from store.many import is_one_of
from store.schema import audit as audit_table
from tests.trial import worlds
from tests.trial.trials import Outcome, try_seed

SEEDS: Final = range(1, 21)
DAYS: Final = 30
Mutant = Callable[[ExitStack], None]


def _patch(stack: ExitStack, of: Any, name: str, new: Any) -> Any:
    old = getattr(of, name)
    stack.enter_context(mock.patch.object(of, name, new))
    return old


def _without(constraint: str) -> Callable[[], sqlite3.Connection]:
    """Return a schema that lacks a unique key."""
    worlds._schema.cache_clear()
    raw = worlds._schema()
    worlds._schema.cache_clear()
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql LIKE ?"
    table, made = raw.execute(query, (f"%{constraint} UNIQUE%",)).fetchone()
    others = "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND type <> 'table' AND sql IS NOT NULL"
    statements = [sql for (sql,) in raw.execute(others, (table,))]
    raw.execute("PRAGMA foreign_keys = OFF")
    raw.execute(f"DROP TABLE {table}")
    for statement in (re.sub(rf",\s*CONSTRAINT {constraint} UNIQUE \([^)]*\)", "", made), *statements):
        raw.execute(statement)
    return lambda: raw


# What is planted ---------------------------------------------------------------------------


def no_unique_key(stack: ExitStack) -> None:
    """Notices have no unique key, and a rung is not noted as fired."""
    _patch(stack, worlds, "_schema", _without("uq_notices_once"))
    _patch(stack, notices, "record_fired", lambda *_: None)


def rung_not_noted(stack: ExitStack) -> None:
    """A rung is not noted as fired."""
    _patch(stack, notices, "record_fired", lambda *_: None)


def no_last_look(stack: ExitStack) -> None:
    """What is about to leave is not checked again (R5.7)."""
    _patch(stack, letters, "superseded_reason", lambda *_: None)


def blind_retry(stack: ExitStack) -> None:
    """What is unknown is sent again without asking the gateway."""
    _patch(stack, settling, "_ask", lambda *_: ABSENT)
    _patch(stack, settling, "_is_gone", lambda *_: True)


def asked_once(stack: ExitStack) -> None:
    """A gateway that knows nothing of a message at once is believed, without a second look later."""
    _patch(stack, settling, "_is_gone", lambda *_: True)
    old = sending._ask_at
    _patch(
        stack, sending, "_ask_at", lambda services, outgoing, tried, now: min(now, old(services, outgoing, tried, now))
    )


def settled_before_the_call(stack: ExitStack) -> None:
    """A message is marked as accepted, then handed over: a crash in between loses it."""

    def hand_over(self: Any, claimed: Any) -> int:
        with self._services.engine.begin() as connection:
            taken = [(o, Accepted(f"{o.channel}-{o.attempt}")) for o in claimed.outgoing]
            sending._record(connection, self._services, taken)
        for outgoing in claimed.outgoing:
            sending._call(self._services.gateways[sending.Channel(outgoing.channel)], outgoing)
        return len(claimed.outgoing)

    _patch(stack, sending.Sender, "_hand_over", hand_over)


def claim_ignored(stack: ExitStack) -> None:
    """Whoever comes takes what another has claimed."""
    old = outbox.claim

    def claim(connection: Any, **given: Any) -> Any:
        connection.execute(text("UPDATE messages SET state = 'due', claimed_until = NULL WHERE state = 'sending'"))
        return old(connection, **given)

    _patch(stack, outbox, "claim", claim)


def unknown_is_due(stack: ExitStack) -> None:
    """After a time-out a message is due again at once."""
    old = sending._settled

    def settled(services: Any, outgoing: Any, outcome: Any, tried: int, now: Any) -> Any:
        found = old(services, outgoing, outcome, tried, now)
        return replace(found, state=State.DUE, try_at=now) if isinstance(outcome, Unsure) else found

    _patch(stack, sending, "_settled", settled)


def words_not_monotone(stack: ExitStack) -> None:
    """The last call-back counts, not the strongest."""

    class Last:
        weight = 0

        def __getitem__(self, _status: Any) -> int:
            self.weight -= 1
            return self.weight

    _patch(stack, outcomes, "RANK", Last())
    _patch(stack, outcomes, "before", lambda _new: [state.value for state in State])
    _patch(stack, outcomes, "TOLD_MOVES", {state: outcomes._told_move(state) for state in outcomes.TOLD_MOVES})


def dead_claims_forgotten(stack: ExitStack) -> None:
    """What a dead process had claimed stays claimed."""
    _patch(stack, unsettled, "strand", lambda *_: 0)


def held_ignored(stack: ExitStack) -> None:
    """A claim does not ask whether sending is held."""
    _patch(stack, outbox, "held_because", lambda _connection: None)


def window_ignored(stack: ExitStack) -> None:
    """Messages leave at any hour."""
    _patch(stack, claiming, "may_leave_at", lambda _at, now, _desk: now)
    _patch(stack, leaving, "leaves_at", lambda at, _desk: at)
    _patch(stack, steps, "leaves_at", lambda at, _desk: at)


def cap_ignored(stack: ExitStack) -> None:
    """A person gets any number of SMS a day."""
    _patch(stack, leaving.Envelopes, "_had_enough", lambda *_: set())


def total_ignored(stack: ExitStack) -> None:
    """The daily total of SMS is counted and not kept."""
    _patch(stack, gateways, "take_quota", lambda _c, _day, wanted, _total: wanted)


def rate_rounds_away(stack: ExitStack) -> None:
    """A rate below one SMS a second rounds each message away."""
    _patch(stack, gateways, "ROUNDED", 0.0)


def opted_out_ignored(stack: ExitStack) -> None:
    """Who wants no more still gets SMS."""
    _patch(stack, optouts, "among", lambda *_: set())


def told_twice_instead(stack: ExitStack) -> None:
    """The e-mail in an SMS's stead repeats what has gone by e-mail."""
    _patch(stack, notices, "_told_by_email", lambda *_: set())


def instead_again_and_again(stack: ExitStack) -> None:
    """What did not arrive is followed up in each sweep."""
    _patch(stack, worlds, "_schema", _without("uq_messages_instead_of"))
    _patch(stack, unsettled, "follow", lambda *_: None)
    _patch(stack, outbox, "put_instead", lambda connection, new: bool(outbox.put(connection, new)))


def not_followed_up(stack: ExitStack) -> None:
    """What did not arrive is left at that."""
    _patch(stack, settling, "follow_up", lambda *_: None)


def digest_remade(stack: ExitStack) -> None:
    """A digest that is made is made again."""
    old = steps.make_digests

    def twice(connection: Any, desk: Any, at: Any, settings: Any) -> Any:
        made_to = installation.get(connection, MADE_TO)
        first = old(connection, desk, at, settings)
        if made_to:
            installation.put(connection, MADE_TO, made_to)
        return first + old(connection, desk, at, settings)

    _patch(stack, steps, "make_digests", twice)
    _patch(stack, digests, "is_made", lambda *_: False)


def mark_cleared_early(stack: ExitStack) -> None:
    """The mark of a changed fact is removed before what follows from it is committed."""
    old_step, old_take = steps.take_step, projection.take_stale
    early: list[Any] = []

    def take_step(services: Any, desks: Any, plan: Any) -> Any:
        with services.engine.begin() as connection:
            marks = old_take(connection, 10_000)
        early[:] = marks
        return old_step(services, desks, plan)

    def take_stale(connection: Any, *how: Any) -> Any:
        found, early[:] = list(early), []
        return found or old_take(connection, *how)

    _patch(stack, bells, "take_step", take_step)
    _patch(stack, projection, "take_stale", take_stale)


def cursor_without_compare(stack: ExitStack) -> None:
    """The cursor is set, whoever has moved it meanwhile."""

    def move(connection: Any, _before: Any, at: Any) -> bool:
        installation.put(connection, steps.CURSOR, at.isoformat())
        return True

    _patch(stack, steps, "_move_cursor", move)


def reminder_not_expired(stack: ExitStack) -> None:
    """A reminder goes though its day has passed."""
    _patch(stack, letters, "has_expired", lambda *_: False)


def next_rung_forgotten(stack: ExitStack) -> None:
    """After a round it is not noted when a matter is looked at next."""
    old = projection.set_next_rung
    _patch(stack, projection, "set_next_rung", lambda c, calls: old(c, [(ident, None) for ident, _ in calls]))


def clock_believed(stack: ExitStack) -> None:
    """A clock that jumps is believed."""
    _patch(stack, clock_guard.ClockGuard, "doubt", lambda *_: None)


def refused_for_now_is_final(stack: ExitStack) -> None:
    """What a gateway refuses for the time being is thrown away."""
    old = sending._settled

    def settled(services: Any, outgoing: Any, outcome: Any, tried: int, now: Any) -> Any:
        found = old(services, outgoing, outcome, tried, now)
        return replace(found, state=State.SUPERSEDED) if isinstance(outcome, Refused) else found

    _patch(stack, sending, "_settled", settled)


def entry_not_sealed(stack: ExitStack) -> None:
    """Of two entries in the audit trail one has no seal."""
    old = audit.append
    count = iter(range(1_000_000))

    def append(connection: Any, **given: Any) -> None:
        if next(count) % 2 == 0:
            old(connection, **given)
            return
        seq = connection.execute(text("SELECT max(seq) + 1 FROM audit")).scalar_one()
        connection.execute(insert(audit_table).values(seq=seq, detail={}, **given))

    _patch(stack, levers.audit, "append", append)


def next_look_too_late(stack: ExitStack) -> None:
    """What is reckoned after a round that is still to be held is looked at in the next one only."""
    old = reckoning.decide_lot
    _patch(stack, reckoning, "decide_lot", lambda c, desk, lot, at, _since, *more: old(c, desk, lot, at, at, *more))


def told_of_no_end(stack: ExitStack) -> None:
    """Whom a climb reached is not told that the matter is settled."""
    _patch(stack, notices, "reached", lambda *_: {})


def told_of_every_end(stack: ExitStack) -> None:
    """Whom a climb was to reach, and did not, is told that the matter is settled."""
    query = select(notices.notices.c.matter, notices.notices.c.to_person).where(
        is_one_of(notices.notices.c.matter, "matters"), notices.notices.c.rung.like("climb-%")
    )
    _patch(stack, notices, "_REACHED", query)


def behind_the_back(stack: ExitStack) -> None:
    """What is typed late, and dated before what was reckoned last, is told to nobody."""
    _patch(stack, dossiers, "_differences", lambda *_: [])


def silent_not_asked(stack: ExitStack) -> None:
    """A gateway is not asked what became of a text of which it has told no more."""
    _patch(stack, settling, "ask_about_silent", lambda _: None)


def gateway_stays_ill(stack: ExitStack) -> None:
    """A good call does not make a gateway well."""
    old = gateways.health_after

    def after(known: Any, outcomes: list[bool], now: Any) -> Any:
        return old(known, [ill for ill in outcomes if ill], now)

    _patch(stack, gateways, "health_after", after)


def opt_out_not_noted(stack: ExitStack) -> None:
    """A gateway's word that somebody wants no more is not noted."""
    _patch(stack, sending.optouts, "add", lambda *_: None)


def no_finding(stack: ExitStack) -> None:
    """Of what did not arrive there is no finding."""
    old = settling.findings.note

    def note(connection: Any, kind: str, *what: Any) -> None:
        if kind not in ("failed", "undeliverable", "unknown"):
            old(connection, kind, *what)

    _patch(stack, settling.findings, "note", note)


def round_missed(stack: ExitStack) -> None:
    """A round that was missed while the daemon was down is not held late."""
    _patch(stack, steps, "_was_missed_today", lambda *_: False)


def counts_a_day_short(stack: ExitStack) -> None:
    """A digest leaves out what is due on the last day that it looks ahead to."""
    old = projection.count_by_town
    _patch(stack, digests_made.projection, "count_by_town", lambda c, day, limit: old(c, day, limit - ONE_DAY))


MUTANTS: Final[tuple[Mutant, ...]] = (
    no_unique_key, rung_not_noted, no_last_look, blind_retry, asked_once,
    settled_before_the_call, claim_ignored, unknown_is_due, words_not_monotone, dead_claims_forgotten, held_ignored,
    window_ignored, cap_ignored, total_ignored, rate_rounds_away, opted_out_ignored, told_twice_instead,
    instead_again_and_again, not_followed_up, digest_remade, mark_cleared_early, cursor_without_compare,
    reminder_not_expired, next_rung_forgotten, clock_believed, refused_for_now_is_final, entry_not_sealed,
    next_look_too_late, told_of_no_end, told_of_every_end, behind_the_back, silent_not_asked,
    gateway_stays_ill, opt_out_not_noted, no_finding, round_missed, counts_a_day_short,
)  # fmt: skip


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Run with a bug."""
    with ExitStack() as stack:
        mutant(stack)
        yield
    worlds._schema.cache_clear()


def hunt(mutant: Mutant, seeds: range = SEEDS, days: int | None = DAYS) -> Outcome | None:
    """Return the first trial in which a mutant is caught, or None."""
    for seed in seeds:
        with planted(mutant):
            outcome = try_seed(seed, days=days)
        if outcome.wrong:
            return outcome
    return None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.trial.mutants", description=__doc__)
    parser.add_argument("only", nargs="*", help="names of mutants; none: all")
    given = parser.parse_args()
    log_plainly(logging.CRITICAL)
    at_large = 0
    for mutant in MUTANTS:
        if given.only and mutant.__name__ not in given.only:
            continue
        outcome = hunt(mutant)
        at_large += outcome is None
        by = f"{outcome.invariant} | {outcome.seed}" if outcome else "at large | –"
        click.echo(f"| `{mutant.__name__}` | {mutant.__doc__} | {by} |")
        if outcome:
            click.echo(f"    {outcome.wrong[0][:200]}")
    return 1 if at_large else 0


if __name__ == "__main__":
    raise SystemExit(main())
