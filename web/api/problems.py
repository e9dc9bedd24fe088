"""How does the API say what is wrong?

RFC 9457: `application/problem+json`, one shape for all refusals. What was sent is not sent back: it may hold a
resident's name. Callers: web/api.
"""

from http import HTTPStatus
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from intake.faults import Refused

MEDIA_TYPE: Final = "application/problem+json"
MOST_FAULTS: Final = 50


class FaultShown(BaseModel):
    """One mistake in what was sent."""

    model_config = ConfigDict(extra="forbid")

    column: str = Field(description="the field at fault, as in the record; empty: the fact as a whole")
    message: str = Field(description="what is wrong, and what is expected")


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    faults: list[FaultShown] = Field(default_factory=list)


def said(status: int, detail: str, faults: list[FaultShown] | None = None) -> dict[str, Any]:
    """Return what a refusal says."""
    title = HTTPStatus(status).phrase
    return Problem(title=title, status=status, detail=detail, faults=faults or []).model_dump(mode="json")


def problem(
    status: int, detail: str, faults: list[FaultShown] | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return a refusal."""
    return JSONResponse(said(status, detail, faults), status, headers, MEDIA_TYPE)


def faults_of(err: Refused) -> list[FaultShown]:
    """Return what is wrong with a fact that does not hold."""
    return [FaultShown(column=fault.column, message=str(fault)) for fault in err.faults[:MOST_FAULTS]]


#: status → what it means here; each operation documents those that it may answer with
MEANINGS: Final = {
    400: "The request's host or header cannot be read",
    401: "No token, or one that is not in force",
    403: "The token's rights or town do not reach so far",
    404: "There is nothing of that id, or not for this token",
    409: "The fact does not hold, its id is taken, or the idempotency key stands for another request",
    413: "The request is too large",
    415: "The request is not application/json",
    422: "The request is malformed",
    503: "The database is out of reach, or busy: try again later",
}
READING: Final = (400, 401, 404, 413, 422, 503)
WRITING: Final = (400, 401, 403, 409, 413, 415, 422, 503)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what an operation documents of its refusals."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": MEANINGS[status], "content": content} for status in statuses}


# Handlers ----------------------------------------------------------------------------------


async def on_refusal(request: Request, err: Exception) -> JSONResponse:
    """Answer 401, 403, 404, 405, …"""
    if not isinstance(err, HTTPException):
        raise err
    detail = err.detail if err.detail != HTTPStatus(err.status_code).phrase else MEANINGS.get(err.status_code, "")
    return problem(err.status_code, detail or HTTPStatus(err.status_code).phrase, headers=dict(err.headers or {}))


async def on_malformed(request: Request, err: Exception) -> JSONResponse:
    """Answer 422: which field, and what is expected of it."""
    if not isinstance(err, RequestValidationError):
        raise err
    faults = [
        FaultShown(column=".".join(str(part) for part in error["loc"][1:]), message=error["msg"])
        for error in err.errors()[:MOST_FAULTS]
    ]
    return problem(422, "the request is malformed", faults)


def on_outage(said: str) -> JSONResponse:
    """Answer 503: the database is out of reach, or busy."""
    return problem(503, said.splitlines()[-1])


async def on_failure(request: Request, err: Exception) -> JSONResponse:
    """Answer 500, and tell nothing of the inside."""
    return problem(500, "something failed here; please try again")
