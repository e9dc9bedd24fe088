"""Who may sign in, and which programs may use the API? What an operator says at the command line.

A password or a token is shown once. Callers: daemon/commands.
"""

import getpass
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from config.services import Services
from daemon.saying import Mendable
from rules.facts import SHANGHAI, OfficeKind
from store import accounts, tokens
from store.accounts import Account, Role
from store.keys import new_password
from store.schema import FACTS
from store.tokens import Rights, Token

#: role → kind of the office that it belongs to
KINDS = {Role.TOWN: OfficeKind.TOWN, Role.STATION: OfficeKind.STATION}


class NotDone(Mendable):
    """What was asked for cannot be done: what, and how to mend it."""


def actor() -> str:
    """Return the user of the machine as the audit trail names him."""
    return f"operator:{getpass.getuser()}"


def add_account(
    connection: Connection,
    services: Services,
    name: str,
    *,
    role: Role,
    office: str | None,
    deputy: str | None,
    shown_as: str | None = None,
) -> str:
    """Make an account, and return its password, which must be changed at the first sign-in."""
    ident = accounts.as_id(name)
    if not accounts.is_id(ident):
        raise NotDone(f"{name!r} cannot be an account: want 2 to 40 letters or digits, dots and hyphens between")
    _check_place(connection, role, office, deputy)
    made = Account(
        id=ident,
        name=shown_as or name,
        role=role,
        office=office,
        deputy=deputy,
        must_change=True,
        created_at=services.clock.now(),
    )
    password = new_password()
    if not accounts.add(connection, made, password, actor=actor()):
        raise NotDone(f"there is an account {ident} already; see duban account list")
    return password


def _check_place(connection: Connection, role: Role, office: str | None, deputy: str | None) -> None:
    """Refuse an account whose place does not go with its role, or is not on record."""
    needs_office, needs_deputy = role in KINDS, role is Role.DEPUTY
    if needs_office != (office is not None):
        raise NotDone(f"role {role} {'needs' if needs_office else 'takes no'} --office")
    if needs_deputy != (deputy is not None):
        raise NotDone(f"role {role} {'needs' if needs_deputy else 'takes no'} --deputy")
    offices, deputies = FACTS["offices"], FACTS["deputies"]
    if office is not None:
        kind = connection.execute(offices.select().where(offices.c.id == office)).mappings().first()
        if kind is None or kind["kind"] != KINDS[role]:
            raise NotDone(f"--office {office} is no {KINDS[role]} on record; see duban export")
    if deputy is not None and connection.execute(deputies.select().where(deputies.c.id == deputy)).first() is None:
        raise NotDone(f"--deputy {deputy} is not on record; see duban export")


def reset_account(connection: Connection, services: Services, name: str) -> str:
    """Give an account a new password, which must be changed at the first sign-in; its sessions end."""
    ident, password = accounts.as_id(name), new_password()
    at = services.clock.now()
    if not accounts.set_password(connection, ident, password, must_change=True, at=at, actor=actor()):
        raise NotDone(f"there is no account {name}; see duban account list")
    return password


def disable_account(connection: Connection, services: Services, name: str) -> None:
    """Let an account in no more."""
    if not accounts.disable(connection, accounts.as_id(name), at=services.clock.now(), actor=actor()):
        raise NotDone(f"there is no account {name} that is enabled; see duban account list")


def account_lines(found: Sequence[Account]) -> list[str]:
    """Return the accounts for people."""
    return [
        f"{one.id:<20} {one.role:<10} {one.office or one.deputy or '-':<12} {one.name}"
        + (f"  disabled {_day(one.disabled_at)}" if one.disabled_at else "")
        for one in found
    ]


def add_token(connection: Connection, services: Services, name: str, *, rights: Rights, town: str | None) -> str:
    """Make a token, and return its secret."""
    offices = FACTS["offices"]
    is_town = (offices.c.id == town) & (offices.c.kind == OfficeKind.TOWN)
    if town is not None and connection.execute(offices.select().where(is_town)).first() is None:
        raise NotDone(f"--town {town} is no town on record; see duban export")
    made = Token(id=name, scope=rights, town=town, created_at=services.clock.now())
    secret = tokens.add(connection, made, actor=actor())
    if secret is None:
        raise NotDone(f"there is a token {name} already; see duban token list")
    return secret


def revoke_token(connection: Connection, services: Services, name: str) -> None:
    """Let a token's program in no more."""
    if not tokens.revoke(connection, name, at=services.clock.now(), actor=actor()):
        raise NotDone(f"there is no token {name} in force; see duban token list")


def token_lines(found: Sequence[Token]) -> list[str]:
    """Return the tokens for people."""
    return [
        f"{one.id:<20} {one.scope:<6} {one.town or 'all towns':<12} used {_day(one.used_at) or 'never'}"
        + (f"  revoked {_day(one.revoked_at)}" if one.revoked_at else "")
        for one in found
    ]


def _day(at: datetime | None) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d}" if at else ""
