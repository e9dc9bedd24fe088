"""Which program asks, and may it?

A token comes in the header `Authorization: Bearer …` and is looked at before anything else of the request. `read`
reads; `write` writes as well. A token of one town sees and changes nothing beyond it. Callers: web/api.
"""

from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Asgi

from config.services import Services
from store import tokens
from store.engine import reading
from store.scoping import Scope
from store.tokens import NOTED_EVERY, Token
from web.api.problems import problem
from web.sessions import in_real_time

SCHEME: Final = "bearer"
#: anybody may read what the API is like
OPEN: Final = ("/openapi.json",)
SAFE: Final = ("GET", "HEAD", "OPTIONS")
LONGEST_SECRET: Final = 200


@dataclass(frozen=True, slots=True)
class Client:
    """A program that may use the API."""

    token: Token

    @property
    def scope(self) -> Scope:
        """Return what the program may see."""
        return Scope(towns=frozenset({self.token.town})) if self.token.town else Scope(everything=True)

    @property
    def actor(self) -> str:
        """Return the program as the audit trail names it."""
        return f"token:{self.token.id}"


def client_of(request: Request) -> Client:
    """Return the program that asks; the door has let it in."""
    client: Client = request.state.client
    return client


class Door:
    """Lets in whoever brings a token in force, and lets write whoever may."""

    def __init__(self, app: ASGIApp, *, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].removeprefix(scope.get("root_path", "")) in OPEN:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        token = await run_in_threadpool(self._token_of, request)
        if token is None:
            headers = {"WWW-Authenticate": 'Bearer realm="duban"'}
            answer = problem(401, "want the header Authorization: Bearer, with a token in force", headers=headers)
            await answer(scope, receive, send)
            return
        if request.method not in SAFE and token.scope != "write":
            await problem(403, "this token may read, not write")(scope, receive, send)
            return
        request.state.client = Client(token)
        await self._app(scope, receive, send)

    def _token_of(self, request: Request) -> Token | None:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != SCHEME or not secret or len(secret) > LONGEST_SECRET:
            return None
        with reading(self._services.engine) as connection:
            token = tokens.of_secret(connection, secret.strip())
        now = self._services.clock.now()
        span = in_real_time(self._services, NOTED_EVERY)
        if token and (token.used_at is None or now - token.used_at > span):
            with self._services.engine.begin() as connection:
                tokens.note_used(connection, token.id, now)
        return token
