"""What can an operator do by hand: one more try, stop all sending, go on?

Each use is in the audit trail. Callers: daemon/cli; the console uses the same.
"""

import getpass
from typing import Final

from sqlalchemy import Connection

from config.services import Services
from rules.facts import local_day
from store import audit, gateways, notices, outbox

BY_OPERATOR: Final = "an operator has stopped all sending"


def retry_notice(connection: Connection, services: Services, notice: int) -> str | None:
    """Give the message of a notice one more try; return what stands in the way, or None."""
    row = notices.find(connection, notice)
    if row is None:
        return f"there is no notice {notice}; see duban notices"
    if row.message is None:
        return f"notice {notice} is {row.state} and in no message; only what failed can be tried again"
    if not outbox.retry(connection, row.message, services.clock.now()):
        return f"the message of notice {notice} is neither failed nor undeliverable nor unknown; nothing to try again"
    _note(connection, services, "retry", f"notice:{notice}")
    return None


def set_held(connection: Connection, services: Services, *, held: bool) -> int:
    """Stop all sending, or go on; return how many messages are due."""
    now = services.clock.now()
    if held:
        outbox.hold(connection, BY_OPERATOR, now)
    else:
        outbox.release(connection, now)
        gateways.allow_more(connection, local_day(now), services.settings.sms_daily_total)
    _note(connection, services, "hold" if held else "release", "sending")
    counts = outbox.count_by_state(connection)
    return counts.get("due", 0) + counts.get("held", 0)


def _note(connection: Connection, services: Services, action: str, subject: str) -> None:
    audit.append(
        connection, at=services.clock.now(), actor=f"operator:{getpass.getuser()}", action=action, subject=subject
    )
