"""Has anybody meddled with the trail, and how is everything kept and brought back?

Caller: daemon/cli.
"""

from pathlib import Path

import click

from daemon.commands.options import as_json_option
from daemon.saying import BAD_INPUT, FINDING, fail, say


@click.group("audit")
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


@click.command()
@click.argument("path", type=click.Path())
@click.option("--keep", type=click.IntRange(1), help="In a folder: remove all but so many backups, the newest stay.")
@as_json_option
def backup(path: str, keep: int | None, as_json: bool) -> None:  # noqa: FBT001
    """Write everything into a new file PATH, or into a file named by the instant if PATH is a folder or ends in /.

    Folders that are not there are made. Also while duban runs.
    """
    from daemon.backups import back_up, backup_facts

    made = back_up(Path(path), keep, is_folder=path.endswith("/"))
    line = f"{made.file}: {made.manifest.rows} rows, read once more and whole; sha256 {made.sha256}"
    say([line], backup_facts(made), as_json=as_json)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--drill", is_flag=True, help="To be run on a drill's clock only, with which nothing leaves the machine.")
@as_json_option
def restore(file: Path, drill: bool, as_json: bool) -> None:  # noqa: FBT001
    """Bring a backup into an empty database, and hold all sending until `duban release`."""
    from daemon.auditing import what_is_lacking
    from daemon.backups import backup_facts
    from daemon.backups import restore as restore_backup

    restored = restore_backup(file, drill=drill)
    line = f"{restored.manifest.rows} rows restored; sending is held: look at duban status, then duban release"
    say([line], backup_facts(restored), as_json=as_json)
    if lacking := what_is_lacking():
        click.echo(f"duban: {lacking}", err=True)
