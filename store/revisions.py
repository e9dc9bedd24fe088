"""How is the schema led from one version to another, and what does an older version not know?

The only module that needs Alembic, which takes a fifth of a second to load: store/migrating.py loads it where something
is to be migrated. A migration says whether it only adds (`expands`), and in words what is in the database that the
version before it does not know (`unknown_below`). Caller: store/migrating.py.
"""

from collections.abc import Iterator, Sequence
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection


def _config(versions: Sequence[str]) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("store") / "migrations"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(versions))
    return config


def lead(connection: Connection, versions: Sequence[str], to: str, *, back: bool = False) -> None:
    """Lead the schema forwards or back to a version."""
    config = _config(versions)
    config.attributes["connection"] = connection
    (command.downgrade if back else command.upgrade)(config, to)


def _down_from(versions: Sequence[str], revision: str | None) -> Iterator[Script]:
    """Yield the migration that leads to a version, and those before it."""
    scripts = ScriptDirectory.from_config(_config(versions))
    while revision is not None:
        script = scripts.get_revision(revision)
        yield script
        revision = str(script.down_revision) if script.down_revision else None


def admitted(versions: Sequence[str], found: str) -> list[str]:
    """Return whose code may work on a schema: that of its version, and before it as far as only things were added."""
    able: list[str] = []
    for script in _down_from(versions, found):
        able.append(script.revision)
        if not script.module.expands:
            break
    return able


def unknown(connection: Connection, versions: Sequence[str], found: str, to: str) -> list[str]:
    """Return in words what is in the database and the older version `to` does not know."""
    lines: list[str] = []
    for script in _down_from(versions, found):
        if script.revision == to:
            break
        lines += script.module.unknown_below(connection)
    return lines
