"""Who may come in by the web, and in which role?

Passwords are kept as argon2id hashes. Each change is in the audit trail. Callers: web/, daemon/accounts.py.
"""

import re
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import Connection, delete, exists, select, update

from store import audit
from store.schema_service import accounts, sessions
from store.upserts import insert_one

#: an argon2 hash takes 64 MiB and a core: so many at a time
AT_ONCE: Final = 2
#: bounds what is hashed for a stranger
LONGEST_PASSWORD: Final = 200
SHORTEST_PASSWORD: Final = 10
LONGEST_NAME: Final = 100
#: letters of any script and digits, with dots and hyphens between
ID: Final = re.compile(r"[^\W_][\w.-]{0,38}[^\W_]")

_hasher: Final = PasswordHasher()
_turnstile: Final = threading.BoundedSemaphore(AT_ONCE)
#: what an unknown account's password is held against, so that the answer takes as long
_nobody: Final = _hasher.hash("nobody")


class Role(StrEnum):
    """What somebody is to duban; what each sees is in docs/web.md."""

    OPERATOR = "operator"
    MUNICIPAL = "municipal"
    TOWN = "town"
    STATION = "station"
    DEPUTY = "deputy"


#: roles that belong to an office
OF_OFFICE: Final = (Role.TOWN, Role.STATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who may sign in."""

    id: str
    name: str
    role: Role
    office: str | None = None
    deputy: str | None = None
    must_change: bool = False  #: the password was given by another: it must be changed first
    created_at: datetime
    disabled_at: datetime | None = None


COLUMNS: Final = tuple(accounts.c[f.name] for f in fields(Account))


def _account(row: Sequence[object]) -> Account:
    values = dict(zip((f.name for f in fields(Account)), row, strict=True))
    return Account(**values | {"role": Role(values["role"])})  # type: ignore[arg-type]


def as_id(text: str) -> str:
    """Return an account's id as it was typed, whatever the case, the width of the letters and the blanks about it.

    >>> as_id(" Ｌi.Ming ")
    'li.ming'
    """
    plain = unicodedata.normalize("NFKC", text[:LONGEST_PASSWORD]).strip().casefold()
    return "".join(c for c in plain if c.isprintable())


def is_id(account: str) -> bool:
    """Say whether a text can be an account's id.

    >>> is_id("li.ming"), is_id("a"), is_id("a b")
    (True, False, False)
    """
    return ID.fullmatch(account) is not None


# Passwords ---------------------------------------------------------------------------------


def hash_password(password: str) -> str:
    """Return what is kept of a password."""
    with _turnstile:
        return _hasher.hash(password)


def holds(known: str | None, password: str) -> bool:
    """Say whether a password is the one of which `known` is kept; None takes as long, and does not hold."""
    if len(password) > LONGEST_PASSWORD:
        return False
    with _turnstile:
        try:
            return _hasher.verify(known or _nobody, password) and known is not None
        except (Argon2Error, InvalidHashError):
            return False


# Looking up --------------------------------------------------------------------------------


def find(connection: Connection, account: str) -> Account | None:
    """Return an account, disabled or not."""
    row = connection.execute(select(*COLUMNS).where(accounts.c.id == account)).first()
    return _account(row) if row else None


def password_of(connection: Connection, account: str) -> str | None:
    """Return what is kept of the password of an account that may sign in."""
    query = select(accounts.c.password).where(accounts.c.id == account, accounts.c.disabled_at.is_(None))
    found: str | None = connection.execute(query).scalar()
    return found


def is_still(connection: Connection, account: str, known: str | None) -> bool:
    """Say whether `known` is still what is kept of the password, and keep it so until the transaction ends.

    A password is looked at outside of any transaction, since that takes long.
    """
    query = select(accounts.c.password).where(accounts.c.id == account, accounts.c.disabled_at.is_(None))
    return known is not None and connection.execute(query.with_for_update(key_share=True)).scalar() == known


def listed(connection: Connection) -> list[Account]:
    """Return all accounts."""
    return [_account(row) for row in connection.execute(select(*COLUMNS).order_by(accounts.c.id))]


def are_there(connection: Connection) -> bool:
    """Say whether anybody may sign in."""
    return bool(connection.execute(select(exists().where(accounts.c.id.is_not(None)))).scalar())


# Changing ----------------------------------------------------------------------------------


def add(connection: Connection, account: Account, password: str, *, actor: str) -> bool:
    """Add an account; False if its id is taken. `password` is hashed here."""
    row = {f.name: getattr(account, f.name) for f in fields(Account)} | {"password": hash_password(password)}
    if not insert_one(connection, accounts, row):
        return False
    _note(connection, audit.ACCOUNT_ADDED, account.id, account.created_at, actor, role=account.role)
    return True


def set_password(
    connection: Connection, account: str, password: str, *, must_change: bool, at: datetime, actor: str
) -> bool:
    """Put a password in place of the old one, and end all sessions of the account; False if there is none."""
    statement = update(accounts).where(accounts.c.id == account)
    if connection.execute(statement.values(password=hash_password(password), must_change=must_change)).rowcount == 0:
        return False
    connection.execute(delete(sessions).where(sessions.c.account == account))
    _note(connection, "password-reset" if must_change else "password-changed", account, at, actor)
    return True


def disable(connection: Connection, account: str, *, at: datetime, actor: str) -> bool:
    """Let an account in no more, and end its sessions; False if there is none that is enabled."""
    statement = update(accounts).where(accounts.c.id == account, accounts.c.disabled_at.is_(None))
    if connection.execute(statement.values(disabled_at=at)).rowcount == 0:
        return False
    connection.execute(delete(sessions).where(sessions.c.account == account))
    _note(connection, "account-disabled", account, at, actor)
    return True


def _note(connection: Connection, action: str, account: str, at: datetime, actor: str, **detail: str) -> None:
    audit.append(connection, at=at, actor=actor, action=action, subject=f"account:{account}", **detail)
