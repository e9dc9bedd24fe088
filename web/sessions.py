"""Who is signed in, and is a form really from one of our own pages?

The browser holds a random secret in a cookie; the database keeps its hash. Each form carries a second secret, of
the session or, before anybody is signed in, of a cookie of its own; a request that would change something and does
not carry it is refused (403). The API and the webhooks know no cookies and bring proofs of their own.
Callers: web/app.py, web/signing_in.py.
"""

from datetime import timedelta
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.services import Services
from store import sessions
from store.engine import reading
from store.keys import is_same, new_secret
from store.sessions import IDLE, NOTED_EVERY, Session

SESSION: Final = "duban_session"
CSRF: Final = "duban_csrf"
FIELD: Final = "csrf"
HEADER: Final = "x-csrf-token"
SAFE: Final = ("GET", "HEAD", "OPTIONS", "TRACE")
#: no cookie is read here: API clients bring tokens, gateways signatures; the rest is open to all
WITHOUT_SESSION: Final = ("/api/", "/webhooks/", "/static/", "/healthz", "/readyz", "/metrics")
#: what our pages and Twilio send. The other kind is never read: its fields come in a charset that the sender names, and
#: some take Python seconds for a few hundred kilobytes, in which nobody else is answered
FORM: Final = "application/x-www-form-urlencoded"


def in_real_time(services: Services, span: timedelta) -> timedelta:
    """Return a span of real time as one of the clock's, which may run faster in a drill."""
    return span * max(services.clock.speed, 1.0)


def form_of(request: Request) -> FormData:
    """Return the form of a request, empty if it has none."""
    form: FormData = request.state.form
    return form


class Sessions:
    """Puts `session`, `csrf` and `form` into the state of a request, and refuses forms that are not ours."""

    def __init__(self, app: ASGIApp, *, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(WITHOUT_SESSION):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        session = await run_in_threadpool(self._session_of, request)
        known = session.csrf if session else request.cookies.get(CSRF)
        state = request.state
        state.session, state.csrf, state.form = session, known or new_secret(), FormData()
        if request.method not in SAFE:
            body = await request.body()
            try:
                state.form = await _read_form(scope, body)
            except HTTPException:
                await PlainTextResponse("the form cannot be read", 400)(scope, receive, send)
                return
            if known is None or is_from_elsewhere(request) or not is_same(known, _brought(request, state.form)):
                await refused(request)(scope, receive, send)
                return
            receive = _once(body)
        await self._app(scope, receive, send if known else _with_csrf_cookie(send, state.csrf, self._services))

    def _session_of(self, request: HTTPConnection) -> Session | None:
        secret = request.cookies.get(SESSION)
        if not secret:
            return None
        now = self._services.clock.now()
        with reading(self._services.engine) as connection:
            session = sessions.of_secret(connection, secret, now)
        if session and now - session.seen_at > in_real_time(self._services, NOTED_EVERY):
            with self._services.engine.begin() as connection:
                sessions.note_seen(connection, session, now, in_real_time(self._services, IDLE))
        return session


def is_from_elsewhere(request: HTTPConnection) -> bool:
    """Say whether the browser itself tells that another site sent this form.

    Before anybody is signed in the secret of a form is held against a cookie, and a site of the same domain can plant
    one. Older browsers tell nothing.
    """
    return request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none")


def refused(request: Request) -> Response:
    """Answer a form that did not come from one of our pages, or from one that is too old."""
    text = "页面已过期，请返回并刷新后重试。\nThis page has expired: go back, load it again, and try once more."
    return PlainTextResponse(text, 403)


async def _read_form(scope: Scope, body: bytes) -> FormData:
    request = Request(scope, _once(body))
    return await request.form(max_fields=1000) if has_form(request) else FormData()


def has_form(request: Request) -> bool:
    """Say whether a request brings a form of the kind that is read."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM


def _brought(request: Request, form: FormData) -> str:
    value = request.headers.get(HEADER) or form.get(FIELD)
    return value if isinstance(value, str) else ""


def _once(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def cookie(name: str, value: str, services: Services, *, max_age: int | None = None) -> str:
    """Return a Set-Cookie header: for this site alone, out of the reach of scripts."""
    bearer = Response()
    bearer.set_cookie(name, value, max_age=max_age, secure=is_https(services), httponly=True, samesite="lax")
    return bearer.headers["Set-Cookie"]


def is_https(services: Services) -> bool:
    """Say whether browsers reach us by https."""
    return (services.settings.public_url or "").startswith("https:")


def _with_csrf_cookie(send: Send, value: str, services: Services) -> Send:
    async def send_with(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("Set-Cookie", cookie(CSRF, value, services))
        await send(message)

    return send_with


def sign_in(response: Response, secret: str, services: Services) -> None:
    """Give the browser the session's secret."""
    response.headers.append("Set-Cookie", cookie(SESSION, secret, services))
    response.headers.append("Set-Cookie", cookie(CSRF, "", services, max_age=0))


def sign_out(response: Response, services: Services) -> None:
    """Take the session's secret from the browser."""
    response.headers.append("Set-Cookie", cookie(SESSION, "", services, max_age=0))
