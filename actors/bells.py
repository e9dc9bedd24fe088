"""Which actors are there, and how are they rung?

The database is the record, the broker a doorbell: a message says only which step or which outbox row to look at.
Lost, doubled or late rings do no harm; a sweep rings again. Callers: daemon/.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dramatiq
import structlog
from dramatiq.brokers.stub import StubBroker

from actors.desks import Desks
from actors.sending import send
from actors.steps import Plan, take_step
from config.services import Services
from store import outbox

log = structlog.get_logger()


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
    """Return a broker that lives in this process, without middleware of its own."""
    return StubBroker(middleware=[])


def hang_bells(services: Services, desks: Desks, broker: dramatiq.Broker) -> Bells:
    """Declare the actors on a broker."""

    def step(at: str, makes_digests: bool, holds_round: bool) -> None:  # noqa: FBT001 - a message's arguments
        """Take one step of the clock, then ring for each message that leaves.

        Running twice is harmless: the step is taken once. Never retried: the clock's next look is the retry.
        """
        done = take_step(services, desks, Plan(datetime.fromisoformat(at), makes_digests, holds_round))
        for message in done.messages if done else ():
            bells.send.send(message)

    def send_message(message: int) -> None:
        """Send one message of the outbox.

        Running twice is harmless: a message is claimed once. Never retried: the sweep rings for what is due.
        """
        send(services, desks, message)

    def sweep() -> None:
        """Ring for every message that is due and unclaimed.

        Running twice only rings twice. A failure leaves the work to the next sweep.
        """
        with services.engine.begin() as connection:
            due = outbox.claimable(connection, services.clock.now(), limit=1000)
        for message in due:
            bells.send.send(message)

    rounds: Any = dramatiq.actor(broker=broker, queue_name="rounds", max_retries=0)
    sending: Any = dramatiq.actor(broker=broker, queue_name="sending", max_retries=0)
    bells = Bells(broker, rounds(step), sending(send_message), rounds(sweep))
    return bells
