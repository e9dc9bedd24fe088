"""Who is signed in, and who tries too often?

A session's id is kept as a hash. Callers: web/sessions.py, web/signing_in.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from store.accounts import Account, find
from store.keys import hash_of, new_secret
from store.schema_service import accounts, sessions, signins

#: how long a session lives without a request, in real time
IDLE: Final = timedelta(hours=12)
#: a session in use is noted so often, not at each request: reading pages writes nothing
NOTED_EVERY: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in."""

    hash: str
    account: Account
    csrf: str
    seen_at: datetime


def begin(connection: Connection, account: str, *, at: datetime, lives: timedelta) -> str:
    """Begin a session, and return the secret that the browser is to hold."""
    secret = new_secret()
    row = {"id": hash_of(secret), "account": account, "csrf": new_secret(), "began_at": at, "seen_at": at}
    connection.execute(insert(sessions).values(row | {"expires_at": at + lives}))
    # Whoever ends sessions may wait for the trail, which this transaction may hold: it is not waited for.
    expired = select(sessions.c.id).where(sessions.c.expires_at <= at).with_for_update(skip_locked=True)
    connection.execute(delete(sessions).where(sessions.c.id.in_(expired)))
    return secret


def of_secret(connection: Connection, secret: str, at: datetime) -> Session | None:
    """Return the session that a browser holds, unless it has expired or the account is disabled."""
    query = (
        select(sessions.c.id, sessions.c.account, sessions.c.csrf, sessions.c.seen_at)
        .join(accounts)
        .where(sessions.c.id == hash_of(secret), sessions.c.expires_at > at, accounts.c.disabled_at.is_(None))
    )
    row = connection.execute(query).first()
    account = find(connection, row.account) if row else None
    return Session(row.id, account, row.csrf, row.seen_at) if row and account else None


def note_seen(connection: Connection, session: Session, at: datetime, lives: timedelta) -> None:
    """Note that a session is in use, which lets it live on."""
    statement = update(sessions).where(sessions.c.id == session.hash)
    connection.execute(statement.values(seen_at=at, expires_at=at + lives))


def end(connection: Connection, session: Session) -> None:
    """End a session."""
    connection.execute(delete(sessions).where(sessions.c.id == session.hash))


# Tries to sign in --------------------------------------------------------------------------


def note_try(connection: Connection, keys: Sequence[str], at: datetime, since: datetime) -> list[int]:
    """Note a try for an account and from an address before it is judged; forget those before `since`."""
    connection.execute(delete(signins).where(signins.c.at < since))
    rows = [{"key": key, "at": at} for key in keys]
    return list(connection.execute(insert(signins).values(rows).returning(signins.c.id)).scalars())


def tries(connection: Connection, key: str, since: datetime) -> int:
    """Return how many tries for an account or from an address failed, or are being judged."""
    query = select(func.count()).where(signins.c.key == key, signins.c.at >= since)
    return int(connection.execute(query).scalar_one())


def forget_tries(connection: Connection, noted: Sequence[int]) -> None:
    """Forget tries that did not fail."""
    connection.execute(delete(signins).where(signins.c.id.in_(noted)))


def forget_tries_for(connection: Connection, key: str) -> None:
    """Forget the failed tries for an account whose owner has signed in."""
    connection.execute(delete(signins).where(signins.c.key == key))
