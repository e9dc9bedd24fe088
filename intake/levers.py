"""What can an operator do by hand: one more try, stop all sending, go on?

Each use is in the audit trail. Callers: daemon/levers.py, web/pages/messages.py.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from rules.facts import local_day
from store import audit, findings, gateways, notices, outbox

BY_HAND: Final = "held by an operator"


def retry_notice(connection: Connection, notice: int, *, actor: str, at: datetime) -> str | None:
    """Give the message of a notice one more try; return what stands in the way, or None."""
    row = notices.find(connection, notice)
    if row is None:
        return f"there is no notice {notice}; see duban notices"
    if row.message is None:
        return f"notice {notice} is {row.state} and in no message; only what failed can be tried again"
    if not _try_again(connection, row.message, actor, at):
        return f"the message of notice {notice} is neither failed nor undeliverable nor unknown; nothing to try again"
    audit.append(connection, at=at, actor=actor, action="retry", subject=f"notice:{notice}")
    return None


def retry_message(connection: Connection, message: int, *, actor: str, at: datetime) -> bool:
    """Give a message one more try; False if it is in no state for that."""
    if not _try_again(connection, message, actor, at):
        return False
    audit.append(connection, at=at, actor=actor, action="retry", subject=f"message:{message}")
    return True


def _try_again(connection: Connection, message: int, actor: str, at: datetime) -> bool:
    """Give a message one more try, which deals with what was found about it: if it fails again, that is found anew."""
    if not outbox.retry(connection, message, at):
        return False
    findings.close_of_message(connection, message, actor, at)
    return True


def set_held(connection: Connection, *, held: bool, actor: str, at: datetime, reason: str = BY_HAND) -> int:
    """Stop all sending, or go on; return how many messages are waiting to leave."""
    if held:
        outbox.hold(connection, reason, at)
    else:
        # What the daily total held is let go too: an operator has looked at it.
        gateways.allow_more(connection, local_day(at), outbox.release(connection, at))
        gateways.forget_ahead(connection, at)
    audit.append(connection, at=at, actor=actor, action="hold" if held else "release", subject="sending")
    counts = outbox.count_by_state(connection)
    return counts.get("due", 0) + counts.get("held", 0)
