"""Would the campaign notice? Faults that can be planted into every process of duban.

Each is a few lines that undo one thing on which "once and only once" rests, laid over duban's functions in the nursery
before it forks, or a constraint dropped from the database. Beside each stands the campaign that is aimed at it.
Callers: tests/campaign/nursery.py, tests/campaign/mutants.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, String, cast, literal, select, update

import actors.bells
import actors.claiming
import actors.leaving
import actors.letters
import actors.reckoning
import actors.sending
import actors.settling
import actors.steps
from actors.sending import Sender
from channels.gateway import ABSENT, Accepted, Outcome, Outgoing, Refused, Unsure
from channels.smtp import SmtpGateway
from channels.twilio import TwilioGateway
from rules.deliveries import State
from rules.facts import Channel
from store import outbox, projection, unsettled
from store.outbox import COLUMNS, Message
from store.schema import messages
from tests.campaign.chaos import Plan

#: a short campaign; those below aim it
AIMED: Final = Plan(
    kills=0,
    for_s=30.0,
    opens_s=6.0,
    per_s=4.0,
    twilio={},
    mail={},
    disturbances=(),
    settles_s=50.0,
    named=0.0,
    stalls=0.0,
)
#: what the dead had claimed takes its time: a lease, a sweep, two questions
DEADLY: Final = replace(AIMED, kills=25, named=0.9, settles_s=180.0)
STANDING: Final = replace(AIMED, stalls=0.9, points=("claimed",), settles_s=180.0)
UNSURE: Final = {"500-taken": 0.1, "reset-taken": 0.1}


@dataclass(frozen=True)
class Fault:
    """A fault, and the campaign that finds it."""

    what: str
    plan: Plan
    plant: Callable[[], None] = lambda: None
    sql: tuple[str, ...] = ()  #: after the record is taken in


def put(owner: Any, name: str, value: Any) -> None:
    setattr(owner, name, value)


# Claiming ----------------------------------------------------------------------------------


def claims_without_looking(states: tuple[State, ...], *, locks: bool) -> Callable[..., list[Message]]:
    """Return a claim that takes what is in these states, whoever else has taken it."""

    def claim(
        connection: Connection, *, channels: Any, now: Any, attempt: str, until: Any, limit: int
    ) -> list[Message]:
        if outbox.held_because(connection):
            return []
        wanted = select(messages.c.id).where(messages.c.state.in_(states), messages.c.try_at <= now)
        wanted = wanted.where(messages.c.channel.in_(channels)).order_by(messages.c.try_at).limit(limit)
        ids = list(connection.execute(wanted.with_for_update() if locks else wanted).scalars())
        taking = (
            update(messages)
            .where(messages.c.id.in_(ids))
            .values(
                state=State.SENDING.value,
                attempt=literal(f"{attempt}-") + cast(messages.c.id, String),
                attempts=messages.c.attempts + 1,
                claimed_until=until,
                moved_at=now,
            )
            .returning(*COLUMNS)
        )
        return [Message(*row) for row in connection.execute(taking)] if ids else []

    return claim


def forgets_its_claims() -> None:
    """Have what is claimed go back to due as soon as a sweep comes by."""
    strand = unsettled.strand

    def back_to_due(connection: Connection, channel: str, lease_now: Any, now: Any, ask_at: Any) -> int:
        stranded = strand(connection, channel, lease_now, now, now)
        blind = update(messages).where(messages.c.state == State.UNKNOWN.value)
        connection.execute(blind.values(state=State.DUE.value, reason=None, try_at=now))
        return stranded

    put(unsettled, "strand", back_to_due)


def believes_in_a_short_lease() -> None:
    put(actors.claiming, "LEASE_S", 0.05)
    put(actors.sending, "CLAIM_HOLDS_S", 3600.0)
    forgets_its_claims()


def sends_before_the_claim_is_committed() -> None:
    check, answers = actors.claiming._Check.run, {}

    def run(self: Any, taken: Any) -> list[Outgoing]:
        outgoing = check(self, taken)
        for each in outgoing:
            answers[each.attempt] = self.services.gateways[Channel(each.channel)].send(each)
        return outgoing

    put(actors.claiming._Check, "run", run)
    put(actors.sending, "_call", lambda _, outgoing: answers.pop(outgoing.attempt))


def marks_then_sends() -> None:
    def hand_over(self: Any, claimed: Any) -> int:
        services = self._services
        marked = [(each, Accepted(f"mark-{each.attempt}")) for each in claimed.outgoing]
        with services.engine.begin() as connection:
            actors.sending._record(connection, services, marked)
        for each in claimed.outgoing:
            services.gateways[Channel(each.channel)].send(each)
        return len(claimed.outgoing)

    put(Sender, "_hand_over", hand_over)


# Outcomes ----------------------------------------------------------------------------------


def retries_blindly() -> None:
    settled = actors.sending._settled

    def blind(services: Any, outgoing: Outgoing, outcome: Outcome | None, tried: int, now: Any) -> Any:
        if isinstance(outcome, Unsure):
            outcome = Refused(reason=outcome.reason, is_lasting=False)
        return settled(services, outgoing, outcome, tried, now)

    put(actors.sending, "_settled", blind)


def never_asks() -> None:
    put(TwilioGateway, "find", lambda *_: ABSENT)


def another_message_id_each_time() -> None:
    send = SmtpGateway.send
    put(SmtpGateway, "send", lambda self, outgoing: send(self, replace(outgoing, reference=outgoing.attempt)))


def falls_back_again_and_again() -> None:
    def put_instead(connection: Connection, new: Any) -> bool:
        outbox.put(connection, new)
        return True

    put(outbox, "put_instead", put_instead)
    put(unsettled, "follow", lambda *_: None)


# The last look, the window, the limits -----------------------------------------------------


def looks_no_more() -> None:
    put(actors.letters, "superseded_reason", lambda *_: None)
    put(actors.leaving, "superseded_reason", lambda *_: None)
    put(projection, "stale_among", lambda *_: set())


def looks_at_marks_alone() -> None:
    """Undo what the campaign itself has found: a step that lags behind has taken the marks of facts yet to come."""
    stale_among = projection.stale_among
    put(projection, "stale_among", lambda connection, wanted, _known_by=None: stale_among(connection, wanted))
    plan_next = actors.steps.plan_next
    import daemon.clockwork

    put(daemon.clockwork, "plan_next", plan_next)


def never_heeds_the_window() -> None:
    for module in (actors.leaving, actors.reckoning):
        put(module, "leaves_at", lambda at, _desk: at)
    put(actors.claiming, "may_leave_at", lambda _at, now, _desk: now)


FAULTY: Final = {"429": 0.3, "503": 0.2}

PLANTED: Final[dict[str, Fault]] = {
    "no-unique-key": Fault(
        "a notice's key is not unique",
        AIMED,
        sql=("ALTER TABLE notices DROP CONSTRAINT uq_notices_once",),
    ),
    "no-recheck": Fault(
        "nothing is looked at again before it leaves (R5.7)", replace(AIMED, twilio=FAULTY), looks_no_more
    ),
    "marks-alone": Fault(
        "the last look heeds marks, not facts that a lagging step has put off",
        replace(DEADLY, kills=40, points=("stepped", "deciding", "bundling"), per_s=6.0),
        looks_at_marks_alone,
    ),
    "blind-retry": Fault("what timed out is sent again", replace(AIMED, twilio=UNSURE), retries_blindly),
    "mark-then-send": Fault("marked as sent, then sent", replace(DEADLY, points=("calling",)), marks_then_sends),
    "send-then-claim": Fault(
        "sent before the claim is committed",
        replace(DEADLY, points=("called",)),
        sends_before_the_claim_is_committed,
    ),
    "short-lease": Fault(
        "a lease is believed, and no fence stops one that wakes after it", STANDING, believes_in_a_short_lease
    ),
    "claim-ignores-state": Fault(
        "a claim takes what others have claimed",
        AIMED,
        lambda: put(outbox, "claim", claims_without_looking((State.DUE, State.SENDING), locks=True)),
    ),
    "claim-without-lock": Fault(
        "a claim reads, then writes, without a lock or a second look",
        replace(AIMED, per_s=8.0),
        lambda: put(outbox, "claim", claims_without_looking((State.DUE,), locks=False)),
    ),
    "dead-are-due": Fault(
        "what a dead process had claimed is due again at once",
        replace(DEADLY, points=("called", "recording")),
        forgets_its_claims,
    ),
    "list-not-asked": Fault(
        "an unknown outcome counts as absent",
        replace(AIMED, twilio=UNSURE),
        never_asks,
    ),
    "wakes-and-sends": Fault(
        "a claim is held for ever by one that stood still",
        STANDING,
        lambda: put(actors.sending, "CLAIM_HOLDS_S", 3600.0),
    ),
    "no-sweep": Fault(
        "nobody looks after what the dead had claimed",
        replace(DEADLY, points=("claimed", "called")),
        lambda: put(actors.settling, "settle_unknown", lambda *_: None),
    ),
    "hold-ignored": Fault(
        "`duban hold` is not heeded",
        replace(AIMED, disturbances=((0.5, "hold"),)),
        lambda: put(outbox, "held_because", lambda *_: None),
    ),
    "window-ignored": Fault("the window is not heeded", replace(AIMED, opens_s=20.0), never_heeds_the_window),
    "cap-ignored": Fault(
        "the daily limit is not heeded", AIMED, lambda: put(actors.leaving.Envelopes, "_had_enough", lambda *_: set())
    ),
    "fallback-twice": Fault(
        "an e-mail goes instead of an SMS again and again",
        AIMED,
        falls_back_again_and_again,
        sql=("ALTER TABLE messages DROP CONSTRAINT uq_messages_instead_of",),
    ),
    "new-message-id": Fault(
        "each copy of an e-mail has an id of its own",
        replace(AIMED, mail={"drop-taken": 0.2}),
        another_message_id_each_time,
    ),
}
