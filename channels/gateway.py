"""What does every vendor's adapter promise?

One small protocol: one call, one outcome, a total time-out, no retries of its own. Whoever calls decides what
follows. Callers: actors/sending.py, actors/settling.py.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from rules.deliveries import Report, Status

__all__ = ["Report", "Status"]

#: a call must be over by then, in real seconds; a claim's lease is longer
CALL_TIMEOUT_S: Final = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that goes with an e-mail."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message that is to leave now."""

    message: int  #: id in the outbox
    reference: str  #: names the message among those of all installations
    attempt: str  #: id of this attempt, unique for ever
    at: datetime
    channel: str
    person: str
    address: str
    subject: str | None  #: e-mail only
    text: str
    html: str | None  #: e-mail only
    attachments: tuple[Attachment, ...] = ()  #: e-mail only


@dataclass(frozen=True, slots=True)
class Accepted:
    """The gateway has taken the message."""

    provider_id: str
    segments: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The gateway has certainly not taken the message."""

    reason: str
    code: str | None = None  #: the vendor's own
    is_lasting: bool = True  #: another try would be refused alike
    is_illness: bool = False  #: the gateway's fault, not the message's: it counts for the circuit breaker
    retry_after_s: float | None = None  #: as the gateway wants it
    is_opt_out: bool = False  #: the recipient wants no more


@dataclass(frozen=True, slots=True)
class Unsure:
    """Nobody can say whether the gateway has taken the message: time-out, reset, an error of its own."""

    reason: str
    code: str | None = None


Outcome = Accepted | Refused | Unsure


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """An attempt of unknown outcome, as it can be recognised at the gateway."""

    attempt: str
    address: str
    text: str
    since: datetime  #: when it was claimed
    taken: frozenset[str]  #: gateway's ids that are known to belong to other attempts


class Absent:
    """The gateway knows of no such message."""


class CannotTell:
    """The gateway cannot be asked, or keeps no list."""


ABSENT: Final = Absent()
CANNOT_TELL: Final = CannotTell()
Found = Report | Absent | CannotTell


class WhenUnknown(StrEnum):
    """What is done about an attempt of unknown outcome."""

    ASK_NOW = "ask now"  #: the gateway knows all that it took, at once
    ASK_LATER = "ask later"  #: its list may lag behind: it is asked after a while, and again
    REPEAT = "repeat"  #: a second copy is recognised as such by its id


class Gateway(Protocol):
    """A way out for one channel."""

    name: str
    when_unknown: WhenUnknown

    def send(self, outgoing: Outgoing) -> Outcome:
        """Hand the message over, once; never raises."""

    def find(self, sought: Sought) -> Found:
        """Say whether an attempt of unknown outcome got through; never raises."""

    def look_up(self, provider_id: str) -> Report | None:
        """Ask how far a message has come; None where the gateway cannot tell. Never raises."""

    def close(self) -> None:
        """Let connections go."""
