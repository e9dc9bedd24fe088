"""What leaves at an instant, and in which message?

Rules: R5.7 (checked again), R5.9 (one message for a person), R5.11 (daily limit). Callers: actors/steps.py.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Final

from sqlalchemy import Connection

from rules.dockets import Desk
from rules.facts import local_day
from rules.matters import Matter
from rules.notices import leaves_at, put_off, superseded
from store import notices, outbox, projection
from store.notices import NoticeRow
from store.outbox import New

#: notices looked at again at a time: bounds memory, not meaning
BATCH: Final = 2000


def let_go(connection: Connection, desk: Desk, at: datetime, *, is_round: bool) -> int:
    """Bundle the notices whose time has come into messages, and return how many these are.

    What missed its time while the daemon was down does not leave in the night: it waits for the next round.
    Running twice is harmless: a notice leaves the waiting state together with the message that carries it.
    """
    if not is_round and (later := leaves_at(at, desk)) != at:
        notices.put_off_all(connection, at, later)
        return 0
    _drop_what_lost_its_point(connection, at)
    notices.record_undeliverable(connection, at)
    _keep_within_limit(connection, desk, at)
    return _bundle(connection, at)


def _bundle(connection: Connection, at: datetime) -> int:
    """Put what leaves into messages, one for each person and channel (R5.9); return how many these are."""
    count = 0
    leaving = notices.leaving(connection, at)
    groups = groupby(leaving, key=itemgetter(1, 2))
    while lot := [(key, [row[0] for row in rows]) for key, rows in islice(groups, BATCH)]:
        new = [New(kind="notices", person=p, channel=c, at=at, day=local_day(at)) for (p, c), _ in lot]
        messages = outbox.put_all(connection, new)
        carried = zip(messages, (ids for _, ids in lot), strict=True)
        notices.bundle(connection, [(ident, message) for message, ids in carried for ident in ids], at)
        count += len(lot)
    return count


def superseded_reason(row: NoticeRow, matter: Matter | None, at: datetime) -> str | None:
    """Return why a notice must not leave any more, or None if it is still right (R5.7)."""
    return superseded(row.rung, row.due, row.responsible, matter, local_day(at))


def _drop_what_lost_its_point(connection: Connection, at: datetime) -> None:
    """Supersede what was decided earlier and is no longer right (R5.7)."""
    after = 0
    while rows := notices.to_check(connection, at, BATCH, after):
        matters = current_matters(connection, (row.matter for row in rows))
        reasons = [(row.id, superseded_reason(row, matters.get(row.matter), at)) for row in rows]
        notices.supersede(connection, [(ident, reason) for ident, reason in reasons if reason is not None])
        after = rows[-1].id


def _keep_within_limit(connection: Connection, desk: Desk, at: datetime) -> None:
    """Put off the SMS items of persons who have had enough on the day of `at` (R5.11)."""
    limit = desk.policy.sms_per_day
    if limit is None:
        return
    people = notices.sms_people(connection, at)
    had = notices.sms_count(connection, people, local_day(at))
    enough = [person for person in people if had.get(person, 0) >= limit]
    notices.put_off_sms(connection, at, enough, put_off(at, desk))


def current_matters(connection: Connection, ids: Iterable[str]) -> dict[str, Matter]:
    """Return the matters as they stand in the projection, by id."""
    return projection.matters_by_id(connection, sorted(set(ids)))
