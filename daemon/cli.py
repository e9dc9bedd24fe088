"""What can be typed after `duban`?

Each command is glue: it opens what it needs, calls the piece that knows, prints. Source: INTERFACES "The command
line". Exit status: 0 done, 1 a finding, 2 bad input or usage, 3 a service out of reach.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import click

from daemon.saying import BAD_INPUT, FINDING, Commands, fail, say

DAY: Final = click.DateTime(["%Y-%m-%d", "%Y/%m/%d"])
INSTANTS: Final = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]
INSTANT: Final = click.DateTime(INSTANTS)

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
record_path = click.argument("path", type=click.Path(exists=True, path_type=Path))
limit_option = click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="duban")
def main() -> None:
    """督办 duban: the unattended clock of a county's People's Congress."""


# One process --------------------------------------------------------------------------------


@main.command()
@click.option("--demo", is_flag=True, help="Fill an empty database with a made-up municipality of Heshan's size.")
@click.option("--port", type=click.IntRange(0, 65535), help="Where the console listens; default 8631.")
def up(demo: bool, port: int | None) -> None:  # noqa: FBT001 - a command's flag
    """Run everything in one process on the embedded default, and show it."""
    from daemon.up import run_up

    run_up(demo=demo, port=port)


@main.command()
def daemon() -> None:
    """Run the clock of a set-up of several processes; DUBAN_REDIS_URL names their broker."""
    from daemon.processes import run_daemon

    run_daemon()


@main.command()
def worker() -> None:
    """Do what the daemon rings for; run as many as you like."""
    from daemon.processes import run_worker

    run_worker()


@main.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where it listens; a proxy with TLS stands before it."
)
@click.option("--port", type=click.IntRange(0, 65535), help="Default 8631.")
def web(host: str, port: int | None) -> None:
    """Serve the console, the API and the webhooks."""
    from daemon.serving import run_web

    run_web(host=host, port=port)


# People and programs ------------------------------------------------------------------------


@main.group()
def account() -> None:
    """Say who may sign in to the console."""


@account.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(["operator", "municipal", "town", "station", "deputy"]), required=True)
@click.option("--office", help="Id of the town office or the station.")
@click.option("--deputy", help="Id of the deputy.")
@click.option("--shown-as", help="The person's name; default: NAME.")
def account_add(name: str, role: str, office: str | None, deputy: str | None, shown_as: str | None) -> None:
    """Make an account, and print its one-time password."""
    from daemon.accounts import NotDone, add_account
    from daemon.looking import looking
    from store.accounts import Role

    with looking() as (connection, _, services):
        try:
            password = add_account(
                connection, services, name, role=Role(role), office=office, deputy=deputy, shown_as=shown_as
            )
        except NotDone as err:
            fail(str(err), BAD_INPUT)
    click.echo(f"{name} signs in with {password} and must then choose another password")


@account.command("list")
@as_json_option
def account_list(as_json: bool) -> None:  # noqa: FBT001
    """List all accounts."""
    from dataclasses import asdict

    from daemon.accounts import account_lines
    from daemon.looking import looking
    from store.accounts import listed

    with looking() as (connection, _, _):
        found = listed(connection)
    say(account_lines(found), [asdict(one) for one in found], as_json=as_json)


@account.command("reset")
@click.argument("name")
def account_reset(name: str) -> None:
    """Give an account a new one-time password; its sessions end."""
    from daemon.accounts import NotDone, reset_account
    from daemon.looking import looking

    with looking() as (connection, _, services):
        try:
            password = reset_account(connection, services, name)
        except NotDone as err:
            fail(str(err), BAD_INPUT)
    click.echo(f"{name} signs in with {password} and must then choose another password")


@account.command("disable")
@click.argument("name")
def account_disable(name: str) -> None:
    """Let an account in no more; its sessions end."""
    from daemon.accounts import NotDone, disable_account
    from daemon.looking import looking

    with looking() as (connection, _, services):
        try:
            disable_account(connection, services, name)
        except NotDone as err:
            fail(str(err), BAD_INPUT)
    click.echo(f"{name} can no longer sign in")


@main.group()
def token() -> None:
    """Say which programs may use the API."""


@token.command("add")
@click.argument("name")
@click.option("--scope", type=click.Choice(["read", "write"]), required=True, help="Write includes read.")
@click.option("--town", help="Id of a town office: the token sees and changes nothing beyond it.")
def token_add(name: str, scope: Literal["read", "write"], town: str | None) -> None:
    """Make a token, and print its secret, once."""
    from daemon.accounts import NotDone, add_token
    from daemon.looking import looking

    with looking() as (connection, _, services):
        try:
            secret = add_token(connection, services, name, rights=scope, town=town)
        except NotDone as err:
            fail(str(err), BAD_INPUT)
    click.echo(secret)


@token.command("list")
@as_json_option
def token_list(as_json: bool) -> None:  # noqa: FBT001
    """List all tokens, without their secrets."""
    from dataclasses import asdict

    from daemon.accounts import token_lines
    from daemon.looking import looking
    from store.tokens import listed

    with looking() as (connection, _, _):
        found = listed(connection)
    say(token_lines(found), [asdict(one) for one in found], as_json=as_json)


@token.command("revoke")
@click.argument("name")
def token_revoke(name: str) -> None:
    """Let a token's program in no more."""
    from daemon.accounts import NotDone, revoke_token
    from daemon.looking import looking

    with looking() as (connection, _, services):
        try:
            revoke_token(connection, services, name)
        except NotDone as err:
            fail(str(err), BAD_INPUT)
    click.echo(f"{name} can no longer use the API")


