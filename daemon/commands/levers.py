"""How does an operator stop sending, go on, and try once more?

Caller: daemon/cli.
"""

import click

from daemon.saying import BAD_INPUT, fail, many


@click.command()
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


@click.command()
def hold() -> None:
    """Stop all sending; what is due waits."""
    _hold(held=True)


@click.command()
def release() -> None:
    """Go on sending."""
    _hold(held=False)


def _hold(*, held: bool) -> None:
    from daemon.levers import set_held
    from daemon.looking import looking
    from intake.levers import BY_HAND
    from store.outbox import held_because

    with looking() as (connection, _, services):
        before = held_because(connection)
        waiting = set_held(connection, services, held=held)
    click.echo(f"sending is {'held' if held else 'released'}; {many(waiting, 'message')} due")
    if before and before != BY_HAND:
        click.echo(f"it was held {'already' if held else 'until now'}, {before}")
