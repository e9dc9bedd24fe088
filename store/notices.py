"""What was decided, to whom is it to go, and what waits?

Rules: R5.5 to R5.11. Callers: actors/.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, bindparam, func, select, update

from rules.deliveries import NOT_LEFT
from rules.ladders import Fired
from rules.notices import Notice, Verdict
from store.lots import Writer, insert_lot, update_lot
from store.many import by_no_index, is_one_of, word
from store.schema import messages, notices, rungs

BATCH: Final = 1000
#: a person and a channel: what goes to one address at one instant shares a message (R5.9)
Address = tuple[str, str]


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notice as it is on record."""

    id: int
    matter: str
    due: date
    rung: str
    to_person: str  #: empty: nobody could be reached
    channel: str
    office: str | None
    responsible: str
    town: str
    verdict: str
    rerouted: bool
    decided_at: datetime
    leaves_at: datetime
    state: str
    reason: str | None
    message: int | None


COLUMNS: Final = tuple(notices.c[f.name] for f in fields(NoticeRow))


def decide(writer: Writer, decided: Iterable[Notice], decided_at: datetime, leaves_at: datetime) -> None:
    """Record what was decided and waits; a notice whose key was decided before is passed over for ever (R5.6)."""
    insert_lot(writer, notices, [_row(notice, decided_at, leaves_at, "waiting", None) for notice in decided])


def decide_leaving(
    writer: Writer, decided: Iterable[Notice], at: datetime, messages: Mapping[Address, int], later: datetime
) -> None:
    """Record what was decided and leaves at once in one of the messages; what finds none waits until `later`."""
    rows = []
    for notice in decided:
        if notice.verdict is not Verdict.SENT:
            rows.append(_row(notice, at, at, "recorded", None))
        elif (message := messages.get(address_of(notice))) is not None:
            rows.append(_row(notice, at, at, "bundled", message))
        else:
            rows.append(_row(notice, at, later, "waiting", None))
    insert_lot(writer, notices, rows)


def address_of(notice: Notice) -> Address:
    """Return to whom a notice goes, and how; nobody: two empty words."""
    return notice.person.id if notice.person else "", notice.channel or ""


def _row(notice: Notice, decided_at: datetime, leaves_at: datetime, state: str, message: int | None) -> dict[str, Any]:
    matter, rung, recipient, _, verdict, rerouted = notice
    person, channel = address_of(notice)
    return {
        "matter": matter.id,
        "due": matter.due,
        "rung": str(rung),
        "to_person": person,
        "channel": channel,
        "office": recipient.office if recipient else None,
        "responsible": matter.responsible,
        "town": matter.town,
        "verdict": verdict,
        "rerouted": rerouted,
        "decided_at": decided_at,
        "leaves_at": leaves_at,
        "state": state,
        "message": message,
    }


def record_fired(writer: Writer, fired: Iterable[tuple[str, Fired, datetime | None]], at: datetime) -> None:
    """Note the rungs that a round has dealt with, each with the round in which its matter is looked at next."""
    rows = [{"matter": m, "due": f.due, "rung": f.rung, "fired_at": at, "next_at": next_at} for m, f, next_at in fired]
    insert_lot(writer, rungs, rows)


_FIRED: Final = select(rungs.c.matter, rungs.c.due, rungs.c.rung).where(is_one_of(rungs.c.matter, "matters"))
_REACHED: Final = (
    select(notices.c.matter, notices.c.to_person)
    .where(is_one_of(notices.c.matter, "matters"))
    .join(messages)
    .where(notices.c.rung.like("climb-%"), notices.c.state == word("bundled"))
    .where(*(messages.c.state != word(state) for state in NOT_LEFT))
    .order_by(notices.c.id)
)


def fired(connection: Connection, of: Sequence[str]) -> dict[str, set[Fired]]:
    """Return the rungs of some matters that have been dealt with."""
    found: dict[str, set[Fired]] = defaultdict(set)
    for start in range(0, len(of), BATCH):
        for matter, due, rung in connection.execute(_FIRED, {"matters": of[start : start + BATCH]}).all():
            found[matter].add(Fired(due, rung))
    return found


