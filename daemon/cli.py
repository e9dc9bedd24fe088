"""What can be typed after `duban`?

Each command is glue: it opens what it needs, calls the piece that knows, prints. Source: INTERFACES "The command
line". Exit status: 0 done, 1 a finding, 2 bad input or usage, 3 a service out of reach.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
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


def say(lines: Iterable[str], facts: Any, *, as_json: bool) -> None:
    """Print facts, as lines for people or as JSON for programs."""
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False, default=str))
        return
    for line in lines:
        click.echo(line)


def say_faults(faults: Sequence[object]) -> None:
    """Print every fault of a record, and end with status 2 if there is any."""
    for fault in faults:
        click.echo(str(fault), err=True)
    if faults:
        many = f"{len(faults)} faults" if len(faults) > 1 else "1 fault"
        fail(f"{many}; nothing was written. Mend the rows, or import the others with --skip-bad", BAD_INPUT)


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


@main.command()
@record_path
@click.option("--from", "first", type=DAY, required=True, help="First day; duban counts as taken into use on it.")
@click.option("--to", "last", type=DAY, required=True, help="Last day, to its end.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the results.")
@click.option("--policy", "policy_file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Any key of the policy; repeatable.")
@as_json
def simulate(  # noqa: PLR0913, PLR0917 - one parameter for each option
    path: Path,
    first: datetime,
    last: datetime,
    out: Path,
    policy_file: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Replay a record on a virtual clock and write what would have been sent."""
    from config.calendars import load_calendar
    from config.policies import load_policy
    from config.settings import load_settings
    from intake.checking import check
    from replay.simulate import run_record, write_run

    if last < first:
        fail(f"--to {last:%Y-%m-%d} is before --from {first:%Y-%m-%d}", BAD_INPUT)
    settings = load_settings()
    policy = load_policy(policy_file, assignments)
    calendar = load_calendar(settings.calendar)
    checked = check(path, existing=None, calendar=calendar, policy=policy)
    say_faults(checked.faults)
    run = run_record(
        checked.record, first.date(), last.date(), policy=policy, calendar=calendar, signature=settings.signature
    )
    summary = write_run(run, out, sms_price=settings.sms_price)
    say(summary_lines(summary, out), summary, as_json=as_json)
