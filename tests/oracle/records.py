"""Which made-up records press on the corners of the rules?

`write_random_record` writes a valid record (no fault by R8) from a seed. Events are drawn by walking the replays of
matters.py, so that each of them is one that its stage admits. All names, numbers and addresses are invented.
"""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from .days import forward, is_workday, months, workdays
from .matters import LEVELS, PERIOD_MONTHS, PetitionReplay, ProjectReplay, calendar_periods
from .oracle import ROUND_AT, duty_of, subjects_of
from .tables import Petition, PetitionEvent, Project, ProjectEvent, Record, parse_day, parse_instant, read_record

Cells = dict[str, str]

HEADS = {
    "offices": "id,name,kind,parent,station_kind",
    "contacts": "id,office,name,title,mobile,email,channels,on_duty",
    "grids": "id,name,town,parent",
    "deputies": "id,name,mobile,email,channels",
    "seats": "id,deputy,level,town,station,grid,basis,from,to",
    "leaves": "id,deputy,from,to,reason,approver,recorded_at",
    "visits": "id,deputy,date,kind,place,form,voters,opinions,note,recorded_at",
    "petitions": "id,town,deputy,found_on,level,title,petitioner,petitioner_mobile,confidential,recorded_at",
    "petition_events": "petition,at,event,office,level,until,proposal,result,note",
    "projects": "id,name,town,office,deputy,petition,key,recorded_at",
    "milestones": "project,seq,stage,name,planned",
    "project_events": "project,at,event,seq,date,reason",
    "acknowledgements": "matter,at,office",
}
EDGES = (
    "00:00:00", "08:29:59", "08:30:00", "08:59:59", "09:00:00",
    "09:00:01", "12:00:00", "19:59:59", "20:00:00", "23:59:59",
)  # fmt: skip
SPANS = {
    "small": (
        ("2026-01-12", "2026-03-31"), ("2026-02-01", "2026-04-20"), ("2025-09-15", "2025-11-20"),
        ("2026-03-01", "2026-05-15"), ("2025-12-10", "2026-02-28"), ("2026-05-20", "2026-08-10"),
        ("2026-09-14", "2026-11-30"), ("2026-11-20", "2027-01-31"), ("2022-12-01", "2023-02-28"),
        ("2026-06-15", "2026-08-05"), ("2024-12-25", "2025-03-07"),
    ),
    "medium": (
        ("2026-01-01", "2026-06-30"), ("2025-08-15", "2026-02-20"), ("2026-03-10", "2026-09-10"),
        ("2026-08-03", "2027-01-29"),
    ),
}  # fmt: skip
COUNTS = {
    "small": {"towns": 2, "seats": 6, "petitions": 8, "projects": 3, "acks": 14},
    "medium": {"towns": 4, "seats": 40, "petitions": 60, "projects": 20, "acks": 70},
}
STAGES = ("approved", "funded", "groundbreaking", "progress", "progress", "completion", "acceptance", "feedback")
SURNAMES, GIVEN = "李陈黄张林梁", "甲乙丙丁戊己庚辛壬癸一二三四五六七八九"

#: (mobile given, e-mail given, channels) and how often
PEOPLE = (
    ((True, True, ""), 10), ((True, True, "sms,email"), 3), ((True, True, "email,sms"), 3), ((True, True, "sms"), 2),
    ((True, True, "email"), 2), ((True, False, ""), 3), ((False, True, ""), 3), ((True, False, "email,sms"), 1),
    ((False, True, "sms,email"), 1), ((False, True, "sms"), 2), ((True, False, "email"), 1), ((False, False, ""), 2),
)  # fmt: skip


