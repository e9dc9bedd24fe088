"""How does a program read matters and notices?

Each sees what its token's scope holds. Long lists come in pages with a cursor. Callers: web/api.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request

from config.services import Services
from intake.explaining import NoSuchMatter, as_facts, explain
from rules.facts import local_day
from store import feeds
from store.engine import reading
from store.feeds import MattersWanted, NoticesWanted
from store.notices import Told
from store.views.matters import MatterLine
from web.api.clients import client_of
from web.api.models import (
    Explained,
    MatterId,
    MattersAsked,
    MatterShown,
    MattersPage,
    NoticesAsked,
    NoticeShown,
    NoticesPage,
)
from web.api.problems import READING, documented

LARGEST_ID: Final = 2**31 - 1


def _each_once(request: Request) -> None:
    """Refuse a filter that is given twice: of two towns one would count, and nobody would know which."""
    given = Counter(name for name, _ in request.query_params.multi_items())
    if twice := sorted(name for name, times in given.items() if times > 1):
        raise HTTPException(422, f"given more than once: {', '.join(twice)}"[:200])


router = APIRouter(responses=documented(*READING), dependencies=[Depends(_each_once)])


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


@router.get("/matters", tags=["matters"])
def list_matters(request: Request, asked: Annotated[MattersAsked, Query()]) -> MattersPage:
    """List matters, the earliest due date first."""
    services = _services(request)
    day = local_day(services.clock.now())
    wanted = MattersWanted(**asked.model_dump(exclude={"cursor", "limit"}))
    with reading(services.engine) as connection:
        scope = client_of(request).scope
        after = _day_and_id(asked.cursor)
        found = feeds.matters_after(connection, scope, day, wanted, after, asked.limit + 1)
    last = found[asked.limit - 1] if len(found) > asked.limit else None
    return MattersPage(
        matters=[_matter(line, day) for line in found[: asked.limit]],
        next=_cursor(last.due.isoformat(), last.id) if last else None,
    )


def _matter(line: MatterLine, day: date) -> MatterShown:
    return MatterShown(
        matter=line.id,
        kind=line.kind,
        subject=line.subject,
        town=line.town,
        responsible=line.responsible,
        stage=line.stage,
        opened=line.opened,
        due=line.due,
        settled=line.settled,
        status=line.status_on(day),
        climbed=line.rank,
    )


@router.get("/matters/{matter:path}", tags=["matters"])
def explain_matter(request: Request, matter: Annotated[MatterId, Path()]) -> Explained:
    """Tell the whole ladder of a matter: facts, due date day by day, rungs fired and to come."""
    services = _services(request)
    with reading(services.engine) as connection:
        if not feeds.is_open_to(connection, client_of(request).scope, matter):
            raise HTTPException(404)
        desk = request.app.state.desks.of(connection)
        try:
            found = explain(connection, desk, matter, services.clock.now())
        except NoSuchMatter as err:
            raise HTTPException(404) from err
        return Explained(**as_facts(found))


@router.get("/notices", tags=["notices"])
def list_notices(request: Request, asked: Annotated[NoticesAsked, Query()]) -> NoticesPage:
    """List notices with what became of them, in the order in which they were decided."""
    wanted = NoticesWanted(**asked.model_dump(exclude={"cursor", "limit"}))
    with reading(_services(request).engine) as connection:
        scope = client_of(request).scope
        found = feeds.notices_after(connection, scope, wanted, _number(asked.cursor), asked.limit + 1)
    last = found[asked.limit - 1].notice.id if len(found) > asked.limit else None
    return NoticesPage(notices=[_notice(told) for told in found[: asked.limit]], next=_cursor(last) if last else None)


def _notice(told: Told) -> NoticeShown:
    row = told.notice
    return NoticeShown(
        id=row.id,
        at=row.leaves_at,
        matter=row.matter,
        rung=row.rung,
        due=row.due,
        to=row.to_person or None,
        office=row.office,
        channel=row.channel or None,
        verdict=row.verdict,
        rerouted=row.rerouted,
        state=row.state,
        reason=row.reason,
        message=row.message,
        message_state=told.message_state,
    )


# Cursors -----------------------------------------------------------------------------------


def _cursor(*place: Any) -> str:
    return urlsafe_b64encode(json.dumps(place).encode()).decode()


def _place(cursor: str) -> list[Any]:
    try:
        place = json.loads(urlsafe_b64decode(cursor.encode()))
    except ValueError:
        place = None
    return place if isinstance(place, list) else []


def _day_and_id(cursor: str | None) -> tuple[date, str] | None:
    if cursor is None:
        return None
    match _place(cursor):
        case [str(day), str(ident)] if "\x00" not in ident:
            try:
                ident.encode()  # half a character, as JSON may hold one, is nothing to ask a database for
                return date.fromisoformat(day), ident
            except ValueError:
                pass
    raise _wrong_cursor()


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    match _place(cursor):
        case [int(number)] if 0 <= number <= LARGEST_ID and not isinstance(number, bool):
            return number
    raise _wrong_cursor()


def _wrong_cursor() -> HTTPException:
    return HTTPException(404, "this cursor is not the `next` of a page")
