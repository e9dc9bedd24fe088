"""R4: the stages of a resident's opinion, what each admits, by when it is due, and who is responsible."""

import pytest

from rules.matters import Cause
from rules.petitions import PetitionDocket
from tests.rules.builders import ack, at, brief, day, desk, event, handled, matter_of, petition, stands

#: the whole loop of a petition of the town: what happened before each stage
LOOP = (
    event("03-10 10:00", "assigned", office="DT"),
    event("03-11 10:00", "accepted"),
    event("03-19 10:00", "handled"),
    event("03-23 10:00", "verified", result="ok"),
    event("03-26 10:00", "fed_back", result="satisfied"),
)
STAGES = ("assign", "accept", "handle", "verify", "feedback", "closed")
#: each event with the cells that it needs
WHOLE = {
    "assigned": {"office": "DM"},
    "accepted": {},
    "returned": {},
    "raised": {"level": "municipal"},
    "extended": {"until": "04-30", "note": "等材料"},
    "handled": {},
    "verified": {"result": "ok"},
    "fed_back": {"result": "basically"},
    "withdrawn": {},
}
#: what R4.3 lets happen in each stage
HAPPENS = {
    "assign": {"assigned", "raised", "withdrawn"},
    "accept": {"accepted", "returned", "raised", "handled", "withdrawn"},
    "handle": {"handled", "raised", "extended", "withdrawn"},
    "verify": {"verified", "withdrawn"},
    "feedback": {"fed_back", "withdrawn"},
    "closed": set(),
}


def at_stage(stage, of=None):
    """A petition of the town that has come to a stage, and the hour after that."""
    before = LOOP[: STAGES.index(stage)]
    docket = handled(of or petition(), *before)
    return docket, f"{day('03-09') if not before else before[-1].at.date()} 19:00"


def refusals(docket, *events):
    """Why is the last of these refused, if the others are not?"""
    *before, last = events
    for each in before:
        assert docket.refuse(each) == (), each
        docket.learn(each.at, [each])
    return docket.refuse(last)


# R4.3: every stage, every event -------------------------------------------------------------------


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_admits_what_belongs_to_it_and_nothing_else(stage, kind):
    docket, when = at_stage(stage)
    before = dict(docket.matters)
    happens = event(when, kind, **WHOLE[kind])
    found = docket.refuse(happens)
    changes = docket.learn(happens.at, [happens])
    if kind in HAPPENS[stage]:
        assert found == ()
        assert changes
        return
    (refusal,) = found
    assert (refusal.column, refusal.value, refusal.out_of_order) == ("event", kind, True)
    said, _, admitted = refusal.expected.partition(": it admits ")
    assert said.startswith(f"petition P1 is at stage {stage} since 2026-03-")
    assert set(admitted.split(", ")) == (HAPPENS[stage] or {"nothing more"})
    assert changes == []
    assert docket.matters == before


@pytest.mark.parametrize(
    ("level", "stage", "admitted"),
    [
        ("self", "handle", {"handled", "raised", "extended", "withdrawn"}),
        ("town", "assign", {"assigned", "raised", "withdrawn"}),
        pytest.param("municipal", "assign", {"assigned", "withdrawn"}, id="municipal: nothing higher to raise to"),
    ],
)
def test_what_a_petition_admits_when_it_is_registered(level, stage, admitted):
    docket = handled(petition(level=level))
    assert (docket.stage, set(docket.admitted())) == (stage, admitted)


def test_a_municipal_petition_cannot_be_raised_in_any_stage():
    docket = handled(petition(level="municipal"), *LOOP[:2])
    (refusal,) = docket.refuse(event("03-12 10:00", "raised", level="municipal"))
    assert refusal.out_of_order
    assert "raised" not in refusal.expected


@pytest.mark.parametrize("stage", STAGES)
def test_an_acknowledgement_of_what_is_not_overdue_changes_nothing(stage):
    docket, when = at_stage(stage)
    before = dict(docket.matters)
    assert docket.learn(at(when), [event(when, "acknowledged", office="MUN")]) == []
    assert docket.matters == before


def test_an_acknowledgement_concerns_the_stage_open_after_all_events_of_its_instant():
    both = [event("04-01 10:00", "acknowledged", office="MUN"), event("04-01 10:00", "accepted")]
    docket = handled(petition(), *LOOP[:1])
    docket.learn(both[0].at, both)
    assert [m.holds for m in docket.matters.values()] == [(), (), ()]
    late = handled(petition(), *LOOP[:2])
    late.learn(both[0].at, both[:1])
    assert [hold.office for hold in matter_of(late, "handle:1").holds] == ["MUN"]


