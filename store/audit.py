"""Who changed what, and when? And has anybody meddled with that list?

Rows are added and never changed: triggers refuse it. Beyond the triggers each entry is sealed: its mac is an
HMAC-SHA256 over the entry before it and its own words, under a key that the database does not hold. Whoever can
write to the database but has not the key can forge no entry; what is taken off the end shows against the head,
or against a checkpoint that lies elsewhere. Callers: intake/commands.py, the operator's levers, daemon/auditing.py.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, Connection, Engine, exists, func, insert, select, true
from sqlalchemy.exc import DataError

from store import installation
from store.locks import Lock, alone
from store.schema import audit
from store.schema_service import accounts

KEY: Final = "duban_audit_key"  #: execution option of an engine whose entries are sealed: what finds the key
HEAD: Final = "audit_head"  #: the last sealed entry, as a checkpoint
BATCH: Final = 2000
ACCOUNT_ADDED: Final = "account-added"
START: Final = "start"  #: what stands before the first entry
#: what a spoilt cell brings about, in the driver, in SQLAlchemy or here
UNREADABLE_ERRORS: Final = (ValueError, TypeError, LookupError, AttributeError, OverflowError, DataError)
CHECKPOINT: Final = re.compile(r"duban-audit:(?P<seq>\d{1,18}):(?P<count>\d{1,18}):(?P<mac>[0-9a-f]{8}\.[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far the trail had come: what the head says, and what goes to recipients elsewhere."""

    seq: int
    count: int  #: entries up to it, itself included
    mac: str

    def __str__(self) -> str:
        return f"duban-audit:{self.seq}:{self.count}:{self.mac}"

    @classmethod
    def parse(cls, words: str) -> Self | None:
        """Return the checkpoint that stands somewhere in `words`, such as a letter; None if there is none.

        >>> Checkpoint.parse("of 31 March: duban-audit:7:7:0a1b2c3d." + "e" * 64 + " (keep it)").seq
        7
        """
        found = CHECKPOINT.search(words)
        return cls(int(found["seq"]), int(found["count"]), found["mac"]) if found else None


# Adding -------------------------------------------------------------------------------------


def use_key(engine: Engine, find: Callable[[], bytes]) -> None:
    """Have every entry that is added through this engine sealed; `find` is asked for the key at the first one."""
    engine.update_execution_options(**{KEY: cache(find)})


_LAST: Final = select(func.max(audit.c.seq))
_ADD: Final = insert(audit)


def append(connection: Connection, *, at: datetime, actor: str, action: str, subject: str, **detail: Any) -> None:
    """Add one entry. `detail` holds no residents' data.

    Entries queue: whoever adds one holds up the others until the transaction ends, so it comes last in it.
    """
    alone(connection, Lock.APPENDING)
    head = last_checkpoint(connection)
    # Where the end was cut off, the entry leaves a gap that shows.
    last = max(connection.execute(_LAST).scalar() or 0, head.seq if head else 0)
    seq = last + 1
    entry = {"seq": seq, "at": at, "actor": actor, "action": action, "subject": subject, "detail": detail}
    find: Callable[[], bytes] | None = connection.get_execution_options().get(KEY)
    if find is None:
        connection.execute(_ADD, entry)
        return
    before, count = _before(connection, head)
    mac = seal(find(), before, entry)
    connection.execute(_ADD, {"mac": mac, **entry})
    installation.put(connection, HEAD, str(Checkpoint(seq, count + 1, mac)))


def _before(connection: Connection, head: Checkpoint | None) -> tuple[str, int]:
    """Return what the next seal rests on, and how many entries there are.

    Entries that were added without a key since the last seal, all at first, are read once and covered by the next.
    """
    before, count = (head.mac, head.count) if head else (START, 0)
    for entry in _entries(connection, after=head.seq if head else 0):
        before, count = entry["mac"] or _covered(before, entry), count + 1
    return before, count


def last_checkpoint(connection: Connection) -> Checkpoint | None:
    """Return how far the trail has come, or None if no entry is sealed."""
    return Checkpoint.parse(installation.get(connection, HEAD) or "")


