"""What does somebody see whose request the database could not serve?

Out of reach, read-only, or busy with a large import: that passes, and so he is told to try again, 503. Anything else
is a fault of ours. Stands outside of all that asks the database, sessions and tokens too. Callers: web/app.py, web/api.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, Final

import structlog
from sqlalchemy.exc import InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OUT_OF_REACH: Final = "数据库暂时无法使用，请稍后再试。\nThe database is out of reach: please try again."
BUSY: Final = (
    "数据库正忙，可能正在导入大批数据，请稍后再试。\n"
    "The database is busy, perhaps with a large import: please try again."
)
#: how PostgreSQL says that a lock was not to be had in time
LOCK_NOT_AVAILABLE: Final = "55P03"
SQLITE_PRIMARY: Final = 0xFF
AGAIN_IN: Final = {"Retry-After": "30"}  #: seconds

log = structlog.get_logger()


def outage(err: SQLAlchemyError) -> str | None:
    """Return what to tell of an error that passes; None for a fault of ours."""
    if isinstance(err, NoConnection):  # all connections wait for somebody
        return BUSY
    if not isinstance(err, (OperationalError, InternalError)):
        return None
    return BUSY if _is_busy(err.orig) else OUT_OF_REACH


def _is_busy(err: Any) -> bool:
    code = getattr(err, "sqlite_errorcode", None)
    if code is not None:
        return code & SQLITE_PRIMARY in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return getattr(err, "sqlstate", None) == LOCK_NOT_AVAILABLE


class Outages:
    """Answers where the database could not."""

    def __init__(self, app: ASGIApp, *, answer: Callable[[str], Response]) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def send_on(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except SQLAlchemyError as err:
            said = outage(err)
            if said is None or has_begun:
                raise
            log.warning("without_database", path=scope["path"], method=scope["method"], error=type(err).__name__)
            answer = self._answer(said)
            answer.headers.update(AGAIN_IN)
            await answer(scope, receive, send)


def plainly(said: str) -> Response:
    """Return the answer for a browser."""
    return PlainTextResponse(said, 503)