@pytest.mark.parametrize(
    ("stage", "kind", "cells", "column"),
    [
        ("assign", "assigned", {}, "office"),
        ("assign", "assigned", {"office": "DT", "level": "municipal"}, "level"),
        ("assign", "assigned", {"office": "DT", "result": "ok"}, "result"),
        ("assign", "assigned", {"office": "DT", "until": "03-20", "proposal": True}, "until"),
        ("assign", "raised", {}, "level"),
        ("assign", "raised", {"level": "municipal", "office": "MUN"}, "office"),
        ("accept", "accepted", {"until": "03-20"}, "until"),
        ("accept", "accepted", {"office": "DT"}, "office"),
        ("accept", "returned", {"office": "DT"}, "office"),
        ("accept", "handled", {"result": "ok"}, "result"),
        ("handle", "handled", {"proposal": True}, "proposal"),
        ("handle", "extended", {"until": "04-30"}, "note"),
        ("handle", "extended", {"note": "等材料"}, "until"),
        ("handle", "extended", {"until": "04-30", "note": "等材料", "level": "town"}, "level"),
        ("verify", "verified", {}, "result"),
        ("verify", "verified", {"result": "satisfied"}, "result"),
        ("verify", "verified", {"result": "dissatisfied"}, "result"),
        ("feedback", "fed_back", {}, "result"),
        ("feedback", "fed_back", {"result": "ok"}, "result"),
        ("feedback", "fed_back", {"result": "rework"}, "result"),
        ("feedback", "withdrawn", {"office": "T1"}, "office"),
        ("assign", "acknowledged", {}, "office"),
        ("assign", "acknowledged", {"office": "MUN", "level": "town"}, "level"),
    ],
)
def test_a_cell_that_is_wrong_is_refused_by_its_column_and_changes_nothing(stage, kind, cells, column):
    docket, when = at_stage(stage)
    before = dict(docket.matters)
    wrong = event(when, kind, **cells)
    (refusal,) = docket.refuse(wrong)
    assert (refusal.column, refusal.out_of_order) == (column, False)
    docket.learn(wrong.at, [wrong])
    assert docket.matters == before


@pytest.mark.parametrize("kind", WHOLE)
def test_a_note_may_go_with_every_event(kind):
    stage = next(stage for stage in STAGES if kind in HAPPENS[stage])
    docket, when = at_stage(stage)
    assert docket.refuse(event(when, kind, **(WHOLE[kind] | {"note": "说明"}))) == ()


@pytest.mark.parametrize(
    ("office", "admitted"),
    [("DT", True), ("DM", True), ("DT2", False), ("T1", False), ("MUN", False), ("V1", False)],
    ids=["the town's", "municipal", "another town's", "the town itself", "municipal itself", "a station"],
)
@pytest.mark.parametrize("level", ["town", "municipal"])
def test_only_a_department_of_the_town_or_of_municipal_is_assigned(level, office, admitted):
    found = handled(petition(level=level)).refuse(event("03-10 10:00", "assigned", office=office))
    assert [r.column for r in found] == ([] if admitted else ["office"])


# R4.2: due dates and who is responsible -------------------------------------------------------------


def test_the_whole_loop_of_a_town_petition():
    docket = handled(petition(), *LOOP)
    assert [(brief(m), m.opened, m.due, m.settled, m.responsible) for m in docket.matters.values()] == [
        ("assign:1", day("03-09"), day("03-12"), day("03-10"), "office:T1"),
        ("accept:1", day("03-10"), day("03-12"), day("03-11"), "office:DT"),
        ("handle:1", day("03-11"), day("03-20"), day("03-19"), "office:DT"),
        ("verify:1", day("03-19"), day("03-26"), day("03-23"), "deputy:DA"),
        ("feedback:1", day("03-23"), day("03-26"), day("03-26"), "deputy:DA"),
    ]
    assert set(stands(docket, "12-31").values()) == {"settled"}


@pytest.mark.parametrize(
    ("level", "before", "due", "responsible"),
    [
        ("self", (), "03-16", "deputy:DA"),
        ("town", LOOP[:2], "03-20", "office:DT"),
        pytest.param("municipal", LOOP[:2], "04-01", "office:DT", id="15 workdays"),
    ],
)
def test_handling_is_due_by_the_level(level, before, due, responsible):
    matter = matter_of(handled(petition(level=level), *before), "handle:1")
    assert (matter.due, matter.responsible) == (day(due), responsible)


