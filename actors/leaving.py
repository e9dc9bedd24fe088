"""What leaves at an instant, and in which message?

Rules: R5.7 (checked again), R5.9 (one message for a person), R5.11 (daily limit). Callers: actors/steps.py,
actors/rounds.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from rules.dockets import Desk
from rules.facts import Channel, local_day
from rules.matters import Matter
from rules.notices import leaves_at, put_off, superseded
from store import notices, outbox, projection
from store.locks import Lock, alone
from store.notices import Address, NoticeRow
from store.outbox import New

#: notices looked at again at a time: bounds memory, not meaning
BATCH: Final = 2000


class Envelopes:
    """The messages in which things leave at one instant.

    One for each person and channel, whatever it carries (R5.9); no SMS for who has had enough of them that day (R5.11).
    """

    def __init__(self, connection: Connection, desk: Desk, at: datetime) -> None:
        """Begin without any."""
        self._connection = connection
        self._limit = desk.policy.sms_per_day
        self._at = at
        self._messages: dict[Address, int | None] = {}
        self.later = put_off(at, desk)  #: when that leaves for which there is none

    def __len__(self) -> int:
        """Return how many messages there are."""
        return sum(message is not None for message in self._messages.values())

    def lend(self, addresses: Iterable[Address]) -> Mapping[Address, int]:
        """Return the messages for some addresses, new ones where there are none yet; those without are left out."""
        wanted = dict.fromkeys(addresses)
        new = [address for address in wanted if address not in self._messages]
        enough = self._had_enough({person for person, channel in new if channel == Channel.SMS})
        self._messages |= {address: None for address in new if address[1] == Channel.SMS and address[0] in enough}
        made = [address for address in new if address not in self._messages]
        self._messages |= zip(made, self._put(made), strict=True)
        return {address: message for address in wanted if (message := self._messages[address]) is not None}

    def _had_enough(self, people: set[str]) -> set[str]:
        if self._limit is None or not people:
            return set()
        alone(self._connection, Lock.COUNTING)  # what is late may be about to leave on this day, too
        had = notices.sms_count(self._connection, sorted(people), local_day(self._at))
        return {person for person, count in had.items() if count >= self._limit}

    def _put(self, addresses: Iterable[Address]) -> list[int]:
        day = local_day(self._at)
        new = [New(kind="notices", person=p, channel=c, at=self._at, day=day) for p, c in addresses]
        return outbox.put_all(self._connection, new) if new else []


def let_go(connection: Connection, desk: Desk, at: datetime, envelopes: Envelopes, *, is_round: bool) -> None:
    """Put the notices whose time has come into messages.

    What missed its time while the daemon was down does not leave in the night: it waits for the next round.
    Running twice is harmless: a notice leaves the waiting state together with the message that carries it.
    """
    if not is_round and (later := leaves_at(at, desk)) != at:
        notices.put_off_all(connection, at, later)
        return
    for rows in notices.leaving(connection, at, BATCH):
        _send_off(connection, rows, at, envelopes)


def _send_off(connection: Connection, rows: Sequence[NoticeRow], at: datetime, envelopes: Envelopes) -> None:
    """Put what is still right into messages (R5.7), and keep what found nobody."""
    matters = current_matters(connection, (row.matter for row in rows))
    pointless = {row.id: why for row in rows if (why := superseded_reason(row, matters.get(row.matter), at))}
    notices.supersede(connection, list(pointless.items()))
    right = [row for row in rows if row.id not in pointless]
    notices.record_undeliverable(connection, [row.id for row in right if not row.to_person], at)
    goes = {row.id: (row.to_person, row.channel) for row in right if row.to_person}
    messages = envelopes.lend(goes.values())
    notices.bundle(connection, [(ident, messages[to]) for ident, to in goes.items() if to in messages], at)
    notices.put_off(connection, [ident for ident, to in goes.items() if to not in messages], envelopes.later)


def superseded_reason(row: NoticeRow, matter: Matter | None, at: datetime) -> str | None:
    """Return why a notice must not leave any more, or None if it is still right (R5.7)."""
    return superseded(row.rung, row.due, row.responsible, matter, local_day(at))


def current_matters(connection: Connection, ids: Iterable[str]) -> dict[str, Matter]:
    """Return the matters as they stand in the projection, by id."""
    return projection.matters_by_id(connection, sorted(set(ids)))
