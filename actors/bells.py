"""Which actors are there, and how are they rung?

The database is the record, the broker a doorbell: a message says only which step or which outbox row to look at.
Lost, doubled or late rings do no harm; a sweep rings again. Callers: daemon/.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import dramatiq
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import Retries

from actors.desks import Desks
from actors.sending import recover, send
from actors.steps import Plan, take_step
from config.services import Services
from rules.notices import leaves_at
from store import outbox
from store.engine import reading

SWEPT: Final = 1000  #: messages rung for in one sweep
#: instant of a step; subjects reckoned, digests made, notices decided, messages bundled
Watch = Callable[[datetime, int, int, int, int], None]


@dataclass(frozen=True, slots=True)
class Bells:
    """The actors, as those who ring them see them."""

    broker: dramatiq.Broker
    step: dramatiq.Actor[[str, bool, bool], None]
    send: dramatiq.Actor[[int], None]
    sweep: dramatiq.Actor[[], None]

    def ring_step(self, plan: Plan) -> None:
        """Have a step taken."""
        self.step.send(plan.at.isoformat(), plan.makes_digests, plan.holds_round)


def embedded_broker() -> StubBroker:
    """Return a broker that lives in this process; what fails is rung for again by the clock, not by the broker."""
    return StubBroker(middleware=[Retries(max_retries=0)])


def redis_broker(url: str) -> dramatiq.Broker:
    """Return a broker on Redis or Valkey, for several processes; nothing is opened yet.

    What a worker that died had taken is rung for again after ten seconds; by default that takes minutes.
    """
    from dramatiq.brokers.redis import RedisBroker  # noqa: PLC0415 - the embedded default needs no client

    make: Callable[..., dramatiq.Broker] = RedisBroker
    return make(url=url, middleware=[Retries(max_retries=0)], heartbeat_timeout=10_000, maintenance_chance=1_000_000)


def hang_bells(services: Services, desks: Desks, broker: dramatiq.Broker, watch: Watch = lambda *_: None) -> Bells:
    """Declare the actors on a broker. `watch` is told of each step taken here."""

    def step(at: str, makes_digests: bool, holds_round: bool) -> None:  # noqa: FBT001 - a message's arguments
        """Take one step of the clock, then ring for each message that leaves.

        Running twice is harmless: the step is taken once. Never retried: the clock's next look is the retry.
        """
        done = take_step(services, desks, Plan(datetime.fromisoformat(at), makes_digests, holds_round))
        if done is None:
            return
        for message in done.messages:
            bells.send.send(message)
        watch(datetime.fromisoformat(at), done.reckoned, done.digests, done.notices, len(done.messages))

    def send_message(message: int) -> None:
        """Send one message of the outbox.

        Running twice is harmless: a message is claimed once. Never retried: the sweep rings for what is due.
        """
        send(services, desks, message)

    def sweep() -> None:
        """Settle what a dead sender had claimed, and ring for every message that is due and unclaimed.

        What was left over when the daemon went down does not leave in the night: outside the window nothing is
        rung for. Running twice only rings twice. A failure leaves the work to the next sweep.
        """
        now = services.clock.now()
        recover(services, now)
        with reading(services.engine) as connection:
            in_window = services.clock.is_drill or leaves_at(now, desks.of(connection)) == now
            due = outbox.claimable(connection, now, limit=SWEPT) if in_window else []
        for message in due:
            bells.send.send(message)

    def declare(fn: Callable[..., None], queue: str) -> dramatiq.Actor[Any, None]:
        decorate: Any = dramatiq.actor(broker=broker, queue_name=queue, max_retries=0)
        actor: dramatiq.Actor[Any, None] = decorate(fn)
        return actor

    bells = Bells(broker, declare(step, "rounds"), declare(send_message, "sending"), declare(sweep, "rounds"))
    return bells
