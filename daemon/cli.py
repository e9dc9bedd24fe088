"""What can be typed after `duban`?

Each command is glue: it opens what it needs, calls the piece that knows, prints. Source: INTERFACES "The command
line". Exit status: 0 done, 1 a finding, 2 bad input or usage, 3 a service out of reach.
"""

from typing import Final

import click

from daemon.commands import keeping, levers, looks, people, policy, record, reports, running
from daemon.saying import Commands, print_what_can_be_printed

#: in the order of a day's work, as `duban --help` lists them
COMMANDS: Final = (
    running.up,
    running.daemon,
    running.worker,
    running.web,
    people.account,
    people.token,
    record.init,
    record.import_,
    record.check,
    record.export,
    record.simulate,
    looks.explain,
    looks.status,
    looks.notices,
    looks.matters,
    looks.doctor,
    reports.report,
    keeping.audit_,
    keeping.backup,
    keeping.restore,
    policy.policy,
    levers.retry,
    levers.hold,
    levers.release,
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="duban")
def main() -> None:
    """督办 duban: the unattended clock of a county's People's Congress."""
    print_what_can_be_printed()


for command in COMMANDS:
    main.add_command(command)
