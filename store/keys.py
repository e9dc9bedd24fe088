"""What does a secret look like, and what is kept of it?

Whoever reads the database finds nothing that opens a door: of sessions, tokens and one-time addresses only a hash
is kept. They are random and long, so that a plain hash is enough. Callers: store/, web/.
"""

import hashlib
import secrets
from typing import Final

SECRET_BYTES: Final = 32
#: no letters or digits that look alike on paper
LEGIBLE: Final = "abcdefghjkmnpqrstuvwxyz23456789"
PASSWORD_LENGTH: Final = 16


def new_secret() -> str:
    """Return a secret that nobody can guess."""
    return secrets.token_urlsafe(SECRET_BYTES)


def new_password() -> str:
    """Return a password that can be read out over the telephone."""
    return "".join(secrets.choice(LEGIBLE) for _ in range(PASSWORD_LENGTH))


def hash_of(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_same(one: str, other: str) -> bool:
    """Say whether two secrets are the same, in a time that does not tell where they differ."""
    return secrets.compare_digest(one.encode(), other.encode())
