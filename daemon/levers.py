"""Who pulls a lever at the command line?

What each lever does is in intake/levers.py; the console pulls the same. Caller: daemon/commands.
"""

import getpass

from sqlalchemy import Connection

from config.services import Services
from intake import levers


def retry_notice(connection: Connection, services: Services, notice: int) -> str | None:
    """Give the message of a notice one more try; return what stands in the way, or None."""
    return levers.retry_notice(connection, notice, actor=_operator(), at=services.clock.now())


def retry_message(connection: Connection, services: Services, message: int) -> str | None:
    """Give a message one more try, be it of notices or a digest; return what stands in the way, or None."""
    if levers.retry_message(connection, message, actor=_operator(), at=services.clock.now()):
        return None
    return f"no message {message} is failed, undeliverable or unknown; nothing to try again. See duban status"


def set_held(connection: Connection, services: Services, *, held: bool) -> int:
    """Stop all sending, or go on; return how many messages are waiting to leave."""
    return levers.set_held(connection, held=held, actor=_operator(), at=services.clock.now())


def _operator() -> str:
    return f"operator:{getpass.getuser()}"
