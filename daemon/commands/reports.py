"""What came of a month or a year?

Caller: daemon/cli.
"""

from datetime import datetime
from pathlib import Path

import click

from daemon.commands.options import INSTANT, as_json_option

at_option = click.option("--at", type=INSTANT, help="On what was known then, such as 2026-04-01T08:30; default: now.")
out_option = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that ends in .xlsx, .html, .pdf or .md; default: Markdown on the screen.",
)


@click.group()
def report() -> None:
    """Report on a month or a year: visits, duties, matters overdue, opinions, projects, coverage."""


@report.command("month")
@click.argument("month")
@out_option
@at_option
@as_json_option
def report_month(month: str, out: Path | None, at: datetime | None, as_json: bool) -> None:  # noqa: FBT001
    """Report on a MONTH, such as 2026-03."""
    from daemon.reporting import write_report
    from rules.lookback import month_of

    write_report(month_of, month, out, at, as_json=as_json)


@report.command("year")
@click.argument("year")
@out_option
@at_option
@as_json_option
def report_year(year: str, out: Path | None, at: datetime | None, as_json: bool) -> None:  # noqa: FBT001
    """Report on a YEAR, such as 2026."""
    from daemon.reporting import write_report
    from rules.lookback import year_of

    write_report(year_of, year, out, at, as_json=as_json)
