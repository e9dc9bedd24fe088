"""What do the fake servers share: a thread of their own, a port (on loopback), a ledger, faults on demand?"""

import asyncio
import random
import ssl
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.fakes.ledger import Ledger


@dataclass
class Faults:
    """What is to go wrong."""

    KNOWN: ClassVar[frozenset[str]] = frozenset()

    next: deque[str] = field(default_factory=deque)  #: what befalls the next ones, in order; "" is no fault
    chances: dict[str, float] = field(default_factory=dict)  #: fault → chance, for all others
    hold_s: float = 30.0  #: how long a silence lasts
    dice: random.Random = field(default_factory=lambda: random.Random(631))

    def order(self, orders: Mapping[str, Any]) -> None:
        """Change some of it: {"next": ["429"], "chances": {"500": 0.1}, "seed": 7, "hold_s": 2}.

        Raises ValueError for an order or a fault that is not known, and changes nothing.
        """
        changes = {key: self.read(key, value) for key, value in orders.items()}
        for key, value in changes.items():
            setattr(self, key, value)

    def read(self, key: str, value: Any) -> Any:
        if key in {"next", "chances"}:
            unknown = set(value) - self.KNOWN - {""}
            if unknown:
                raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; want {', '.join(sorted(self.KNOWN))}")
            return deque(value) if key == "next" else value
        if key not in type(self).__dataclass_fields__:
            raise ValueError(f"{key} is nothing that can be ordered")
        return random.Random(value) if key == "dice" else value

    def draw(self, among: frozenset[str] | None = None) -> str:
        """Return what befalls the next one, "" for nothing; only of those faults `among` which there is a choice."""
        if self.next:
            return self.next.popleft() if among is None or self.next[0] in among else ""
        for name, chance in self.chances.items():
            if (among is None or name in among) and self.dice.random() < chance:
                return name
        return ""


class Served:
    """A server on a thread of its own; `protocol` makes what talks on one connection."""

    def __init__(self, ledger: Path, port: int, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.ledger = Ledger(ledger)
        self.host = host
        self.port = port
        self.connections = 0
        self.open: set[asyncio.Transport] = set()
        self.loop = asyncio.new_event_loop()
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def protocol(self) -> asyncio.BaseProtocol:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._is_up.wait(10):
            raise RuntimeError("the fake server does not start")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Vanish: whoever is connected is cut off. Harmless when stopped already."""
        if not self._thread.is_alive():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.ledger.close()

    def hang_up(self) -> None:
        """Close all connections, as a server does with those that are idle."""

        def close() -> None:
            for transport in list(self.open):
                transport.close()

        self.loop.call_soon_threadsafe(close)

    def came(self, transport: asyncio.Transport) -> None:
        self.connections += 1
        self.open.add(transport)

    def went(self, transport: asyncio.Transport) -> None:
        self.open.discard(transport)

    def start(self, work: Any) -> None:
        """Let a coroutine run beside the rest."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        opening = self.loop.create_server(self.protocol, self.host, self.port, ssl=self._context, backlog=512)
        server = self.loop.run_until_complete(opening)
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        try:
            self.loop.run_forever()
        finally:
            server.close()
            for transport in list(self.open):
                transport.abort()
            left = asyncio.all_tasks(self.loop)
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*left, asyncio.sleep(0.01), return_exceptions=True))
            self.loop.close()
