"""Which addresses does the web process answer, and what stands before all of them?

Pages (web/pages), sign-in, the JSON API, webhooks, health. Callers: daemon/serving.py, tests.
"""

from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import urlencode, urlsplit

import structlog
from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from config.services import Services
from rules.dockets import Desk
from web import api, health, pages, signing_in, webhooks
from web.api import make_api
from web.api.problems import on_refusal
from web.bodies import BodyLimit
from web.headers import PlainAddresses, SecurityHeaders, headers_for
from web.outages import Outages, plainly
from web.pages.workshop import Rehearser
from web.rendering import redirect, render, static_file
from web.sessions import WITHOUT_SESSION, Sessions, is_https
from web.viewers import PasswordNeeded, SignInNeeded

#: names by which a browser on this machine reaches it: a page of another site cannot pass itself off as ours
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

log = structlog.get_logger()


class Desks(Protocol):
    """Knows the organisation, calendar and policy by which this installation decides."""

    def of(self, connection: Connection) -> Desk:
        """Return the desk on the organisation as it is in the database."""


def make_app(services: Services, desks: Desks, rehearser: Rehearser | None = None) -> Starlette:
    """Return the application; nothing is opened yet. `rehearser`: tries changes of the policy on the past."""
    app = Starlette(
        routes=_routes(services, desks),
        middleware=[
            Middleware(SecurityHeaders, is_https=is_https(services)),
            Middleware(TrustedHostMiddleware, allowed_hosts=trusted_hosts(services), www_redirect=False),
            Middleware(PlainAddresses),
            Middleware(BodyLimit),
            Middleware(Outages, answer=plainly),
            Middleware(Sessions, services=services),
        ],
        exception_handlers={
            SignInNeeded: _to_sign_in,
            PasswordNeeded: _to_password,
            HTTPException: _refused,
            Exception: _failed,
        },
    )
    app.state.services, app.state.desks, app.state.rehearser = services, desks, rehearser
    return app


def trusted_hosts(services: Services) -> list[str]:
    """Return the host names that a request may be for."""
    public = urlsplit(services.settings.public_url or "").hostname
    return [*LOOPBACK, *([public] if public else [])]


def _routes(services: Services, desks: Desks) -> list[BaseRoute]:
    return [
        Mount(api.PATH, make_api(services, desks)),
        *signing_in.routes(),
        *pages.routes(),
        *webhooks.routes(),
        *health.routes(),
        Route("/static/{digest}/{name:path}", static_file),
    ]


# What goes wrong ---------------------------------------------------------------------------


def _to_sign_in(request: Request, _: Exception) -> Response:
    if request.method not in ("GET", "HEAD"):
        return redirect("/sign-in")
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return redirect(f"/sign-in?{urlencode({'next': here})}" if here != "/" else "/sign-in")


def _to_password(request: Request, _: Exception) -> Response:
    return redirect("/password")


async def _refused(request: Request, err: Exception) -> Response:
    if request.url.path.startswith(f"{api.PATH}/"):  # an address that not even the API's own router takes
        return await on_refusal(request, err)
    status = err.status_code if isinstance(err, HTTPException) else 500
    if request.url.path.startswith(WITHOUT_SESSION):
        return PlainTextResponse(HTTPStatus(status).phrase, status)
    response = render(request, "error.html.j2", status, status=status)
    response.headers.update(dict(getattr(err, "headers", None) or {}))
    return response


def _failed(request: Request, err: Exception) -> Response:
    # Starlette answers from outside all middleware here, so the headers are set by hand.
    log.error("request_failed", path=request.url.path, method=request.method, exc_info=err)
    return PlainTextResponse(
        "系统内部错误，请稍后再试。\nSomething failed here: please try again.",
        500,
        headers_for(is_https=is_https(request.app.state.services)),
    )
