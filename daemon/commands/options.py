"""Which options and ways of reading words do several commands share?

Callers: daemon/commands.
"""

from pathlib import Path
from typing import Any, Final, TypeVar

import click

Row = TypeVar("Row")


class _AsInTheRecord(click.ParamType[Any]):
    """A day or an instant, written in any of the ways that the record admits."""

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a day, or an instant in UTC."""
        from intake.values import Day, Instant, Unreadable

        try:
            return (Day() if self.name == "date" else Instant()).read_text(value.strip())
        except Unreadable as err:
            self.fail(f"{value!r} {err.problem}", param, ctx)


DAY: Final = _AsInTheRecord("date")
INSTANT: Final = _AsInTheRecord("instant")
NUMBER: Final = click.IntRange(1, 2**63 - 1)  #: as far as a database counts
FOR_PEOPLE: Final = 50  #: rows of a list that people are shown unless they ask for more

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
record_path = click.argument("path", type=click.Path(exists=True, path_type=Path))
limit_option = click.option("--limit", type=NUMBER, help=f"At most so many; default: {FOR_PEOPLE}, or all with --json.")


def one_more(limit: int | None, *, as_json: bool) -> int | None:
    """Return how many rows to ask for: one more than people are shown, to know whether there are others."""
    return limit if limit is not None or as_json else FOR_PEOPLE + 1


def shown(rows: list[Row], limit: int | None, *, as_json: bool) -> list[Row]:
    """Return the rows that are shown; say so where others are left out that nobody asked to leave out."""
    if limit is not None or as_json or len(rows) <= FOR_PEOPLE:
        return rows
    click.echo(f"the first {FOR_PEOPLE}; there are more: see --limit, or --json for all", err=True)
    return rows[:FOR_PEOPLE]
