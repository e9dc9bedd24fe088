"""Where do messages go when none may leave the machine?

They are kept, and the console shows them as a phone and a mailbox would. Callers: config/services.py.
"""

from collections.abc import Callable

from channels.gateway import ABSENT, Accepted, Found, Outcome, Outgoing, Report, Sought, Status, WhenUnknown


class SandboxGateway:
    """A gateway that hands every message to `keep`, which stores it once per attempt."""

    name = "sandbox"
    when_unknown = WhenUnknown.ASK_NOW

    def __init__(self, keep: Callable[[Outgoing], None], has_kept: Callable[[str], bool]) -> None:
        """Keep messages by `keep`; `has_kept` knows the attempts that it kept."""
        self._keep = keep
        self._has_kept = has_kept

    def send(self, outgoing: Outgoing) -> Outcome:
        """Keep the message; the sandbox never refuses."""
        self._keep(outgoing)
        return Accepted(_provider_id(outgoing.attempt))

    def find(self, sought: Sought) -> Found:
        """Say whether an attempt is among the messages kept."""
        if not self._has_kept(sought.attempt):
            return ABSENT
        return Report(provider_id=_provider_id(sought.attempt), status=Status.ACCEPTED)

    def look_up(self, provider_id: str) -> Report | None:
        """Nothing more becomes of what is kept."""
        return None

    def close(self) -> None:
        """Hold nothing."""


def _provider_id(attempt: str) -> str:
    return f"sandbox-{attempt}"
