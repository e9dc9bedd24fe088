"""How does one campaign run, from empty servers to a verdict?

Callers: tests/campaign/test_campaign.py, tests/campaign/mutants.py, `python -m tests.campaign`.
"""

import csv
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from config.calendars import load_calendar
from config.policies import load_policy
from rules.facts import SHANGHAI, local_day
from tests.campaign.chaos import SILENCE_S, Chaos, Plan
from tests.campaign.judging import Case, Verdict, judge
from tests.campaign.planted import PLANTED
from tests.campaign.record import Hours, Start
from tests.campaign.stage import Stage
from tests.campaign.writing import Writer
from tests.fakes.ledger import entries

LOOK_S: Final = 2.0
STAYS_S: Final = 3.0  #: and so long nothing more may come
#: exit status of a process that finds its database or broker gone when it starts: it is started anew
OUT_OF_REACH: Final = 3
SPARE_S: Final = 60.0
#: what tells how far a notice came
KEPT: Final = ("installation", "petitions", "petition_events", "stale", "subjects", "matters", "notices", "messages")
#: asked of duban's tables only to know when to stop waiting, and how long a claim lasts
UNSETTLED: Final = text(
    "SELECT (SELECT count(*) FROM messages WHERE state IN ('due', 'sending', 'unknown', 'held'))"
    " + (SELECT count(*) FROM stale)"
    " + (SELECT count(*) FROM subjects WHERE next_reckon_at <= clock_timestamp())"
    " + (SELECT count(*) FROM notices WHERE state = 'waiting' AND leaves_at <= clock_timestamp())"
    " + (SELECT count(*) FROM messages WHERE state IN ('failed', 'undeliverable') AND followed_at IS NULL)"
)
CLAIMED: Final = text(
    "SELECT coalesce(extract(epoch FROM clock_timestamp() - min(moved_at)), 0) FROM messages WHERE state = 'sending'"
)


@dataclass
class Outcome:
    """What a campaign came to."""

    verdict: Verdict
    kills: int
    points: Counter[str]
    stalls: int
    fell: Counter[int]  #: daemons and workers that ended otherwise than by a kill, by status
    befell: list[str]
    longest_claim_s: float
    took_s: float
    is_settled: bool
    is_cut: bool  #: ended at the first wrong, so that nothing can be said of what is lost

    @property
    def wrongs(self) -> dict[str, list[str]]:
        found = self.verdict.wrongs(is_final=not self.is_cut)
        if not self.is_settled and not self.is_cut:
            found["unsettled"] = ["there is still something to send"]
        fell = [
            f"{count} processes ended with {status}" for status, count in self.fell.items() if status != OUT_OF_REACH
        ]
        if fell:
            found["fell"] = fell
        return found

    def told(self) -> str:
        """Return it for people."""
        figures = self.verdict.figures | {
            "kills": self.kills,
            "of them at a named point": f"{sum(self.points.values())}: {dict(sorted(self.points.items()))}",
            "stood still": self.stalls,
            "befell": ", ".join(self.befell),
            "longest claim (s)": round(self.longest_claim_s, 1),
            "took (s)": round(self.took_s, 1),
        }  # fmt: skip
        lines = [f"{name}: {value}" for name, value in figures.items()]
        for kind, found in self.wrongs.items():
            lines += [f"{kind.upper()}: {len(found)}", *(f"  {each}" for each in found[:10])]
        return "\n".join(lines)


def campaign(
    folder: Path,
    plan: Plan,
    *,
    planted: str | None = None,
    stops_at_a_wrong: bool = False,
    troubles: Callable[[Any, Chaos], Iterator[None]] = lambda _, chaos: chaos.rage(),
    say: Callable[[str], None] = lambda _: None,
    stage_of: Callable[..., Stage] = Stage,
) -> Outcome:
    """Run one campaign in an empty folder.

    `planted`: with that fault in every process of duban; `troubles`: what goes wrong on the stage, yielding between;
    `stage_of`: makes another stage.
    """
    began = time.monotonic()
    today = wait_for_enough_of_the_day(plan.for_s + plan.opens_s + plan.settles_s + SPARE_S, say)
    start = Start.made(plan.petitions, today)
    scripts = {
        "twilio": {"chances": plan.twilio, "refuse": dict.fromkeys(start.people.refused(), 21614), "hold_s": SILENCE_S},
        "mail": {"chances": plan.mail, "hold_s": SILENCE_S},
    }
    stage = stage_of(folder, start, today, planted, scripts)
    with stage.open():
        for statement in PLANTED[planted].sql if planted else ():
            stage.postgres.alter(stage.database, statement)
        say(f"stage set after {time.monotonic() - began:.1f} s")
        return _Campaign(stage, plan, began, stops_at_a_wrong=stops_at_a_wrong, say=say).run(troubles)


