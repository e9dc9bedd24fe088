"""With which keys is the audit trail sealed?

The key is never in the database: whoever can write there must not be able to seal. It is DUBAN_AUDIT_KEY, or stands
in a file beside the database that is made at first use. Several keys are those of former times, the last is the one
in use: entries sealed with the others can still be verified. Callers: config/services.py, daemon/auditing.py.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from config.layers import WrongSettings
from config.settings import Settings, audit_keys_in

FILE: Final = "audit.key"
FOLDER: Final = Path("var")  #: of a database that is no file


def audit_key(settings: Settings, new_key: Callable[[], str]) -> bytes:
    """Return the key in use; `new_key` makes one where there is none yet. Raises WrongSettings."""
    if settings.audit_key is None and not key_file(settings).exists():
        _make(key_file(settings), new_key())
    return audit_keys(settings)[-1]


def audit_keys(settings: Settings) -> tuple[bytes, ...]:
    """Return all keys that are known, the one in use last; none if none was ever made. Raises WrongSettings."""
    if settings.audit_key is not None:
        return _keys_in(settings.audit_key.get_secret_value(), "DUBAN_AUDIT_KEY")
    file = key_file(settings)
    return _keys_in(file.read_text("utf-8"), str(file)) if file.exists() else ()


def key_file(settings: Settings) -> Path:
    """Return where the key stands unless it is a setting: beside the database file, or under var/."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        return Path(url.database).with_suffix(f".{FILE}")
    return FOLDER / FILE


def _keys_in(words: str, where: str) -> tuple[bytes, ...]:
    try:
        return tuple(key.encode() for key in audit_keys_in(words))
    except ValueError as err:
        raise WrongSettings([f"{where} {err}"]) from err


def _make(file: Path, key: str) -> None:
    """Write a new key for its owner alone; of several processes that start at once the first one's counts."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)  # for its owner alone
    own = Path(name)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(f"{key}\n")
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(own, file)
    except FileExistsError:
        pass
    finally:
        own.unlink()
