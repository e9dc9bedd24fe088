"""Which rungs fire in the round of a workday?

Rules: R5.1 to R5.4. Callers: actors/steps.py.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row

from actors.leaving import Envelopes
from config.collecting import seldom_collecting
from rules.dockets import Desk
from rules.facts import local_day
from rules.ladders import Fired
from rules.notices import Notice, Verdict, attention_for, round_notices
from store import notices, projection
from store.engine import look_up
from store.lots import Writer, Written, write_all
from store.notices import Address
from store.turns import beside

#: matters read, decided and written at a time: bounds memory, not meaning
BATCH: Final = 2000


class Lot(NamedTuple):
    """Matters that are due, as they are on record, and which of their rungs have been dealt with."""

    rows: Sequence[Row[Any]] = ()
    fired: Mapping[str, Collection[Fired]] = MappingProxyType({})


@dataclass(slots=True)
class Decided:
    """What a round decided of some matters."""

    notices: list[Notice] = field(default_factory=list)
    fired: list[tuple[str, Fired, datetime | None]] = field(default_factory=list)  #: with the matter's next look
    looks: list[tuple[str, datetime | None]] = field(default_factory=list)  #: of matters of which nothing fired


def hold_round(connection: Connection, desk: Desk, since: datetime, at: datetime, envelopes: Envelopes) -> int:
    """Fire every rung whose date has come by `at`, and return how many notices were decided; they leave at once.

    `since`: when the last round was held. A lot is decided and the one before put into statements, while the database
    writes the one before that and reads the next.

    Running twice is harmless: a rung is recorded as fired, and a notice's key is unique.
    """
    look_up(connection)
    lots = _lots(connection, since, at)
    count, decided, written = 0, Decided(), Written(connection.dialect)
    messages: Mapping[Address, int] = {}

    def go_on(written: Written) -> Lot:
        write_all(connection, written.statements)
        return next(lots, Lot())

    with seldom_collecting():
        lot = next(lots, Lot())
        while lot.rows or decided.fired or decided.looks or written.statements:
            with beside(connection, partial(go_on, written)) as coming:
                written = Written(connection.dialect)
                _record(written, decided, at, messages, envelopes.later)
                decided = _decide(lot, at, desk)
            lot = coming.result()
            sent = (notices.address_of(notice) for notice in decided.notices if notice.verdict is Verdict.SENT)
            messages = envelopes.lend(sent)
            count += len(decided.notices)
    return count


def _lots(connection: Connection, since: datetime, at: datetime) -> Iterator[Lot]:
    for rows in projection.matters_due(connection, since, at, BATCH):
        if rows:  # else all of them have been closed meanwhile
            yield Lot(rows, notices.fired(connection, projection.ids_of(rows)))


def _decide(lot: Lot, at: datetime, desk: Desk) -> Decided:
    decided = Decided()
    day, after = local_day(at), at + timedelta(microseconds=1)
    for matter in map(projection.matter_of, lot.rows):
        result = round_notices(matter, lot.fired.get(matter.id, ()), day, desk)
        look = attention_for(matter, result.left, after, desk)
        decided.notices += result.notices
        decided.fired += [(matter.id, rung, look) for rung in result.fired]
        if not result.fired:
            decided.looks.append((matter.id, look))
    return decided


def _record(writer: Writer, decided: Decided, at: datetime, messages: Mapping[Address, int], later: datetime) -> None:
    """Record what is right at this very instant, in the messages in which it leaves."""
    notices.decide_leaving(writer, decided.notices, at, messages, later)
    notices.record_fired(writer, decided.fired, at)
    projection.set_next_rung(writer, decided.looks)
