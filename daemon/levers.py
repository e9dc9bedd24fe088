"""What can an operator do by hand: one more try, stop all sending, go on?

Each use is in the audit trail. Callers: daemon/cli; the console uses the same.
"""

import getpass

from sqlalchemy import Connection

from config.services import Services
from store import audit, notices, outbox


def retry_notice(connection: Connection, services: Services, notice: int) -> str | None:
    """Give the message of a notice one more try; return what stands in the way, or None."""
    row = notices.find(connection, notice)
    if row is None:
        return f"there is no notice {notice}; see duban notices"
    if row.message is None:
        return f"notice {notice} is {row.state} and in no message; only what failed can be tried again"
    if not outbox.retry(connection, row.message):
        return f"the message of notice {notice} is neither failed nor undeliverable nor unknown; nothing to try again"
    _note(connection, services, "retry", f"notice:{notice}")
    return None


def set_held(connection: Connection, services: Services, *, held: bool) -> int:
    """Stop all sending, or go on; return how many messages are due."""
    if held:
        outbox.hold(connection)
    else:
        outbox.release(connection)
    _note(connection, services, "hold" if held else "release", "sending")
    return outbox.count_by_state(connection).get("due", 0)


def _note(connection: Connection, services: Services, action: str, subject: str) -> None:
    audit.append(
        connection, at=services.clock.now(), actor=f"operator:{getpass.getuser()}", action=action, subject=subject
    )
