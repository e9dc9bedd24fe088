"""How does a program add a fact to the record?

By the same commands as the console and an import: what does not hold is refused (409) and changes nothing. A write
with an `Idempotency-Key` that comes again gets the answer that it got before. Each one is in the audit trail.
Callers: web/api.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel, StringConstraints
from sqlalchemy import ColumnElement, Connection, Table, select
from starlette.exceptions import HTTPException
from starlette.requests import Request

from config.services import Services
from intake import commands
from intake.explaining import case_of
from intake.faults import Refused
from rules.facts import Acknowledgement, Petition, PetitionEvent, ProjectEvent, Visit
from rules.matters import Subject, SubjectKind
from rules.petitions import PetitionDocket
from store import audit, feeds, idempotency
from store.schema import FACTS
from store.scoping import petitions_open_to, projects_in, seats_in
from web.api.clients import Client, client_of
from web.api.models import (
    ONE_LINE,
    AcknowledgementSent,
    PetitionEventSent,
    PetitionSent,
    ProjectEventSent,
    VisitSent,
    Written,
)
from web.api.problems import MEDIA_TYPE, WRITING, documented, faults_of, problem, said

JSON: Final = "application/json"
CREATED: Final = 201
REFUSED: Final = 409

router = APIRouter(responses=documented(*WRITING))
Key = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=ONE_LINE)] | None,
    Header(alias="Idempotency-Key", description="the same key and the same request get the same answer, for 7 days"),
]


@dataclass(frozen=True, slots=True)
class Writing:
    """One write: by whom, when, over which connection."""

    connection: Connection
    client: Client
    services: Services
    at: datetime

    def require(self, table: Table, condition: ColumnElement[bool]) -> None:
        """Refuse a token of one town that reaches beyond it; what is not there looks the same to it."""
        if self.client.token.town is None:
            return
        if self.connection.execute(select(table.c.id).where(condition)).first() is None:
            raise beyond()

    def require_town(self, town: str) -> None:
        """Refuse a token of another town."""
        if self.client.token.town not in (None, town):
            raise beyond()

    def require_seat_of(self, deputy: str) -> None:
        """Refuse a token of one town for a deputy who has no seat there."""
        seats = FACTS["seats"]
        self.require(seats, (seats.c.deputy == deputy) & seats_in(self.client.scope))

    @property
    def rules(self) -> dict[str, Any]:
        """Return what a fact is judged by."""
        return {"calendar": self.services.calendar, "policy": self.services.policy}

    def note(self, action: str, subject: str) -> None:
        """Put what was done into the audit trail."""
        audit.append(self.connection, at=self.at, actor=self.client.actor, action=action, subject=subject)


Do = Callable[[Writing], str]


def beyond() -> HTTPException:
    """Return the refusal of what lies beyond a token's town."""
    return HTTPException(403, "this token is for one town, and this lies beyond it")


def write(request: Request, sent: BaseModel, key: str | None, do: Do) -> JSONResponse:
    """Do a write once, and answer; `do` returns the id of what it wrote."""
    services: Services = request.app.state.services
    client = client_of(request)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != JSON:
        raise HTTPException(415, f"want the body as {JSON}")
    asked = hashlib.sha256(f"{request.url.path}\n{sent.model_dump_json()}".encode()).hexdigest()
    with services.engine.begin() as connection:
        at = services.clock.now()
        kept = idempotency.take(connection, client.token.id, key, asked, at) if key else None
        if kept and kept.request != asked:
            return problem(REFUSED, "this idempotency key was used for another request")
        if kept and kept.status:
            return _answer(kept.status, kept.answer)
        status, answer = _done(do, Writing(connection, client, services, at))
        if key:
            idempotency.keep(connection, client.token.id, key, status, answer)
    return _answer(status, answer)


def _done(do: Do, writing: Writing) -> tuple[int, Any]:
    try:
        ident = do(writing)
    except Refused as err:
        return REFUSED, said(REFUSED, "the fact does not hold", faults_of(err))
    return CREATED, Written(id=ident, at=writing.at).model_dump(mode="json")


def _answer(status: int, answer: Any) -> JSONResponse:
    media_type = JSON if status == CREATED else MEDIA_TYPE
    return JSONResponse(answer, status, media_type=media_type)


