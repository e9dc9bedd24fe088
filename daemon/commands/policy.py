"""Which policy holds, what would another have brought, and how does it come into force?

Caller: daemon/cli.
"""

from datetime import date

import click

from daemon.commands.options import DAY, as_json_option
from daemon.saying import BAD_INPUT, fail, say


@click.group()
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
    lines += [
        f"from {one['begins']}: {', '.join(f'{key} = {value}' for key, value in one['changes'].items())} "
        f"({one['reason']}, {one['by']})"
        for one in facts["adopted"]
    ]
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
    first: date | None,
    last: date | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Replay the past by today's policy and by a changed one: what would have been sent, to whom, at what cost."""
    from daemon.looking import looking
    from daemon.policies import compare, comparison_lines, past_year
    from rules.facts import local_day

    with looking() as (connection, _, services):
        year = past_year(local_day(services.clock.now()))
        days = (first or year[0], last or year[1])
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
def policy_adopt(assignments: tuple[str, ...], begins: date | None, reason: str) -> None:
    """Adopt a change of the policy; running processes follow on its day."""
    from daemon.looking import looking
    from daemon.policies import adopt
    from rules.facts import local_day
    from rules.workdays import ONE_DAY

    with looking() as (connection, _, services):
        day = begins or local_day(services.clock.now()) + ONE_DAY
        adopt(connection, services, _changes(assignments), day, reason)
    click.echo(f"adopted: it holds from {day} on")


def _changes(assignments: tuple[str, ...]) -> dict[str, str]:
    wrong = [one for one in assignments if "=" not in one]
    if wrong:
        fail(f"--set {wrong[0]}: want KEY=VALUE, such as duty.period=rolling", BAD_INPUT)
    pairs = (one.partition("=") for one in assignments)
    return {key.strip(): value.strip() for key, _, value in pairs}
