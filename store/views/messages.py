"""What was sent to whom, what became of it, and what would a phone or a mailbox show?

Somebody sees the messages to the people of his offices and seats: a message is for a person, and may tell of more
than one matter, so the person decides, not the matter. What it says of a confidential opinion is left out where that
is not open to him (R5.10): he sees that it went, to whom and what became of it. Callers: web/pages/messages.py,
web/pages/sandbox.py.
"""

from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, case, false, func, literal, not_, or_, select, true

from rules.facts import OfficeKind
from rules.matters import MatterKind
from store.sandbox import COLUMNS as KEPT
from store.sandbox import Kept
from store.schema import FACTS, messages, notices, sandbox
from store.schema_service import attempts
from store.scoping import Scope, petitions_open_to
from store.views.paging import Page, Slice, read_page

offices, contacts, petitions, seats = (FACTS[name] for name in ("offices", "contacts", "petitions", "seats"))


def _contacts_of(of: ColumnElement[bool]) -> ColumnElement[bool]:
    people = select("contact:" + contacts.c.id).where(contacts.c.office.in_(select(offices.c.id).where(of)))
    return messages.c.person.in_(people)


def messages_in(scope: Scope) -> ColumnElement[bool]:
    """Return which messages somebody may see."""
    if scope.everything:
        return true()
    granted: list[ColumnElement[bool]] = [false()]
    if scope.towns:
        granted.append(_contacts_of(or_(offices.c.id.in_(scope.towns), offices.c.parent.in_(scope.towns))))
        sitting = select("deputy:" + seats.c.deputy).where(seats.c.town.in_(scope.towns))
        granted.append(messages.c.person.in_(sitting))
    if scope.climbed_only:
        heads = offices.c.kind.in_([OfficeKind.DIRECTORS, OfficeKind.MUNICIPAL])
        municipal = select(offices.c.id).where(offices.c.kind == OfficeKind.MUNICIPAL).scalar_subquery()
        # Towns hang under the municipal office too: what they are told, of single deputies, is theirs.
        departments = and_(offices.c.kind == OfficeKind.DEPARTMENT, offices.c.parent == municipal)
        granted.append(_contacts_of(or_(heads, departments)))
    if scope.deputy:
        granted.append(messages.c.person == f"deputy:{scope.deputy}")
    return or_(*granted)


# What they say of confidential opinions ------------------------------------------------------


def _is_shut(scope: Scope) -> ColumnElement[bool]:
    """Return: the petition may not be read. Municipal people and deputies are told of what is theirs alone."""
    is_outside = true() if scope.everything or scope.towns else false()
    return and_(is_outside, petitions.c.confidential, not_(petitions_open_to(scope)))


def _tells_shut(scope: Scope) -> ColumnElement[bool]:
    """Return: the notice is of a petition that may not be read. Those are few: from them their notices are found."""
    begins = literal(f"{MatterKind.PETITION}:") + petitions.c.id
    # By the span of the matter's id, since a matter may be gone and its notice not; ";" comes next after ":".
    of_it = and_(notices.c.matter >= begins + ":", notices.c.matter < begins + ";")
    shut = select(notices.c.id).select_from(petitions.join(notices, of_it)).where(_is_shut(scope))
    return notices.c.id.in_(shut.correlate(None))


def _carries_shut(scope: Scope) -> ColumnElement[bool]:
    carrying = select(notices.c.message).where(notices.c.message.is_not(None), _tells_shut(scope))
    return messages.c.id.in_(carrying.correlate(None))


