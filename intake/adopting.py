"""How is a change of the policy adopted?

With the day from which it holds and a reason, both on record. Callers: daemon/policies.py, web/pages/workshop.py.
"""

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import Connection

from config.layers import WrongSettings
from config.policies import full_key, with_changes
from rules.facts import local_day
from rules.policy import Policy
from rules.workdays import ONE_DAY
from store import audit, policies
from store.ahead import note_changed_house
from store.locks import Lock, alone

LONGEST_REASON = 500
#: what says when in a day something happens
HOURS = {"notify_at", "digest_at", "send_window"}


def adopt_changes(
    connection: Connection,
    configured: Policy,
    changes: Mapping[str, str],
    *,
    begins: date,
    reason: str,
    actor: str,
    at: datetime,
) -> None:
    """Adopt changes from a day on, laid over those that hold then. Raises WrongSettings, and changes nothing."""
    changes = {full_key(key): value for key, value in changes.items()}
    _refuse(changes, begins, reason, local_day(at))
    alone(connection, Lock.ADOPTING)
    before = policies.in_force(connection, begins)
    together = {**(before.changes if before else {}), **changes}
    with_changes(configured, together)
    policies.adopt(connection, begins=begins, changes=together, reason=reason.strip(), actor=actor, at=at)
    note_changed_house(connection)
    audit.append(
        connection,
        at=at,
        actor=actor,
        action="policy-adopted",
        subject="policy",
        begins=begins.isoformat(),
        reason=reason.strip(),
        changes=dict(changes),
    )


def _refuse(changes: Mapping[str, str], begins: date, reason: str, today: date) -> None:
    lines = []
    if not changes:
        lines.append("nothing is changed; name at least one key")
    if "start_on" in changes:
        lines.append("start_on is the day of the first start: it is set in the configuration, not adopted")
    if begins < today:
        lines.append(f"begins={begins}: want today ({today}) or later; what has been sent stays sent")
    if begins == today and (hours := sorted(HOURS & changes.keys())):
        # What is left of today would be skipped or come twice, whichever way the hour moves.
        lines.append(
            f"{', '.join(hours)}: want begins={today + ONE_DAY} or later; today goes on by the hours it began with"
        )
    if not reason.strip():
        lines.append("reason: want a sentence that says why")
    if len(reason) > LONGEST_REASON:
        lines.append(f"reason: want at most {LONGEST_REASON} characters")
    if lines:
        raise WrongSettings(lines)
