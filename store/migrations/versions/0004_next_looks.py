"""Rounds: a rung that has fired tells when its matter is looked at next, in one index instead of the matter's seven."""

import sqlalchemy as sa
from alembic import op

from store.types import UtcDateTime

revision = "0004"
down_revision = "0003"
expands = True

#: 0003 keeps the next look with the matter alone, and may come back before it has held a round
TAKE_ALONG = """
UPDATE matters SET next_rung_at = (SELECT min(next_at) FROM rungs WHERE rungs.matter = matters.id AND next_at > last.at)
FROM (SELECT max(at) AS at FROM slots WHERE job = 'round') AS last
WHERE closed IS NULL AND next_rung_at <= last.at
"""


def upgrade() -> None:
    op.add_column("rungs", sa.Column("next_at", UtcDateTime(), nullable=True))
    is_known = sa.text("next_at IS NOT NULL")
    op.create_index("ix_rungs_next", "rungs", ["next_at"], sqlite_where=is_known, postgresql_where=is_known)


def unknown_below(_connection: sa.Connection) -> list[str]:
    """Return what 0003 does not know: what matters to it is taken along."""
    return []


def downgrade() -> None:
    op.execute(TAKE_ALONG)
    op.drop_index("ix_rungs_next", "rungs")
    op.drop_column("rungs", "next_at")
