"""Has duban kept its promises so far?

Judged by the gateways' ledger, by the facts reckoned anew from their rows, and by a replay of the whole record; of
duban's own tables only what nobody else knows: which message carries which notice. Callers: trials.py.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import text

from actors.desks import Desks
from actors.steps import TOLERATED
from channels.gateway import Outgoing
from rules.dossiers import reckon
from rules.facts import SHANGHAI, Channel, Record, local_day
from rules.matters import Matter, Subject, subject_of
from rules.notices import ALWAYS, is_in_window, rungs_left
from store import audit, facts, notices, projection
from store.dossiers import read_dossiers
from store.engine import reading
from tests.trial import aftermath, replayed
from tests.trial.loads import fields_of
from tests.trial.worlds import KEY, Process, World, as_sql

SLA: Final = timedelta(hours=2)  #: of healthy time inside the window
GIVEN_UP: Final = timedelta(hours=3)  #: an unknown outcome is a task for the operator by then
#: from the claim to the last call that it allows
IN_FLIGHT: Final = timedelta(seconds=1.5)
NOTICED: Final = timedelta(minutes=1)  #: a clock that was set wrong is noticed by then
NOON: Final = 12
HOUSE: Final = ("house", "")  #: the file of the organisation
RANK: Final = {"remind": 0, "overdue": 1, "climb": 2, "event": 3}


class Judge:
    """Looks at each commit, and at everything once in an hour."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.desks = Desks(world.services_of(world.web, plain=True))
        self.seen_attempt = 0
        self.seen_taken = 0
        self.seen_call_backs = 0
        self.claims: dict[str, datetime] = {}  #: attempt → true time of its claim
        self.claim_day: dict[str, date] = {}
        self.taken: Counter[int] = Counter()
        self.sms: dict[tuple[str, date], set[int]] = defaultdict(set)
        self.totals: dict[date, set[str]] = defaultdict(set)
        self.healthy_since = world.hub.now
        self.waits: dict[int, datetime] = {}  #: message that could be claimed → since which look
        self.checkpoints: list[audit.Checkpoint] = []
        self.refused = 0
        self.accepted = 0
        self.asked = 0
        self.cursor = world.hub.now
        self._truth: dict[Subject, tuple[datetime | None, tuple[Any, ...], dict[str, Matter]]] = {}
        self.edits: Counter[tuple[str, str]] = Counter()  #: of facts, by file, begun
        self.edited_at: dict[tuple[str, str], datetime] = {}  #: likewise, when last
        self.deputy_of = {seat.id: seat.deputy for seat in world.load.record.seats}
        self.seen_notice = self.seen_digest = self.seen_rung = 0
        self.keys: set[tuple[Any, ...]] = set()  #: of notices
        self.levers = 0  #: of which whoever pulled them knows
        world.on_commit = self.committed
        world.provider.on_call = self.called
        world.on_told = self.told

    def wrong(self, invariant: str, what: str) -> None:
        self.world.wrong.append(f"{invariant}: {what}")

    # At each commit ----------------------------------------------------------------------

    def committed(self, process: Process) -> None:
        """Judge the claims that this commit made, on the facts that were committed by then."""
        rows = self.world.raw.execute(
            "SELECT a.rowid, a.id, m.id, m.kind, m.person, m.channel, m.instead_of, m.at FROM attempts a "
            "JOIN messages m ON m.id = a.message WHERE a.rowid > ? ORDER BY a.rowid",
            (self.seen_attempt,),
        ).fetchall()
        self._judge_cursor()
        if rows:
            self.seen_attempt = rows[-1][0]
            self._judge_claims([row[1:] for row in rows])

    def _judge_cursor(self) -> None:
        found = self.world.raw.execute("SELECT value FROM installation WHERE key = 'cursor'").fetchone()
        cursor = datetime.fromisoformat(found[0]) if found else self.cursor
        if cursor < self.cursor:
            self.wrong("cursor", f"it went back from {self.cursor} to {cursor}")
        self.cursor = cursor

    def _judge_claims(self, rows: list[tuple[Any, ...]]) -> None:
        """Judge what one claim took; rows: attempt, message, kind, person, channel, instead_of, at."""
        world = self.world
        now = world.clock_now()
        held = world.raw.execute("SELECT value FROM installation WHERE key = 'held'").fetchone()
        is_wrong = abs(world.offset) > TOLERATED and world.hub.now - world.set_wrong_at > NOTICED
        with reading(world.engine) as connection:
            desk = self.desks.of(connection)
            carrying = {row[1]: row[5] for row in rows if row[2] == "notices"}
            items = notices.in_messages(connection, carrying) if carrying else {}
            for attempt, message, kind, person, channel, instead_of, at in rows:
                self.claims[attempt] = world.hub.now
                self.claim_day[attempt] = local_day(now)
                if held and held[0]:
                    self.wrong("held", f"message {message} was claimed while sending was held: {held[0]}")
                if is_wrong and world.can_doubt_clock():
                    self.wrong("clock", f"message {message} was claimed while the clock was {world.offset} off")
                if kind != "operator":
                    self._judge_hour(message, _instant(at), now)
                self._judge_address(desk, message, kind, person, channel)
                if kind == "notices":
                    self._judge_items(connection, desk, message, instead_of, items.get(message, []), now)

    def _judge_hour(self, message: int, meant: datetime, now: datetime) -> None:
        desk = self.world.timetable
        local = meant.astimezone(SHANGHAI)
        own = (desk.policy.digest_at, desk.policy.notify_at)  # they may lie outside the window
        has_own_time = local.time() in own and desk.calendar.is_workday(local.date()) and meant <= now < meant + SLA / 2
        if not is_in_window(now, desk) and not has_own_time:
            self.wrong("window", f"message {message} was claimed at {now.astimezone(SHANGHAI)}")

    def _judge_address(self, desk: Any, message: int, kind: str, person: str, channel: str) -> None:
        found = desk.house.person(person) if kind != "operator" else None
        address = found and (found.mobile if channel == Channel.SMS else found.email)
        query = "SELECT at FROM optouts WHERE channel = ? AND address = ?"
        if address and self.world.raw.execute(query, (channel, address)).fetchone():
            self.wrong("opted out", f"message {message} was claimed for {person}, who wants no more")

    def _judge_items(
        self, connection: Any, desk: Any, message: int, instead_of: int | None, rows: list[Any], now: datetime
    ) -> None:
        if not rows:
            self.wrong("stale", f"message {message} was claimed, and nothing in it holds")
        today = local_day(now)
        if instead_of:
            self._judge_instead(message, rows)
        for row in rows:
            if row.rung in ALWAYS:
                continue
            matter = self.truth(connection, desk, subject_of(row.matter), now).get(row.matter)
            if matter is None or matter.closed is not None:
                how = matter.closed if matter else "gone"
                self.wrong("closed", f"{row.rung} of {row.matter} was claimed in message {message}; it is {how}")
            elif not matter.is_live(today) or matter.due != row.due or matter.responsible != row.responsible:
                self.wrong("stale", f"{row.rung} of {row.matter} due {row.due} was claimed in message {message}")
            elif row.rung.startswith("remind-") and matter.due < today and row.leaves_at.date() < now.date():
                self.wrong("expired", f"{row.rung} of {row.matter} due {row.due} was claimed on {today}")

    def _judge_instead(self, message: int, rows: list[Any]) -> None:
        query = (
            "SELECT 1 FROM notices WHERE matter = ? AND due = ? AND rung = ? AND to_person = ? AND channel = 'email' "
            "AND verdict = 'sent'"
        )
        for row in rows:
            if self.world.raw.execute(query, (row.matter, row.due.isoformat(), row.rung, row.to_person)).fetchone():
                self.wrong("instead", f"e-mail {message} repeats {row.rung} of {row.matter}")

    def truth(self, connection: Any, desk: Any, subject: Subject, now: datetime) -> dict[str, Matter]:
        """Return the matters of a subject by its facts alone; they are kept until a fact or time changes them."""
        known = self._truth.get(subject)
        by = (self.world.offset, *(self.edits[file] for file in self._files_of(subject)))
        if known is None or known[1] != by or (known[0] is not None and known[0] <= now):
            outcome = next((reckon(d, now) for d in read_dossiers(connection, desk, [subject])), None)
            known = (outcome.next_at, by, outcome.matters) if outcome else (None, by, {})
            self._truth[subject] = known
        return known[2]

    def edited(self, *files: tuple[str, str]) -> None:
        """Note that facts of some files are being changed."""
        self.edits.update(files)
        self.edited_at.update(dict.fromkeys(files, self.world.hub.now))

    def was_edited_since(self, matter: str, since: datetime) -> bool:
        """Say whether facts of a matter have been changed since, or the organisation."""
        files = self._files_of(subject_of(matter))
        return any(self.edited_at.get(file, since) > since for file in files)

    def _files_of(self, subject: Subject) -> tuple[tuple[str, str], ...]:
        kind, ident = map(str, subject)
        return HOUSE, (kind, ident), ("deputy", self.deputy_of.get(subject.id, ""))

    def called(self, outgoing: Outgoing) -> None:
        """Judge a call that is about to be made: the last look at what it carries is fresh."""
        claimed = self.claims.get(outgoing.attempt)
        if claimed is None:
            self.wrong("claimed", f"message {outgoing.message} was handed over before its claim was committed")
        elif self.world.hub.now - claimed > IN_FLIGHT:
            late = self.world.hub.now - claimed
            self.wrong("in flight", f"message {outgoing.message} was handed over {late} after its claim")

    def told(self, message: int) -> None:
        """Judge a call-back that has been noted: whatever was told last, what has arrived stays so."""
        (state,) = self.world.raw.execute("SELECT state FROM messages WHERE id = ?", (message,)).fetchone()
        if message in self.world.provider.delivered and state != "delivered":
            self.wrong("delivered", f"message {message} has arrived, as was told, and is {state}")

    # Once an hour ------------------------------------------------------------------------

    def look(self) -> None:
        """Look at the ledger and at what is overdue."""
        self._judge_ledger()
        self._judge_pace()
        self._judge_clock()
        now = self.world.hub.now
        if now - self.healthy_since < SLA:
            return
        self._all_wrong(aftermath.far_ahead(self))
        if now.astimezone(SHANGHAI).hour == NOON and self._window_opened(now):
            self._all_wrong(aftermath.rungs_of_today(self))

    def _all_wrong(self, found: Iterable[tuple[str, str]]) -> None:
        for invariant, what in found:
            self.wrong(invariant, what)

    def look_daily(self) -> None:
        """Look at all that is new and is not judged as it happens."""
        self._judge_digests()
        self._judge_notices()
        self._judge_ladders()
        with reading(self.world.engine) as connection:
            if checkpoint := audit.last_checkpoint(connection):
                self.checkpoints.append(checkpoint)

    def _judge_ledger(self) -> None:
        world = self.world
        for taken in world.provider.ledger[self.seen_taken :]:
            outgoing = taken.outgoing
            message = outgoing.message
            self.taken[message] += 1
            if self.taken[message] > 1 and self._has_left_too_often(message):
                self.wrong("once", f"message {message} to {outgoing.person} left {self.taken[message]} times")
            day = self.claim_day[outgoing.attempt]
            if outgoing.channel == Channel.SMS:
                self.totals[day].add(outgoing.attempt)
                if outgoing.subject is None and self._kind(message) == "notices":
                    self.sms[outgoing.person, day].add(message)
                self._judge_limits(outgoing.person, day)
        self.seen_taken = len(world.provider.ledger)

    def _has_left_too_often(self, message: int) -> bool:
        """Say whether a message, with those of the same words to the same person that go by its ids, left too often.

        A list that knows words and numbers may have given a copy's id to another such message, which then is not sent.
        """
        ids = [taken.provider_id for taken in self.world.provider.ledger if taken.outgoing.message == message]
        query = (
            "SELECT a.message FROM attempts a JOIN messages m ON m.id = a.message JOIN messages own ON own.id = ? "
            "WHERE a.provider_id = ? AND m.person = own.person AND m.body = own.body"
        )
        equal = {row[0] for ident in ids for row in self.world.raw.execute(query, (message, ident))} | {message}
        return sum(self.taken[one] for one in equal) > sum(1 + self._retried(one) for one in equal)

    def _kind(self, message: int) -> str:
        return str(self.world.raw.execute("SELECT kind FROM messages WHERE id = ?", (message,)).fetchone()[0])

    def _retried(self, message: int) -> int:
        """Return how often an operator has had a message tried again."""
        query = "SELECT count(*) FROM audit WHERE action = 'retry' AND subject = ?"
        return int(self.world.raw.execute(query, (f"message:{message}",)).fetchone()[0])

    def _judge_limits(self, person: str, day: date) -> None:
        limit = self.world.load.policy.sms_per_day
        if limit is not None and len([m for m in self.sms[person, day] if not self._retried(m)]) > limit:
            self.wrong("cap", f"{person} had {len(self.sms[person, day])} SMS on {day}; the cap is {limit}")
        more = self.world.raw.execute("SELECT extra FROM quotas WHERE day = ?", (day.isoformat(),)).fetchone()
        total = self.world.load.settings.sms_daily_total + (more[0] if more else 0)
        if len(self.totals[day]) > total:
            self.wrong("quota", f"{len(self.totals[day])} SMS left on {day}; the total is {total}")

    def _judge_pace(self) -> None:
        """Every message that could leave has left, or tells why not, after so much healthy time in the window."""
        world = self.world
        now = world.hub.now
        if not self._is_healthy():
            self.healthy_since = now
            self.waits.clear()
            return
        opened = self._window_opened(now)
        self._judge_waiting(now, is_open=opened is not None)
        if opened is None or now - max(opened, self.healthy_since) < SLA:
            return
        limits = {"late": as_sql(now - SLA), "given_up": as_sql(now - GIVEN_UP)}
        if not world.raw.execute(ANY_STUCK, limits).fetchone()[0]:
            return
        for query, what in STUCK.items():
            for ident, since in world.raw.execute(query, limits):
                if max(_instant(since), self.healthy_since) <= now - SLA:
                    self.wrong("in time", f"{what.format(ident)} since {since} (it is {as_sql(now)})")

    def _judge_clock(self) -> None:
        """Look whether a daemon that saw the clock set wrong has held all sending, and nobody has released it."""
        world = self.world
        is_wrong = min(abs(world.offset), abs(world.jumped)) > TOLERATED
        if not is_wrong or world.hub.now - world.set_wrong_at < 2 * NOTICED:
            return
        saw = [d for d in world.daemons if d.holds_lease and not d.is_frozen and d.booted_at < world.set_wrong_at]
        (pulled,) = world.raw.execute("SELECT count(*) FROM audit").fetchone()
        held = world.raw.execute("SELECT value FROM installation WHERE key = 'held'").fetchone()
        if saw and pulled == world.pulled_before and not (held and held[0]):
            self.wrong("clock", f"it is {world.offset} off since {world.set_wrong_at}, and sending is not held")

    def _judge_waiting(self, now: datetime, *, is_open: bool) -> None:
        """Look whether a message is put back again and again, so that its own hour is always just to come."""
        if not is_open:
            self.waits = {}
            return
        query = "SELECT id FROM messages WHERE state = 'due' AND try_at < ?"
        soon = as_sql(now + timedelta(minutes=1))
        self.waits = {ident: self.waits.get(ident, now) for (ident,) in self.world.raw.execute(query, (soon,))}
        for ident, since in self.waits.items():
            called = "SELECT 1 FROM attempts WHERE message = ? AND at > ?"
            if now - since > SLA and not self.world.raw.execute(called, (ident, as_sql(since))).fetchone():
                self.wrong("in time", f"message {ident} could leave since {since}, and no gateway was called")

    def _is_healthy(self) -> bool:
        world = self.world
        if any(until > world.hub.now for until in world.provider.out_until.values()):
            return False
        if world.offset or not all(process.is_up for process in world.processes):
            return False
        held = world.raw.execute("SELECT value FROM installation WHERE key = 'held'").fetchone()
        return not (held and held[0])

    def _window_opened(self, now: datetime) -> datetime | None:
        if not is_in_window(now, self.world.timetable):
            return None
        begins = self.world.timetable.policy.send_window.begins
        return datetime.combine(local_day(now), begins, SHANGHAI)

    def _judge_digests(self) -> None:
        rows = self.world.raw.execute(
            "SELECT m.id, count(d.message) FROM messages m LEFT JOIN digests d ON d.message = m.id "
            "WHERE m.kind = 'digest' AND m.id > ? GROUP BY m.id",
            (self.seen_digest,),
        )
        for message, count in rows:
            self.seen_digest = max(self.seen_digest, message)
            if count != 1:
                self.wrong("digest", f"message {message} carries {count} digests")
        for message in self.world.provider.repeated:
            if len(set(self.world.provider.copies[message])) > 1 and self._kind(message) != "notices":
                self.wrong("digest", f"e-mail {message} left with two bodies")

    def _judge_notices(self) -> None:
        rows = self.world.raw.execute(
            "SELECT id, matter, due, rung, to_person, channel FROM notices WHERE id > ? ORDER BY id",
            (self.seen_notice,),
        )
        for ident, *key in rows:
            self.seen_notice = ident
            if tuple(key) in self.keys:
                self.wrong("once", f"notice {key} was decided twice")
            self.keys.add(tuple(key))
        rows = self.world.raw.execute(
            "SELECT instead_of, count(*) FROM messages WHERE instead_of IS NOT NULL GROUP BY 1 HAVING count(*) > 1"
        )
        for message, count in rows:
            self.wrong("instead", f"message {message} has {count} in its stead")

    def _judge_ladders(self) -> None:
        """Rungs fire in their order: reminders, overdue, climb-1, climb-2; none before the one under it.

        A due date that is moved away and back begins the ladder anew, with later dates (R5.1): what has fired before
        does not fire again, and is of another order.
        """
        ladders: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        rows = self.world.raw.execute(
            "SELECT r.rowid, matter, r.due, rung, fired_at FROM rungs r JOIN matters m ON m.id = matter "
            "WHERE fired_at >= m.began AND (matter, r.due) IN (SELECT matter, due FROM rungs WHERE rowid > ?)",
            (self.seen_rung,),
        )
        for rowid, matter, due, rung, fired_at in rows.fetchall():
            self.seen_rung = max(self.seen_rung, rowid)
            ladders[matter, due][rung] = fired_at
        for (matter, due), fired in ladders.items():
            in_order = sorted(fired, key=lambda rung: (*_rank(rung), fired[rung]))
            times = [fired[rung] for rung in in_order]
            if times != sorted(times):
                self.wrong("ladder", f"{matter} due {due}: {fired}")
            climbs = sorted(int(rung.partition("-")[2]) for rung in fired if rung.startswith("climb"))
            if climbs and climbs != list(range(climbs[0], climbs[0] + len(climbs))):
                self.wrong("ladder", f"{matter} due {due} skipped: {sorted(fired)}")

    # In the end --------------------------------------------------------------------------

    def end(self, *, is_exact: bool) -> None:
        """Judge what has come to rest: nothing is left over, and all is as the facts say."""
        self.seen_notice = self.seen_digest = self.seen_rung = 0
        self.keys.clear()
        self.look_daily()  # at everything again: what is on record may have been changed
        self._judge_rest()
        self._all_wrong(aftermath.missing(self))
        self._judge_rows()
        self._judge_audit()
        self._all_wrong(replayed.differences(self.world, is_exact=is_exact))

    def _judge_rest(self) -> None:
        world = self.world
        for query, what in LEFT_OVER.items():
            for row in world.raw.execute(query).fetchall():
                self.wrong("at rest", what.format(*row))
        left = {taken.outgoing.message for taken in world.provider.ledger}
        for message, state in world.raw.execute("SELECT id, state FROM messages").fetchall():
            if state in ("accepted", "delivered") and message not in left and not self._has_left_as_equal(message):
                self.wrong("left", f"message {message} is {state}, and never left")
        for message in world.provider.delivered:
            self.told(message)
        with reading(world.engine) as connection:
            desk = self.desks.of(connection)
            day = local_day(world.clock_now())
            for batch in projection.live_matters(connection, 1000):
                fired = notices.fired(connection, [matter.id for matter in batch])
                for matter in batch:
                    left = rungs_left(matter, fired.get(matter.id, ()), desk)
                    late = [r.name for r in left if r.fires_from < day and matter.began < day and matter.is_live(day)]
                    if late:
                        self.wrong("ladder", f"{late} of {matter.id} has not fired")

    def _has_left_as_equal(self, message: int) -> bool:
        """Say whether a message goes by the gateway's id of another of the same words to the same person.

        A list that knows words and numbers tells two such texts apart for nobody; each id counts for one message.
        """
        query = (
            "SELECT a.provider_id, m.person, m.body FROM attempts a JOIN messages m ON m.id = a.message "
            "WHERE m.id = ? AND a.provider_id IS NOT NULL"
        )
        for ident, person, body in self.world.raw.execute(query, (message,)).fetchall():
            taken = self.world.provider.by_id.get(ident)
            if taken is not None and (taken.outgoing.person, taken.outgoing.text) == (person, body):
                return True
        return False

    def _judge_rows(self) -> None:
        """Every row that was typed is on record as it was typed, or was refused; nothing else is there."""
        if self.asked != self.accepted + self.refused:
            self.wrong("rows", f"{self.asked} asked, {self.accepted} accepted, {self.refused} refused")
        with reading(self.world.engine) as connection:
            for table in Record.TABLES:
                found = Counter(str(fields_of(row)) for row in facts.load(connection, table))
                typed = Counter(str(fields_of(row)) for row in getattr(self.world.load.record, table))
                if table == "acknowledgements":
                    typed = Counter(set(typed))
                for row in (found - typed) | (typed - found):
                    self.wrong("rows", f"{table}: {row} is {'not typed' if row in found else 'lost'}")

    def _judge_audit(self) -> None:
        with reading(self.world.engine) as connection:
            verdict = audit.verify(connection, [KEY], self.checkpoints)
            pulled = connection.execute(text("SELECT count(*) FROM audit")).scalar_one()
        if verdict.entries and not verdict.is_sound:
            self.wrong("audit", f"{[*map(str, verdict.findings)]} {verdict.doubts}")
        if pulled < self.levers:  # a lever whose process died after the commit has an entry that nobody knows of
            self.wrong("audit", f"{self.levers} levers pulled, {pulled} entries")


