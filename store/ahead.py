"""How far has the clock come, and what waits for it? One question, since it is asked at each look.

Callers: actors/, daemon/clockwork.py, intake/adopting.py.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, exists, func, select

from store import installation as remembered
from store.many import word
from store.outbox import HELD
from store.schema import installation, notices, stale, subjects

CURSOR: Final = "cursor"  #: key of the instant up to which all is done
HOUSE: Final = "house"  #: key of what is another whenever the organisation or the policy changes
HOUSE_BITS: Final = 62


@dataclass(frozen=True, slots=True)
class Ahead:
    """What waits for the clock."""

    cursor: str | None  #: the instant up to which all is done; None: the clock never ran
    reckon_at: datetime | None  #: when a subject must be reckoned anew
    leaves_at: datetime | None  #: when a notice that waits is to leave
    is_stale: bool  #: whether a changed fact is marked
    held: str | None  #: why all sending is held; None or empty: it is not
    house: str | None  #: another whenever the organisation or the policy changes


_CURSOR, _HELD, _HOUSE = (
    select(installation.c.value).where(installation.c.key == key).scalar_subquery() for key in (CURSOR, HELD, HOUSE)
)
_RECKON_AT: Final = select(func.min(subjects.c.next_reckon_at))
_LEAVES_AT: Final = select(func.min(notices.c.leaves_at)).where(notices.c.state == word("waiting"))
_AHEAD: Final = select(
    _CURSOR,
    _RECKON_AT.scalar_subquery(),
    _LEAVES_AT.scalar_subquery(),
    exists(select(stale.c.kind)),
    _HELD,
    _HOUSE,
)


def look_ahead(connection: Connection) -> Ahead:
    """Return what waits for the clock: looks at indexes alone."""
    return Ahead(*connection.execute(_AHEAD).one())


def note_changed_house(connection: Connection) -> None:
    """Have every process read organisation and policy anew, once this is committed.

    By a number that was never there: counted up, that of a transaction which is rolled back would come again, as would
    that of two at once, and whoever read on the first would take the second for known.
    """
    remembered.put(connection, HOUSE, str(secrets.randbits(HOUSE_BITS)))
