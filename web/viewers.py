"""Who is looking, and what may he see?

Rights hang on the scope, which goes into each query; a page asks `viewer_of` first of all. Callers: web/.
"""

from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

from store.accounts import Account, Role
from store.scoping import Scope
from store.sessions import Session

#: what somebody may still do whose password was given to him by another
WITHOUT_OWN_PASSWORD: Final = ("/password", "/sign-out")


class SignInNeeded(Exception):
    """Nobody is signed in."""


class PasswordNeeded(Exception):
    """The password was given by another, and must be changed first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody who is signed in."""

    account: str
    name: str
    role: Role
    town: str | None = None  #: id of the town office
    office: str | None = None  #: id of the town office or the station
    deputy: str | None = None

    @property
    def scope(self) -> Scope:
        """Return what the viewer may see."""
        return scope_of(self)

    @property
    def actor(self) -> str:
        """Return the viewer as the audit trail names him."""
        return f"account:{self.account}"


def scope_of(viewer: Viewer) -> Scope:
    """Return what a role may see; each role has one line."""
    if viewer.role is Role.OPERATOR:
        return Scope(everything=True)
    if viewer.role is Role.MUNICIPAL:
        return Scope(climbed_only=True)
    if viewer.role is Role.TOWN and viewer.office:
        return Scope(towns=frozenset({viewer.office}))
    if viewer.role is Role.STATION and viewer.office:
        return Scope(station=viewer.office)
    if viewer.role is Role.DEPUTY and viewer.deputy:
        return Scope(deputy=viewer.deputy)
    return Scope()


def viewer_from(account: Account) -> Viewer:
    """Return the viewer whose account it is."""
    return Viewer(
        account=account.id,
        name=account.name,
        role=account.role,
        town=account.office if account.role is Role.TOWN else None,
        office=account.office,
        deputy=account.deputy,
    )


def session_of(request: Request) -> Session | None:
    """Return the session of a request, or None."""
    session: Session | None = getattr(request.state, "session", None)
    return session


def somebody(request: Request) -> Viewer | None:
    """Return who is looking, or None if nobody is signed in."""
    session = session_of(request)
    return viewer_from(session.account) if session else None


def viewer_of(request: Request) -> Viewer:
    """Return who is looking; whoever is not signed in is led to the sign-in page."""
    session = session_of(request)
    if session is None:
        raise SignInNeeded
    if session.account.must_change and request.url.path not in WITHOUT_OWN_PASSWORD:
        raise PasswordNeeded
    return viewer_from(session.account)


def require_role(viewer: Viewer, *roles: Role) -> None:
    """Refuse whoever is in none of these roles."""
    if viewer.role not in roles:
        raise HTTPException(403)
