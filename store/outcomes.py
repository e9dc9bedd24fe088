"""What became of the messages that were claimed?

An attempt is fenced: only its own message, and only while it is still its own, takes its outcome. What a gateway
tells later is applied monotonically. Callers: actors/sending.py, actors/settling.py, the webhooks of web/.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    String,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import Update

from rules.deliveries import NEXT, Report, State, Status, before
from store.lots import EachOf, insert_lot
from store.many import is_one_of, word
from store.outbox import Message
from store.schema import messages
from store.schema_service import attempts
from store.types import UtcDateTime

#: what an attempt may end as
OUTCOMES: Final = ("accepted", "refused", "unknown", "dropped")
#: a gateway's word → the state of the message
STATE_OF: Final = {
    Status.ACCEPTED: State.ACCEPTED,
    Status.SENT: State.ACCEPTED,
    Status.DELIVERED: State.DELIVERED,
    Status.FAILED: State.FAILED,
}
#: a later status is stronger; none is the weakest
RANK: Final[dict[Status | None, int]] = {None: -1, **{status: rank for rank, status in enumerate(Status)}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The outcome of one attempt, and what the message becomes by it."""

    message: int
    attempt: str
    state: State
    at: datetime
    reason: str | None = None
    try_at: datetime | None = None  #: for what is due again, or unknown: when it is looked at next
    outcome: str | None = None  #: of the call; None: no call was made
    code: str | None = None
    provider_id: str | None = None
    segments: int | None = None
    cost: float | None = None


def begin(connection: Connection, gateway_of: Sequence[tuple[Message, str]], now: datetime) -> None:
    """Note the attempts that are about to be made: each with the gateway that it goes to."""
    rows = [{"id": m.attempt, "message": m.id, "at": now, "gateway": gateway} for m, gateway in gateway_of]
    insert_lot(connection, attempts, rows)


def settle(connection: Connection, outcomes: Sequence[Settled]) -> None:
    """Note the outcomes of attempts, be they late; one whose message is no longer its own changes only the attempt.

    Attempts go before their messages, as in a call-back: two who tell of one attempt cannot wait for each other.
    """
    END.run(connection, [_attempt_row(one) for one in outcomes if one.outcome is not None])
    for state, move in MOVES.items():
        move.run(connection, [_message_row(one) for one in outcomes if one.state is state])


def _move(state: State, given: Mapping[str, Any]) -> Any:
    # One that is due again and has not been claimed since has left after all, if its last attempt was accepted.
    own = [
        messages.c.state == word(known)
        for known in before(state)
        if known in (State.SENDING, State.UNKNOWN) or state is State.ACCEPTED
    ]
    return (
        update(messages)
        .where(messages.c.id == given["of"], messages.c.attempt == given["by"], or_(*own))
        .values(
            state=state.value,
            claimed_until=None,
            absent_at=None,
            reason=given["new_reason"],
            moved_at=given["new_at"],
            try_at=func.coalesce(given["new_try_at"], messages.c.try_at),
            sent_at=given["new_at"] if state is State.ACCEPTED else messages.c.sent_at,
        )
    )


_MOVED_BY: Final[dict[str, Any]] = {
    "of": Integer(),
    "by": String(),
    "new_reason": String(),
    "new_at": UtcDateTime(),
    "new_try_at": UtcDateTime(),
}
#: a state that a claim may lead to → the statement that notes it
MOVES: Final = {state: EachOf(_MOVED_BY, partial(_move, state)) for state in sorted(NEXT[State.SENDING])}


def _message_row(one: Settled) -> dict[str, Any]:
    return {
        "of": one.message,
        "by": one.attempt,
        "new_reason": one.reason if one.state not in (State.DUE, State.ACCEPTED, State.DELIVERED) else None,
        "new_at": one.at,
        "new_try_at": one.try_at,
    }


def _attempt_row(one: Settled) -> dict[str, Any]:
    return {
        "of": one.attempt,
        "new_outcome": one.outcome,
        "new_reason": one.reason,
        "new_code": one.code,
        "new_provider_id": one.provider_id,
        "new_status": Status.ACCEPTED.value if one.outcome == "accepted" else None,
        "new_segments": one.segments,
        "new_cost": one.cost,
        "new_ended_at": one.at,
    }


_OTHER: Final = attempts.alias("other")
_ENDED_BY: Final = ("outcome", "reason", "code", "provider_id", "status", "segments", "cost", "ended_at")


def _end(given: Mapping[str, Any]) -> Any:
    # A call-back may have come before the answer to the call: what it told stays.
    told: dict[str, Any] = {name: func.coalesce(attempts.c[name], given[f"new_{name}"]) for name in _ENDED_BY}
    told["outcome"] = case((attempts.c.outcome == "accepted", "accepted"), else_=given["new_outcome"])
    # A sweep may have found it in the gateway's list meanwhile, for an equal text to the same person.
    is_anothers = exists().where(
        _OTHER.c.gateway == attempts.c.gateway,
        _OTHER.c.provider_id == given["new_provider_id"],
        _OTHER.c.id != attempts.c.id,
    )
    told["provider_id"] = func.coalesce(attempts.c.provider_id, case((~is_anothers, given["new_provider_id"])))
    return update(attempts).where(attempts.c.id == given["of"]).values(told)


END: Final = EachOf(
    {"of": String(), **{f"new_{name}": attempts.c[name].type for name in _ENDED_BY}},
    _end,
)


# What gateways tell later ------------------------------------------------------------------