def _rank(rung: str) -> tuple[int, int]:
    kind, _, number = rung.partition("-")
    if kind == "event":
        return RANK[kind], 0
    count = int(number or 0)
    return RANK[kind], -count if kind == "remind" else count


def _instant(words: str) -> datetime:
    return datetime.fromisoformat(f"{words}+00:00")


#: what should not be so for long → in words
STUCK: Final = {
    "SELECT id, leaves_at FROM notices WHERE state = 'waiting' AND leaves_at < :late": "notice {} waits",
    "SELECT id, try_at FROM messages WHERE state = 'due' AND try_at < :late": "message {} is due",
    "SELECT id, claimed_until FROM messages WHERE state = 'sending' AND claimed_until < :late": "message {} is claimed",
    "SELECT id, moved_at FROM messages WHERE state = 'unknown' AND followed_at IS NULL AND moved_at < :given_up":
        "message {} is unknown, and nobody is told",
    "SELECT id, moved_at FROM messages WHERE state IN ('failed', 'undeliverable') AND followed_at IS NULL "
    "AND moved_at < :late": "message {} did not arrive, and nobody is told",
}  # fmt: skip
ANY_STUCK: Final = f"SELECT {' OR '.join(f'EXISTS ({query})' for query in STUCK)}"
LEFT_OVER: Final = {
    "SELECT id, leaves_at FROM notices WHERE state = 'waiting' AND leaves_at < "
    "(SELECT max(at) FROM slots WHERE job = 'round')": "notice {} waits since {}",
    "SELECT id, state, at FROM messages WHERE state = 'sending' OR "
    "(state = 'held' AND reason NOT LIKE 'the daily total%')": "message {} is {} since {}",
    "SELECT kind, id FROM stale": "{} {} is still marked",
    "SELECT id, state FROM messages WHERE state IN ('failed', 'undeliverable', 'unknown') AND followed_at IS NULL":
        "message {} is {}, and nobody is told",
    "SELECT id, state FROM messages WHERE state IN ('failed', 'superseded', 'expired', 'undeliverable', 'unknown') "
    "AND reason IS NULL": "message {} is {} without a reason",
    "SELECT m.id, n.id FROM messages m JOIN notices n ON n.message = m.id WHERE m.state IN ('superseded', 'expired') "
    "AND n.state = 'bundled'": "message {} has been dropped, and notice {} in it holds",
    "SELECT id, kind FROM messages WHERE state IN ('superseded', 'expired') AND kind <> 'notices'":
        "message {} has been dropped, of kind {}",
    "SELECT n.id, m.id FROM notices n LEFT JOIN messages m ON m.id = n.message "
    "WHERE n.state = 'bundled' AND m.id IS NULL": "notice {} is bundled in message {}",
}  # fmt: skip


def totals(world: World) -> Iterator[tuple[str, int]]:
    """Yield what went on in a trial."""
    for name in ("notices", "messages", "attempts", "digests"):
        yield name, world.raw.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
    yield from world.raw.execute("SELECT state, count(*) FROM messages GROUP BY 1")
    yield "taken", len(world.provider.ledger)
    yield "switches", world.hub.switches