@dataclass
class Draw:
    """A source of chance that knows the span."""

    rng: random.Random
    start: date
    end: date

    def chance(self, share: float) -> bool:
        """Does it happen?"""
        return self.rng.random() < share

    def weighted(self, *pairs: tuple[object, float]) -> object:
        """Which of these?"""
        return self.rng.choices([what for what, _ in pairs], [weight for _, weight in pairs])[0]

    def day(self, before: int, after: int) -> date:
        """Which day, from so many before the span to so many after it?"""
        last = (self.end - self.start).days + after
        return self.start + timedelta(days=self.rng.randint(-before, last))

    def clock(self) -> time:
        """At what time of day? Mostly at a limit, or in office hours."""
        if self.chance(0.55):
            return time.fromisoformat(self.rng.choice(EDGES))
        return time(self.rng.randint(8, 20), self.rng.randint(0, 59), self.rng.choice((0, 0, 7)))

    def instant(self, day: date) -> datetime:
        """When on this day?"""
        return datetime.combine(day, self.clock())

    def after(self, at: datetime) -> datetime:
        """When does the next thing happen: at once, soon, in days, or so late that ladders climb?"""
        kind = self.weighted(("same", 7), ("minutes", 8), ("today", 12), ("days", 40), ("weeks", 25), ("month", 8))
        if kind == "same":
            return at
        if kind == "minutes":
            return at + timedelta(minutes=self.rng.randint(1, 90))
        reach = {"today": (0, 1), "days": (1, 5), "weeks": (6, 18), "month": (19, 40)}[str(kind)]
        later = self.instant(at.date() + timedelta(days=self.rng.randint(*reach)))
        return max(at, later)

    def written_day(self, day: date) -> str:
        """How is the day written, in one of the ways admitted?"""
        return f"{day.year}/{day.month}/{day.day}" if self.chance(0.1) else day.isoformat()

    def written(self, at: datetime) -> str:
        """How is the instant written, in one of the ways admitted?"""
        way = self.rng.random()
        if way < 0.08:
            return (at - timedelta(hours=8)).isoformat(timespec="seconds") + "+00:00"
        if way < 0.25:
            return at.isoformat(timespec="seconds") + "+08:00"
        return at.isoformat(timespec="minutes" if at.second == 0 and way < 0.6 else "seconds")


