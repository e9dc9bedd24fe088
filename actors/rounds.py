"""Which rungs fire in the round of a workday?

Rules: R5.1 to R5.4. Callers: actors/steps.py.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from actors.leaving import Envelopes
from rules.dockets import Desk
from rules.facts import local_day
from rules.ladders import Fired
from rules.notices import Notice, Verdict, attention_for, once, round_notices
from store import notices, projection

#: matters read, decided and written at a time: bounds memory, not meaning
BATCH: Final = 2000


def hold_round(connection: Connection, desk: Desk, at: datetime, envelopes: Envelopes) -> int:
    """Fire every rung whose date has come by `at`, and return how many notices were decided; they leave at once.

    Running twice is harmless: a rung is recorded as fired, and a notice's key is unique.
    """
    decided = 0
    day, after = local_day(at), at + timedelta(microseconds=1)
    for matters in projection.matters_due(connection, at, BATCH):
        fired = notices.fired(connection, [matter.id for matter in matters])
        found: list[Notice] = []
        dealt: list[tuple[str, Fired]] = []
        calls: list[tuple[str, datetime | None]] = []
        for matter in matters:
            result = round_notices(matter, fired.get(matter.id, ()), day, desk)
            found += result.notices
            dealt += [(matter.id, rung) for rung in result.fired]
            calls.append((matter.id, attention_for(matter, result.left, after, desk)))
        notices.record_fired(connection, dealt, at)
        _decide(connection, once(found), at, envelopes)
        decided += len(found)
        projection.set_next_rung(connection, calls)
    return decided


def _decide(connection: Connection, found: Sequence[Notice], at: datetime, envelopes: Envelopes) -> None:
    """Record what is right at this very instant, in the messages in which it leaves."""
    messages = envelopes.lend(notices.address_of(n) for n in found if n.verdict is Verdict.SENT)
    notices.decide_leaving(connection, found, at, messages, envelopes.later)
