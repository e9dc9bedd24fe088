"""All tables, and the triggers that mark what is to be reckoned anew."""

from alembic import op

from store.schema import metadata
from store.triggers import postgresql_triggers, sqlite_triggers

revision = "0001"
down_revision = None


def upgrade() -> None:
    connection = op.get_bind()
    metadata.create_all(connection)
    triggers = sqlite_triggers() if connection.dialect.name == "sqlite" else postgresql_triggers()
    for statement in triggers:
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    connection = op.get_bind()
    metadata.drop_all(connection)
