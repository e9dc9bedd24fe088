"""What does the next version of duban's schema look like? A migration that adds, laid on top of the newest.

Callers: upgrade_run.py, test_upgrades.py.
"""

from pathlib import Path
from typing import Final

from store import migrating

NEXT_VERSION: Final = "9999"
NEXT: Final = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"
expands = {expands}


def unknown_below(connection):
    return []


def upgrade():
    op.add_column("messages", sa.Column("colour", sa.String()))
    op.add_column("petitions", sa.Column("colour", sa.String(), server_default="red"{colour}))
    op.create_index("ix_notices_colour", "notices", ["state", "town"])
    op.create_table("colours", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade():
    op.drop_table("colours")
    op.drop_index("ix_notices_colour", "notices")
    op.drop_column("petitions", "colour")
    op.drop_column("messages", "colour")
"""


def write_next(folder: Path, *, expands: bool = True, colour: str = "") -> None:
    """Write the migration into a folder; `colour`: what else is said of a column that petitions get."""
    text = NEXT.format(head=migrating.head_version(), expands=expands, colour=colour)
    (folder / f"{NEXT_VERSION}_next.py").write_text(text, encoding="utf-8")
