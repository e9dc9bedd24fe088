"""What goes into the record and comes out, and what would it bring?

Caller: daemon/cli.
"""

from datetime import date
from pathlib import Path
from typing import Final

import click

from daemon.commands.options import DAY, as_json_option, record_path
from daemon.saying import BAD_INPUT, fail, many, say

#: `--skip-bad` without a folder
BESIDE: Final = Path("-")


@click.command()
@click.option("--to", metavar="VERSION", help="Take the schema back to this older version, for an older duban.")
@click.option("--anyway", is_flag=True, help="With --to: also if that version does not know all that is there.")
def init(to: str | None, anyway: bool) -> None:  # noqa: FBT001
    """Make the schema, or bring it up to date."""
    from config.services import open_services
    from daemon.processes import prepare
    from daemon.upgrades import take_back

    services = open_services()
    if to is not None:
        for line in take_back(services, to, anyway=anyway):
            click.echo(line)
        return
    if anyway:
        fail("--anyway goes with --to", BAD_INPUT)
    begins = prepare(services)
    since = f"taken into use on {begins}" if begins else "it counts as taken into use from the clock's first start on"
    click.echo(f"{services.engine.url.render_as_string(hide_password=True)} is ready; {since}")


@click.command("import")
@click.argument("path", type=click.Path(exists=True, path_type=Path), required=False, metavar="PATH")
@click.option(
    "--skip-bad",
    type=click.Path(path_type=Path),
    is_flag=False,
    flag_value=BESIDE,
    metavar="[DIRECTORY]",
    help="Write the good rows; save the others in this folder, or beside PATH in PATH-refused, with a column `why`.",
)
@as_json_option
def import_(path: Path | None, skip_bad: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Take a record (a folder of CSV, or an XLSX workbook) into the database: all of it or nothing."""
    from config.services import open_services
    from daemon.importing import import_lines, import_with_progress
    from daemon.processes import prepare

    path, skip_bad = _from_and_to(path, skip_bad)
    services = open_services()
    prepare(services)
    report = import_with_progress(services, path, skip_bad)
    facts = {name: getattr(report, name) for name in ("added", "changed", "same", "refused")}
    facts |= {kind: [fault.as_json() for fault in getattr(report, kind)] for kind in ("faults", "warnings")}
    say(import_lines(report, skip_bad), facts, as_json=as_json)
    if report.faults and not report.is_written:
        fail(f"{many(len(report.faults), 'fault')}; nothing was written. Mend the rows, or see --skip-bad", BAD_INPUT)


def _from_and_to(path: Path | None, skip_bad: Path | None) -> tuple[Path, Path | None]:
    """Return where the record is, and where refused rows go: `--skip-bad PATH` names the record alone."""
    if path is None and skip_bad not in (None, BESIDE):
        path, skip_bad = skip_bad, BESIDE
    if path is None:
        raise click.UsageError("Missing argument 'PATH'")
    if not path.exists():
        raise click.UsageError(f"Path '{path}' does not exist")
    if skip_bad == BESIDE:
        place = path.resolve()
        skip_bad = place.with_name(f"{place.stem if place.is_file() else place.name}-refused")
    if skip_bad is not None and skip_bad.is_file():
        raise click.UsageError(f"--skip-bad {skip_bad} is a file; want a folder")
    return path, skip_bad


@click.command()
@record_path
@as_json_option
def check(path: Path, as_json: bool) -> None:  # noqa: FBT001
    """Check a record by its files alone: nothing is written, and no database asked.

    What refers to rows that are in the database only, such as rows that `--skip-bad` has saved, is for an import.
    """
    from daemon.records import check_record, where_they_are

    checked = check_record(path)
    facts = {kind: [fault.as_json() for fault in getattr(checked, kind)] for kind in ("faults", "warnings")}
    faults = [*map(str, checked.faults), *where_they_are(checked.faults)]
    warnings = (f"warning: {warning}" for warning in checked.warnings)
    say([*faults, *warnings, many(len(checked.faults), "fault")], facts, as_json=as_json)
    if checked.faults:
        raise SystemExit(BAD_INPUT)


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--chinese", is_flag=True, help="Chinese names of files, columns and values.")
def export(folder: Path, chinese: bool) -> None:  # noqa: FBT001
    """Write the record as CSV files that an import takes back."""
    from daemon.looking import looking
    from intake.exporting import export_record

    with looking() as (connection, _, _):
        export_record(connection, folder, "zh" if chinese else "en")
    click.echo(f"the record is in {folder}")


@click.command()
@record_path
@click.option("--from", "first", type=DAY, required=True, help="First day; duban counts as taken into use on it.")
@click.option("--to", "last", type=DAY, required=True, help="Last day, to its end.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the results.")
@click.option("--policy", "policy_file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Any key of the policy; repeatable.")
@as_json_option
def simulate(
    path: Path,
    first: date,
    last: date,
    out: Path,
    policy_file: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,  # noqa: FBT001
) -> None:
    """Replay a record on a virtual clock, and write what would have been sent."""
    from config.collecting import seldom_collecting
    from config.policies import load_policy
    from config.settings import load_settings
    from daemon.records import check_record
    from replay.simulate import run_record, summary_lines, write_run

    if last < first:
        fail(f"--to {last} is before --from {first}", BAD_INPUT)
    settings = load_settings()
    policy = load_policy(policy_file, assignments).model_copy(update={"start_on": first})
    with seldom_collecting():
        checked = check_record(path, policy=policy, settings=settings)
        if not checked.faults:
            run = run_record(checked.record, first, last, policy=policy, settings=settings)
            summary = write_run(run, out, sms_price=settings.sms_price)
    if checked.faults:
        say(map(str, checked.faults), [fault.as_json() for fault in checked.faults], as_json=as_json, err=not as_json)
        fail(f"{many(len(checked.faults), 'fault')} in {path}; nothing was simulated", BAD_INPUT)
    say(summary_lines(summary, out), summary, as_json=as_json)
