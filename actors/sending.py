"""How does a message leave?

Claimed and checked, handed to its gateway once, recorded. The claim is committed before the call: whoever dies in
between leaves a message of unknown outcome, never a second one. No call is repeated here: what follows from an
outcome is decided in the database. Rules: R5.7, R5.9; FINDINGS "Sending once". Callers: the actor `send`.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from actors.claiming import BATCH, CLAIM_HOLDS_S, MOST, Claimed, claim
from actors.desks import Desks
from channels.gateway import Accepted, Gateway, Outcome, Outgoing, Refused, Unsure, WhenUnknown
from config.services import Services
from rules.deliveries import State, try_again_at
from rules.facts import Channel
from store import findings, gateways, optouts, outcomes
from store.outcomes import Settled
from templates.texts import segments

#: so many calls in a row that find the gateway ill end a batch
ENOUGH: Final = 2

log = structlog.get_logger()


class Sender:
    """Sends what is due, one batch after another; each thread may use the same one."""

    def __init__(self, services: Services, desks: Desks) -> None:
        """Begin with batches of one bell; a quick gateway makes them larger, a slow one smaller."""
        self._services = services
        self._desks = desks
        self._limit = BATCH

    def send_due(self) -> bool:
        """Send some of the messages that are due, and say whether there may be more.

        Running twice, or in many processes at once, is harmless: a message is claimed once. If the process dies
        after the claim, what it had taken is settled by actors/settling.py, not sent again blindly.
        """
        limit = self._limit
        claimed = claim(self._services, self._desks, limit)
        made = self._hand_over(claimed) if claimed.outgoing else 0
        return claimed.count >= limit or made < len(claimed.outgoing)

    def _hand_over(self, claimed: Claimed) -> int:
        """Hand over what the claim holds long enough for, and return how many calls that were."""
        outcomes_of: list[tuple[Outgoing, Outcome | None]] = []
        ill = 0
        for outgoing in claimed.outgoing:
            if ill >= ENOUGH or self._services.elapsed() - claimed.began > CLAIM_HOLDS_S:
                outcomes_of.append((outgoing, None))
                continue
            outcome = _call(self._services.gateways[Channel(outgoing.channel)], outgoing)
            ill = ill + 1 if _is_illness(outcome) else 0
            outcomes_of.append((outgoing, outcome))
        made = sum(outcome is not None for _, outcome in outcomes_of)
        self._suit_limit(claimed, made)
        self._keep(outcomes_of)
        log.info("sent", claimed=claimed.count, handed_over=made)
        return made

    def _keep(self, made: Sequence[tuple[Outgoing, Outcome | None]]) -> None:
        """Record what became of calls: what is lost here nobody knows.

        A sweep that finds the gateway's id of one of them for an equal text, in the moment in which it is recorded,
        undoes this. By then the id is known as another's, and all is recorded once more.
        """
        try:
            with self._services.engine.begin() as connection:
                _record(connection, self._services, made)
        except IntegrityError:
            with self._services.engine.begin() as connection:
                _record(connection, self._services, made)

    def _suit_limit(self, claimed: Claimed, made: int) -> None:
        """Let the next claim be as large as the gateway is quick."""
        if made < len(claimed.outgoing):
            # At least one: a claim that itself took too long must not be the last.
            self._limit = max(1, min(MOST, made * 2))
        elif claimed.count >= self._limit:
            self._limit = min(MOST, self._limit * 2)


def _call(gateway: Gateway, outgoing: Outgoing) -> Outcome:
    """Call once; an adapter that raises against its promise leaves an unknown outcome, and the others go on."""
    try:
        return gateway.send(outgoing)
    except Exception as err:
        log.exception("a gateway failed unexpectedly", gateway=gateway.name, message=outgoing.message)
        return Unsure(f"{type(err).__name__} in the adapter")


def _is_illness(outcome: Outcome) -> bool:
    return isinstance(outcome, Unsure) or (isinstance(outcome, Refused) and outcome.is_illness)


def _record(connection: Connection, services: Services, made: Sequence[tuple[Outgoing, Outcome | None]]) -> None:
    now = services.clock.now()
    refused = [outgoing.message for outgoing, outcome in made if isinstance(outcome, (Refused, Unsure))]
    tried = outcomes.tried(connection, refused)
    left = outcomes.have_left(connection, refused)
    settled = [_settled(services, o, outcome, tried.get(o.message, 1), now) for o, outcome in made]
    # What a call-back has meanwhile told of an earlier attempt goes before what became of this one.
    outcomes.settle(connection, [replace(s, state=State.ACCEPTED) if s.message in left else s for s in settled])
    calls: dict[str, list[tuple[bool, str | None]]] = defaultdict(list)
    for outgoing, outcome in made:
        if outcome is None:
            continue
        name = services.gateways[Channel(outgoing.channel)].name
        calls[name].append((_is_illness(outcome), None if isinstance(outcome, Accepted) else outcome.reason))
        if isinstance(outcome, Refused) and outcome.is_opt_out:
            optouts.add(connection, outgoing.channel, outgoing.address, now, name)
    for name in gateways.note_calls(connection, calls, now):
        findings.note(connection, "gateway", f"{name}:{now.isoformat()}", f"{name} is ill; it is given a rest", now)


def _settled(services: Services, outgoing: Outgoing, outcome: Outcome | None, tried: int, now: datetime) -> Settled:
    """Return what becomes of a message by the outcome of a call; None: it was not made."""
    back = Settled(
        message=outgoing.message,
        attempt=outgoing.attempt,
        state=State.DUE,
        at=now,
        try_at=now,
        outcome="dropped",
        reason="claimed for too long",
    )
    match outcome:
        case None:
            return back
        case Accepted():
            return replace(
                back,
                at=outgoing.at if services.clock.is_drill else now,
                state=State.ACCEPTED,
                outcome="accepted",
                reason=None,
                provider_id=outcome.provider_id,
                segments=_segments(outgoing, outcome),
                cost=_cost(services, _segments(outgoing, outcome)),
            )
        case Unsure():
            ask_at = _ask_at(services, outgoing, tried, now)
            unknown = replace(back, state=State.UNKNOWN, outcome="unknown", try_at=ask_at)
            return replace(unknown, reason=outcome.reason, code=outcome.code)
        case Refused():
            again = None if outcome.is_lasting else try_again_at(services.patience, tried, now, outcome.retry_after_s)
            state = State.FAILED if again is None else State.DUE
            refused = replace(back, state=state, outcome="refused", try_at=again)
            return replace(refused, reason=outcome.reason, code=outcome.code)


def _segments(outgoing: Outgoing, outcome: Accepted) -> int | None:
    """Return how many segments an SMS takes: the gateway's own count, or ours where it tells none."""
    if outgoing.channel != Channel.SMS:
        return None
    return outcome.segments or segments(outgoing.text)


def _cost(services: Services, segments: int | None) -> float | None:
    return None if segments is None else segments * services.settings.sms_price


def _ask_at(services: Services, outgoing: Outgoing, tried: int, now: datetime) -> datetime:
    """Return when the gateway is asked, or the message repeated, after an outcome that nobody knows."""
    gateway = services.gateways[Channel(outgoing.channel)]
    if gateway.when_unknown is WhenUnknown.ASK_NOW:
        return now
    if gateway.when_unknown is WhenUnknown.REPEAT:
        return try_again_at(services.patience, tried, now) or now
    return now + timedelta(seconds=services.patience.unknown_ask_s)
