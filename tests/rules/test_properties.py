"""What holds for every matter: ladders run in order on workdays, no rung fires twice, a replay is deterministic."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.engine import replay
from rules.derivations import Measure, Reckoning
from rules.dossiers import reckon, seat_dossier, stand
from rules.facts import VisitKind, midnight
from rules.ladders import Fired, RungKind, ladder
from rules.matters import Cause, Hold, Matter, MatterKind
from rules.notices import round_notices
from rules.workdays import ONE_DAY
from tests.rules.builders import CALENDAR, day, desk, event, leave, petition, run, seat, visit
from tests.rules.builders import record as record_of

DESK = desk("2022-01-01")
DAYS = st.dates(date(2022, 12, 1), date(2027, 2, 28))
SORTS = {
    "province": MatterKind.VISIT,
    "county": MatterKind.VISIT,
    "town": MatterKind.VISIT,
    "petition": MatterKind.PETITION,
    "milestone": MatterKind.MILESTONE,
    "key_milestone": MatterKind.MILESTONE,
    "inspection": MatterKind.INSPECTION,
}
RESPONSIBLE = ("deputy:DA", "office:DT", "office:DM", "office:T1", "office:MUN", "office:DIR")
CHEAP = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def matters(draw):
    """A live matter of any sort: opened, due, begun and held on any days."""
    sort = draw(st.sampled_from(sorted(SORTS)))
    opened = draw(DAYS)
    due = opened + timedelta(days=draw(st.integers(0, 200)))
    began = opened + timedelta(days=draw(st.integers(0, 250)))
    until = CALENDAR.workdays(due, draw(st.integers(1, 20)))
    return Matter(
        id=f"{SORTS[sort]}:X1:1",
        kind=SORTS[sort],
        subject="X1",
        town="T1",
        responsible=draw(st.sampled_from(RESPONSIBLE)),
        ladder=sort,
        cause=Cause.RECORDED,
        opened=opened,
        due=due,
        reckoned=Reckoning(Measure.GIVEN, due),
        began=began,
        holds=draw(st.sampled_from([(), (Hold("MUN", due, until),)])),
    )


def rungs_of(matter):
    chain = DESK.house.chain(matter.responsible, matter.town)
    return chain, ladder(matter, chain, DESK.policy, CALENDAR)


@given(matter=matters())
def test_every_rung_is_dated_on_a_workday_and_fires_on_one(matter):
    for rung in rungs_of(matter)[1]:
        assert CALENDAR.is_workday(rung.day), rung
        assert rung.fires_from >= rung.day


@given(matter=matters())
def test_rungs_stand_in_the_order_of_their_days(matter):
    days = [rung.day for rung in rungs_of(matter)[1]]
    assert days == sorted(days)
    fires = [rung.fires_from for rung in rungs_of(matter)[1]]
    assert fires == sorted(fires)


@given(matter=matters())
def test_overdue_comes_after_the_due_date_and_not_before_the_ladder_began(matter):
    (overdue,) = (r for r in rungs_of(matter)[1] if r.kind is RungKind.OVERDUE)
    assert overdue.day > matter.due
    assert overdue.day >= matter.began
    assert CALENDAR.workdays(overdue.day, -1) <= max(matter.due, matter.began - ONE_DAY)


@given(matter=matters())
def test_reminders_come_before_the_due_date_and_after_the_matter_opened(matter):
    for rung in rungs_of(matter)[1]:
        if rung.kind is RungKind.REMIND:
            assert rung.day < matter.due
            assert rung.dropped or rung.day > matter.opened


@given(matter=matters())
def test_there_is_a_climb_for_each_office_of_the_chain_at_most(matter):
    chain, rungs = rungs_of(matter)
    climbs = [r.number for r in rungs if r.kind is RungKind.CLIMB]
    assert climbs == list(range(1, min(len(chain), len(DESK.policy.ladder(matter.ladder).climb)) + 1))


@CHEAP
@given(
    matter=matters(),
    moves=st.lists(st.tuples(st.integers(1, 40), st.integers(-30, 60), st.booleans()), min_size=1, max_size=6),
)
def test_no_rung_fires_twice_under_one_due_date_however_rounds_and_moves_follow(matter, moves):
    fired: set[Fired] = set()
    first, on = matter.due, matter.opened
    for days, shift, back in moves:
        for _ in range(days):
            on = CALENDAR.workdays(on, 1)
            result = round_notices(matter, fired, on, DESK)
            again = fired & set(result.fired)
            assert not again, again
            assert len(set(result.fired)) == len(result.fired)
            fired |= set(result.fired)
        due = first if back else matter.due + timedelta(days=shift)
        matter = replace(matter, due=max(due, matter.opened), began=on if due != matter.due else matter.began)


@CHEAP
@given(matter=matters(), gap=st.integers(1, 30))
def test_a_climb_never_fires_before_its_overdue_rung(matter, gap):
    fired: list[str] = []
    on = matter.opened
    known: set[Fired] = set()
    while on < matter.due + timedelta(days=400):
        on = CALENDAR.workdays(on, gap)
        result = round_notices(matter, known, on, DESK)
        known |= set(result.fired)
        fired += [n.rung for n in result.notices if n.verdict != "skipped" and n.rung not in fired]
    climbs = [rung for rung in fired if rung != "overdue" and not rung.startswith("remind")]
    assert climbs == sorted(climbs)
    assert fired.index("overdue") < min((fired.index(r) for r in climbs), default=len(fired))


# Whole records -------------------------------------------------------------------------------------------------

MARCH = st.dates(date(2026, 3, 1), date(2026, 4, 20))
VISITS = st.lists(
    st.tuples(
        MARCH, st.sampled_from(["V1", "C1", "G1", "G1a", "G2"]), st.integers(0, 30), st.sampled_from(["DA", "DB"])
    ),
    max_size=12,
)
LEAVES = st.lists(st.tuples(MARCH, st.integers(0, 20), st.integers(0, 25)), max_size=3)
STEPS = st.lists(st.sampled_from(["assigned", "accepted", "returned", "handled", "verified", "fed_back"]), max_size=8)


def visits_of(rows):
    found = []
    for i, (when, place, late, who) in enumerate(rows):
        row = visit(when.isoformat(), place, who=who)
        known = midnight(when + timedelta(days=late)) + timedelta(hours=10 if late else 0)
        found.append(replace(row, id=f"B{i}", recorded_at=known))
    return found


def leaves_of(rows):
    found = []
    for i, (first, length, late) in enumerate(rows):
        row = leave(first.isoformat(), (first + timedelta(days=length)).isoformat())
        found.append(replace(row, id=f"L{i}", recorded_at=midnight(first + timedelta(days=late))))
    return found


@CHEAP
@given(
    visits=VISITS,
    leaves=LEAVES,
    begins=st.sampled_from(["2025-11-20", "2026-03-01", "2026-03-17"]),
    ends=st.sampled_from([None, "2026-04-10", "2026-04-30"]),
    level=st.sampled_from(["town", "county"]),
    arrivals=st.sampled_from(["both", "either"]),
    until=st.dates(date(2026, 3, 1), date(2026, 5, 20)),
)
def test_a_seat_stands_the_same_whether_its_facts_are_learnt_at_once_or_one_after_the_other(
    visits, leaves, begins, ends, level, arrivals, until
):
    of = desk(arrivals=arrivals)
    facts = [*(v for v in visits_of(visits) if v.deputy == "DA"), *leaves_of(leaves)]
    dossier = seat_dossier(seat(begins=begins, ends=ends, level=level), facts, (), of)
    at_once, followed = stand(dossier, midnight(until)), reckon(dossier, midnight(until))
    assert list(at_once.matters.items()) == list(followed.matters.items())
    assert at_once.next_at == followed.next_at


def events_of(kinds):
    cells = {"assigned": {"office": "DT"}, "verified": {"result": "rework"}, "fed_back": {"result": "dissatisfied"}}
    return [event(f"03-{10 + 2 * i} 10:00", kind, **cells.get(kind, {})) for i, kind in enumerate(kinds)]


def lines(found):
    """All that a replay decided, as sets of lines that can be compared."""
    sent = sorted((s.at, *map(str, s.notice.key), s.notice.verdict.value, s.notice.rerouted) for s in found.sent)
    made = sorted(
        (m.at, m.digest.kind, m.digest.office, m.person.id, m.counts.due_soon, m.counts.overdue) for m in found.digests
    )
    return sent, made, sorted(found.matters(), key=lambda m: m.id)


def drawn(visits, leaves, steps):
    seats = (seat(), seat(id="S2", deputy="DB", station="V2", level="county", begins="01-01"))
    return record_of(
        seats=seats,
        visits=visits_of(visits),
        leaves=leaves_of(leaves),
        petitions=(petition(),),
        petition_events=events_of(steps),
    )


@CHEAP
@given(visits=VISITS, leaves=LEAVES, steps=STEPS, period=st.sampled_from(["calendar", "rolling"]))
def test_the_same_record_gives_the_same_lines_whatever_the_order_of_its_rows(visits, leaves, steps, period):
    record = drawn(visits, leaves, steps)
    turned = replace(
        record,
        seats=record.seats[::-1],
        visits=record.visits[::-1],
        leaves=record.leaves[::-1],
        petition_events=record.petition_events[::-1],
    )
    first = lines(run(record, "03-01", "04-30", duty__period=period))
    assert lines(run(record, "03-01", "04-30", duty__period=period)) == first
    assert lines(run(turned, "03-01", "04-30", duty__period=period)) == first


@CHEAP
@given(visits=VISITS, leaves=LEAVES, steps=STEPS, days=st.integers(1, 50))
def test_a_replay_that_ends_sooner_sends_the_same_up_to_its_end(visits, leaves, steps, days):
    record, last = drawn(visits, leaves, steps), day("03-01") + timedelta(days=days)
    whole = lines(run(record, "03-01", "04-30"))
    part = lines(replay(record, desk("2026-03-01"), last))
    end = midnight(last + ONE_DAY)
    assert part[0] == [line for line in whole[0] if line[0] < end]
    assert part[1] == [line for line in whole[1] if line[0] < end]


@CHEAP
@given(visits=VISITS, leaves=LEAVES, steps=STEPS, period=st.sampled_from(["calendar", "rolling"]))
def test_no_person_gets_one_notice_twice(visits, leaves, steps, period):
    keys = [s.notice.key for s in run(drawn(visits, leaves, steps), "03-01", "04-30", duty__period=period).sent]
    assert len(keys) == len(set(keys))


@CHEAP
@given(visits=VISITS)
def test_arrivals_are_listed_station_first(visits):
    order = list(VisitKind)
    for matter in run(drawn(visits, [], []), "03-01", "04-30").matters():
        assert list(matter.arrivals) == [kind for kind in order if kind in matter.arrivals]
