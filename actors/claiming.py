"""Which messages does this process take now, and are they still right?

All in one transaction that commits before any call to a gateway. What may not leave now goes back to wait; what no
longer holds is settled without a call. Rules: R5.7, R5.8, R5.9, R5.11. Callers: actors/sending.py.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from actors.desks import Desks
from actors.letters import Letter, letters_of
from channels.gateway import CALL_TIMEOUT_S, Outgoing
from config.services import Services
from config.settings import Settings
from rules.deliveries import Health, State, may_leave_at
from rules.dockets import Desk
from rules.facts import Channel, local_day
from rules.notices import put_off
from store import findings, gateways, notices, optouts, outbox, outcomes
from store.locks import Lock, alone_if_free
from store.outbox import Message
from store.outcomes import Settled

BATCH: Final = 25  #: messages that one bell is rung for, and that a sender claims at first
MOST: Final = 100  #: that a sender claims while the gateway is quick: a claim costs the same for one and for many
#: the check of R5.7 is as old as the claim: what is not handed over by then is claimed anew
CLAIM_HOLDS_S: Final = 1.0
#: how long a claim lasts without a word from the claimer, by the database's clock
LEASE_S: Final = CLAIM_HOLDS_S + CALL_TIMEOUT_S + 6.0
SOON: Final = timedelta(seconds=0.5)


@dataclass(frozen=True, slots=True)
class Claimed:
    """What one claim took: how many in all, and which of them are to be handed over."""

    count: int = 0
    outgoing: tuple[Outgoing, ...] = ()
    began: float = 0.0  #: in seconds elapsed: whoever stalls after the commit hands over nothing stale


def claim(services: Services, desks: Desks, limit: int) -> Claimed:
    """Take up to `limit` messages that are due, and return those that are to be handed to a gateway now."""
    with services.engine.begin() as connection:
        # Only now: whoever waits for the database's lock checks nothing against an earlier hour.
        now, began, attempt = services.clock.now(), services.elapsed(), services.new_attempt()
        until = services.lease_now(connection) + timedelta(seconds=LEASE_S)
        taken = [
            message
            for channels, most in _open_channels(connection, services, now, limit)
            for message in outbox.claim(
                connection, channels=channels, now=now, attempt=attempt, until=until, limit=most
            )
        ]
        if not taken:
            return Claimed()
        outgoing = _Check(connection, services, desks, now).run(taken)
    return Claimed(len(taken), tuple(outgoing), began)


def _open_channels(
    connection: Connection, services: Services, now: datetime, limit: int
) -> Iterator[tuple[list[Channel], int]]:
    """Yield the channels whose gateways are well, with `limit`, and those of one that was ill, with one to try it.

    A gateway that is given a rest is left out; the others go on at their own pace.
    """
    health = gateways.health(connection)
    by_gateway: dict[str, list[Channel]] = defaultdict(list)
    for channel, gateway in services.gateways.items():
        by_gateway[gateway.name].append(channel)
    well = []
    for name, channels in by_gateway.items():
        open_until = health.get(name, Health()).open_until
        if open_until is None:
            well += channels
        elif open_until <= now:
            yield channels, 1
    if well:
        yield well, limit


class _Check:
    """The last look at messages that have been claimed."""

    def __init__(self, connection: Connection, services: Services, desks: Desks, now: datetime) -> None:
        self.connection = connection
        self.services = services
        self.desk = desks.of(connection)
        self.now = now
        self.today = local_day(now)
        self.identity = desks.identity(connection)
        self.settled: list[Settled] = []

    def run(self, taken: Sequence[Message]) -> list[Outgoing]:
        """Settle what must not leave now, note the attempts at the others, and return these."""
        left = self._in_time(taken)
        addresses = self._addresses(left)
        left = [message for message in left if message.id in addresses]
        letters = letters_of(self.connection, self.services, self.desk, left, self.now)
        for message, reason, state in letters.dropped:
            self._settle(message, state, reason)
        for message in letters.unsettled:
            self._later(message, self.now + SOON)
        left = self._within_limits([message for message in left if message.id in letters.written])
        self._record(left, letters.written)
        return [self._outgoing(message, addresses[message.id], letters.written[message.id]) for message in left]

    def _settle(self, message: Message, state: State, reason: str | None, try_at: datetime | None = None) -> None:
        self.settled.append(
            Settled(
                message=message.id,
                attempt=message.attempt or "",
                state=state,
                at=self.now,
                reason=reason,
                try_at=try_at,
            )
        )

    def _later(self, message: Message, try_at: datetime) -> None:
        self._settle(message, State.DUE, None, try_at)

    def _in_time(self, taken: Sequence[Message]) -> list[Message]:
        """Return the messages that may leave at this hour; in a drill time runs on while one is on its way."""
        left = []
        for message in taken:
            leaves = self.now if self.services.clock.is_drill else may_leave_at(message.at, self.now, self.desk)
            if leaves == self.now:
                left.append(message)
            else:
                self._later(message, leaves)
        return left

    def _addresses(self, taken: Sequence[Message]) -> dict[int, str]:
        """Return where each message goes; one that has no address now is undeliverable."""
        found = {}
        for message in taken:
            address = address_of(message, self.desk, self.services.settings)
            if address:
                found[message.id] = address
            else:
                self._settle(message, State.UNDELIVERABLE, f"{message.person} has no address now")
        out = {c: optouts.among(self.connection, c, sorted(set(found.values()))) for c in {m.channel for m in taken}}
        for message in taken:
            if found.get(message.id) in out[message.channel]:
                del found[message.id]
                self._settle(message, State.UNDELIVERABLE, f"{message.person} has opted out")
        return found

    def _within_limits(self, taken: Sequence[Message]) -> list[Message]:
        """Return the messages that daily limit, rate and daily total let through.

        The total comes last: what the rate sends back to wait has not used it.
        """
        beyond = self._beyond_person_limit([message for message in taken if message.channel == Channel.SMS])
        left = self._within_rates([message for message in taken if message.id not in beyond])
        beyond = self._beyond_total([message for message in left if message.channel == Channel.SMS])
        return [message for message in left if message.id not in beyond]

    def _beyond_person_limit(self, sms: Sequence[Message]) -> set[int]:
        """Put off what would leave on a later day than meant to a person who has had enough on that day (R5.11).

        A step that is under way may be making messages for that day, as may another claim: then it is asked again.
        """
        limit = self.desk.policy.sms_per_day
        late = [message for message in sms if message.day < self.today]
        if limit is None or not late:
            return set()
        if not alone_if_free(self.connection, Lock.COUNTING):
            for message in late:
                self._later(message, self.now + SOON)
            return {message.id for message in late}
        had = notices.sms_count(self.connection, sorted({m.person for m in late}), self.today)
        beyond = set()
        for message in late:
            if had.get(message.person, 0) >= limit:
                beyond.add(message.id)
                self._later(message, put_off(self.now, self.desk))
            else:
                had[message.person] = had.get(message.person, 0) + 1
        return beyond

    def _beyond_total(self, sms: Sequence[Message]) -> set[int]:
        """Hold what is beyond the total of SMS for a day, until an operator has looked."""
        total = self.services.settings.sms_daily_total
        given = gateways.take_quota(self.connection, self.today, len(sms), total) if sms else 0
        if given < len(sms):
            reason = f"the daily total of {total} SMS is used up"
            findings.note(self.connection, "quota", self.today.isoformat(), f"{reason}; see duban release", self.now)
        for message in sms[given:]:
            self._settle(message, State.HELD, f"the daily total of {total} SMS is used up")
        return {message.id for message in sms[given:]}

    def _within_rates(self, taken: Sequence[Message]) -> list[Message]:
        """Return the messages that the gateways' rates let through within a second."""
        by_channel: dict[str, list[Message]] = defaultdict(list)
        for message in taken:
            by_channel[message.channel].append(message)
        # Always in one order: two claims cannot wait for each other's gateway.
        room = {channel: self._room_for(Channel(channel), len(by_channel[channel])) for channel in sorted(by_channel)}
        left = []
        for channel, messages in by_channel.items():
            left += messages[: room[channel]]
            for message in messages[room[channel] :]:
                self._later(message, self.now + SOON)
        return left

    def _room_for(self, channel: Channel, wanted: int) -> int:
        rate, name = self.services.rates.get(channel), self.services.gateways[channel].name
        return gateways.take_turns(self.connection, name, rate, wanted, self.now) if rate else wanted

    def _record(self, left: Sequence[Message], letters: Mapping[int, Letter]) -> None:
        outcomes.settle(self.connection, self.settled)
        gateway_of = [(message, self.services.gateways[Channel(message.channel)].name) for message in left]
        outcomes.begin(self.connection, gateway_of, self.now)
        outbox.seal(self.connection, [self._sealed(message, letters[message.id]) for message in left])

    def _sealed(self, message: Message, letter: Letter) -> dict[str, object]:
        # A fast drill runs on while a message is on its way: what counts is when it was to leave.
        day = message.day if self.services.clock.is_drill else self.today
        return {
            "id": message.id,
            "subject": letter.subject,
            "body": letter.text,
            "html": letter.html,
            "sealed": seal_of(letter),
            "day": day,
        }

    def _outgoing(self, message: Message, address: str, letter: Letter) -> Outgoing:
        return Outgoing(
            message=message.id,
            reference=f"{self.identity}-{message.id}",
            attempt=message.attempt or "",
            at=message.at if self.services.clock.is_drill else self.now,
            channel=message.channel,
            person=message.person,
            address=address,
            subject=letter.subject,
            text=letter.text,
            html=letter.html,
            attachments=letter.attachments,
        )


def address_of(message: Message, desk: Desk, settings: Settings) -> str | None:
    """Return where a message goes, or None if there is no address now."""
    if message.kind == "operator":
        return next((known for known in settings.operator_addresses() if known == message.person), None)
    person = desk.house.person(message.person)
    if person is None:
        return None
    return person.mobile if message.channel == Channel.SMS else person.email


def seal_of(letter: Letter) -> str:
    """Return the hash of a letter as it leaves, its files included."""
    digest = hashlib.sha256()
    for part in (letter.subject, letter.text, letter.html):
        digest.update((part or "").encode() + b"\x00")
    for file in letter.attachments:
        digest.update(file.name.encode() + b"\x00" + file.content)
    return digest.hexdigest()