@pytest.mark.parametrize(("level", "responsible"), [("town", "office:T1"), ("municipal", "office:MUN")])
def test_who_must_assign(level, responsible):
    assert matter_of(handled(petition(level=level)), "assign:1").responsible == responsible


def test_a_petition_without_a_deputy_is_for_the_town_to_solve():
    docket = handled(petition(level="self", who=None))
    assert matter_of(docket, "handle:1").responsible == "office:T1"


def test_the_town_stands_in_for_a_missing_deputy_in_verifying_and_feeding_back():
    docket = handled(petition(who=None), *LOOP)
    assert matter_of(docket, "verify:1").responsible == "office:T1"
    assert matter_of(docket, "feedback:1").responsible == "office:T1"


@pytest.mark.parametrize(
    ("until", "admitted"),
    [("03-09", False), ("03-10", True), pytest.param("03-29", True, id="a Sunday stays as given")],
)
def test_until_is_the_due_date_as_given_from_the_day_of_the_event_on(until, admitted):
    docket, given = handled(petition()), event("03-10 10:00", "assigned", office="DT", until=until)
    assert (docket.refuse(given) == ()) is admitted
    if admitted:
        docket.learn(given.at, [given])
        docket.learn(LOOP[1].at, LOOP[1:2])
        assert matter_of(docket, "handle:1").due == day(until)


@pytest.mark.parametrize(
    ("assigned", "due"),
    [
        pytest.param("2025-11-30 10:00", "2026-02-28", id="a working Saturday stays"),
        pytest.param("2025-11-15 10:00", "2026-02-24", id="within Spring Festival: forward"),
    ],
)
def test_a_proposal_has_three_months_from_its_assignment(assigned, due):
    of = petition(recorded="2025-11-14 10:00")
    docket = handled(of, event(assigned, "assigned", office="DM", proposal=True), event("2025-12-25 10:00", "accepted"))
    assert matter_of(docket, "handle:1").due == day(due)


@pytest.mark.parametrize("level", ["self", "town", "municipal"])
def test_handling_again_always_has_ten_workdays(level):
    if level == "self":
        again = event("03-23 10:00", "fed_back", result="dissatisfied")
        docket = handled(petition(level=level), event("03-12 10:00", "handled"), again)
    else:
        docket = handled(petition(level=level), *LOOP[:3], event("03-23 10:00", "verified", result="rework"))
    assert matter_of(docket, "handle:2").due == day("04-07")


# R4.3: extensions -------------------------------------------------------------------------------------


def extended(when, until, note="等材料"):
    return event(when, "extended", until=until, note=note)


@pytest.mark.parametrize(("when", "admitted"), [("03-20 23:59", True), ("03-21 00:00", False)])
def test_an_extension_is_given_on_or_before_the_due_date(when, admitted):
    found = handled(petition(), *LOOP[:2]).refuse(extended(when, "04-30"))
    assert [r.out_of_order for r in found] == ([] if admitted else [True])


@pytest.mark.parametrize(("until", "admitted"), [("03-19", False), ("03-20", False), ("03-21", True), ("12-31", True)])
def test_an_extension_is_to_a_later_date(until, admitted):
    found = handled(petition(), *LOOP[:2]).refuse(extended("03-12 10:00", until))
    assert [r.column for r in found] == ([] if admitted else ["until"])


def test_an_extended_handling_is_due_as_given_and_its_ladder_begins_anew():
    docket = handled(petition(), *LOOP[:2], extended("03-13 10:00", "03-29"))
    matter = matter_of(docket, "handle:1")
    assert (matter.due, matter.opened, matter.began) == (day("03-29"), day("03-11"), day("03-13"))


def test_there_is_one_extension_a_round():
    first, rework = extended("03-12 10:00", "03-31"), event("03-23 10:00", "verified", result="rework")
    (refusal,) = refusals(handled(petition(), *LOOP[:2]), first, extended("03-13 10:00", "04-30"))
    assert refusal.out_of_order
    docket = handled(petition(), *LOOP[:2], first, LOOP[2], rework)
    assert docket.refuse(extended("03-24 10:00", "04-30")) == ()


@pytest.mark.parametrize(
    ("assigned", "until", "admitted"),
    [
        ("2025-11-14 10:00", "2026-05-14", True),
        ("2025-11-14 10:00", "2026-05-15", False),
        pytest.param("2025-11-03 10:00", "2026-05-06", True, id="six months end in a holiday: forward"),
        ("2025-11-03 10:00", "2026-05-07", False),
    ],
)
def test_a_proposal_is_extended_to_six_months_at_most(assigned, until, admitted):
    of = petition(recorded="2025-11-01 10:00")
    docket = handled(of, event(assigned, "assigned", office="DM", proposal=True), event("2025-11-17 10:00", "accepted"))
    found = docket.refuse(extended("2026-01-12 10:00", until))
    assert [r.column for r in found] == ([] if admitted else ["until"])


