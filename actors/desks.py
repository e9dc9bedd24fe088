"""By what organisation, calendar, policy and start does this installation decide?

The organisation is read once and kept until somebody changes it. Callers: all of actors/, daemon's commands.
"""

from datetime import date
from typing import Final

from sqlalchemy import Connection

from config.services import Services
from rules.dockets import Desk
from rules.facts import local_day
from rules.offices import House
from store import facts, installation

START_ON: Final = "start_on"


def start_on(connection: Connection, services: Services) -> date:
    """Return the day on which the office took duban into use (R5.3).

    The policy's; else the day on which the clock first ran; before that, today.
    """
    if services.policy.start_on is not None:
        return services.policy.start_on
    noted = installation.get(connection, START_ON)
    return date.fromisoformat(noted) if noted else local_day(services.clock.now())


def note_start(connection: Connection, services: Services) -> None:
    """Note that the clock runs from today on, if it never ran before."""
    if installation.get(connection, START_ON) is None:
        installation.put(connection, START_ON, start_on(connection, services).isoformat())


class Desks:
    """The desk of this installation, made anew when the organisation has changed."""

    def __init__(self, services: Services) -> None:
        """Read nothing yet."""
        self._services = services
        self._mark: str | None = None
        self._desk: Desk | None = None

    def of(self, connection: Connection) -> Desk:
        """Return the desk on the organisation as it is in the database."""
        mark = installation.get(connection, "house") or "0"
        if self._desk is None or mark != self._mark:
            house = House(*facts.load_house(connection))
            begins = start_on(connection, self._services)
            self._desk = Desk(house, self._services.calendar, self._services.policy, begins)
            self._mark = mark
        return self._desk


def note_changed_house(connection: Connection) -> None:
    """Have every process read the organisation anew."""
    mark = int(installation.get(connection, "house") or "0")
    installation.put(connection, "house", str(mark + 1))