# Facts -------------------------------------------------------------------------------------


@router.post("/visits", status_code=CREATED, response_model=Written, tags=["record"])
def record_visit(request: Request, sent: VisitSent, key: Key = None) -> JSONResponse:
    """Record a visit."""

    def do(writing: Writing) -> str:
        writing.require_seat_of(sent.deputy)
        ident = sent.id or f"V-{writing.services.new_attempt()}"
        cells = sent.model_dump(exclude={"id", "date"})
        visit = Visit(id=ident, day=sent.date, recorded_at=writing.at, **cells)
        commands.record_visit(writing.connection, visit, is_new=True, **writing.rules)
        writing.note("visit-recorded", f"visit:{ident}")
        return ident

    return write(request, sent, key, do)


@router.post("/petitions", status_code=CREATED, response_model=Written, tags=["record"])
def register_petition(request: Request, sent: PetitionSent, key: Key = None) -> JSONResponse:
    """Register a resident's opinion."""

    def do(writing: Writing) -> str:
        writing.require_town(sent.town)
        if sent.deputy is not None:
            writing.require_seat_of(sent.deputy)
        petition = Petition(recorded_at=writing.at, **sent.model_dump())
        commands.register_petition(writing.connection, petition, is_new=True, **writing.rules)
        writing.note("petition-registered", f"petition:{sent.id}")
        return sent.id

    return write(request, sent, key, do)


@router.post("/petition_events", status_code=CREATED, response_model=Written, tags=["record"])
def report_petition_event(request: Request, sent: PetitionEventSent, key: Key = None) -> JSONResponse:
    """Report what happened to a resident's opinion."""

    def do(writing: Writing) -> str:
        petitions = FACTS["petitions"]
        writing.require(petitions, (petitions.c.id == sent.petition) & petitions_open_to(writing.client.scope))
        if writing.client.token.town and not _is_for_town(request, writing, sent):
            raise HTTPException(
                403, "this token is for one town, and at level municipal this is the municipal office's"
            )
        event = PetitionEvent(at=writing.at, **sent.model_dump())
        commands.report_petition_event(writing.connection, event, **writing.rules)
        writing.note(f"petition-{sent.event}", f"petition:{sent.petition}")
        return sent.petition

    return write(request, sent, key, do)


def _is_for_town(request: Request, writing: Writing, sent: PetitionEventSent) -> bool:
    desk = request.app.state.desks.of(writing.connection)
    case = case_of(writing.connection, desk, Subject(SubjectKind.PETITION, sent.petition), writing.at)
    docket = case.docket if case else None
    # What the stage does not admit at all is refused with the stage.
    return (
        not isinstance(docket, PetitionDocket) or sent.event not in docket.admitted() or docket.is_for_town(sent.event)
    )


@router.post("/project_events", status_code=CREATED, response_model=Written, tags=["record"])
def report_project_event(request: Request, sent: ProjectEventSent, key: Key = None) -> JSONResponse:
    """Report the progress of a project."""

    def do(writing: Writing) -> str:
        projects = FACTS["projects"]
        writing.require(projects, (projects.c.id == sent.project) & projects_in(writing.client.scope))
        event = ProjectEvent(at=writing.at, day=sent.date, **sent.model_dump(exclude={"date"}))
        commands.report_project_event(writing.connection, event, **writing.rules)
        writing.note(f"project-{sent.event}", f"project:{sent.project}")
        return sent.project

    return write(request, sent, key, do)


@router.post("/acknowledgements", status_code=CREATED, response_model=Written, tags=["record"])
def acknowledge(request: Request, sent: AcknowledgementSent, key: Key = None) -> JSONResponse:
    """Acknowledge an overdue matter; this holds its climb (R5.4)."""

    def do(writing: Writing) -> str:
        writing.require_town(sent.office)
        if writing.client.token.town and not feeds.is_open_to(writing.connection, writing.client.scope, sent.matter):
            raise beyond()
        word = Acknowledgement(matter=sent.matter, at=writing.at, office=sent.office)
        commands.acknowledge(writing.connection, word, **writing.rules)
        writing.note("matter-acknowledged", sent.matter)
        return sent.matter

    return write(request, sent, key, do)
