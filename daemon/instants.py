"""How does an operator write an instant or a day on the command line?

Callers: daemon/cli.
"""

from datetime import UTC, datetime

import click

from rules.facts import SHANGHAI


class Instant(click.ParamType):  # type: ignore[type-arg] # generic in the stubs alone
    """ISO 8601 with an offset, or local time (Asia/Shanghai) without one."""

    name = "instant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the instant in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not an instant; want such as 2026-03-31T09:00", param, ctx)
        return (at if at.tzinfo else at.replace(tzinfo=SHANGHAI)).astimezone(UTC)
