"""How do things stand, why, and what is amiss?

Caller: daemon/cli.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Final

import click

from daemon.commands.options import INSTANT, as_json_option, limit_option, one_more, shown
from daemon.saying import BAD_INPUT, FINDING, fail, many, say

AT_ONCE: Final = 1_000  #: lines printed together: one by one they take a tenth of a core


@click.command()
@click.argument("matter")
@click.option("--at", type=INSTANT, help="As it stood then, such as 2026-03-31T09:00; default: now.")
@as_json_option
def explain(matter: str, at: datetime | None, as_json: bool) -> None:  # noqa: FBT001
    """Tell the whole ladder of a matter: facts, due date day by day, rungs fired and to come, to whom."""
    from daemon.explaining import as_facts, as_lines
    from daemon.explaining import explain as explain_matter
    from daemon.looking import looking

    with looking(writes=False) as (connection, desks, services):
        found = explain_matter(connection, desks, matter, at or services.clock.now())
        say(as_lines(found), as_facts(found), as_json=as_json)


@click.command()
@as_json_option
def status(as_json: bool) -> None:  # noqa: FBT001
    """Tell what is open, due, overdue, sent, failed, and what needs a look."""
    from daemon.looking import looking, status_facts, status_lines

    with looking(writes=False) as (connection, desks, services):
        facts = status_facts(connection, desks, services)
    say(status_lines(facts), facts, as_json=as_json)


@click.command()
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
    limit: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """List notices with what became of them, the newest first."""
    from daemon.looking import looking, notice_facts, notice_line
    from store.notices import list_notices

    with looking(writes=False) as (connection, _, _):
        told = list_notices(
            connection,
            matter=matter,
            to=to,
            state=state,
            verdict="undeliverable" if undeliverable else None,
            message_state="failed" if failed else None,
            limit=one_more(limit, as_json=as_json),
            newest_first=True,
        )
    told = shown(told, limit, as_json=as_json)
    say(map(notice_line, told), [notice_facts(one) for one in told], as_json=as_json)


@click.command()
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
    limit: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """List matters, the earliest due date first; or prove that they equal a fresh reckoning."""
    from config.collecting import seldom_collecting
    from daemon.looking import looking, matter_facts, matter_line, next_rungs
    from daemon.rebuilding import rebuild_matters
    from rules.facts import local_day
    from store.projection import is_empty, list_matters

    if only_check and not rebuild:
        fail("--check goes with --rebuild", BAD_INPUT)
    with looking(writes=rebuild and not only_check) as (connection, desks, services):
        if rebuild:
            with seldom_collecting():
                count = _tell_differences(rebuild_matters(connection, desks, write=not only_check), as_json=as_json)
        else:
            now = services.clock.now()
            most = one_more(limit, as_json=as_json)
            found = list_matters(
                connection, local_day(now), statuses=statuses, town=town, kind=kind, subject=subject, limit=most
            )
            if not found and is_empty(connection):
                click.echo(
                    "nothing is reckoned yet: the clock does that (duban up, duban daemon), or duban matters --rebuild",
                    err=True,
                )
            found = shown(found, limit, as_json=as_json)
            coming = next_rungs(connection, desks.of(connection), [one.matter for one in found], now)
    if not rebuild:
        say(map(matter_line, found, coming), list(map(matter_facts, found, coming)), as_json=as_json)
        return
    if not as_json:
        differ = "differs" if count == 1 else "differ"
        done = f"{differ} from a fresh reckoning" if only_check else "brought in line with a fresh reckoning"
        click.echo(f"{many(count, 'matter')} {done}")
    if count and only_check:
        raise SystemExit(FINDING)


def _tell_differences(lines: Iterable[str], *, as_json: bool) -> int:
    """Print the lines as they are found, for there may be millions; return how many there were."""
    if as_json:
        found = list(lines)
        say((), found, as_json=True)
        return len(found)
    count, remaining = 0, iter(lines)
    while some := list(islice(remaining, AT_ONCE)):
        click.echo("\n".join(some))
        count += len(some)
    return count


@click.command()
@as_json_option
def doctor(as_json: bool) -> None:  # noqa: FBT001
    """Check configuration, database, schema, broker, gateways, templates, calendar, clock and coverage."""
    from daemon.doctor import examine

    symptoms = examine()
    facts = [{"check": s.check, "well": s.well, "text": s.text} for s in symptoms]
    say((f"{'ok  ' if s.well else 'LOOK'}  {s.check:<10} {s.text}" for s in symptoms), facts, as_json=as_json)
    raise SystemExit(0 if all(s.well for s in symptoms) else FINDING)
