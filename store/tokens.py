"""Which programs may use the API, and for what?

A token is shown once and kept as a hash. Each change is in the audit trail. Callers: web/api, daemon/accounts.py.
"""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from sqlalchemy import Connection, select, update

from store import audit
from store.keys import hash_of, new_secret
from store.schema_service import tokens
from store.upserts import insert_one

Rights = Literal["read", "write"]
RIGHTS: Final[tuple[Rights, ...]] = get_args(Rights)
#: a token in use is noted so often, not at each request
NOTED_EVERY: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A program that may use the API."""

    id: str
    scope: str  #: read, or write, which includes it
    town: str | None = None  #: what it sees and changes ends there
    created_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


COLUMNS: Final = tuple(tokens.c[f.name] for f in fields(Token))


def add(connection: Connection, token: Token, *, actor: str) -> str | None:
    """Add a token, and return the secret that its program is to hold; None if the id is taken."""
    secret = new_secret()
    row = {f.name: getattr(token, f.name) for f in fields(Token)} | {"hash": hash_of(secret)}
    if not insert_one(connection, tokens, row):
        return None
    _note(connection, "token-added", token.id, token.created_at, actor)
    return secret


def of_secret(connection: Connection, secret: str) -> Token | None:
    """Return the token whose secret a program holds, unless it is revoked."""
    query = select(*COLUMNS).where(tokens.c.hash == hash_of(secret), tokens.c.revoked_at.is_(None))
    row = connection.execute(query).first()
    return Token(**row._mapping) if row else None  # noqa: SLF001 - SQLAlchemy's public way in


def note_used(connection: Connection, token: str, at: datetime) -> None:
    """Note that a token is in use."""
    connection.execute(update(tokens).where(tokens.c.id == token).values(used_at=at))


def listed(connection: Connection) -> list[Token]:
    """Return all tokens."""
    return [Token(**row._mapping) for row in connection.execute(select(*COLUMNS).order_by(tokens.c.id))]  # noqa: SLF001


def revoke(connection: Connection, token: str, *, at: datetime, actor: str) -> bool:
    """Let a token's program in no more; False if there is none that is in force."""
    statement = update(tokens).where(tokens.c.id == token, tokens.c.revoked_at.is_(None)).values(revoked_at=at)
    if connection.execute(statement).rowcount == 0:
        return False
    _note(connection, "token-revoked", token, at, actor)
    return True


def _note(connection: Connection, action: str, token: str, at: datetime, actor: str) -> None:
    audit.append(connection, at=at, actor=actor, action=action, subject=f"token:{token}")
