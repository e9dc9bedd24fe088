"""How does systemd learn that a process is ready, and that it makes progress?

The protocol of sd_notify(3): a datagram to the socket that NOTIFY_SOCKET names. Without one nothing is done.
Callers: the processes, when they have begun; whoever has made progress, not a thread of its own, since a thread
would go on telling while the work hangs.
"""

import os
import socket
from collections.abc import Mapping
from typing import Final

READY: Final = "READY=1"
ALIVE: Final = "WATCHDOG=1"
STOPPING: Final = "STOPPING=1"


def tell(state: str, environ: Mapping[str, str] = os.environ) -> None:
    """Tell systemd; one that does not listen stops nobody."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # A name that begins with @ is one of Linux's abstract sockets.
    place = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
            to.sendto(state.encode(), place)
    except OSError:
        return