def _shut_numbers(connection: Connection, scope: Scope) -> list[str]:
    """Return the numbers of the petitions that may not be read: a digest names what it tells of in its words alone."""
    return list(connection.execute(select(petitions.c.id).where(_is_shut(scope))).scalars())


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A message as a list shows it; where it is shut its words are left out."""

    id: int
    kind: str
    person: str
    channel: str
    at: datetime
    state: str
    reason: str | None
    moved_at: datetime
    attempts: int
    sent_at: datetime | None
    subject: str | None
    body: str | None
    is_shut: bool


COLUMNS: Final = tuple(messages.c[f.name] for f in fields(MessageLine) if f.name != "is_shut")
DIGEST: Final = "digest"


def _line(row: Any, shut_numbers: list[str]) -> MessageLine:
    line = MessageLine(*tuple(row))
    said = f"{line.subject}{line.body}" if line.kind == DIGEST else ""
    if line.is_shut or any(number in said for number in shut_numbers):
        return replace(line, subject=None, body=None, is_shut=True)
    return line


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """What is looked for among the messages."""

    state: str = ""
    channel: str = ""
    kind: str = ""
    person: str = ""
    day: date | None = None
    matter: str = ""


def list_messages(connection: Connection, scope: Scope, wanted: MessageFilter, part: Slice) -> Page[MessageLine]:
    """Return messages, the latest first."""
    query = _lines(scope).order_by(messages.c.id.desc())
    for column, value in (
        (messages.c.state, wanted.state),
        (messages.c.channel, wanted.channel),
        (messages.c.kind, wanted.kind),
        (messages.c.person, wanted.person),
        (messages.c.day, wanted.day),
    ):
        if value:
            query = query.where(column == value)
    if wanted.matter:
        # What is not shown of a confidential opinion cannot be asked for either.
        asked = and_(notices.c.matter == wanted.matter, not_(_tells_shut(scope)))
        query = query.where(messages.c.id.in_(select(notices.c.message).where(asked)))
    shut = _shut_numbers(connection, scope)
    return read_page(connection, query, part, lambda row: _line(row, shut))


def _lines(scope: Scope) -> Select[Any]:
    return select(*COLUMNS, _carries_shut(scope).label("is_shut")).where(messages_in(scope))


def find_message(connection: Connection, scope: Scope, message: int) -> MessageLine | None:
    """Return a message, if it is there and somebody may see it."""
    row = connection.execute(_lines(scope).where(messages.c.id == message)).first()
    return _line(row, _shut_numbers(connection, scope)) if row else None


@dataclass(frozen=True, slots=True)
class Item:
    """A notice that a message carries; of an opinion that may not be read neither matter, rung nor date is given."""

    matter: str | None
    rung: str | None
    due: date | None
    rerouted: bool
    state: str
    reason: str | None


def items_of(connection: Connection, scope: Scope, message: int) -> list[Item]:
    """Return what a message tells of."""
    told = (notices.c.matter, notices.c.rung, notices.c.due)
    is_open = not_(_tells_shut(scope))
    query = select(*(case((is_open, column)) for column in told), notices.c.rerouted, notices.c.state, notices.c.reason)
    return [
        Item(*tuple(row))
        for row in connection.execute(query.where(notices.c.message == message).order_by(notices.c.id))
    ]


@dataclass(frozen=True, slots=True)
class Try:
    """A call to a gateway, and what it answered."""

    at: datetime
    gateway: str
    outcome: str | None
    reason: str | None
    provider_id: str | None
    status: str | None
    ended_at: datetime | None


def tries_of(connection: Connection, message: int) -> list[Try]:
    """Return the attempts at sending a message, in order."""
    query = select(*(attempts.c[f.name] for f in fields(Try))).where(attempts.c.message == message)
    return [Try(*row) for row in connection.execute(query.order_by(attempts.c.at))]


def count_of_day(connection: Connection, scope: Scope, day: date) -> dict[tuple[str, str], int]:
    """Return how many messages of a day there are, by channel and state; the municipality counts them all."""
    seen = true() if scope.climbed_only else messages_in(scope)
    query = select(messages.c.channel, messages.c.state, func.count()).where(messages.c.day == day, seen)
    grouped = connection.execute(query.group_by(messages.c.channel, messages.c.state))
    return {(channel, state): count for channel, state, count in grouped}


def count_in(connection: Connection, states: tuple[str, ...]) -> dict[str, int]:
    """Return how many messages are in some states that need a look."""
    query = select(messages.c.state, func.count()).where(messages.c.state.in_(states)).group_by(messages.c.state)
    return dict(connection.execute(query).all())


# The notices of one matter ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TellingLine:
    """A notice of a matter, and what became of the message that carries it."""

    rung: str
    due: date
    person: str
    office: str | None
    channel: str
    rerouted: bool
    leaves_at: datetime
    verdict: str
    state: str
    reason: str | None
    message: int | None
    message_state: str | None
    message_reason: str | None


def tellings(connection: Connection, of: list[str], limit: int) -> list[TellingLine]:
    """Return the notices of some matters, in order; who may see a matter may know whom it was told to."""
    query = (
        select(
            notices.c.rung,
            notices.c.due,
            notices.c.to_person,
            notices.c.office,
            notices.c.channel,
            notices.c.rerouted,
            notices.c.leaves_at,
            notices.c.verdict,
            notices.c.state,
            notices.c.reason,
            notices.c.message,
            messages.c.state,
            messages.c.reason,
        )
        .outerjoin(messages, messages.c.id == notices.c.message)
        .where(notices.c.matter.in_(of))
        .order_by(notices.c.leaves_at.desc(), notices.c.id.desc())
    )
    return [TellingLine(*tuple(row)) for row in connection.execute(query.limit(limit))]


# The sandbox -------------------------------------------------------------------------------


def kept(connection: Connection, channel: str, person: str, part: Slice) -> Page[Kept]:
    """Return what the sandbox keeps on a channel, the latest first; for operators."""
    query = select(*KEPT).where(sandbox.c.channel == channel).order_by(sandbox.c.id.desc())
    if person:
        query = query.where(sandbox.c.person == person)
    return read_page(connection, query, part, lambda row: Kept(*row))


def kept_letter(connection: Connection, ident: int) -> Kept | None:
    """Return one letter that the sandbox keeps."""
    row = connection.execute(select(*KEPT).where(sandbox.c.id == ident, sandbox.c.channel == "email")).first()
    return Kept(*row) if row else None


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose phone or mailbox it is."""

    person: str
    address: str
    latest: datetime
    count: int


def owners(connection: Connection, channel: str, latest: int, limit: int) -> list[Owner]:
    """Return who had something of late: the owners of the last `latest` messages on a channel."""
    recent = (
        select(sandbox.c.person, sandbox.c.address, sandbox.c.at, sandbox.c.id)
        .where(sandbox.c.channel == channel)
        .order_by(sandbox.c.id.desc())
        .limit(latest)
        .subquery()
    )
    query = (
        select(recent.c.person, func.max(recent.c.address), func.max(recent.c.at), func.count())
        .group_by(recent.c.person)
        .order_by(func.max(recent.c.id).desc())
    )
    return [Owner(*row) for row in connection.execute(query.limit(limit))]
