"""How large may a request be?

A body is read whole before anything looks at it; one beyond the limit is refused (413) as soon as that is known.
Callers: web/app.py.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: the longest opinion with all its fields is some tens of kilobytes
MOST_BYTES: Final = 256 * 1024


class BodyLimit:
    """Reads the body, and hands on what is within the limit."""

    def __init__(self, app: ASGIApp, most: int = MOST_BYTES) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = None if self._is_declared_too_long(scope) else await self._read(receive)
        if body is None:
            await self._refuse(scope, receive, send)
        else:
            await self._app(scope, _given(body, receive), send)

    def _is_declared_too_long(self, scope: Scope) -> bool:
        declared = Headers(scope=scope).get("content-length", "0")
        return not declared.isdecimal() or int(declared[:20]) > self._most

    async def _read(self, receive: Receive) -> bytes | None:
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._most:
                return None
            if not message.get("more_body", False):
                return bytes(body)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = {"type": "about:blank", "title": "Content Too Large", "status": 413}
        problem["detail"] = f"a request has at most {self._most} bytes"
        headers = {"Connection": "close"}
        await JSONResponse(problem, 413, headers, "application/problem+json")(scope, receive, send)


def _given(body: bytes, receive: Receive) -> Receive:
    """Return a receive that gives the body once, then whatever else the server says."""
    is_given = False

    async def receive_again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
