"""Has anybody meddled with the audit trail, and how far has it come?

Callers: daemon/commands (audit verify, audit checkpoint, restore), daemon/doctor.py.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from config.audit_key import audit_keys, key_file
from config.services import Services, open_services
from daemon.looking import require_database
from store import audit, migrating
from store.audit import Checkpoint, Verdict
from store.engine import reading


class NoCheckpoint(ValueError):
    """The words given hold no checkpoint, or the trail has none yet."""


def verify_trail(words: Sequence[str]) -> Verdict:
    """Walk over the whole trail, and hold it against the checkpoints that stand in `words`. Raises NoCheckpoint."""
    checkpoints = [_checkpoint_in(text) for text in words]
    services = _services()
    with reading(services.engine) as connection:
        migrating.require(connection)
        return audit.verify(connection, audit_keys(services.settings), checkpoints)


def latest_checkpoint() -> Checkpoint:
    """Return how far the trail has come. Raises NoCheckpoint if nothing is sealed yet."""
    services = _services()
    with reading(services.engine) as connection:
        migrating.require(connection)
        checkpoint = audit.last_checkpoint(connection)
    if checkpoint is None:
        raise NoCheckpoint("no entry of the audit trail is sealed yet; there is nothing to keep")
    return checkpoint


def strange_keys_line(connection: Connection, services: Services) -> str | None:
    """Say that entries are sealed with keys that this host does not have; None if it has all of the last ones."""
    strange = audit.strange_keys(connection, audit_keys(services.settings))
    if not strange:
        return None
    where = "DUBAN_AUDIT_KEY" if services.settings.audit_key is not None else str(key_file(services.settings))
    return (
        f"the trail's newest entries are sealed with a key that is not here ({', '.join(strange)}): all hosts need the "
        f"same keys, and a restored database those of the one before; put it into {where}, before the one in use"
    )


def what_is_lacking() -> str | None:
    """Say so once more on the database that is there now."""
    services = _services()
    with reading(services.engine) as connection:
        return strange_keys_line(connection, services)


def verdict_lines(verdict: Verdict) -> Iterator[str]:
    """Tell people what a walk over the trail found."""
    yield from map(str, verdict.findings)
    yield from verdict.doubts
    covered = verdict.entries - verdict.sealed
    since = f", {covered} without a seal of their own" if covered else ""
    yield f"{verdict.entries} entries, {verdict.sealed} sealed{since}; " + (
        "nothing amiss"
        if verdict.is_sound
        else "THE TRAIL IS NOT SOUND: keep the database as it is, ask who had access"
    )
    if verdict.last is not None:
        yield f"checkpoint {verdict.last}"


def verdict_facts(verdict: Verdict) -> dict[str, Any]:
    """Return for programs what a walk over the trail found."""
    return {
        "sound": verdict.is_sound,
        "entries": verdict.entries,
        "sealed": verdict.sealed,
        "findings": [{"problem": run.problem, "first": run.first, "last": run.last} for run in verdict.findings],
        "doubts": verdict.doubts,
        "checkpoint": str(verdict.last) if verdict.last else None,
    }


def _services() -> Services:
    services = open_services()
    require_database(services)
    return services


def _checkpoint_in(words: str) -> Checkpoint:
    found = Checkpoint.parse(words)
    if found is None:
        raise NoCheckpoint(f"there is no checkpoint in {words!r}; want duban-audit:SEQ:COUNT:MAC, as it was mailed")
    return found
