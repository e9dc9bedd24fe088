"""In whose name does this installation write?

Callers: actors/ and replay/, which put notices into words.
"""

from config.settings import Settings
from rules.dockets import Desk
from rules.policy import Arrivals
from templates.wording import Wording


def wording_of(desk: Desk, settings: Settings) -> Wording:
    """Return the words of this installation."""
    return Wording(
        desk.house,
        calendar=desk.calendar,
        signature=settings.signature,
        full_name=settings.office_name,
        either=desk.policy.duty.arrivals is Arrivals.EITHER,
    )
