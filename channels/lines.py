"""How long may a server keep us waiting, and which open connection serves again?

The time-outs of http.client and smtplib hold for each read, so that a server that dribbles could hold a call for hours.
Here a connection carries the instant by which everything must be over, and each read gets what is left. The one thing
without a limit of ours is the resolver of names, which keeps its own. Callers: channels/twilio_http.py,
channels/smtp.py.
"""

import math
import select
import socket
import ssl
import threading
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from channels.gateway import CALL_TIMEOUT_S

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

CONNECT_S: Final = 3.0  #: for one address: a name may have several, and the first may lie in a black hole
# Firewalls forget what is idle without a word to either end; a message sent into the void is of unknown outcome.
IDLE_S: Final = 25.0
MOST_IDLE: Final = 32
# What we have written and the other end has not confirmed, the kernel sends again for minutes, even after we have
# closed or died: a request of a host that was cut off would arrive long after its outcome was settled without it.
# macOS has no such limit.
USER_TIMEOUT: Final = getattr(socket, "TCP_USER_TIMEOUT", None)
TROUBLES: Final = {
    TimeoutError: "did not answer in time",
    ConnectionRefusedError: "refused the connection",
    ConnectionError: "dropped the connection",
    ssl.SSLEOFError: "dropped the connection",
    socket.gaierror: "has no address: its name cannot be resolved",
}


class TimedSocket(socket.socket):
    """A socket whose calls are all over by `until`, a reading of the monotonic clock."""

    until: float = math.inf

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int = 0, flags: int = 0) -> int:
        self._hurry()
        return super().recv_into(buffer, nbytes, flags)

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        self._hurry()
        return super().send(data, flags)

    def sendall(self, data: "ReadableBuffer", flags: int = 0) -> None:
        self._hurry()
        super().sendall(data, flags)

    def _hurry(self) -> None:
        left = self.until - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(None if left == math.inf else left)


class TimedTLSSocket(TimedSocket, ssl.SSLSocket):  # type: ignore[misc] # their stubs name a parameter differently
    """Likewise, over TLS."""


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return what checks certificates: against the machine's own authorities, or those of `ca_file` alone."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = TimedTLSSocket
    return context


def dial(host: str, port: int, until: float) -> TimedSocket:
    """Connect to the first address of `host` that answers.

    Raises OSError if none does by `until`.
    """
    last = OSError("has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        left = until - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        line = TimedSocket(family, kind, protocol)
        try:
            line.settimeout(min(left, CONNECT_S))
            line.connect(address)
            # A request goes out as one piece: waiting for more to come would only cost 40 ms.
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if USER_TIMEOUT is not None:
                line.setsockopt(socket.IPPROTO_TCP, USER_TIMEOUT, int(CALL_TIMEOUT_S * 1000))
        except OSError as err:
            line.close()
            last = err
        except BaseException:
            line.close()
            raise
        else:
            line.until = until
            return line
    raise last


def secure(line: TimedSocket, context: ssl.SSLContext, host: str) -> TimedTLSSocket:
    """Put TLS over a connection; it is closed if the certificate does not hold.

    Raises OSError.
    """
    until = line.until
    try:
        line.settimeout(max(until - monotonic(), 0.001))
        secured: Any = context.wrap_socket(line, server_hostname=host)
    except BaseException:
        line.close()
        raise
    secured.until = until
    return secured  # type: ignore[no-any-return]


def trouble(err: Exception) -> str:
    """Say in plain words what went wrong on a connection.

    >>> trouble(ConnectionRefusedError(111, "Connection refused")), trouble(TimeoutError())
    ('refused the connection', 'did not answer in time')
    """
    if isinstance(err, ssl.SSLCertVerificationError):
        return f"has a certificate that does not hold: {err.verify_message}"
    for kind, words in TROUBLES.items():
        if isinstance(err, kind):
            return words
    return f"cannot be talked to: {getattr(err, 'strerror', None) or type(err).__name__}"


class Connection(Protocol):
    """What a pool keeps."""

    @property
    def sock(self) -> Any:
        """The socket, None when closed."""

    def close(self) -> None:
        """Let go, without a word to the other end."""


Kept = TypeVar("Kept", bound=Connection)


class Pool(Generic[Kept]):
    """Open connections that wait for their next use, the last one used first; for many threads."""

    def __init__(self, idle_s: float = IDLE_S, most: int = MOST_IDLE) -> None:
        self._idle_s = idle_s
        self._most = most
        self._kept: list[tuple[float, Kept]] = []
        self._lock = threading.Lock()

    def take(self) -> Kept | None:
        """Return a connection that was in use a moment ago and that the other end has not closed, if there is one."""
        while True:
            with self._lock:
                if not self._kept:
                    return None
                used, line = self._kept.pop()
            if monotonic() - used < self._idle_s and _is_quiet(line.sock):
                return line
            line.close()

    def give(self, line: Kept) -> None:
        """Keep a connection for its next use."""
        with self._lock:
            if len(self._kept) < self._most:
                self._kept.append((monotonic(), line))
                return
        line.close()

    def drain(self) -> None:
        """Close what waits."""
        with self._lock:
            kept, self._kept = self._kept, []
        for _, line in kept:
            line.close()


def _is_quiet(line: socket.socket | None) -> bool:
    """Say whether the other end has neither closed nor spoken out of turn."""
    if line is None or line.fileno() < 0:
        return False
    look = select.poll()
    look.register(line, select.POLLIN)
    return not look.poll(0)
