"""How does an operator take the schema back, when an older duban is to go on?

Only the newer duban knows how. What the older version does not know is said first, and kept aside if told so.
Policy: docs/adr/0020-upgrades-and-back.md. Caller: daemon/commands (init --to).
"""

import getpass

from sqlalchemy import Connection

from config.services import Services
from daemon.looking import require_database
from store import audit, migrating


def take_back(services: Services, to: str, *, anyway: bool) -> list[str]:
    """Take the schema back to version `to`, and return what to say. Raises NotBack."""
    require_database(services)

    def change(connection: Connection) -> list[str]:
        unknown = migrating.unknown_to(connection, to)
        if unknown and not anyway:
            raise migrating.NotBack(
                f"version {to} does not know what is here: {', '.join(unknown)}. Nothing was done; "
                "with --anyway it is all kept aside, out of that version's sight, until duban init of a newer duban"
            )
        found = migrating.current_version(connection)
        if found != to:  # before: the trail of the older version may have no seals
            actor = f"operator:{getpass.getuser()}"
            audit.append(
                connection, at=services.clock.now(), actor=actor, action="schema", subject=to, was=found, aside=unknown
            )
        migrating.take_back(connection, to)
        return unknown

    unknown = migrating.giving_way(services.engine, change)
    return [f"kept aside: {line}" for line in unknown] + [f"the schema is at {to}; start the duban that knows it"]
