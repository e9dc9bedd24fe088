"""How does somebody like to read: in large letters or not?"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from web.rendering import redirect
from web.sessions import form_of
from web.signing_in import safe_next

TEXT: Final = "duban_text"
LARGE: Final = "large"
YEAR_S: Final = 365 * 24 * 3600


def routes() -> list[BaseRoute]:
    """Return the addresses."""
    return [Route("/text-size", switch_text, methods=["POST"])]


def switch_text(request: Request) -> Response:
    """Switch between large and normal letters; anybody may, signed in or not."""
    onward = form_of(request).get("next")
    response = redirect(safe_next(onward if isinstance(onward, str) else "/"))
    if request.cookies.get(TEXT) == LARGE:
        response.delete_cookie(TEXT, httponly=True, samesite="lax")
    else:
        response.set_cookie(TEXT, LARGE, max_age=YEAR_S, samesite="lax", httponly=True)
    return response
