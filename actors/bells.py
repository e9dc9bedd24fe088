"""Which actors are there, and how are they rung?

The database is the record, the broker a doorbell: it says only that there is something to look at.
Lost, doubled or late rings do no harm; a sweep rings again. Callers: daemon/.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, Final

import dramatiq
import structlog
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import Retries

from actors import watching
from actors.claiming import BATCH
from actors.desks import Desks
from actors.sending import Sender
from actors.settling import settle_what_waits
from actors.steps import Plan, is_called_for, take_step
from config.services import Services
from store.engine import reading

#: bells rung at once for what is due; each rings on while there is more
MOST_BELLS: Final = 8
#: instant of a step; subjects reckoned, digests made, notices decided, messages bundled
Watch = Callable[[datetime, int, int, int, int], None]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bells:
    """The actors, as those who ring them see them."""

    broker: dramatiq.Broker
    step: dramatiq.Actor[[str, bool, bool], None]
    send: dramatiq.Actor[[], None]
    sweep: dramatiq.Actor[[], None]
    watch: dramatiq.Actor[[], None]

    def ring_step(self, plan: Plan) -> None:
        """Have a step taken."""
        self.step.send(plan.at.isoformat(), plan.makes_digests, plan.holds_round)

    def ring_send(self, due: int) -> None:
        """Have messages sent, as many as are due."""
        for _ in range(min(ceil(due / BATCH), MOST_BELLS)):
            self.send.send()


def _is_called_for(services: Services, desks: Desks, plan: Plan) -> bool:
    """Say whether a bell is to be believed; where that is not plain the database's clock and organisation are asked."""
    is_plain = plan.at <= services.clock.now() and not (plan.makes_digests or plan.holds_round)
    if services.clock.is_drill or is_plain:
        return True
    with reading(services.engine) as connection:
        is_believed = is_called_for(desks.of(connection), plan, services.lease_now(connection))
    if not is_believed:
        log.error("a bell that no clock of ours can have rung", at=plan.at.isoformat())
    return is_believed


def embedded_broker() -> StubBroker:
    """Return a broker that lives in this process; what fails is rung for again by the clock, not by the broker."""
    return StubBroker(middleware=[Retries(max_retries=0)])


def redis_broker(url: str, mark: str) -> dramatiq.Broker:
    """Return a broker on Redis or Valkey, for several processes; nothing is opened yet.

    `mark` names the installation: another on the same Redis must not hear its bells, and take its steps.
    What a worker that died had taken is rung for again after ten seconds; by default that takes minutes.
    """
    from actors.ringing import RingingBroker  # noqa: PLC0415 - the embedded default needs no client

    return RingingBroker(
        url=url,
        namespace=f"duban:{mark}",
        middleware=[Retries(max_retries=0)],
        heartbeat_timeout=10_000,
        maintenance_chance=1_000_000,
    )


def hang_bells(services: Services, desks: Desks, broker: dramatiq.Broker, watch: Watch = lambda *_: None) -> Bells:
    """Declare the actors on a broker. `watch` is told of each step taken here."""
    sender = Sender(services, desks)

    def step(at: str, makes_digests: bool, holds_round: bool) -> None:  # noqa: FBT001 - a message's arguments
        """Take one step of the clock, then send what leaves, or ring for it where that is much.

        Running twice is harmless: the step is taken once. Never retried: the clock's next look is the retry.
        """
        plan = Plan(datetime.fromisoformat(at), makes_digests, holds_round)
        done = take_step(services, desks, plan) if _is_called_for(services, desks, plan) else None
        if done is None:
            return
        bells.ring_send(done.messages - BATCH)
        watch(datetime.fromisoformat(at), done.reckoned, done.digests, done.notices, done.messages)
        if done.messages:  # the first of them at once: a bell takes its time
            send_messages()

    def send_messages() -> None:
        """Send some of the messages that are due, and ring on while there are more.

        Running twice is harmless: a message is claimed once. Never retried: the sweep rings for what is due.
        """
        if sender.send_due():
            bells.send.send()

    def sweep() -> None:
        """Settle what dead senders had claimed, follow up what did not arrive, and ring for what is due.

        Running twice only looks twice. A failure leaves the work to the next sweep. Where nothing waits, as in most
        sweeps, it only reads.
        """
        bells.ring_send(settle_what_waits(services, desks, MOST_BELLS * BATCH))

    def watch_over() -> None:
        """Look whether everything has fired that should have. Running twice is harmless: a day is watched once."""
        watching.watch(services, desks)

    def declare(fn: Callable[..., None], queue: str) -> dramatiq.Actor[Any, None]:
        decorate: Any = dramatiq.actor(broker=broker, queue_name=queue, max_retries=0)
        actor: dramatiq.Actor[Any, None] = decorate(fn)
        return actor

    bells = Bells(
        broker,
        declare(step, "rounds"),
        declare(send_messages, "sending"),
        declare(sweep, "rounds"),
        declare(watch_over, "rounds"),
    )
    return bells
