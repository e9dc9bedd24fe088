"""How does a worker hear at once that a bell on Redis was rung?

Dramatiq's broker on Redis has to be asked, again and again: often costs, seldom is late. Here whoever rings also tells
so on a channel to which each worker listens, and who hears it asks. A word that is lost costs the pause until it is
asked anyhow. Caller: actors/bells.py.
"""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

import dramatiq
import redis
import structlog
from dramatiq.brokers.redis import RedisBroker

#: longest pause between two looks at the broker while bells cannot be heard
DEAF_S: Final = 0.02
#: longest wait for a word, and pause before the next try where Redis is out of reach
LISTEN_S: Final = 1.0

log = structlog.get_logger()


class RingingBroker(RedisBroker):
    """A broker on Redis whose bells are heard."""

    def __init__(self, *, url: str, namespace: str, **how: Any) -> None:
        super().__init__(url=url, namespace=namespace, **how)  # type: ignore[no-untyped-call] # as Dramatiq has it
        self._ear = Ear(self.client, f"{namespace}:bells")

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        """Put a message into its queue, and tell so."""
        put: dramatiq.Message[Any] = super().enqueue(message, delay=delay)
        with suppress(redis.RedisError):  # it is in the queue, and will be asked for
            self.client.publish(self._ear.channel, message.queue_name)
        return put

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> dramatiq.Consumer:
        """Return who waits for the messages of a queue; `timeout`: how long at most, in milliseconds."""
        self._ear.open()
        return Waiting(super().consume(queue_name, prefetch, 0), self._ear, queue_name, timeout / 1000)

    def close(self) -> None:
        """Listen no more."""
        self._ear.close()
        super().close()


class Ear:
    """Listens, on a thread and a connection of its own, to what is told on a channel: the queue that has something."""

    def __init__(self, client: redis.Redis, channel: str) -> None:
        """Listen to nothing yet."""
        self.channel = channel
        self.can_hear = False
        self._client = client
        self._rung: dict[str, threading.Event] = {}
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._opening = threading.Lock()

    def open(self) -> None:
        """Listen from now on."""
        with self._opening:
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="ear", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Listen no more; harmless if it never did."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(2 * LISTEN_S)

    def of(self, queue: str) -> threading.Event:
        """Return what is set when a queue is said to have something."""
        return self._rung.setdefault(queue, threading.Event())

    def _listen(self) -> None:
        while not self._closing.is_set():
            try:
                pubsub: Callable[..., Any] = self._client.pubsub
                with pubsub(ignore_subscribe_messages=True) as line:
                    line.subscribe(self.channel)
                    self._hear(line)
            except redis.RedisError as err:
                log.warning("bells are not heard; the broker is asked instead", why=type(err).__name__)
            self.can_hear = False
            self._closing.wait(LISTEN_S)

    def _hear(self, line: Any) -> None:
        while not self._closing.is_set():
            word = line.get_message(timeout=LISTEN_S)
            if not self.can_hear and line.subscribed:
                self.can_hear = True
                for rung in list(self._rung.values()):  # what was told before is asked for now
                    rung.set()
            if word is not None:
                self.of(word["data"].decode()).set()


class Waiting(dramatiq.Consumer):
    """Takes messages from a queue: asks when it was rung, and now and then."""

    def __init__(self, asks: dramatiq.Consumer, ear: Ear, queue: str, pause_s: float) -> None:
        self._asks = asks
        self._ear = ear
        self._rung = ear.of(queue)
        self._pause_s = pause_s

    def __next__(self) -> Any:
        self._rung.clear()  # before it asks: a bell that comes meanwhile is not lost
        message = next(self._asks)
        if message is None:
            self._rung.wait(self._pause_s if self._ear.can_hear else min(self._pause_s, DEAF_S))
        return message

    def ack(self, message: Any) -> None:
        self._asks.ack(message)
        self._rung.set()  # it may have had as many as it may take ahead

    def nack(self, message: Any) -> None:
        self._asks.nack(message)
        self._rung.set()

    def requeue(self, messages: Iterable[Any]) -> None:
        self._asks.requeue(messages)

    def close(self) -> None:
        self._asks.close()
