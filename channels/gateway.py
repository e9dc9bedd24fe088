"""What does every vendor's adapter promise?

One small protocol: one call, one outcome, no retries of its own. Callers: actors/sending.py.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message that is to leave now."""

    message: int  #: id in the outbox
    attempt: str  #: id of this attempt, unique for ever
    at: datetime
    channel: str
    person: str
    address: str
    subject: str | None  #: e-mail only
    text: str
    html: str | None  #: e-mail only


@dataclass(frozen=True, slots=True)
class Accepted:
    """The gateway has taken the message."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway has certainly not taken the message."""

    reason: str


Outcome = Accepted | Refused


class Gateway(Protocol):
    """A way out for one channel."""

    name: str

    def send(self, outgoing: Outgoing) -> Outcome:
        """Hand the message over, once."""

    def has_taken(self, attempt: str) -> bool | None:
        """Say whether an attempt whose sender died got through; None where the gateway cannot tell."""
