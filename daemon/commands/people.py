"""Who may sign in, and which programs may use the API?

Caller: daemon/cli.
"""

from typing import Literal

import click

from daemon.commands.options import as_json_option
from daemon.saying import say


@click.group()
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
    from daemon.accounts import add_account
    from daemon.looking import looking
    from store.accounts import Role

    with looking() as (connection, _, services):
        password = add_account(
            connection, services, name, role=Role(role), office=office, deputy=deputy, shown_as=shown_as
        )
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
    from daemon.accounts import reset_account
    from daemon.looking import looking

    with looking() as (connection, _, services):
        password = reset_account(connection, services, name)
    click.echo(f"{name} signs in with {password} and must then choose another password")


@account.command("disable")
@click.argument("name")
def account_disable(name: str) -> None:
    """Let an account in no more; its sessions end."""
    from daemon.accounts import disable_account
    from daemon.looking import looking

    with looking() as (connection, _, services):
        disable_account(connection, services, name)
    click.echo(f"{name} can no longer sign in")


@click.group()
def token() -> None:
    """Say which programs may use the API."""


@token.command("add")
@click.argument("name")
@click.option("--scope", type=click.Choice(["read", "write"]), required=True, help="Write includes read.")
@click.option("--town", help="Id of a town office: the token sees and changes nothing beyond it.")
def token_add(name: str, scope: Literal["read", "write"], town: str | None) -> None:
    """Make a token, and print its secret, once."""
    from daemon.accounts import add_token
    from daemon.looking import looking

    with looking() as (connection, _, services):
        secret = add_token(connection, services, name, rights=scope, town=town)
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
    from daemon.accounts import revoke_token
    from daemon.looking import looking

    with looking() as (connection, _, services):
        revoke_token(connection, services, name)
    click.echo(f"{name} can no longer use the API")