# The record ---------------------------------------------------------------------------------


@main.command()
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
    click.echo(f"{services.engine.url.render_as_string(hide_password=True)} is ready; taken into use on {begins}")


@main.command("import")
@record_path
@click.option(
    "--skip-bad",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the good rows; save the others in this folder with a column `why`.",
)
@as_json_option
def import_(path: Path, skip_bad: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Take a record (a folder of CSV, or an XLSX workbook) into the database: all of it or nothing."""
    from config.services import open_services
    from daemon.importing import import_lines, import_with_progress
    from daemon.processes import prepare

    services = open_services()
    prepare(services)
    report = import_with_progress(services, path, skip_bad)
    facts = {name: getattr(report, name) for name in ("added", "changed", "same", "refused")}
    facts |= {kind: [fault.as_json() for fault in getattr(report, kind)] for kind in ("faults", "warnings")}
    say(import_lines(report, skip_bad), facts, as_json=as_json)
    if report.faults and not report.is_written:
        fail(f"{_many(len(report.faults), 'fault')}; nothing was written. Mend the rows, or see --skip-bad", BAD_INPUT)


@main.command()
@record_path
@as_json_option
def check(path: Path, as_json: bool) -> None:  # noqa: FBT001
    """Check a record without writing anything."""
    from daemon.records import check_record, where_they_are

    checked = check_record(path)
    facts = {kind: [fault.as_json() for fault in getattr(checked, kind)] for kind in ("faults", "warnings")}
    faults = [*map(str, checked.faults), *where_they_are(checked.faults)]
    warnings = (f"warning: {warning}" for warning in checked.warnings)
    say([*faults, *warnings, _many(len(checked.faults), "fault")], facts, as_json=as_json)
    if checked.faults:
        raise SystemExit(BAD_INPUT)


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--chinese", is_flag=True, help="Chinese names of files, columns and values.")
def export(folder: Path, chinese: bool) -> None:  # noqa: FBT001
    """Write the record as CSV files that an import takes back."""
    from config.services import open_services
    from intake.exporting import export_record

    services = open_services()
    with services.engine.begin() as connection:
        export_record(connection, folder, "zh" if chinese else "en")
    click.echo(f"the record is in {folder}")


# Looking ahead ------------------------------------------------------------------------------


@main.command()
@record_path
@click.option("--from", "first", type=DAY, required=True, help="First day; duban counts as taken into use on it.")
@click.option("--to", "last", type=DAY, required=True, help="Last day, to its end.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the results.")
@click.option("--policy", "policy_file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Any key of the policy; repeatable.")
@as_json_option
def simulate(
    path: Path,
    first: datetime,
    last: datetime,
    out: Path,
    policy_file: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,  # noqa: FBT001
) -> None:
    """Replay a record on a virtual clock, and write what would have been sent."""
    from config.policies import load_policy
    from config.settings import load_settings
    from daemon.records import check_record
    from replay.engine import without_collection
    from replay.simulate import run_record, summary_lines, write_run

    if last < first:
        fail(f"--to {last:%Y-%m-%d} is before --from {first:%Y-%m-%d}", BAD_INPUT)
    settings = load_settings()
    policy = load_policy(policy_file, assignments).model_copy(update={"start_on": first.date()})
    with without_collection():
        checked = check_record(path, policy=policy, settings=settings)
        if not checked.faults:
            run = run_record(checked.record, first.date(), last.date(), policy=policy, settings=settings)
            summary = write_run(run, out, sms_price=settings.sms_price)
    if checked.faults:
        say(map(str, checked.faults), [fault.as_json() for fault in checked.faults], as_json=as_json, err=not as_json)
        fail(f"{_many(len(checked.faults), 'fault')} in {path}; nothing was simulated", BAD_INPUT)
    say(summary_lines(summary, out), summary, as_json=as_json)


@main.command()
@click.argument("matter")
@click.option("--at", type=INSTANT, help="As it stood then, such as 2026-03-31T09:00; default: now.")
@as_json_option
def explain(matter: str, at: datetime | None, as_json: bool) -> None:  # noqa: FBT001
    """Tell the whole ladder of a matter: facts, due date day by day, rungs fired and to come, to whom."""
    from daemon.explaining import NoSuchMatter, as_facts, as_lines
    from daemon.explaining import explain as explain_matter
    from daemon.looking import looking

    with looking() as (connection, desks, services):
        try:
            found = explain_matter(connection, desks, matter, _instant(at) or services.clock.now())
        except NoSuchMatter as err:
            fail(str(err), BAD_INPUT)
        say(as_lines(found), as_facts(found), as_json=as_json)


# Looking around -----------------------------------------------------------------------------


@main.command()
@as_json_option
def status(as_json: bool) -> None:  # noqa: FBT001
    """Tell what is open, due, overdue, sent, failed, and what needs a look."""
    from daemon.looking import looking, status_facts, status_lines

    with looking() as (connection, desks, services):
        facts = status_facts(connection, desks, services)
    say(status_lines(facts), facts, as_json=as_json)


@main.command()
@click.option("--matter", help="Only of this matter.")
@click.option("--to", help="Only to this person, such as deputy:D1.")
@click.option("--state", type=click.Choice(["waiting", "bundled", "superseded", "recorded"]))
@click.option("--undeliverable", is_flag=True, help="Only those that found nobody.")
@click.option("--failed", is_flag=True, help="Only those whose message failed.")
@limit_option
@as_json_option
def notices(
    matter: str | None,
    to: str | None,
    state: str | None,
    undeliverable: bool,  # noqa: FBT001
    failed: bool,  # noqa: FBT001
    limit: int,
    as_json: bool,  # noqa: FBT001
) -> None:
    """List notices with what became of them, the newest first."""
    from daemon.looking import looking, notice_facts, notice_line
    from store.notices import list_notices

    with looking() as (connection, _, _):
        told = list_notices(
            connection,
            matter=matter,
            to=to,
            state=state,
            verdict="undeliverable" if undeliverable else None,
            message_state="failed" if failed else None,
            limit=limit,
            newest_first=True,
        )
    say(map(notice_line, told), [notice_facts(one) for one in told], as_json=as_json)


@main.command()
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([*["open", "overdue", "met", "late", "missed", "excused", "cancelled", "settled"]]),
)
@click.option("--town", help="Only of this town office's id.")
@click.option("--kind", type=click.Choice(["visit", "petition", "milestone", "inspection"]))
@click.option("--subject", help="Only of this seat, petition or project.")
@click.option("--rebuild", is_flag=True, help="Reckon all matters anew from the facts.")
@click.option("--check", "only_check", is_flag=True, help="With --rebuild: change nothing, tell what differs.")
@limit_option
@as_json_option
def matters(  # noqa: PLR0913, PLR0917
    statuses: tuple[str, ...],
    town: str | None,
    kind: str | None,
    subject: str | None,
    rebuild: bool,  # noqa: FBT001
    only_check: bool,  # noqa: FBT001
    limit: int,
    as_json: bool,  # noqa: FBT001
) -> None:
    """List matters, the earliest due date first; or prove that they equal a fresh reckoning."""
    from daemon.looking import looking, matter_facts, matter_line
    from daemon.rebuilding import rebuild_matters
    from rules.facts import local_day
    from store.projection import list_matters

    if only_check and not rebuild:
        fail("--check goes with --rebuild", BAD_INPUT)
    with looking() as (connection, desks, services):
        if rebuild:
            count = _tell_differences(rebuild_matters(connection, desks, write=not only_check), as_json=as_json)
        else:
            day = local_day(services.clock.now())
            found = list_matters(connection, day, statuses=statuses, town=town, kind=kind, subject=subject, limit=limit)
    if not rebuild:
        say(map(matter_line, found), [matter_facts(one) for one in found], as_json=as_json)
        return
    if not as_json:
        done = "not as in a fresh reckoning" if only_check else "brought in line with a fresh reckoning"
        click.echo(f"{_many(count, 'matter')} {done}")
    if count and only_check:
        raise SystemExit(FINDING)


def _tell_differences(lines: Iterable[str], *, as_json: bool) -> int:
    """Print each line as it is found, for there may be millions; return how many there were."""
    if as_json:
        found = list(lines)
        say((), found, as_json=True)
        return len(found)
    count = 0
    for line in lines:
        click.echo(line)
        count += 1
    return count


@main.command()
@as_json_option
def doctor(as_json: bool) -> None:  # noqa: FBT001
    """Check configuration, database, schema, broker, gateways, templates, calendar, clock and coverage."""
    from daemon.doctor import examine

    symptoms = examine()
    facts = [{"check": s.check, "well": s.well, "text": s.text} for s in symptoms]
    say((f"{'ok  ' if s.well else 'LOOK'}  {s.check:<10} {s.text}" for s in symptoms), facts, as_json=as_json)
    raise SystemExit(0 if all(s.well for s in symptoms) else FINDING)


# Looking back -------------------------------------------------------------------------------

at_option = click.option("--at", type=INSTANT, help="On what was known then, such as 2026-04-01T08:30; default: now.")
out_option = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that ends in .xlsx, .html, .pdf or .md; default: Markdown on the screen.",
)


@main.group()
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

    write_report(month_of, month, out, _instant(at), as_json=as_json)


@report.command("year")
@click.argument("year")
@out_option
@at_option
@as_json_option
def report_year(year: str, out: Path | None, at: datetime | None, as_json: bool) -> None:  # noqa: FBT001
    """Report on a YEAR, such as 2026."""
    from daemon.reporting import write_report
    from rules.lookback import year_of

    write_report(year_of, year, out, _instant(at), as_json=as_json)


# Keeping ------------------------------------------------------------------------------------


@main.group("audit")
def audit_() -> None:
    """Prove that nobody has meddled with the audit trail."""


@audit_.command("verify")
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    metavar="TEXT",
    help="One that was mailed; repeatable. Without one a trail cut off together with its head does not show.",
)
@as_json_option
def audit_verify(checkpoints: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001
    """Walk over the whole audit trail: is any entry changed, removed, moved or cut off?"""
    from daemon.auditing import NoCheckpoint, verdict_facts, verdict_lines, verify_trail

    try:
        verdict = verify_trail(checkpoints)
    except NoCheckpoint as err:
        fail(str(err), BAD_INPUT)
    say(verdict_lines(verdict), verdict_facts(verdict), as_json=as_json)
    raise SystemExit(0 if verdict.is_sound else FINDING)


@audit_.command("checkpoint")
def audit_checkpoint() -> None:
    """Print how far the audit trail has come; keep it where nobody who runs duban can change it."""
    from daemon.auditing import NoCheckpoint, latest_checkpoint

    try:
        click.echo(str(latest_checkpoint()))
    except NoCheckpoint as err:
        fail(str(err), FINDING)


@main.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(1), help="In a folder: remove all but so many backups, the newest stay.")
@as_json_option
def backup(path: Path, keep: int | None, as_json: bool) -> None:  # noqa: FBT001
    """Write everything into a new file PATH, or into a file named by the instant if PATH is a folder.

    Also while duban runs.
    """
    from daemon.backups import BadBackup, back_up, backup_facts

    try:
        made = back_up(path, keep)
    except BadBackup as err:
        fail(str(err), BAD_INPUT)
    line = f"{made.file}: {made.manifest.rows} rows, read once more and whole; sha256 {made.sha256}"
    say([line], backup_facts(made), as_json=as_json)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--drill", is_flag=True, help="To be run on a drill's clock only, with which nothing leaves the machine.")
@as_json_option
def restore(file: Path, drill: bool, as_json: bool) -> None:  # noqa: FBT001
    """Bring a backup into an empty database, and hold all sending until `duban release`."""
    from daemon.backups import BadBackup, backup_facts
    from daemon.backups import restore as restore_backup

    try:
        restored = restore_backup(file, drill=drill)
    except BadBackup as err:
        fail(str(err), BAD_INPUT)
    line = f"{restored.manifest.rows} rows restored; sending is held: look at duban status, then duban release"
    say([line], backup_facts(restored), as_json=as_json)


# Policy -------------------------------------------------------------------------------------


@main.group()
def policy() -> None:
    """Look at the policy, try a change on the past, adopt it."""


@policy.command("show")
@as_json_option
def policy_show(as_json: bool) -> None:  # noqa: FBT001
    """Show the policy in force, and what has been adopted."""
    from daemon.looking import looking
    from daemon.policies import policy_facts

    with looking() as (connection, desks, _):
        facts = policy_facts(connection, desks)
    lines = [f"{key} = {value}" for key, value in facts["policy"].items()]
    lines += [f"from {one['begins']}: {one['changes']} ({one['reason']}, {one['by']})" for one in facts["adopted"]]
    say(lines, facts, as_json=as_json)


set_option = click.option(
    "--set", "assignments", multiple=True, required=True, metavar="KEY=VALUE", help="What changes; repeatable."
)


@policy.command("compare")
@set_option
@click.option("--from", "first", type=DAY, help="First day; default: a year ago.")
@click.option("--to", "last", type=DAY, help="Last day; default: yesterday.")
@as_json_option
def policy_compare(
    assignments: tuple[str, ...],
    first: datetime | None,
    last: datetime | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Replay the past by today's policy and by a changed one: what would have been sent, to whom, at what cost."""
    from daemon.looking import looking
    from daemon.policies import compare, comparison_lines, past_year
    from rules.facts import local_day

    with looking() as (connection, _, services):
        year = past_year(local_day(services.clock.now()))
        days = (first.date() if first else year[0], last.date() if last else year[1])
        if days[1] < days[0]:
            fail(f"--to {days[1]} is before --from {days[0]}", BAD_INPUT)
        found = compare(connection, services, _changes(assignments), *days)
    facts = {"from": found.first.isoformat(), "to": found.last.isoformat()}
    rows = [{"figure": name, "now": now, "then": then} for name, now, then in found.rows()]
    say(comparison_lines(found), facts | {"figures": rows}, as_json=as_json)


@policy.command("adopt")
@set_option
@click.option("--begins", type=DAY, help="The day from which it holds; default: tomorrow.")
@click.option("--reason", required=True, help="Why: it goes on record.")
def policy_adopt(assignments: tuple[str, ...], begins: datetime | None, reason: str) -> None:
    """Adopt a change of the policy; running processes follow on its day."""
    from daemon.looking import looking
    from daemon.policies import adopt, parse_begins
    from rules.facts import local_day

    with looking() as (connection, _, services):
        day = parse_begins(begins, local_day(services.clock.now()))
        adopt(connection, services, _changes(assignments), day, reason)
    click.echo(f"adopted: it holds from {day} on")


def _changes(assignments: tuple[str, ...]) -> dict[str, str]:
    wrong = [one for one in assignments if "=" not in one]
    if wrong:
        fail(f"--set {wrong[0]}: want KEY=VALUE, such as duty.period=rolling", BAD_INPUT)
    pairs = (one.partition("=") for one in assignments)
    return {key.strip(): value.strip() for key, _, value in pairs}


# Levers -------------------------------------------------------------------------------------


@main.command()
@click.argument("notice", type=int)
def retry(notice: int) -> None:
    """Give a notice whose message failed one more try. NOTICE is its number in `duban notices`."""
    from daemon.levers import retry_notice
    from daemon.looking import looking

    with looking() as (connection, _, services):
        problem = retry_notice(connection, services, notice)
    if problem:
        fail(problem, BAD_INPUT)
    click.echo(f"notice {notice} will be tried once more")


@main.command()
def hold() -> None:
    """Stop all sending; what is due waits."""
    _hold(held=True)


@main.command()
def release() -> None:
    """Go on sending."""
    _hold(held=False)


def _hold(*, held: bool) -> None:
    from daemon.levers import set_held
    from daemon.looking import looking

    with looking() as (connection, _, services):
        waiting = set_held(connection, services, held=held)
    click.echo(f"sending is {'held' if held else 'released'}; {_many(waiting, 'message')} due")


def _instant(at: datetime | None) -> datetime | None:
    """Return an instant of the command line in UTC; without an offset it is local time."""
    from rules.facts import SHANGHAI

    if at is None:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=SHANGHAI)).astimezone(UTC)


def _many(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