# R4.3: returned, raised, handled at once, withdrawn ------------------------------------------------------


def test_a_returned_petition_is_assigned_again_in_a_new_round():
    docket = handled(
        petition(),
        event("03-10 10:00", "assigned", office="DT", until="03-31"),
        event("03-11 10:00", "returned"),
        event("03-13 10:00", "assigned", office="DM"),
        event("03-16 10:00", "accepted"),
    )
    assert stands(docket, "03-16") == {
        "assign:1": "settled",
        "accept:1": "cancelled",
        "assign:2": "settled",
        "accept:2": "settled",
        "handle:1": "open",
    }
    assert matter_of(docket, "assign:2").cause is Cause.RETURNED
    assert matter_of(docket, "assign:2").due == day("03-16")
    assert matter_of(docket, "handle:1").responsible == "office:DM"
    assert matter_of(docket, "handle:1").due == day("03-25"), "the first department's until has lapsed"


@pytest.mark.parametrize("stage", ["assign", "accept", "handle"])
def test_a_raised_petition_goes_back_to_be_assigned_by_municipal(stage):
    docket, when = at_stage(stage)
    raised = event(when, "raised", level="municipal")
    docket.learn(raised.at, [raised])
    standing = stands(docket, "03-12")
    assert standing[f"{stage}:1"] == "cancelled"
    assert brief(docket.open_matter) == "assign:2"
    assert docket.open_matter.responsible == "office:MUN"


@pytest.mark.parametrize(
    ("level", "to", "admitted"),
    [
        ("self", "self", False),
        ("self", "town", True),
        ("self", "municipal", True),
        ("town", "self", False),
        ("town", "town", False),
        ("town", "municipal", True),
    ],
)
def test_a_petition_is_raised_to_a_higher_level_only(level, to, admitted):
    found = handled(petition(level=level)).refuse(event("03-10 10:00", "raised", level=to))
    assert [r.column for r in found] == ([] if admitted else ["level"])


@pytest.mark.parametrize(("to", "responsible"), [("town", "office:T1"), ("municipal", "office:MUN")])
def test_what_a_deputy_cannot_solve_is_assigned_by_the_office_of_its_new_level(to, responsible):
    docket = handled(petition(level="self"), event("03-10 10:00", "raised", level=to))
    assert stands(docket, "03-10") == {"handle:1": "cancelled", "assign:1": "open"}
    assert matter_of(docket, "assign:1").responsible == responsible


def test_until_proposal_and_handler_lapse_when_a_petition_is_raised():
    docket = handled(
        petition(),
        event("03-10 10:00", "assigned", office="DT", proposal=True),
        event("03-11 10:00", "accepted"),
        event("03-12 10:00", "raised", level="municipal"),
        event("03-13 10:00", "assigned", office="DM"),
        event("03-16 10:00", "accepted"),
    )
    matter = matter_of(docket, "handle:2")
    assert (matter.responsible, matter.due) == ("office:DM", day("04-07"))
    assert docket.refuse(extended("03-17 10:00", "12-31")) == (), "no proposal, no limit"


def test_what_is_handled_before_it_is_accepted_needs_no_handle_matter_until_it_is_handled_again():
    docket = handled(petition(), *LOOP[:1], event("03-11 10:00", "handled"))
    assert stands(docket, "03-11") == {"assign:1": "settled", "accept:1": "settled", "verify:1": "open"}
    rework = event("03-12 10:00", "verified", result="rework")
    docket.learn(rework.at, [rework])
    matter = matter_of(docket, "handle:1")
    assert (matter.responsible, matter.due, matter.cause) == ("office:DT", day("03-26"), Cause.REWORK)


def test_rework_goes_to_the_same_department_and_is_verified_again():
    docket = handled(
        petition(),
        *LOOP[:3],
        event("03-23 10:00", "verified", result="rework"),
        event("03-30 10:00", "handled"),
    )
    assert matter_of(docket, "handle:2").responsible == "office:DT"
    assert stands(docket, "03-30") == {
        "assign:1": "settled",
        "accept:1": "settled",
        "handle:1": "settled",
        "verify:1": "settled",
        "handle:2": "settled",
        "verify:2": "open",
    }


