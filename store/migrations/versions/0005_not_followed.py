"""Sweeps: what did not arrive and is not followed up is found by an index that SQLite takes without figures."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
expands = True

NAME = "ix_messages_not_followed"


def _index(column: str) -> None:
    not_followed = sa.text("followed_at IS NULL AND state IN ('failed', 'undeliverable')")
    op.drop_index(NAME, "messages")
    op.create_index(NAME, "messages", [column], sqlite_where=not_followed, postgresql_where=not_followed)


def upgrade() -> None:
    _index("followed_at")


def unknown_below(_connection: sa.Connection) -> list[str]:
    """Return what 0004 does not know: nothing."""
    return []


def downgrade() -> None:
    _index("id")