def wait_for_enough_of_the_day(seconds: float, say: Callable[[str], None]) -> Any:
    """Return today, once it is long enough until midnight: the window of a workday ends with it."""
    now = datetime.now(SHANGHAI)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    left = (midnight - now).total_seconds()
    if left < seconds:
        say(f"waiting {left:.0f} s for the next day: a window ends at midnight")
        time.sleep(left + 1)
    return local_day(datetime.now(UTC))


class _Campaign:
    def __init__(
        self, stage: Stage, plan: Plan, began: float, *, stops_at_a_wrong: bool, say: Callable[[str], None]
    ) -> None:
        self._stage = stage
        self._plan = plan
        self._began = began
        self._stops = stops_at_a_wrong
        self._say = say
        self._engine = create_engine(stage.database, pool_pre_ping=True)
        self._looked = 0.0
        self._longest_claim_s = 0.0
        self._until = 0.0
        self._is_settled = False
        self.hours = Hours.from_start(datetime.now(UTC), plan.opens_s)
        stage.set_policy(self.hours.policy())
        self._chaos = Chaos(stage, plan, self.hours.opens.timestamp())
        self._writer = Writer(
            self._engine,
            load_calendar(stage.folder / "calendar"),
            load_policy(stage.folder / "policy.toml", environ={}),
            plan.petitions,
            plan.seed,
            self._is_told,
        )

    def run(self, troubles: Callable[[Any, Chaos], Iterator[None]]) -> Outcome:
        try:
            with self._writer.working(self._plan.per_s):
                wrong = self._suffer(troubles(self._stage, self._chaos)) or self._settle()
            outcome = self._outcome(wrong or judge(self._case()), is_cut=wrong is not None)
            if outcome.wrongs:
                self._keep_tables()
        finally:
            self._engine.dispose()
        return outcome

    def _keep_tables(self) -> None:
        """Lay duban's own tables beside the ledgers, for whoever looks why: the database ends with the stage."""
        folder = self._stage.folder / "tables"
        folder.mkdir()
        with self._engine.connect() as connection:
            for table in KEPT:
                with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
                    found = connection.execute(text(f"SELECT * FROM {table} ORDER BY 1"))
                    writer = csv.writer(file)
                    writer.writerow(found.keys())
                    writer.writerows(found)

    def _suffer(self, troubles: Iterator[None]) -> Verdict | None:
        for _ in troubles:
            if (wrong := self._look()) is not None:
                return wrong
        self._until = time.time()
        self._say(f"{self._stage.nursery.killed()} kills after {time.monotonic() - self._began:.1f} s")
        return None

    def _settle(self) -> Verdict | None:
        """Wait until everything has left, and then a little longer."""
        self._writer.finish()
        self._chaos.calm()
        give_up = time.monotonic() + self._plan.settles_s
        quiet_since: float | None = None
        while time.monotonic() < give_up:
            self._chaos.staff(calm=True)
            if (wrong := self._look()) is not None:
                return wrong
            is_quiet = self._writer.is_done and self._ask(UNSETTLED) == 0
            quiet_since = (quiet_since or time.monotonic()) if is_quiet else None
            if quiet_since and time.monotonic() - quiet_since > STAYS_S:
                self._is_settled = True
                break
            time.sleep(0.2)
        self._say(f"settled: {self._is_settled}, after {time.monotonic() - self._began:.1f} s")
        return None

    def _look(self) -> Verdict | None:
        """Look now and then how long claims last, and whether something has gone wrong for good."""
        if time.monotonic() - self._looked < LOOK_S:
            return None
        self._longest_claim_s = max(self._longest_claim_s, self._ask(CLAIMED) or 0.0)
        verdict = judge(self._case()) if self._stops else None
        self._looked = time.monotonic()
        return verdict if verdict and verdict.wrongs(is_final=False) else None

    def _ask(self, question: Any) -> float | None:
        try:
            with self._engine.connect() as connection:
                return float(connection.execute(question).scalar_one())
        except SQLAlchemyError:
            return None

    def _case(self) -> Case:
        return Case(
            start=self._stage.start,
            hours=self.hours,
            journal=self._writer.journal,
            corrected=frozenset(self._writer.corrected),
            holds=self._chaos.holds,
            folder=self._stage.folder,
            until=self._until or time.time(),
        )

    def _is_told(self, words: str) -> bool:
        return any(words in each["body"] for each in entries(self._stage.folder / "twilio.jsonl", "message"))

    def _outcome(self, verdict: Verdict, *, is_cut: bool) -> Outcome:
        told = lines_of(self._stage.folder / "deaths.jsonl")
        return Outcome(
            verdict=verdict,
            kills=self._stage.nursery.killed(),
            points=Counter(each["point"] for each in told if not each["stalls"]),
            stalls=sum(each["stalls"] for each in told),
            fell=self._stage.nursery.fell(),
            befell=[name for _, name in self._chaos.befell],
            longest_claim_s=self._longest_claim_s,
            took_s=time.monotonic() - self._began,
            is_settled=self._is_settled,
            is_cut=is_cut,
        )


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a ledger of our own."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