def test_what_the_deputy_solves_is_fed_back_without_verifying():
    docket = handled(petition(level="self"), event("03-12 10:00", "handled"))
    assert stands(docket, "03-12") == {"handle:1": "settled", "feedback:1": "open"}
    assert matter_of(docket, "feedback:1").due == day("03-17")


@pytest.mark.parametrize("stage", STAGES[:-1])
def test_a_withdrawn_petition_is_closed_at_once(stage):
    docket, when = at_stage(stage)
    gone = event(when, "withdrawn")
    docket.learn(gone.at, [gone])
    assert list(stands(docket, "03-31").values())[-1] == "cancelled"
    assert docket.admitted() == ()


# R4.4: satisfied or not -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("result", "closed"), [("satisfied", True), ("basically", True), ("dissatisfied", False)])
def test_a_petition_closes_when_people_are_satisfied(result, closed):
    docket = handled(petition(), *LOOP[:4], event("03-26 10:00", "fed_back", result=result))
    assert (docket.stage == "closed") is closed


def again(docket, *, self_solved, month):
    """Handle and verify once more, to the dissatisfaction of the resident."""
    steps = [event(f"{month}-10 10:00", "handled")]
    steps += [] if self_solved else [event(f"{month}-11 10:00", "verified", result="ok")]
    steps.append(event(f"{month}-12 10:00", "fed_back", result="dissatisfied"))
    for each in steps:
        assert docket.refuse(each) == (), each
        docket.learn(each.at, [each])
    return brief(docket.open_matter), docket.open_matter.responsible, docket.open_matter.cause.value


@pytest.mark.parametrize(
    ("level", "first", "second"),
    [
        ("self", ("handle:2", "deputy:DA", "dissatisfied"), ("assign:1", "office:MUN", "raised")),
        ("town", ("handle:2", "office:DT", "dissatisfied"), ("assign:2", "office:MUN", "raised")),
        ("municipal", ("handle:2", "office:DT", "dissatisfied"), ("handle:3", "office:DT", "dissatisfied")),
    ],
)
def test_the_second_dissatisfaction_raises_what_is_not_yet_municipal(level, first, second):
    docket = handled(petition(level=level), *(() if level == "self" else LOOP[:2]))
    assert again(docket, self_solved=level == "self", month="04") == first
    assert again(docket, self_solved=level == "self", month="05") == second


@pytest.mark.parametrize("level", ["self", "town"])
def test_the_third_dissatisfaction_has_it_handled_again_at_municipal_level(level):
    docket = handled(petition(level=level), *(() if level == "self" else LOOP[:2]))
    again(docket, self_solved=level == "self", month="04")
    again(docket, self_solved=level == "self", month="05")
    for each in (event("05-13 10:00", "assigned", office="DM"), event("05-14 10:00", "accepted")):
        docket.learn(each.at, [each])
    assert docket.open_matter.due == day("06-04"), "municipal, 15 workdays"
    assert again(docket, self_solved=False, month="06") == ("handle:4", "office:DM", "dissatisfied")
    assert docket.open_matter.due == day("06-29"), "handled again, 10 workdays"


def test_a_dissatisfaction_counts_at_whatever_level_it_was_said():
    docket = handled(
        petition(level="self"),
        event("03-10 10:00", "handled"),
        event("03-11 10:00", "fed_back", result="dissatisfied"),
        event("03-12 10:00", "raised", level="town"),
        event("03-13 10:00", "assigned", office="DT"),
        event("03-16 10:00", "handled"),
        event("03-17 10:00", "verified", result="ok"),
        event("03-18 10:00", "fed_back", result="dissatisfied"),
    )
    assert (brief(docket.open_matter), docket.open_matter.responsible) == ("assign:2", "office:MUN")


def test_all_events_of_one_instant_are_stepped_through_in_their_order():
    docket = PetitionDocket(petition(recorded="03-11 10:00"), desk())
    docket.learn(at("03-11 10:00"), [event("03-11 10:00", "assigned", office="DT"), event("03-11 10:00", "accepted")])
    assert stands(docket, "03-11") == {"assign:1": "settled", "accept:1": "settled", "handle:1": "open"}


def test_an_acknowledgement_of_a_closed_petition_is_refused():
    docket = handled(petition(), *LOOP)
    word = ack("petition:P1:handle:1", "04-30 10:00", "MUN")
    refusal = docket.refuse_acknowledgement(word.matter, word.at, word.office)
    assert refusal is not None
    assert "settled" in refusal.expected