class Maker:
    """Makes one record, table by table."""

    def __init__(self, folder: Path, seed: int, size: str) -> None:
        rng = random.Random(f"{size}-{seed}")
        first, last = (date.fromisoformat(text) for text in SPANS[size][seed % len(SPANS[size])])
        self.draw = Draw(rng, first + timedelta(days=rng.randint(-3, 3)), last + timedelta(days=rng.randint(-3, 3)))
        self.rng, self.folder, self.counts = rng, folder, COUNTS[size]
        self.tables: dict[str, list[Cells]] = {name: [] for name in HEADS}
        self.settings = self.make_settings()
        self.numbers = 0

    def make_settings(self) -> dict[str, object]:
        """Which settings go with the record?"""
        draw = self.draw
        settings: dict[str, object] = {
            "period": draw.weighted(("calendar", 6), ("rolling", 4)),
            "arrivals": draw.weighted(("both", 6), ("either", 4)),
            "place": draw.weighted(("assigned", 7), ("any", 3)),
        }
        cap = draw.weighted((None, 5), (1, 3), (2, 2))
        return settings if cap is None else {**settings, "sms_per_day": cap}

    def make(self) -> dict[str, object]:
        """Make and write the record; which arguments go with it?"""
        self.make_offices()
        self.make_deputies()
        self.make_seats()
        for seat in list(self.tables["seats"]):
            self.make_visits(seat)
        for deputy in self.tables["deputies"]:
            self.make_leaves(deputy["id"])
        record = self.written()
        for number in range(self.counts["petitions"]):
            self.make_petition(record, f"P{number + 1}")
        for number in range(self.counts["projects"]):
            self.make_project(f"J{number + 1}")
        self.make_acknowledgements(self.written())
        self.tables["petition_events"] = self.shuffled(self.tables["petition_events"], "petition")
        self.tables["project_events"] = self.shuffled(self.tables["project_events"], "project")
        self.rng.shuffle(self.tables["visits"])
        self.written()
        return {"from": self.draw.start, "to": self.draw.end, "settings": self.settings}

    def add(self, table: str, **cells: str) -> None:
        """Add a row; a trailing underscore is not part of a column's name."""
        self.tables[table].append({name.rstrip("_"): value for name, value in cells.items()})

    def written(self) -> Record:
        """What does the record say so far? Writes it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for table, heads in HEADS.items():
            with (self.folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as stream:
                writer = csv.DictWriter(stream, heads.split(","), restval="")
                writer.writeheader()
                writer.writerows(self.tables[table])
        return read_record(self.folder)

    def shuffled(self, rows: list[Cells], owner: str) -> list[Cells]:
        """In which order are the events written? Any, but for those of one owner at one instant."""
        order = [(row[owner], parse_instant(row["at"])) for row in rows]
        queues: dict[tuple[str, datetime], list[Cells]] = defaultdict(list)
        for key, row in zip(order, rows, strict=True):
            queues[key].append(row)
        if self.draw.chance(0.7):
            self.rng.shuffle(order)
        return [queues[key].pop(0) for key in order]

    # --- offices and people

    def person(self) -> Cells:
        """How can an invented person be reached?"""
        mobile, email, channels = self.rng.choices([who for who, _ in PEOPLE], [often for _, often in PEOPLE])[0]
        self.numbers += 1
        number = f"138{self.numbers:08d}"
        forms = (number, number, f"+86{number}", f"+86 {number[:3]} {number[3:7]} {number[7:]}")
        return {
            "name": self.rng.choice(SURNAMES) + self.rng.choice(GIVEN),
            "mobile": self.rng.choice(forms) if mobile else "",
            "email": f"p{self.numbers}@example.cn" if email else "",
            "channels": channels,
        }

    def make_contacts(self, office: str) -> None:
        """Who sits in the office? Often one, sometimes nobody who can be reached."""
        for number in range(self.rng.choices((0, 1, 2), (2, 9, 3))[0]):
            duty = str(self.draw.weighted(("yes", 8), ("", 4), ("no", 2), ("true", 1)))
            self.add("contacts", id=f"C{office}{number}", office=office, **self.person(), on_duty=duty)

    def make_offices(self) -> None:
        """Which offices and grids are there?"""
        self.add("offices", id="DIR", name="主任会议", kind="directors")
        self.add("offices", id="MUN", name="代表工委", kind="municipal", parent="DIR")
        for number in (1, 2):
            self.add("offices", id=f"MD{number}", name=f"市局{number}", kind="department", parent="MUN")
        for number in range(1, self.counts["towns"] + 1):
            self.make_town(f"T{number}")
        for office in list(self.tables["offices"]):
            if office["kind"] != "station" or self.draw.chance(0.2):
                self.make_contacts(office["id"])

    def make_town(self, town: str) -> None:
        """Which stations, departments and grids has the town?"""
        self.add("offices", id=town, name=f"镇{town}人大主席团", kind="town", parent="MUN")
        if self.draw.chance(0.6):
            self.add("offices", id=f"{town}SC", name="中心站", kind="station", parent=town, station_kind="central")
        for number in (1, 2):
            kind = self.rng.choice(("village", "industry", "base"))
            station = f"{town}S{number}"
            self.add("offices", id=station, name=f"站{number}", kind="station", parent=town, station_kind=kind)
            self.add("offices", id=f"{town}D{number}", name=f"镇办{number}", kind="department", parent=town)
        for grid, parent in (("G1", ""), ("G1a", "G1"), ("G1ab", "G1a"), ("G2", ""), ("G2a", "G2")):
            above = f"{town}{parent}" if parent else ""
            self.add("grids", id=f"{town}{grid}", name=f"网格{grid}", town=town, parent=above)

    def offices(self, kind: str, town: str | None = None) -> list[str]:
        """Which offices are of this kind, under this town?"""
        rows = self.tables["offices"]
        return [row["id"] for row in rows if row["kind"] == kind and town in (None, row.get("parent"))]

    def departments(self, town: str) -> list[str]:
        """Which departments may be assigned something of the town?"""
        return self.offices("department", town) + self.offices("department", "MUN")

    # --- seats

    def make_deputies(self) -> None:
        """Which deputies are there? One more than seats would need, as two seats may be one deputy's."""
        for number in range(1, self.counts["seats"] + 1):
            self.add("deputies", id=f"D{number}", **self.person())

    def period(self, day: date, level: str) -> tuple[date, date]:
        """Which calendar period of the level is the day in?"""
        start, end, _ = next(calendar_periods(day, day, PERIOD_MONTHS[level]))
        return start, end

    def make_seats(self) -> None:
        """Which seats are there?"""
        for number in range(1, self.counts["seats"] + 1):
            town = self.rng.choice(self.offices("town"))
            level = str(self.draw.weighted(("town", 5), ("county", 3), ("prefecture", 1.5), ("province", 1)))
            same = number > 1 and self.draw.chance(0.25)
            first = self.seat_start(level)
            last = self.seat_end(level, first)
            grids = [row["id"] for row in self.tables["grids"] if row["town"] == town]
            self.add(
                "seats",
                id=f"S{number}",
                deputy=f"D{self.rng.randint(1, number - 1) if same else number}",
                level=level,
                town=town,
                station=self.rng.choice(self.offices("station", town)) if self.draw.chance(0.75) else "",
                grid=self.rng.choice(grids) if self.draw.chance(0.8) else "",
                basis=self.rng.choice(("", "residence", "workplace", "district", "unit")),
                from_=self.draw.written_day(first),
                to=self.draw.written_day(last) if last else "",
            )

    def seat_start(self, level: str) -> date:
        """When does a term begin: long ago, with a period, or just on one side of a period's middle?"""
        if self.draw.chance(0.35):
            return self.draw.start - timedelta(days=self.rng.randint(30, 800))
        start, end = self.period(self.draw.day(100, -10), level)
        half = ((end - start).days + 1) // 2
        return start + timedelta(days=self.rng.choice((0, 0, 1, half - 1, half, half + 1, self.rng.randint(0, half))))

    def seat_end(self, level: str, first: date) -> date | None:
        """When does the term end: never, far off, or about the end of a period?"""
        if self.draw.chance(0.5):
            return None
        if self.draw.chance(0.2):
            return max(first, self.draw.end + timedelta(days=self.rng.randint(0, 300)))
        _, end = self.period(self.draw.day(40, 40), level)
        return max(first, end + timedelta(days=self.rng.choice((0, 0, -1, 1, -10, 12))))

    # --- visits and leaves

    def place(self, seat: Cells, kind: str) -> str:
        """Where does the deputy go: to the own place, one near it, or a wrong one?"""
        if kind == "grid":
            grids = [row["id"] for row in self.tables["grids"]]
            below = [grid for grid in grids if seat["grid"] and grid.startswith(seat["grid"])]
            return self.rng.choice(below if below and self.draw.chance(0.8) else grids)
        near = [seat["station"]] if seat["station"] else []
        near += [row["id"] for row in self.tables["offices"] if row["id"] == f"{seat['town']}SC"]
        return self.rng.choice(near if near and self.draw.chance(0.8) else self.offices("station"))

    def make_visits(self, seat: Cells) -> None:
        """Which visits does the seat's deputy make over the periods?"""
        earliest = max(parse_day(seat["from"]) - timedelta(days=10), self.draw.start - timedelta(days=200))
        latest = self.draw.end + timedelta(days=25)
        diligence = self.rng.choice((0.2, 0.5, 0.8))
        for start, end, _ in calendar_periods(earliest, latest, PERIOD_MONTHS[seat["level"]]):
            for kind in ("station", "grid"):
                for _ in range(self.rng.choice((1, 1, 2))):
                    if self.draw.chance(diligence):
                        self.make_visit(seat, kind, self.visit_day(seat, start, end))

    def visit_day(self, seat: Cells, start: date, end: date) -> date:
        """On which day of the period: a limit of it or of the term, or any?"""
        limits = [start, end, parse_day(seat["from"]), parse_day(seat["to"] or seat["from"])]
        if self.draw.chance(0.3):
            return self.rng.choice(limits) + timedelta(days=self.rng.choice((0, 0, 0, 1, -1)))
        return start + timedelta(days=self.rng.randint(0, (end - start).days))

    def make_visit(self, seat: Cells, kind: str, day: date) -> None:
        """Write one visit, known at once, in the evening, or weeks late."""
        lag = self.rng.choices((0, 1, self.rng.randint(2, 12), self.rng.randint(13, 70)), (60, 15, 20, 12))[0]
        known = self.draw.written(self.draw.instant(day + timedelta(days=lag)))
        self.add(
            "visits",
            id=f"V{len(self.tables['visits']) + 1}",
            deputy=seat["deputy"],
            date=self.draw.written_day(day),
            kind=kind,
            place=self.place(seat, kind),
            form=self.rng.choice(("", "reception", "meeting", "patrol", "household", "other")),
            voters=self.rng.choice(("", "0", "3")),
            opinions=self.rng.choice(("", "0", "2")),
            recorded_at="" if self.draw.chance(0.25) else known,
        )

    def make_leaves(self, deputy: str) -> None:
        """Which leaves does the deputy take?"""
        for _ in range(self.rng.choices((0, 1, 2), (4, 4, 2))[0]):
            level = self.rng.choice(tuple(PERIOD_MONTHS))
            start, end = self.period(self.draw.day(60, 10), level)
            total = (end - start).days + 1
            days = self.rng.choice(((total + 1) // 2, (total + 1) // 2 - 1, self.rng.randint(1, 12), total))
            first = start + timedelta(days=self.rng.choice((0, -3, self.rng.randint(0, total // 2))))
            last = first + timedelta(days=days - 1)
            parts = [(first, last)]
            if days > 3 and self.draw.chance(0.5):
                cut = first + timedelta(days=self.rng.randint(1, days - 2))
                parts = [(first, cut), (cut + timedelta(days=self.rng.choice((1, 1, 0, 2, -1))), last)]
            for part in parts:
                if part[0] <= part[1]:
                    self.make_leave(deputy, *part)

    def make_leave(self, deputy: str, first: date, last: date) -> None:
        """Write one leave, known before, during or after it."""
        known = first + timedelta(days=self.rng.choice((-10, -1, 0, 3, (last - first).days, (last - first).days + 9)))
        self.add(
            "leaves",
            id=f"L{len(self.tables['leaves']) + 1}",
            deputy=deputy,
            from_=self.draw.written_day(first),
            to=self.draw.written_day(last),
            reason="事假",
            recorded_at="" if self.draw.chance(0.3) else self.draw.written(self.draw.instant(known)),
        )

    # --- petitions

    def some_deputy(self) -> str:
        """Which deputy has it, if any?"""
        return self.rng.choice(self.tables["deputies"])["id"] if self.draw.chance(0.8) else ""

    def make_petition(self, record: Record, id_: str) -> None:
        """Write one petition and walk it through its stages."""
        known = self.draw.instant(self.draw.day(60, 8))
        town, deputy = self.rng.choice(self.offices("town")), self.some_deputy()
        level = str(self.draw.weighted(("self", 3), ("town", 5), ("municipal", 3)))
        self.add(
            "petitions",
            id=id_,
            town=town,
            deputy=deputy,
            found_on=self.draw.written_day(known.date() - timedelta(days=self.rng.choice((0, 0, 1, 5)))),
            level=level,
            title=f"路灯不亮第{id_}件",
            petitioner="司徒霁翀",
            petitioner_mobile="13970000001",
            confidential=self.rng.choice(("", "no", "yes")),
            recorded_at=self.draw.written(known),
        )
        self.walk_petition(PetitionReplay(record, Petition(id_, town, deputy or None, level, known)), known)

    def walk_petition(self, replay: PetitionReplay, at: datetime) -> None:
        """Which events does the petition see, until it is closed, left lying, or past the end?"""
        limit = datetime.combine(self.draw.end + timedelta(days=12), time())
        for _ in range(self.rng.randint(0, 22)):
            at = self.draw.after(at)
            if replay.current is None or at > limit:
                return
            cells = self.petition_cells(replay, at)
            event = PetitionEvent(
                petition=replay.petition.id,
                at=at,
                event=cells["event"],
                office=cells.get("office"),
                level=cells.get("level"),
                until=parse_day(cells["until"]) if cells.get("until") else None,
                proposal=bool(cells.get("proposal")),
                result=cells.get("result"),
            )
            replay.apply(event)
            note = {"note": "说明"} if cells["event"] == "extended" or self.draw.chance(0.1) else {}
            self.add("petition_events", petition=replay.petition.id, at=self.draw.written(at), **cells, **note)

    def petition_cells(self, replay: PetitionReplay, at: datetime) -> Cells:
        """Which event comes next, of those that the stage admits?"""
        stage = replay.current
        assert stage is not None
        higher = LEVELS[LEVELS.index(replay.level) + 1 :]
        if self.draw.chance(0.025):
            return {"event": "withdrawn"}
        if higher and stage.name in ("assign", "accept", "handle") and self.draw.chance(0.1):
            return {"event": "raised", "level": self.rng.choice(higher)}
        cells: Cells = getattr(self, f"_at_{stage.name}")(replay, at)
        return cells

    def _at_assign(self, replay: PetitionReplay, at: datetime) -> Cells:
        cells = {"event": "assigned", "office": self.rng.choice(self.departments(replay.petition.town))}
        extra = self.draw.weighted(("", 5), ("until", 3), ("proposal", 2))
        if extra == "until":
            cells["until"] = self.draw.written_day(at.date() + timedelta(days=self.rng.choice((0, 1, 4, 9, 20))))
        if extra == "proposal":
            cells["proposal"] = "yes"
        return cells

    def _at_accept(self, replay: PetitionReplay, at: datetime) -> Cells:
        return {"event": str(self.draw.weighted(("accepted", 7), ("handled", 1.5), ("returned", 2)))}

    def _at_handle(self, replay: PetitionReplay, at: datetime) -> Cells:
        stage = replay.current
        assert stage is not None
        until = stage.due + timedelta(days=self.rng.choice((1, 2, 6, 15)))
        bound = forward(months(replay.assigned_on, 6)) if replay.proposal and replay.assigned_on else date.max
        if not stage.extended and at.date() <= stage.due and until <= bound and self.draw.chance(0.45):
            return {"event": "extended", "until": self.draw.written_day(until)}
        return {"event": "handled"}

    def _at_verify(self, replay: PetitionReplay, at: datetime) -> Cells:
        return {"event": "verified", "result": str(self.draw.weighted(("ok", 7), ("rework", 3)))}

    def _at_feedback(self, replay: PetitionReplay, at: datetime) -> Cells:
        results = (("satisfied", 1), ("basically", 1), ("dissatisfied", 2))
        return {"event": "fed_back", "result": str(self.draw.weighted(*results))}

    # --- projects

    def make_project(self, id_: str) -> None:
        """Write one project and walk it through its milestones."""
        known = self.draw.instant(self.draw.day(90, -15))
        town = self.rng.choice(self.offices("town"))
        office = self.rng.choice([*self.departments(town), town, "MUN"])
        deputy, key = self.some_deputy(), self.draw.chance(0.4)
        petitions = [row["id"] for row in self.tables["petitions"] if row["town"] == town]
        self.add(
            "projects",
            id=id_,
            name=f"护栏工程{id_}",
            town=town,
            office=office,
            deputy=deputy,
            petition=self.rng.choice(petitions) if petitions and self.draw.chance(0.3) else "",
            key="yes" if key else self.rng.choice(("", "no")),
            recorded_at=self.draw.written(known),
        )
        self.make_milestones(id_, known.date())
        project = Project(id_, town, office, deputy or None, key, known)
        self.walk_project(ProjectReplay(self.written(), project), known)

    def make_milestones(self, project: str, known: date) -> None:
        """Which milestones has the project? Any of the stages in their order, never ending with groundbreaking."""
        kept = [stage for stage in STAGES if self.draw.chance(0.85 if stage == "groundbreaking" else 0.6)]
        if not kept or kept[-1] == "groundbreaking":
            kept.append("completion")
        planned, seq = known + timedelta(days=self.rng.randint(-15, 25)), 0
        for stage in kept:
            seq += self.rng.choice((1, 1, 2, 10))
            name = f"节点{seq}" if stage == "progress" else ""
            day = self.draw.written_day(planned)
            self.add("milestones", project=project, seq=str(seq), stage=stage, name=name, planned=day)
            planned += timedelta(days=self.rng.choice((0, 3, 10, 20, 45)))

    def walk_project(self, replay: ProjectReplay, at: datetime) -> None:
        """Which events does the project see?"""
        limit = datetime.combine(self.draw.end + timedelta(days=12), time())
        for _ in range(self.rng.randint(0, 24)):
            at = self.draw.after(at)
            open_ = [seq for seq in sorted(replay.planned) if seq not in replay.done]
            if at > limit or not open_:
                return
            self.project_event(replay, at, open_)

    def project_event(self, replay: ProjectReplay, at: datetime, open_: list[int]) -> None:
        """Write the next event."""
        inspecting = replay.groundbreaking is not None and replay.accepted is None
        kind = self.draw.weighted(("done", 3.5), ("replan", 4), ("inspected", 5 if inspecting else 0))
        if kind == "replan":
            seq = self.rng.choice(open_[:2])
            self.write_step(replay, at, "replan", seq, self.replanned(replay, seq))
        elif kind == "inspected":
            assert replay.groundbreaking is not None
            earliest = max([replay.groundbreaking, *replay.inspected]) + timedelta(days=1)
            day = max(earliest, at.date() - timedelta(days=self.rng.choice((0, 0, 1, 8))))
            if day <= at.date():
                self.write_step(replay, at, "inspected", None, day)
        else:
            day = at.date() - timedelta(days=self.rng.choice((0, 0, 0, 1, 6, 30)))
            before = [*replay.done.values()]
            if open_[0] == replay.last_inspected_milestone:
                before += replay.inspected
            day = max([day, *before])
            if day <= at.date():
                self.write_step(replay, at, "done", open_[0], day)

    def replanned(self, replay: ProjectReplay, seq: int) -> date:
        """To which date does the plan move: later, earlier, by a single day, or back to the first plan?"""
        now = replay.planned[seq]
        first = next(m.planned for m in replay.record.milestones if (m.project, m.seq) == (replay.project.id, seq))
        moved = now + timedelta(days=self.rng.choice((1, 1, 2, 7, 14, 30, -1, -5, -14)))
        return first if first != now and self.draw.chance(0.4) else moved

    def write_step(self, replay: ProjectReplay, at: datetime, kind: str, seq: int | None, day: date) -> None:
        """Write one project event, and apply it."""
        replay.apply(ProjectEvent(replay.project.id, at, kind, seq, day))
        implied = kind == "done" and day == at.date() and self.draw.chance(0.3)
        self.add(
            "project_events",
            project=replay.project.id,
            at=self.draw.written(at),
            event=kind,
            seq="" if seq is None else str(seq),
            date="" if implied else self.draw.written_day(day),
            reason="天气" if kind == "replan" else "",
        )

    # --- acknowledgements

    def make_acknowledgements(self, record: Record) -> None:
        """Which acknowledgements are given? Mostly by the chain, of what is overdue; some that do not hold."""
        last = self.draw.end + timedelta(days=5)
        subjects = subjects_of(record, duty_of(self.settings), self.draw.start, last)
        facts = sorted({at for subject in subjects.values() for at in subject.instants})
        offices = [office.id for office in record.offices.values() if office.kind != "station"]
        for _ in range(self.counts["acks"]):
            at = self.ack_instant(facts)
            known = [matter for subject in subjects.values() for matter in subject.at(at).values()]
            known = [matter for matter in known if matter.opened <= at.date()]
            overdue = [matter for matter in known if matter.status(at.date()) == "overdue"]
            if not known:
                continue
            matter = self.rng.choice(overdue if overdue and self.draw.chance(0.92) else known)
            for at_ in (at, *(self.draw.after(at) for _ in range(self.rng.choice((0, 0, 1, 2))))):
                by_chain = matter.chain and self.draw.chance(0.85)
                self.make_acknowledgement(matter.id, at_, self.rng.choice(matter.chain if by_chain else offices))
        recorded = {project.id: project.known for project in record.projects}
        for milestone in record.milestones:
            if self.draw.chance(0.05):  # before anybody knows of its project: that makes it no more known
                early = recorded[milestone.project] - timedelta(minutes=self.rng.choice((1, 90, 2000)))
                self.make_acknowledgement(
                    f"milestone:{milestone.project}:{milestone.seq}", early, self.rng.choice(offices)
                )

    def ack_instant(self, facts: list[datetime]) -> datetime:
        """When is something acknowledged: at any time, in a round, or with another fact?"""
        day = self.draw.day(10, 3)
        kind = self.draw.weighted(("any", 6), ("round", 3), ("fact", 2))
        if kind == "fact" and facts:
            return self.rng.choice(facts)
        if kind == "round":
            return datetime.combine(day if is_workday(day) else workdays(day, 1), ROUND_AT)
        return self.draw.instant(day)

    def make_acknowledgement(self, matter: str, at: datetime, office: str) -> None:
        """Write it in one of the two tables that admit it."""
        if matter.startswith("petition:") and self.draw.chance(0.5):
            cells = {"petition": matter.split(":")[1], "at": self.draw.written(at)}
            self.add("petition_events", **cells, event="acknowledged", office=office)
        else:
            self.add("acknowledgements", matter=matter, at=self.draw.written(at), office=office)


def write_random_record(folder: Path, seed: int, size: str = "small") -> dict[str, object]:
    """Write the seed's record into the folder; returns `from` and `to` (dates) and `settings` to simulate it with."""
    return Maker(folder, seed, size).make()
