"""What can be typed after `duban`?

Each command is glue: it opens what it needs, calls the piece that knows, prints. Source: INTERFACES "The command
line". Exit status: 0 done, 1 a finding, 2 bad input or usage, 3 a service out of reach.
"""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

OK: Final = 0
FINDING: Final = 1
BAD_INPUT: Final = 2
OUT_OF_REACH: Final = 3
DAY: Final = click.DateTime(["%Y-%m-%d", "%Y/%m/%d"])


def fail(message: str, status: int) -> None:
    """Say what failed on stderr, and end with a status."""
    click.echo(f"duban: {message}", err=True)
    sys.exit(status)


def one_clear_error(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn what can go wrong into one line that says what and how to mend it."""

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        from sqlalchemy.exc import DatabaseError, OperationalError

        from config.layers import WrongSettings

        try:
            return command(*args, **kwargs)
        except WrongSettings as err:
            fail(str(err), BAD_INPUT)
        except OperationalError as err:
            fail(f"the database cannot be reached ({err.orig}); check DUBAN_DATABASE_URL, or run duban init", OUT_OF_REACH)
        except DatabaseError as err:
            fail(f"the database refused ({err.orig}); run duban doctor", OUT_OF_REACH)

    return guarded


class Commands(click.Group):
    """The commands, each guarded by `one_clear_error`, listed in the order of a day's work."""

    def command(self, *args: Any, **kwargs: Any) -> Callable[[Callable[..., Any]], click.Command]:
        """Add a command."""
        add = super().command(*args, **kwargs)
        return lambda fn: add(one_clear_error(fn))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they were written."""
        return list(self.commands)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="duban")
def main() -> None:
    """督办 duban: the unattended clock of a county's People's Congress."""


as_json = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
record_path = click.argument("path", type=click.Path(exists=True, path_type=Path))