def latest(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Return the last entries, the newest first."""
    query = select(audit).order_by(audit.c.seq.desc()).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def strange_keys(connection: Connection, keys: Sequence[bytes], among: int = BATCH) -> list[str]:
    """Return the names of keys under which the last entries are sealed and that are not among `keys`."""
    known = {key_id(key) for key in keys}
    query = select(audit.c.mac).where(audit.c.mac.is_not(None)).order_by(audit.c.seq.desc()).limit(among)
    names = (mac.partition(".")[0] for mac in connection.execute(query).scalars())
    return [name for name in dict.fromkeys(names) if name not in known]


# Sealing ------------------------------------------------------------------------------------


def key_id(key: bytes) -> str:
    """Return the name of a key, from which nobody learns the key."""
    return hmac.digest(key, b"duban audit key", "sha256").hex()[:8]


def seal(key: bytes, before: str, entry: Mapping[str, Any]) -> str:
    """Return the mac of an entry: the name of its key, and the HMAC over what comes before and its own words."""
    return f"{key_id(key)}.{hmac.digest(key, _words(before, entry), 'sha256').hex()}"


def _covered(before: str, entry: Mapping[str, Any]) -> str:
    """Return what stands for an entry without a seal, so that the next seal covers it."""
    return hashlib.sha256(_words(before, entry)).hexdigest()


def _words(before: str, entry: Mapping[str, Any]) -> bytes:
    # Through JSON and back: what comes out of the database has lists for tuples and texts for keys.
    detail = json.loads(json.dumps(entry["detail"]))
    at = entry["at"].astimezone(UTC).isoformat(timespec="microseconds")
    words = [before, entry["seq"], at, entry["actor"], entry["action"], entry["subject"], detail]
    return json.dumps(words, sort_keys=True, separators=(",", ":")).encode()


# Verifying ----------------------------------------------------------------------------------

GONE: Final = "gone: removed from the trail"
CHANGED: Final = "not as sealed: changed, moved, or put in afterwards"
UNSEALED: Final = "without a seal after sealed ones: not added by duban, or by one without the key"
UNREADABLE: Final = "cannot be read: changed by a hand that knows no dates, or no JSON"
BEFORE_FIRST: Final = "before the first: not added by duban"
OTHER_KEY: Final = "sealed with a key that is not here"
CUT: Final = "gone: cut off the end of the trail"
BEYOND_HEAD: Final = "beyond the head: not added by duban, or the head has been set back"


@dataclass(slots=True)
class Finding:
    """What is wrong with a run of entries."""

    problem: str
    first: int
    last: int

    def __str__(self) -> str:
        which = f"entry {self.first}" if self.first == self.last else f"entries {self.first} to {self.last}"
        return f"{which}: {self.problem}"


@dataclass(slots=True)
class Verdict:
    """What a walk over the whole trail found."""

    entries: int = 0
    sealed: int = 0
    findings: list[Finding] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)  #: findings that concern no run of entries
    covered: int = 0  #: entries before the first sealed one
    first: int | None = None  #: the first sealed entry
    last: Checkpoint | None = None  #: the last sealed entry

    @property
    def is_sound(self) -> bool:
        """Whether nothing is amiss."""
        return not self.findings and not self.doubts

    def note(self, problem: str, first: int, last: int | None = None) -> None:
        """Add a finding, to the one before if it goes on with it."""
        last = first if last is None else last
        run = self.findings[-1] if self.findings else None
        if run and run.problem == problem and run.last + 1 == first:
            run.last = last
        else:
            self.findings.append(Finding(problem, first, last))


def verify(connection: Connection, keys: Sequence[bytes], checkpoints: Sequence[Checkpoint] = ()) -> Verdict:
    """Walk over the whole trail, and hold it against its seals, its head, and checkpoints kept elsewhere.

    The first seal covers together what stands before it, as it was when that seal was made. That seals were taken off
    and the entries changed before, only a checkpoint from elsewhere can disprove.
    """
    verdict = Verdict()
    by_name = {key_id(key): key for key in keys}
    head = last_checkpoint(connection)
    seen: dict[int, Checkpoint] = {}
    wanted = {known.seq for known in (*checkpoints, *([head] if head else []))}
    before, place = START, 0
    for entry in _entries_as_they_are(connection):
        verdict.entries += 1
        mac, seq = entry["mac"], entry["seq"]
        if seq < 1:
            verdict.note(BEFORE_FIRST, seq)
            continue
        has_gap = seq != place + 1 and (mac or verdict.sealed)
        if has_gap:
            verdict.note(GONE, place + 1, seq - 1)
        if mac is None:
            if verdict.sealed:
                verdict.note(UNSEALED, seq)
            else:
                verdict.covered += 1
            before = _if_readable(partial(_covered, before, entry)) or START
        else:
            if not has_gap:
                _check_seal(verdict, by_name, before, entry)
            verdict.sealed += 1
            verdict.first = verdict.first or seq
            verdict.last = Checkpoint(seq, verdict.entries, mac)
            before = mac
        if seq in wanted:
            seen[seq] = Checkpoint(seq, verdict.entries, mac or "")
        place = seq
    _check_end(verdict, head, place)
    problems = {known: _contradiction(known, seen.get(known.seq)) for known in checkpoints}
    verdict.doubts += filter(None, problems.values())
    proved = max((known.seq for known, problem in problems.items() if not problem), default=0)
    _check_beginning(connection, verdict, proved)
    return verdict


def _check_beginning(connection: Connection, verdict: Verdict, proved: int) -> None:
    """Note what could be a trail stripped of its seals, or begun anew; `proved`: up to where a checkpoint fits."""
    if verdict.first and verdict.covered and proved < verdict.first:
        verdict.doubts.append(
            f"entries before entry {verdict.first} have no seal of their own, and it covers them as they were when it "
            "was added: what they were before, a checkpoint that is kept elsewhere can say"
        )
    noted = exists().where(audit.c.action == ACCOUNT_ADDED, audit.c.subject == "account:" + accounts.c.id)
    strangers = connection.execute(select(accounts.c.id).where(~noted).order_by(accounts.c.id)).scalars().all()
    if strangers:
        verdict.doubts.append(
            f"no entry tells who added the account {', '.join(strangers)}: entries were removed, or it is not duban's"
        )


def _entries(connection: Connection, *, after: int | None) -> Iterator[dict[str, Any]]:
    query = select(audit).where(_comes_after(after)).order_by(audit.c.seq)
    with connection.execute(query, execution_options={"yield_per": BATCH}) as found:
        for entry in found.mappings():
            yield dict(entry)


def _comes_after(seq: int | None) -> ColumnElement[bool]:
    return true() if seq is None else audit.c.seq > seq


def _entries_as_they_are(connection: Connection) -> Iterator[dict[str, Any]]:
    """Yield all entries, also those that cannot be read: whoever has spoilt one must not end the walk there.

    Such a one comes with its number and its seal alone.
    """
    place: int | None = None
    while True:
        try:
            for entry in _entries(connection, after=place):
                yield entry
                place = entry["seq"]
        except UNREADABLE_ERRORS:
            for entry in _one_by_one(connection, place):
                yield entry
                place = entry["seq"]
        else:
            return


def _one_by_one(connection: Connection, after: int | None) -> Iterator[dict[str, Any]]:
    query = select(audit.c.seq, audit.c.mac).where(_comes_after(after)).order_by(audit.c.seq).limit(BATCH)
    for bare in connection.execute(query).mappings().all():
        try:
            yield dict(connection.execute(select(audit).where(audit.c.seq == bare["seq"])).mappings().one())
        except UNREADABLE_ERRORS:
            yield dict(bare)


def _if_readable(make: Callable[[], str]) -> str | None:
    try:
        return make()
    except UNREADABLE_ERRORS:
        return None


def _check_seal(verdict: Verdict, keys: Mapping[str, bytes], before: str, entry: Mapping[str, Any]) -> None:
    name = entry["mac"].partition(".")[0]
    if name not in keys:
        verdict.note(f"{OTHER_KEY} ({name})", entry["seq"])
        return
    wanted = _if_readable(partial(seal, keys[name], before, entry))
    if wanted is None:
        verdict.note(UNREADABLE, entry["seq"])
    elif not hmac.compare_digest(wanted.encode(), entry["mac"].encode("utf-8", "replace")):
        verdict.note(CHANGED, entry["seq"])


def _check_end(verdict: Verdict, head: Checkpoint | None, last: int) -> None:
    if head is None:
        if verdict.sealed:
            verdict.doubts.append("the head of the trail is missing: whether the end was cut off cannot be said")
        elif verdict.entries:
            verdict.doubts.append(
                f"none of {verdict.entries} entries is sealed, so nothing is proved; "
                "the next entry that is added with a key seals all of them"
            )
        return
    if head.seq > last:
        verdict.note(CUT, last + 1, head.seq)
    elif verdict.last is None or verdict.last.seq < head.seq:
        verdict.doubts.append(f"the head names entry {head.seq}, which has no seal")
    elif verdict.last.seq > head.seq:
        verdict.note(BEYOND_HEAD, head.seq + 1, verdict.last.seq)
    elif verdict.last.mac != head.mac:
        verdict.doubts.append(f"the head does not fit entry {head.seq}: one of them was changed")


def _contradiction(known: Checkpoint, found: Checkpoint | None) -> str:
    """Return how the trail contradicts a checkpoint; an empty text if it does not."""
    if found is None:
        return f"entry {known.seq} of the checkpoint is not there: the trail was cut off before it"
    if found.mac != known.mac:
        return f"entry {known.seq} is not the one of the checkpoint: the trail was written anew"
    if found.count != known.count:
        return f"up to entry {known.seq} there are {found.count} entries, by the checkpoint {known.count}"
    return ""
