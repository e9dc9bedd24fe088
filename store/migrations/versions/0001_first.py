"""The record, the projection, the outbox. Triggers are hung after every migration, by store/migrating.py."""

import sqlalchemy as sa
from alembic import op

from store.types import UtcDateTime, Words

revision = "0001"
down_revision = None
expands = False

WORD = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", WORD, nullable=False),
        sa.Column("action", WORD, nullable=False),
        sa.Column("subject", WORD, nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
    )
    op.create_table(
        "deputies",
        sa.Column("id", WORD, nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("mobile", WORD, nullable=True),
        sa.Column("email", WORD, nullable=True),
        sa.Column("channels", Words(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deputies")),
    )
    op.create_table(
        "findings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("subject", WORD, nullable=False),
        sa.Column("text", WORD, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
        sa.UniqueConstraint("kind", "subject", name="uq_findings_once"),
    )
    op.create_table(
        "installation",
        sa.Column("key", WORD, nullable=False),
        sa.Column("value", WORD, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_installation")),
    )
    op.create_table(
        "matters",
        sa.Column("id", WORD, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("subject", WORD, nullable=False),
        sa.Column("town", WORD, nullable=False),
        sa.Column("responsible", WORD, nullable=False),
        sa.Column("ladder", WORD, nullable=False),
        sa.Column("stage", WORD, nullable=False),
        sa.Column("cause", WORD, nullable=False),
        sa.Column("opened", sa.Date(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("measure", WORD, nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("leave", sa.Integer(), nullable=False),
        sa.Column("began", sa.Date(), nullable=False),
        sa.Column("closed", WORD, nullable=True),
        sa.Column("settled", sa.Date(), nullable=True),
        sa.Column("missed_from", sa.Date(), nullable=True),
        sa.Column("silent", sa.Boolean(), nullable=False),
        sa.Column("owed", Words(), nullable=False),
        sa.Column("arrivals", Words(), nullable=False),
        sa.Column("slips", sa.Integer(), nullable=False),
        sa.Column("holds", sa.JSON(), nullable=False),
        sa.Column("label", WORD, nullable=False),
        sa.Column("next_rung_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("closed IS NULL OR next_rung_at IS NULL", name=op.f("ck_matters_closed_has_no_rung")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_matters")),
    )
    op.create_index(
        "ix_matters_live",
        "matters",
        ["due", "town"],
        unique=False,
        sqlite_where=sa.text("closed IS NULL"),
        postgresql_where=sa.text("closed IS NULL"),
    )
    op.create_index("ix_matters_next", "matters", ["next_rung_at"], unique=False)
    op.create_index("ix_matters_subject", "matters", ["kind", "subject"], unique=False)
    op.create_table(
        "messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("person", WORD, nullable=False),
        sa.Column("channel", WORD, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("reason", WORD, nullable=True),
        sa.Column("attempt", WORD, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_until", UtcDateTime(), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("provider", WORD, nullable=True),
        sa.Column("provider_id", WORD, nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("html", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(reason IS NOT NULL) = (state IN ('failed', 'superseded', 'undeliverable', 'unknown'))",
            name=op.f("ck_messages_reason"),
        ),
        sa.CheckConstraint("(state = 'sending') = (claimed_until IS NOT NULL)", name=op.f("ck_messages_claimed")),
        sa.CheckConstraint(
            "state IN ('due', 'sending', 'accepted', 'failed', 'superseded', 'undeliverable', 'unknown')",
            name=op.f("ck_messages_state"),
        ),
        sa.CheckConstraint("kind IN ('notices', 'digest')", name=op.f("ck_messages_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("attempt", name=op.f("uq_messages_attempt")),
    )
    op.create_index("ix_messages_open", "messages", ["state", "at"], unique=False)
    op.create_index("ix_messages_person", "messages", ["person", "day"], unique=False)
    op.create_table(
        "offices",
        sa.Column("id", WORD, nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("parent", WORD, nullable=True),
        sa.Column("station_kind", WORD, nullable=True),
        sa.CheckConstraint(
            "kind IN ('directors', 'municipal', 'town', 'station', 'department')",
            name=op.f("ck_offices_kind"),
        ),
        sa.CheckConstraint(
            "station_kind IN ('central', 'village', 'industry', 'base')",
            name=op.f("ck_offices_station_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offices")),
    )
    op.create_table(
        "rungs",
        sa.Column("matter", WORD, nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("rung", WORD, nullable=False),
        sa.Column("fired_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("matter", "due", "rung", name=op.f("pk_rungs")),
    )
    op.create_table(
        "sandbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("channel", WORD, nullable=False),
        sa.Column("person", WORD, nullable=False),
        sa.Column("address", WORD, nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("message", sa.Integer(), nullable=False),
        sa.Column("attempt", WORD, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox")),
        sa.UniqueConstraint("attempt", name=op.f("uq_sandbox_attempt")),
    )
    op.create_index("ix_sandbox_latest", "sandbox", ["channel", "id"], unique=False)
    op.create_table(
        "stale",
        sa.Column("kind", WORD, nullable=False),
        sa.Column("id", WORD, nullable=False),
        sa.Column("mark", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_stale")),
    )
    op.create_table(
        "subjects",
        sa.Column("kind", WORD, nullable=False),
        sa.Column("id", WORD, nullable=False),
        sa.Column("town", WORD, nullable=False),
        sa.Column("reckoned_to", UtcDateTime(), nullable=False),
        sa.Column("next_reckon_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_subjects")),
    )
    op.create_index("ix_subjects_next", "subjects", ["next_reckon_at"], unique=False)
    op.create_table(
        "acknowledgements",
        sa.Column("matter", WORD, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("office", WORD, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["office"], ["offices.id"], name=op.f("fk_acknowledgements_office")),
        sa.PrimaryKeyConstraint("matter", "at", "office", name=op.f("pk_acknowledgements")),
    )
    op.create_table(
        "contacts",
        sa.Column("id", WORD, nullable=False),
        sa.Column("office", WORD, nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("title", WORD, nullable=True),
        sa.Column("mobile", WORD, nullable=True),
        sa.Column("email", WORD, nullable=True),
        sa.Column("channels", Words(), nullable=False),
        sa.Column("on_duty", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["office"], ["offices.id"], name=op.f("fk_contacts_office")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
    )
    op.create_table(
        "digests",
        sa.Column("kind", WORD, nullable=False),
        sa.Column("period", WORD, nullable=False),
        sa.Column("office", WORD, nullable=False),
        sa.Column("person", WORD, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("due_soon", sa.Integer(), nullable=False),
        sa.Column("overdue", sa.Integer(), nullable=False),
        sa.Column("message", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name=op.f("fk_digests_message")),
        sa.PrimaryKeyConstraint("kind", "period", "office", "person", name=op.f("pk_digests")),
    )
    op.create_table(
        "grids",
        sa.Column("id", WORD, nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("town", WORD, nullable=False),
        sa.Column("parent", WORD, nullable=True),
        sa.ForeignKeyConstraint(["town"], ["offices.id"], name=op.f("fk_grids_town")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grids")),
    )
    op.create_table(
        "leaves",
        sa.Column("id", WORD, nullable=False),
        sa.Column("deputy", WORD, nullable=False),
        sa.Column("begins", sa.Date(), nullable=False),
        sa.Column("ends", sa.Date(), nullable=False),
        sa.Column("reason", WORD, nullable=True),
        sa.Column("approver", WORD, nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["deputy"], ["deputies.id"], name=op.f("fk_leaves_deputy")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leaves")),
    )
    op.create_index(op.f("ix_leaves_deputy"), "leaves", ["deputy"], unique=False)
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("matter", WORD, nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("rung", WORD, nullable=False),
        sa.Column("to_person", WORD, nullable=False),
        sa.Column("channel", WORD, nullable=False),
        sa.Column("office", WORD, nullable=True),
        sa.Column("responsible", WORD, nullable=False),
        sa.Column("town", WORD, nullable=False),
        sa.Column("verdict", WORD, nullable=False),
        sa.Column("rerouted", sa.Boolean(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("leaves_at", UtcDateTime(), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("reason", WORD, nullable=True),
        sa.Column("message", sa.Integer(), nullable=True),
        sa.CheckConstraint("(state = 'superseded') = (reason IS NOT NULL)", name=op.f("ck_notices_reason")),
        sa.CheckConstraint("state IN ('waiting', 'bundled', 'superseded', 'recorded')", name=op.f("ck_notices_state")),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name=op.f("fk_notices_message")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("matter", "due", "rung", "to_person", "channel", name="uq_notices_once"),
    )
    op.create_index("ix_notices_message", "notices", ["message"], unique=False)
    op.create_index(
        "ix_notices_waiting",
        "notices",
        ["leaves_at"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "petitions",
        sa.Column("id", WORD, nullable=False),
        sa.Column("town", WORD, nullable=False),
        sa.Column("deputy", WORD, nullable=True),
        sa.Column("found_on", sa.Date(), nullable=True),
        sa.Column("level", WORD, nullable=False),
        sa.Column("title", WORD, nullable=False),
        sa.Column("petitioner", WORD, nullable=True),
        sa.Column("petitioner_mobile", WORD, nullable=True),
        sa.Column("confidential", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["deputy"], ["deputies.id"], name=op.f("fk_petitions_deputy")),
        sa.ForeignKeyConstraint(["town"], ["offices.id"], name=op.f("fk_petitions_town")),
        sa.CheckConstraint("level IN ('self', 'town', 'municipal')", name=op.f("ck_petitions_level")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_petitions")),
    )
    op.create_table(
        "visits",
        sa.Column("id", WORD, nullable=False),
        sa.Column("deputy", WORD, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("place", WORD, nullable=False),
        sa.Column("form", WORD, nullable=True),
        sa.Column("voters", sa.Integer(), nullable=True),
        sa.Column("opinions", sa.Integer(), nullable=True),
        sa.Column("note", WORD, nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["deputy"], ["deputies.id"], name=op.f("fk_visits_deputy")),
        sa.CheckConstraint("kind IN ('station', 'grid')", name=op.f("ck_visits_kind")),
        sa.CheckConstraint(
            "form IN ('reception', 'meeting', 'patrol', 'household', 'other')", name=op.f("ck_visits_form")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visits")),
    )
    op.create_index(op.f("ix_visits_deputy"), "visits", ["deputy"], unique=False)
    op.create_table(
        "petition_events",
        sa.Column("petition", WORD, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("event", WORD, nullable=False),
        sa.Column("office", WORD, nullable=True),
        sa.Column("level", WORD, nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("proposal", sa.Boolean(), nullable=False),
        sa.Column("result", WORD, nullable=True),
        sa.Column("note", WORD, nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["office"], ["offices.id"], name=op.f("fk_petition_events_office")),
        sa.ForeignKeyConstraint(["petition"], ["petitions.id"], name=op.f("fk_petition_events_petition")),
        sa.CheckConstraint(
            "event IN ('assigned', 'accepted', 'returned', 'raised', 'extended', "
            "'handled', 'verified', 'fed_back', 'withdrawn', 'acknowledged')",
            name=op.f("ck_petition_events_event"),
        ),
        sa.CheckConstraint("level IN ('self', 'town', 'municipal')", name=op.f("ck_petition_events_level")),
        sa.CheckConstraint(
            "result IN ('ok', 'rework', 'satisfied', 'basically', 'dissatisfied')",
            name=op.f("ck_petition_events_result"),
        ),
        sa.PrimaryKeyConstraint("petition", "at", "event", "occurrence", name=op.f("pk_petition_events")),
    )
    op.create_table(
        "projects",
        sa.Column("id", WORD, nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("town", WORD, nullable=False),
        sa.Column("office", WORD, nullable=False),
        sa.Column("deputy", WORD, nullable=True),
        sa.Column("petition", WORD, nullable=True),
        sa.Column("is_key", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["deputy"], ["deputies.id"], name=op.f("fk_projects_deputy")),
        sa.ForeignKeyConstraint(["office"], ["offices.id"], name=op.f("fk_projects_office")),
        sa.ForeignKeyConstraint(["petition"], ["petitions.id"], name=op.f("fk_projects_petition")),
        sa.ForeignKeyConstraint(["town"], ["offices.id"], name=op.f("fk_projects_town")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
    )
    op.create_table(
        "seats",
        sa.Column("id", WORD, nullable=False),
        sa.Column("deputy", WORD, nullable=False),
        sa.Column("level", WORD, nullable=False),
        sa.Column("town", WORD, nullable=False),
        sa.Column("station", WORD, nullable=True),
        sa.Column("grid", WORD, nullable=True),
        sa.Column("basis", WORD, nullable=True),
        sa.Column("begins", sa.Date(), nullable=False),
        sa.Column("ends", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["deputy"], ["deputies.id"], name=op.f("fk_seats_deputy")),
        sa.ForeignKeyConstraint(["grid"], ["grids.id"], name=op.f("fk_seats_grid")),
        sa.ForeignKeyConstraint(["station"], ["offices.id"], name=op.f("fk_seats_station")),
        sa.ForeignKeyConstraint(["town"], ["offices.id"], name=op.f("fk_seats_town")),
        sa.CheckConstraint("level IN ('province', 'prefecture', 'county', 'town')", name=op.f("ck_seats_level")),
        sa.CheckConstraint("basis IN ('residence', 'workplace', 'district', 'unit')", name=op.f("ck_seats_basis")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seats")),
    )
    op.create_index(op.f("ix_seats_deputy"), "seats", ["deputy"], unique=False)
    op.create_table(
        "milestones",
        sa.Column("project", WORD, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("stage", WORD, nullable=False),
        sa.Column("name", WORD, nullable=True),
        sa.Column("planned", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_milestones_project")),
        sa.CheckConstraint(
            "stage IN ('approved', 'funded', 'groundbreaking', 'progress', 'completion', 'acceptance', 'feedback')",
            name=op.f("ck_milestones_stage"),
        ),
        sa.PrimaryKeyConstraint("project", "seq", name=op.f("pk_milestones")),
    )
    op.create_table(
        "project_events",
        sa.Column("project", WORD, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("event", WORD, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("reason", WORD, nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("target", sa.Integer(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_project_events_project")),
        sa.CheckConstraint("event IN ('done', 'replan', 'inspected')", name=op.f("ck_project_events_event")),
        sa.PrimaryKeyConstraint("project", "at", "event", "target", "occurrence", name=op.f("pk_project_events")),
    )


def downgrade() -> None:
    metadata = sa.MetaData()
    connection = op.get_bind()
    metadata.reflect(connection)
    metadata.drop_all(connection)
