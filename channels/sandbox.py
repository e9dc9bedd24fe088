"""Where do messages go when none may leave the machine?

They are kept, and the console shows them as a phone and a mailbox would. Callers: config/services.py.
"""

from collections.abc import Callable

from channels.gateway import Accepted, Outcome, Outgoing


class SandboxGateway:
    """A gateway that hands every message to `keep`, which stores it once per attempt."""

    name = "sandbox"

    def __init__(self, keep: Callable[[Outgoing], None]) -> None:
        """Keep messages by `keep`."""
        self._keep = keep

    def send(self, outgoing: Outgoing) -> Outcome:
        """Keep the message; the sandbox never refuses."""
        self._keep(outgoing)
        return Accepted(f"sandbox-{outgoing.attempt}")
