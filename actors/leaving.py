"""What leaves at an instant, and in which message?

Rules: R5.7 (checked again), R5.9 (one message for a person), R5.11 (daily limit). Callers: actors/steps.py.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from rules.dockets import Desk
from rules.facts import Channel, local_day
from rules.matters import Matter, subject_of
from rules.notices import leaves_at, put_off, superseded
from store import notices, outbox, projection
from store.notices import NoticeRow
from store.outbox import New


def let_go(connection: Connection, desk: Desk, at: datetime, *, is_round: bool) -> list[int]:
    """Bundle the notices whose time has come into messages, and return the messages' ids.

    What missed its time while the daemon was down does not leave in the night: it waits for the next round.
    Running twice is harmless: a notice leaves the waiting state together with the message that carries it.
    """
    waiting = notices.waiting(connection, at)
    if not is_round and (later := leaves_at(at, desk)) != at:
        notices.put_off(connection, [row.id for row in waiting], later)
        return []
    right = _still_right(connection, waiting, at)
    notices.record(connection, [row.id for row in right if not row.to_person], at)
    bundles: dict[tuple[str, str], list[NoticeRow]] = defaultdict(list)
    for row in (row for row in right if row.to_person):
        bundles[row.to_person, row.channel].append(row)
    allowed = _within_limit(connection, desk, bundles, at)
    beyond = {key for key in bundles if key[1] == Channel.SMS and key[0] not in allowed}
    notices.put_off(connection, [row.id for key in beyond for row in bundles[key]], put_off(at, desk))
    leaving = {key: rows for key, rows in bundles.items() if key not in beyond}
    day = local_day(at)
    messages = outbox.put_all(
        connection, [New(kind="notices", person=p, channel=c, at=at, day=day) for p, c in leaving]
    )
    notices.bundle(
        connection,
        [(row.id, message) for rows, message in zip(leaving.values(), messages, strict=True) for row in rows],
        at,
    )
    return messages


def superseded_reason(row: NoticeRow, matter: Matter | None, at: datetime) -> str | None:
    """Return why a notice must not leave any more, or None if it is still right (R5.7)."""
    return superseded(row.rung, row.due, row.responsible, matter, local_day(at))


def _still_right(connection: Connection, waiting: Sequence[NoticeRow], at: datetime) -> list[NoticeRow]:
    matters = current_matters(connection, (row.matter for row in waiting))
    right = []
    for row in waiting:
        reason = superseded_reason(row, matters.get(row.matter), at)
        if reason is None:
            right.append(row)
        else:
            notices.supersede(connection, [row.id], reason)
    return right


def current_matters(connection: Connection, ids: Iterable[str]) -> dict[str, Matter]:
    """Return the matters as they stand in the projection, by id."""
    wanted = set(ids)
    by_subject = projection.matters_of(connection, sorted({subject_of(i) for i in wanted}))
    return {i: m for matters in by_subject.values() for i, m in matters.items() if i in wanted}


def _within_limit(connection: Connection, desk: Desk, bundles: Iterable[tuple[str, str]], at: datetime) -> set[str]:
    """Return the persons who may have one more SMS on the day of `at` (R5.11)."""
    people = {person for person, channel in bundles if channel == Channel.SMS}
    limit = desk.policy.sms_per_day
    if limit is None:
        return people
    had = notices.sms_count(connection, sorted(people), local_day(at))
    return {person for person in people if had.get(person, 0) < limit}
