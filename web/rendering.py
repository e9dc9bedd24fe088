"""How does a page get its words, its language and its styles?

Chinese first; `?lang=en` switches and is remembered. Everything from the record is escaped. Callers: web/.
"""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from mimetypes import guess_type
from typing import Any, Final, Literal, NamedTuple

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from rules.facts import SHANGHAI
from web.viewers import somebody

Lang = Literal["zh", "en"]
LANGS: Final[tuple[Lang, ...]] = ("zh", "en")
FOLDERS: Final = ("console", "pages")
LANG: Final = "duban_lang"
FLASH: Final = "duban_flash"
YEAR_S: Final = 365 * 24 * 3600
LONGEST_FLASH: Final = 1000
FOR_EVER: Final = "public, max-age=31536000, immutable"
#: what this Python's table of types may lack
TYPES: Final = {".woff2": "font/woff2", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class Static(NamedTuple):
    """A file of styles, a script or a picture."""

    digest: str
    content: bytes
    media_type: str


class Flash(NamedTuple):
    """A word about what has just been done, shown once."""

    level: str  #: done, or wrong
    text: str


def _is_there(folder: str) -> bool:
    return (files("templates") / folder).is_dir()


@cache
def environment() -> Environment:
    """Return the templates of all pages."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader("templates", folder) for folder in FOLDERS if _is_there(folder)]),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = static_url
    return made


# Language ----------------------------------------------------------------------------------


def lang_of(request: Request) -> Lang:
    """Return the language of a page: as asked for, as remembered, else Chinese.

    The first one that we have counts.
    """
    wanted = (request.query_params.get("lang"), request.cookies.get(LANG))
    return next((lang for word in wanted for lang in LANGS if lang == word), "zh")


# Pages -------------------------------------------------------------------------------------


def render(request: Request, template: str, status_code: int = 200, **context: Any) -> Response:
    """Return a page; the templates know who looks, in which language, and what has just been done."""
    lang = lang_of(request)
    flashes = flashes_of(request)
    given = {
        "request": request,
        "path": request.url.path,
        "lang": lang,
        "csrf_token": getattr(request.state, "csrf", ""),
        "flashes": flashes,
        "viewer": somebody(request),
        "now": request.app.state.services.clock.now().astimezone(SHANGHAI),
        "office_name": request.app.state.services.settings.office_name,
    }
    response = HTMLResponse(environment().get_template(template).render(given | context), status_code)
    if request.query_params.get("lang") in LANGS:
        response.set_cookie(LANG, lang, max_age=YEAR_S, samesite="lax", httponly=True)
    if flashes:
        response.delete_cookie(FLASH, httponly=True, samesite="lax")
    return response


def redirect(url: str, *flashes: Flash) -> Response:
    """Lead the browser to another page, which shows what has just been done."""
    response = RedirectResponse(url, 303)
    if flashes:
        cut = [(flash.level, flash.text[:LONGEST_FLASH]) for flash in flashes]
        value = urlsafe_b64encode(json.dumps(cut).encode()).decode()
        response.set_cookie(FLASH, value, max_age=60, samesite="lax", httponly=True)
    return response


def flashes_of(request: Request) -> list[Flash]:
    """Return what has just been done; what does not read as such is passed over."""
    try:
        said = json.loads(urlsafe_b64decode(request.cookies.get(FLASH, "").encode()) or b"[]")
        flashes = [Flash(str(level), str(text)) for level, text in said]
        "".join(flash.text + flash.level for flash in flashes).encode()  # half a character cannot be shown
    except (NotBase64, ValueError, TypeError, RecursionError):
        return []
    else:
        return flashes


# Static files ------------------------------------------------------------------------------


@cache
def statics() -> Mapping[str, Static]:
    """Return all static files by name; they are few and small, and are read once."""
    folder = files("templates") / "static"
    return dict(_files_under(folder, "")) if folder.is_dir() else {}


def _files_under(folder: Traversable, prefix: str) -> list[tuple[str, Static]]:
    found: list[tuple[str, Static]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            found += _files_under(entry, f"{name}/")
            continue
        content = entry.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:12]
        ending = entry.name[entry.name.rfind(".") :]
        media_type = TYPES.get(ending) or guess_type(entry.name)[0] or "application/octet-stream"
        found.append((name, Static(digest, content, media_type)))
    return found


def static_url(name: str) -> str:
    """Return the address of a static file; it holds a hash of the file, so browsers may keep it for ever."""
    return f"/static/{statics()[name].digest}/{name}"


def static_file(request: Request) -> Response:
    """Answer with a static file."""
    found = statics().get(request.path_params["name"])
    if found is None or found.digest != request.path_params["digest"]:
        raise HTTPException(404)
    return Response(found.content, media_type=found.media_type, headers={"Cache-Control": FOR_EVER})
