"""How does a program read a long list to its end, without missing a row or seeing one twice?

Each page begins after the last row of the one before, by the list's own order, so far pages cost no more than near
ones. Callers: web/api.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, true, tuple_

from store.notices import COLUMNS, NoticeRow, Told
from store.schema import matters, messages, notices
from store.scoping import Scope, matters_open_to
from store.views.matters import COLUMNS as LINE
from store.views.matters import MatterLine, line, rank_of, standing


@dataclass(frozen=True, slots=True, kw_only=True)
class MattersWanted:
    """Which matters are asked for."""

    status: str | None = None
    kind: str | None = None
    town: str | None = None
    subject: str | None = None
    responsible: str | None = None
    due_from: date | None = None
    due_to: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesWanted:
    """Which notices are asked for."""

    matter: str | None = None
    to: str | None = None
    state: str | None = None


def matters_after(
    connection: Connection, scope: Scope, day: date, wanted: MattersWanted, after: tuple[date, str] | None, limit: int
) -> list[MatterLine]:
    """Return matters that somebody may see, the earliest due date first, after one of them."""
    conditions = [_open_to(scope), *_matter_conditions(wanted, day)]
    if after:
        conditions.append(tuple_(matters.c.due, matters.c.id) > tuple_(*after))
    query = select(*LINE, rank_of().label("rank")).where(*conditions).order_by(matters.c.due, matters.c.id)
    return [line(row) for row in connection.execute(query.limit(limit))]


def _open_to(scope: Scope) -> ColumnElement[bool]:
    """Return which matters a program may read singly: one of the whole county all, of a town those open to the town."""
    return true() if scope.everything else matters_open_to(scope)


def is_open_to(connection: Connection, scope: Scope, matter: str) -> bool:
    """Say whether a matter is there and a program may read it."""
    query = select(matters.c.id).where(matters.c.id == matter, _open_to(scope))
    return connection.execute(query).first() is not None


def _matter_conditions(wanted: MattersWanted, day: date) -> Sequence[ColumnElement[bool]]:
    equal = {
        matters.c.kind: wanted.kind,
        matters.c.town: wanted.town,
        matters.c.subject: wanted.subject,
        matters.c.responsible: wanted.responsible,
    }
    found: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value]
    if wanted.status:
        found.append(standing(wanted.status, day))
    if wanted.due_from:
        found.append(matters.c.due >= wanted.due_from)
    if wanted.due_to:
        found.append(matters.c.due <= wanted.due_to)
    return found


def notices_after(
    connection: Connection, scope: Scope, wanted: NoticesWanted, after: int | None, limit: int
) -> list[Told]:
    """Return notices of matters that somebody may see, in the order in which they were decided."""
    conditions: list[Any] = []
    if not scope.everything:
        conditions.append(notices.c.matter.in_(select(matters.c.id).where(_open_to(scope))))
    equal = {notices.c.matter: wanted.matter, notices.c.to_person: wanted.to, notices.c.state: wanted.state}
    conditions += [column == value for column, value in equal.items() if value is not None]
    if after is not None:
        conditions.append(notices.c.id > after)
    query = select(*COLUMNS, messages.c.state.label("message_state"), messages.c.body).outerjoin(messages)
    rows = connection.execute(query.where(*conditions).order_by(notices.c.id).limit(limit))
    return [Told(NoticeRow(*row[:-2]), row[-2], row[-1]) for row in rows]
