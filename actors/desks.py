"""By what organisation, calendar, policy and start does this installation decide?

The organisation is read once and kept until somebody changes it. Callers: all of actors/, daemon's commands.
"""

from dataclasses import replace
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import Connection

from actors.calendar_watch import notice_change
from config.policies import with_changes
from config.services import Services
from rules.dockets import Desk
from rules.facts import local_day
from rules.offices import House
from rules.policy import Policy
from store import facts, installation, policies
from store.ahead import HOUSE, Ahead, note_changed_house

START_ON: Final = "start_on"


def start_on(connection: Connection, services: Services) -> date:
    """Return the day on which the office took duban into use (R5.3).

    The policy's; else the day on which the clock first ran; before that, today.
    """
    return known_start(connection, services) or local_day(services.clock.now())


def known_start(connection: Connection, services: Services) -> date | None:
    """Return the day on which the office took duban into use, or None while that is left to the clock's first start."""
    if services.policy.start_on is not None:
        return services.policy.start_on
    noted = installation.get(connection, START_ON)
    return date.fromisoformat(noted) if noted else None


def note_start(connection: Connection, services: Services) -> None:
    """Note that the clock runs from today on, if it never ran before."""
    if installation.get(connection, START_ON) is None:
        installation.put(connection, START_ON, start_on(connection, services).isoformat())
        note_changed_house(connection)  # who had to take today for the first day reads it anew


class _Known(NamedTuple):
    """A desk, and what it was made from."""

    mark: str
    day: date
    desk: Desk


class Desks:
    """The desk of this installation, made anew when the organisation or the policy has changed."""

    def __init__(self, services: Services) -> None:
        """Read nothing yet."""
        self._services = services
        self._known: _Known | None = None
        self._noted: Policy | None = None
        self._identity: str | None = None

    def of(self, connection: Connection, ahead: Ahead | None = None) -> Desk:
        """Return the desk on the organisation as it is in the database, by the policy in force today.

        `ahead`: what has been looked at in the same transaction.
        """
        mark = (ahead.house if ahead else installation.get(connection, HOUSE)) or "0"
        day = local_day(self._services.clock.now())
        known = self._known
        if known is None or known.mark != mark:
            house = House(*facts.load_house(connection))
            policy = policy_in_force(connection, self._services.policy, day)
            begins = start_on(connection, self._services)
            known = _Known(mark, day, Desk(house, self._services.calendar, policy, begins))
        elif known.day != day:
            policy = policy_in_force(connection, self._services.policy, day)
            is_same = policy == known.desk.policy
            known = _Known(mark, day, known.desk if is_same else replace(known.desk, policy=policy))
        self._known = known
        return known.desk

    def identity(self, connection: Connection) -> str:
        """Return what tells this installation's messages from those of any other: for ever the same."""
        self._identity = self._identity or installation.get(connection, installation.IDENTITY)
        return self._identity or ""

    def without_house(self, connection: Connection) -> Desk:
        """Return the desk without the organisation, for whoever only hands on by what is decided."""
        day = local_day(self._services.clock.now())
        policy = policy_in_force(connection, self._services.policy, day)
        return Desk(House(()), self._services.calendar, policy, start_on(connection, self._services))

    def note_terms(self, connection: Connection, desk: Desk) -> None:
        """Have everything reckoned anew if calendar or policy are not those that matters were reckoned with.

        Until `know_terms`, once that is committed, it is asked again: what is rolled back is not noted.
        """
        if desk.policy is not self._noted:
            notice_change(connection, desk.calendar, desk.policy)

    def know_terms(self, noted: Policy) -> None:
        """Ask no more whether calendar and policy have changed, until the policy is another than this."""
        self._noted = noted


def policy_in_force(connection: Connection, configured: Policy, day: date) -> Policy:
    """Return the policy of a day: the configured one, with what has been adopted laid over it."""
    adopted = policies.in_force(connection, day)
    return with_changes(configured, adopted.changes) if adopted else configured
