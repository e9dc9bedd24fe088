"""What runs: everything in one process, or daemon, workers and web apart?

Caller: daemon/cli.
"""

import click


@click.command()
@click.option("--demo", is_flag=True, help="Fill an empty database with a made-up municipality of Heshan's size.")
@click.option("--port", type=click.IntRange(0, 65535), help="Where the console listens; default 8631.")
def up(demo: bool, port: int | None) -> None:  # noqa: FBT001 - a command's flag
    """Run everything in one process on the embedded default, and show it."""
    from daemon.up import run_up

    run_up(demo=demo, port=port)


@click.command()
def daemon() -> None:
    """Run the clock of a set-up of several processes; DUBAN_REDIS_URL names their broker."""
    from daemon.processes import run_daemon

    run_daemon()


@click.command()
def worker() -> None:
    """Do what the daemon rings for; run as many as you like."""
    from daemon.processes import run_worker

    run_worker()


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where it listens; a proxy with TLS stands before it."
)
@click.option("--port", type=click.IntRange(0, 65535), help="Default 8631.")
def web(host: str, port: int | None) -> None:
    """Serve the console, the API and the webhooks."""
    from daemon.serving import run_web

    run_web(host=host, port=port)