def apply_report(connection: Connection, report: Report, now: datetime) -> bool:
    """Note what a gateway tells of an attempt; False if nobody knows the attempt.

    Told twice or out of order, the strongest word stays. The word on an earlier attempt counts too while the
    message is due again, or nobody knows of the next one: then it has left after all.
    """
    row = _attempt_of(connection, report)
    if row is None:
        return False
    if RANK[report.status] > RANK[Status(row.status) if row.status else None]:
        told = _told(report, row, now)
        if row.provider_id is None and is_anothers(connection, row.gateway, report.provider_id, row.id):
            del told["provider_id"]  # of two equal texts to one person the gateway's list tells no more than that
        connection.execute(_tell(tuple(told)), {"of": row.id} | {f"new_{name}": told[name] for name in told})
        _move_message(connection, row.message, row.id, report, now)
    return True


_ATTEMPT: Final = select(
    attempts.c.id, attempts.c.message, attempts.c.gateway, attempts.c.status, attempts.c.provider_id
).with_for_update()
_ATTEMPT_BY_ID: Final = _ATTEMPT.where(attempts.c.id == bindparam("known_by"))
_ATTEMPT_BY_PROVIDER: Final = _ATTEMPT.where(attempts.c.provider_id == bindparam("known_by"))


_OWNER: Final = select(attempts.c.id).where(
    attempts.c.gateway == bindparam("gateway"), attempts.c.provider_id == bindparam("of")
)


def is_anothers(connection: Connection, gateway: str, provider_id: str, attempt: str | None) -> bool:
    """Say whether a gateway's id is known to belong to another attempt."""
    owner = connection.execute(_OWNER, {"gateway": gateway, "of": provider_id}).scalar()
    return owner is not None and owner != attempt


def _attempt_of(connection: Connection, report: Report) -> Any:
    query = _ATTEMPT_BY_ID if report.attempt else _ATTEMPT_BY_PROVIDER
    return connection.execute(query, {"known_by": report.attempt or report.provider_id}).first()


@cache
def _tell(names: tuple[str, ...]) -> Update:
    own = update(attempts).where(attempts.c.id == bindparam("of"))
    return own.values({name: bindparam(f"new_{name}") for name in names})


def _told(report: Report, row: Any, now: datetime) -> dict[str, Any]:
    told = {
        "status": report.status.value,
        "provider_id": row.provider_id or report.provider_id,
        "outcome": "accepted",
        "ended_at": now,
        "reason": report.reason,
        "code": report.code,
        "segments": report.segments,
        "cost": report.cost,
    }
    return {name: value for name, value in told.items() if value is not None}


def _is_in(*states: str) -> ColumnElement[bool]:
    return or_(*(messages.c.state == word(state) for state in states))


def _told_move(state: State) -> Any:
    """Return the statement by which a message follows the word of a gateway."""
    is_its_own = messages.c.attempt == bindparam("by")
    if state is not State.FAILED:
        is_its_own = or_(is_its_own, _is_in(State.DUE, State.HELD, State.UNKNOWN))
    now = bindparam("now", type_=UtcDateTime())
    return (
        update(messages)
        .where(messages.c.id == bindparam("of"), is_its_own, _is_in(*before(state)))
        .values(
            state=state.value,
            reason=bindparam("new_reason"),
            moved_at=now,
            claimed_until=None,
            absent_at=None,
            sent_at=func.coalesce(messages.c.sent_at, now),
        )
    )


TOLD_MOVES: Final = {state: _told_move(state) for state in set(STATE_OF.values())}


def _move_message(connection: Connection, message: int, attempt: str, report: Report, now: datetime) -> None:
    state = STATE_OF[report.status]
    reason = _reason(report) if state is State.FAILED else None
    connection.execute(TOLD_MOVES[state], {"of": message, "by": attempt, "new_reason": reason, "now": now})


def _reason(report: Report) -> str:
    code = f" (code {report.code})" if report.code else ""
    return f"{report.reason or 'the carrier could not deliver it'}{code}"


# What is known of attempts ----------------------------------------------------------------


_TRIED: Final = (
    select(attempts.c.message, func.count())
    .where(is_one_of(attempts.c.message, "of"))
    .where(or_(attempts.c.outcome.is_(None), attempts.c.outcome != word("dropped")))
    .group_by(attempts.c.message)
)
_ENDED_AS: Final = (
    select(attempts.c.message, attempts.c.outcome)
    .where(is_one_of(attempts.c.message, "of"))
    .order_by(attempts.c.id)
    .with_for_update()
)


def tried(connection: Connection, of: Sequence[int]) -> dict[int, int]:
    """Return how often a gateway was called for each of some messages."""
    return dict(connection.execute(_TRIED, {"of": list(of)}).all()) if of else {}


def have_left(connection: Connection, of: Sequence[int]) -> set[int]:
    """Return those of some messages of which an attempt is known to have got through.

    Who tells so from now on waits for this transaction, and finds what has become of the message.
    """
    rows = connection.execute(_ENDED_AS, {"of": list(of)}) if of else ()
    return {message for message, outcome in rows if outcome == "accepted"}


def ids_at(connection: Connection, gateway: str, person: str) -> frozenset[str]:
    """Return a gateway's ids of the messages to a person that are known to belong to attempts."""
    query = (
        select(attempts.c.provider_id)
        .join(messages)
        .where(attempts.c.gateway == gateway, messages.c.person == person, attempts.c.provider_id.is_not(None))
    )
    return frozenset(connection.execute(query).scalars())