def reached(connection: Connection, of: Sequence[str]) -> dict[str, list[str]]:
    """Return whom a climb rung of some matters reached, under any due date: their notice has left (R5.8)."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for start in range(0, len(of), BATCH):
        for matter, person in connection.execute(_REACHED, {"matters": of[start : start + BATCH]}):
            found[matter][person] = None
    return {matter: list(people) for matter, people in found.items()}


def _rows(connection: Connection, query: Select[Any], **values: Any) -> list[NoticeRow]:
    return [NoticeRow(*row) for row in connection.execute(query, values).all()]


_WAITS: Final = and_(notices.c.state == word("waiting"), notices.c.leaves_at <= bindparam("at"))
_LEAVING: Final = (
    select(*COLUMNS).where(_WAITS, by_no_index(notices.c.id) > bindparam("after")).order_by(by_no_index(notices.c.id))
)
_FIRST_LEAVING: Final = _LEAVING.limit(bindparam("most"))
_PUT_OFF: Final = update(notices).where(_WAITS).values(leaves_at=bindparam("later"))


def leaving(connection: Connection, at: datetime, size: int) -> Iterator[list[NoticeRow]]:
    """Yield the notices whose time to leave has come, by number, so many at a time.

    Most often they are one lot. What is beyond it is one question, since each would pass over all that the transaction
    has dealt with.
    """
    lot = _rows(connection, _FIRST_LEAVING, at=at, after=0, most=size)
    if lot:
        yield lot
    if len(lot) == size:
        values, options = {"at": at, "after": lot[-1].id}, {"yield_per": size}
        for rows in connection.execute(_LEAVING, values, execution_options=options).partitions():
            yield [NoticeRow(*row) for row in rows]


def put_off_all(connection: Connection, at: datetime, leaves_at: datetime) -> None:
    """Let all notices whose time has come wait longer (R5.8)."""
    connection.execute(_PUT_OFF, {"at": at, "later": leaves_at})


def put_off(connection: Connection, some: Iterable[int], leaves_at: datetime) -> None:
    """Let some notices wait longer (R5.11)."""
    update_lot(connection, notices, "id", [{"id": ident, "leaves_at": leaves_at} for ident in some])


def supersede(connection: Connection, reasons: Sequence[tuple[int, str]]) -> None:
    """Keep notices that are no longer right, unsent, each with its reason (R5.7)."""
    rows = [{"id": ident, "state": "superseded", "reason": reason} for ident, reason in reasons]
    update_lot(connection, notices, "id", rows)


def record_undeliverable(connection: Connection, some: Iterable[int], at: datetime) -> None:
    """Keep notices that found nobody: shown to the operator, not tried again (R2.4)."""
    update_lot(connection, notices, "id", [{"id": ident, "state": "recorded", "leaves_at": at} for ident in some])


def bundle(connection: Connection, pairs: Sequence[tuple[int, int]], at: datetime) -> None:
    """Put notices into the messages that carry them (notice, message); they leave at `at`."""
    rows = [{"id": notice, "state": "bundled", "message": message, "leaves_at": at} for notice, message in pairs]
    update_lot(connection, notices, "id", rows)


def find(connection: Connection, notice: int) -> NoticeRow | None:
    """Return a notice by its number."""
    found = _rows(connection, select(*COLUMNS).where(notices.c.id == notice))
    return found[0] if found else None


_IN_MESSAGES: Final = (
    select(*COLUMNS)
    .where(is_one_of(notices.c.message, "messages"), notices.c.state == word("bundled"))
    .order_by(notices.c.id)
)


def in_messages(connection: Connection, instead_of: Mapping[int, int | None]) -> dict[int, list[NoticeRow]]:
    """Return the notices that messages carry and that still hold, by message.

    `instead_of`: by message, the one in whose stead it goes; it carries that one's, but for what the same person
    has been told by e-mail anyhow.
    """
    carriers: dict[int, list[int]] = defaultdict(list)
    for message, other in instead_of.items():
        carriers[other or message].append(message)
    rows = _rows(connection, _IN_MESSAGES, messages=list(carriers))
    stead = [row for row in rows if any(instead_of[m] for m in carriers[row.message or 0])]
    told = _told_by_email(connection, stead)
    found: dict[int, list[NoticeRow]] = defaultdict(list)
    for row in rows:
        for message in carriers[row.message or 0]:
            if not instead_of[message] or row.id not in told:
                found[message].append(row)
    return found


_TWIN: Final = notices.alias("twin")
_SAME: Final = [_TWIN.c[name] == notices.c[name] for name in ("matter", "due", "rung", "to_person")]
_TOLD_BY_EMAIL: Final = (
    select(notices.c.id)
    .join(_TWIN, and_(*_SAME, _TWIN.c.channel == word("email"), _TWIN.c.verdict == word("sent")))
    .where(is_one_of(notices.c.id, "of"), notices.c.channel != word("email"))
)


def _told_by_email(connection: Connection, rows: Sequence[NoticeRow]) -> set[int]:
    """Return those of some notices that went to the same person by e-mail too."""
    if not rows:
        return set()
    return set(connection.execute(_TOLD_BY_EMAIL, {"of": [row.id for row in rows]}).scalars())


_SMS_COUNT: Final = (
    select(messages.c.person, func.count())
    .where(is_one_of(messages.c.person, "people"), messages.c.day == bindparam("day"))
    .where(messages.c.channel == word("sms"), messages.c.kind == word("notices"))
    .where(messages.c.state != word("superseded"), messages.c.state != word("expired"))
    .group_by(messages.c.person)
)


def sms_count(connection: Connection, people: Sequence[str], day: date) -> dict[str, int]:
    """Return how many SMS of notices some persons have had on a day (R5.11)."""
    return dict(connection.execute(_SMS_COUNT, {"people": people, "day": day}).all())


@dataclass(frozen=True, slots=True)
class Told:
    """A notice, with what became of the message that carries it."""

    notice: NoticeRow
    message_state: str | None
    text: str | None


def list_notices(  # noqa: PLR0913 - one parameter for each filter
    connection: Connection,
    *,
    matter: str | None = None,
    to: str | None = None,
    state: str | None = None,
    verdict: str | None = None,
    message_state: str | None = None,
    limit: int | None = None,
    newest_first: bool = False,
) -> list[Told]:
    """Return notices with what became of them, in the order in which they left."""
    query = select(*COLUMNS, messages.c.state.label("message_state"), messages.c.body).outerjoin(messages)
    filters = {
        notices.c.matter: matter,
        notices.c.to_person: to,
        notices.c.state: state,
        notices.c.verdict: verdict,
        messages.c.state: message_state,
    }
    for column, value in filters.items():
        if value is not None:
            query = query.where(column == value)
    order = (notices.c.leaves_at, notices.c.matter, notices.c.rung, notices.c.to_person, notices.c.channel)
    query = query.order_by(*(column.desc() for column in order) if newest_first else order).limit(limit)
    return [Told(NoticeRow(*row[:-2]), row[-2], row[-1]) for row in connection.execute(query)]


def count_by_state(connection: Connection) -> dict[tuple[str, str], int]:
    """Return how many notices there are, by verdict and state."""
    query = select(notices.c.verdict, notices.c.state, func.count()).group_by(notices.c.verdict, notices.c.state)
    return {(verdict, state): count for verdict, state, count in connection.execute(query)}
