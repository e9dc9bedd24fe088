"""Sweeps: what a gateway has handed on, and of which it tells no more, is found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
expands = True

NAME = "ix_attempts_sent"


def upgrade() -> None:
    is_sent = sa.text("status = 'sent'")
    op.create_index(NAME, "attempts", ["gateway", "at"], sqlite_where=is_sent, postgresql_where=is_sent)


def unknown_below(_connection: sa.Connection) -> list[str]:
    """Return what 0005 does not know: nothing."""
    return []


def downgrade() -> None:
    op.drop_index(NAME, "attempts")
