"""Where do messages go when none may leave the machine?

They are kept, and the console shows them as a phone and a mailbox would. Callers: config/services.py.
"""

from collections.abc import Callable

from channels.gateway import Accepted, Outcome, Outgoing


class SandboxGateway:
    """A gateway that hands every message to `keep`, which stores it once per attempt."""

    name = "sandbox"

    def __init__(self, keep: Callable[[Outgoing], None], has_kept: Callable[[str], bool]) -> None:
        """Keep messages by `keep`; `has_kept` knows the attempts that it kept."""
        self._keep = keep
        self._has_kept = has_kept

    def send(self, outgoing: Outgoing) -> Outcome:
        """Keep the message; the sandbox never refuses."""
        self._keep(outgoing)
        return Accepted(f"sandbox-{outgoing.attempt}")

    def has_taken(self, attempt: str) -> bool:
        """Say whether an attempt is among the messages kept."""
        return self._has_kept(attempt)
