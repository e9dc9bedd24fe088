"""What may become of a message that is to leave, and what follows from an outcome?

The states and arrows of docs/lifecycle.md, in one place. Source: FINDINGS "Sending once". Callers: store/outbox.py,
actors/.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from rules.dockets import Desk
from rules.facts import local_day
from rules.notices import is_in_window, leaves_at


class State(StrEnum):
    """How a message stands."""

    DUE = "due"
    HELD = "held"  #: due, but sending is held
    SENDING = "sending"  #: claimed by one process
    ACCEPTED = "accepted"  #: the gateway has it
    DELIVERED = "delivered"  #: the carrier says that it has arrived
    FAILED = "failed"  #: it will not arrive
    UNKNOWN = "unknown"  #: nobody can say whether it has left
    SUPERSEDED = "superseded"  #: nothing in it still holds (R5.7)
    EXPIRED = "expired"  #: a reminder whose day has passed
    UNDELIVERABLE = "undeliverable"  #: the person has no address now, or wants no more


class Status(StrEnum):
    """How far a message has come at the gateway; a later one is stronger than an earlier one."""

    ACCEPTED = "accepted"
    SENT = "sent"  #: on to the carrier, or to the next mail server
    FAILED = "failed"  #: it will not arrive
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a gateway tells later about a message that it took."""

    provider_id: str
    status: Status
    attempt: str | None = None
    code: str | None = None
    reason: str | None = None
    segments: int | None = None
    cost: float | None = None  #: in the currency of the account


#: state → the states that may follow it. A call-back may come before or long after we have given up: what the
#: carrier says goes before what we supposed.
NEXT: Final[Mapping[State, frozenset[State]]] = {
    State.DUE: frozenset({State.SENDING, State.HELD, State.ACCEPTED, State.DELIVERED}),
    State.HELD: frozenset({State.DUE, State.ACCEPTED, State.DELIVERED}),
    State.SENDING: frozenset(State) - {State.SENDING},
    State.ACCEPTED: frozenset({State.DELIVERED, State.FAILED}),
    State.DELIVERED: frozenset(),
    State.FAILED: frozenset({State.DUE, State.DELIVERED}),
    State.UNKNOWN: frozenset({State.DUE, State.ACCEPTED, State.DELIVERED, State.FAILED}),
    State.SUPERSEDED: frozenset(),
    State.EXPIRED: frozenset(),
    State.UNDELIVERABLE: frozenset({State.DUE}),
}
#: nothing more becomes of these by itself
ENDED: Final = (State.DELIVERED, State.SUPERSEDED, State.EXPIRED)
#: a message in one of these has not reached anybody
NOT_LEFT: Final = (
    State.DUE,
    State.HELD,
    State.FAILED,
    State.SUPERSEDED,
    State.EXPIRED,
    State.UNDELIVERABLE,
)


def may_become(state: str, new: str) -> bool:
    """Say whether a message in `state` may go over to `new`.

    >>> may_become("due", "delivered"), may_become("sending", "accepted"), may_become("delivered", "failed")
    (True, True, False)
    """
    return State(new) in NEXT[State(state)]


def before(new: str) -> list[str]:
    """Return the states from which a message may go over to `new`.

    >>> before("held")
    ['due', 'sending']
    """
    return [state.value for state, follow in NEXT.items() if State(new) in follow]


# Patience ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long a message is tried; in seconds."""

    tries: int = 8
    retry_s: float = 30
    unknown_ask_s: float = 600
    unknown_again_s: float = 300
    unknown_give_up_s: float = 3600


LONGEST_RETRY_S: Final = 3600.0


def try_again_at(patience: Patience, tried: int, now: datetime, wanted_s: float | None = None) -> datetime | None:
    """Return when a message that was refused for the time being is tried again; None: it has been tried enough.

    The pause doubles with each try, up to an hour; `wanted_s`: the gateway's own wish, if it is longer.
    """
    if tried >= patience.tries:
        return None
    pause = min(patience.retry_s * 2.0 ** min(tried - 1, 20), LONGEST_RETRY_S)
    return now + timedelta(seconds=max(pause, min(wanted_s or 0, LONGEST_RETRY_S)))


# Time --------------------------------------------------------------------------------------

#: a round or digest that lies outside the window has so long to leave; what is later waits for the next window
OWN_TIME: Final = timedelta(hours=1)


def may_leave_at(at: datetime, now: datetime, desk: Desk) -> datetime:
    """Return when a message that was to leave at `at` may do so, if not now (R5.8).

    Inside the window: now. What missed its time does not leave in the night, but in the next round; a round or a
    digest that the policy puts outside the window has its own hour.
    """
    own_time = not is_in_window(at, desk) and at <= now < at + OWN_TIME
    return now if own_time else leaves_at(now, desk)


def has_expired(rung: str, due: date, day: date, now: datetime) -> bool:
    """Say whether a reminder that was to leave on `day` has become stale: its due date has passed meanwhile.

    Overdue and climb rungs and events never do.
    """
    today = local_day(now)
    return rung.startswith("remind-") and day < today and due < today


# Gateways ----------------------------------------------------------------------------------

OPENS_AFTER: Final = 5  #: illnesses in a row
OPEN_S: Final = 30.0
OPEN_LONGEST_S: Final = 300.0


class Health(NamedTuple):
    """How well a gateway has been of late, and until when nothing is sent through it."""

    failures: int = 0
    open_until: datetime | None = None


def health_after(known: Health, outcomes: list[bool], now: datetime) -> Health:
    """Return a gateway's health after some calls; `outcomes`: whether each was an illness of the gateway's.

    One good call makes it well. After five illnesses in a row the circuit opens, for longer each time.

    >>> noon = datetime(2026, 3, 2, 12)
    >>> health_after(Health(4), [True], noon)
    Health(failures=5, open_until=datetime.datetime(2026, 3, 2, 12, 0, 30))
    >>> health_after(Health(7), [True, False], noon)
    Health(failures=0, open_until=None)
    """
    failures = known.failures
    for is_illness in outcomes:
        failures = failures + 1 if is_illness else 0
    if failures < OPENS_AFTER:
        return Health(failures)
    pause = min(OPEN_S * 2.0 ** min(failures - OPENS_AFTER, 10), OPEN_LONGEST_S)
    return Health(failures, now + timedelta(seconds=pause))
