"""Which options and ways of reading words do several commands share?

Callers: daemon/commands.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

DAY: Final = click.DateTime(["%Y-%m-%d", "%Y/%m/%d"])
INSTANTS: Final = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]
INSTANT: Final = click.DateTime(INSTANTS)

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
record_path = click.argument("path", type=click.Path(exists=True, path_type=Path))
limit_option = click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")


def instant(at: datetime | None) -> datetime | None:
    """Return an instant of the command line in UTC; without an offset it is local time."""
    from rules.facts import SHANGHAI

    if at is None:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=SHANGHAI)).astimezone(UTC)


def many(count: int, what: str) -> str:
    """Return how many of something there are, such as `no faults` or `1 fault`."""
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
