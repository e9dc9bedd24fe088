"""How does an operator stop sending, go on, and try once more?

Caller: daemon/cli.
"""

import click

from daemon.commands.options import NUMBER
from daemon.saying import BAD_INPUT, fail, many


@click.command()
@click.argument("notice", type=NUMBER, required=False, metavar="NOTICE")
@click.option("--message", type=NUMBER, help="A message's number, as findings name it: that of a digest, too.")
def retry(notice: int | None, message: int | None) -> None:
    """Give a message that failed one more try. NOTICE is the number of a notice in it, as in `duban notices`."""
    from daemon.levers import retry_message, retry_notice
    from daemon.looking import looking

    if (notice is None) == (message is None):
        raise click.UsageError("want the number of a NOTICE, or --message and a message's number")
    with looking() as (connection, _, services):
        if notice is not None:
            problem = retry_notice(connection, services, notice)
        else:
            problem = retry_message(connection, services, message or 0)
    if problem:
        fail(problem, BAD_INPUT)
    click.echo(f"{f'notice {notice}' if notice is not None else f'message {message}'} will be tried once more")


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
