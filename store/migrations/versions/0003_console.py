"""The console: indexes for its lists, so that a page costs the same at any size."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
expands = True

#: name of the index → table and columns
INDEXES = {
    "ix_matters_board": ("matters", ("kind", "town", "subject", "due")),
    "ix_matters_tally": (
        "matters",
        ("kind", "due", "opened", "town", "ladder", "closed", "owed", "arrivals", "label"),
    ),
    "ix_petitions_deputy": ("petitions", ("deputy",)),
    "ix_petitions_recorded_at": ("petitions", ("recorded_at",)),
    "ix_petitions_town_recorded_at": ("petitions", ("town", "recorded_at")),
    "ix_sandbox_person": ("sandbox", ("person", "channel", "id")),
    "ix_seats_station": ("seats", ("station",)),
    "ix_seats_town": ("seats", ("town",)),
    "ix_visits_day": ("visits", ("day",)),
    "ix_visits_place_day": ("visits", ("place", "day")),
}


def upgrade() -> None:
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, list(columns))
    is_open = sa.text("closed IS NULL")
    op.create_index(
        "ix_matters_standing",
        "matters",
        ["town", "kind", "due", "missed_from", "silent"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def unknown_below(_connection: sa.Connection) -> list[str]:
    """Return what 0002 does not know: indexes hold nothing."""
    return []


def downgrade() -> None:
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table)
    op.drop_index("ix_matters_standing", "matters")
