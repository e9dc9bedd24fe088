"""What becomes of a claimed message, whatever order the answers come in?"""

from itertools import permutations, product

import pytest

from rules.deliveries import NEXT, State, Status, may_become
from store import outbox, outcomes, unsettled
from store.outcomes import MOVES
from tests.store.between import Other
from tests.store.deliveries import (
    HOUR,
    LATER,
    NOW,
    SECOND,
    TOLD,
    attempt_row,
    claim,
    claimed,
    put,
    report,
    row_of,
    settled,
    state_of,
)


def claimed_again(connection):
    """A message whose first attempt was refused for now, and which is due again."""
    ident, first = claimed(connection)
    outcomes.settle(connection, [settled(ident, "due", first, outcome="refused", try_at=NOW)])
    return ident, first


# The arrows ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "new"), list(product(State, MOVES)))
def test_an_outcome_moves_a_message_only_along_an_arrow(connection, state, new):
    ident = put(connection, state)
    outcomes.settle(connection, [settled(ident, new)])
    became = state_of(connection, ident)
    moved = state in ("sending", "unknown") and may_become(state, new)
    assert became == (new if moved else state)


def test_a_claim_can_lead_to_every_state_that_its_arrows_lead_to():
    assert set(MOVES) == NEXT[State.SENDING]


@pytest.mark.parametrize(("state", "status"), list(product(State, Status)))
def test_a_call_back_moves_a_message_only_along_an_arrow(connection, state, status):
    """It tells of the last attempt, which waiting messages may have had too."""
    ident = put(connection, state, attempt="a1")
    assert outcomes.apply_report(connection, report(status, "a1"), LATER)
    new = TOLD[status]
    assert state_of(connection, ident) == (new if may_become(state, new) else state)
    assert attempt_row(connection, "a1").status == status


@pytest.mark.parametrize("state", State)
def test_a_claim_is_stranded_only_while_it_is_under_way(connection, state):
    ident = put(connection, state)
    unsettled.strand(connection, "sms", NOW, NOW, LATER)
    assert state_of(connection, ident) == ("unknown" if state == "sending" else state)


def test_every_arrow_is_made_by_some_statement(connection):
    """The statements of the outbox together lead along every arrow of the table, and the table has no other."""
    made = set()
    for state in State:
        for number, statement in enumerate(statements()):
            ident = put(connection, state, attempt=f"{state}-{number}")
            with connection.begin_nested() as trial:
                statement(connection, ident, f"{state}-{number}")
                if (new := state_of(connection, ident)) != state:
                    made.add((state.value, new))
                trial.rollback()
    assert made == {(a.value, b.value) for a, after in NEXT.items() for b in after}


def statements():
    yield lambda c, _i, _a: claim(c)
    yield lambda c, _i, _a: unsettled.strand(c, "sms", NOW, NOW, LATER)
    yield lambda c, i, _a: outbox.retry(c, i, LATER)
    yield lambda c, _i, _a: outbox.hold(c, "because", LATER)
    yield lambda c, _i, _a: outbox.release(c, LATER)
    for state in MOVES:
        yield lambda c, i, a, state=state: outcomes.settle(c, [settled(i, state, a)])
    for status in Status:
        yield lambda c, _i, a, status=status: outcomes.apply_report(c, report(status, a), LATER)


# Fencing ---------------------------------------------------------------------------------------


def test_an_outcome_is_noted_with_all_it_tells(connection):
    ident, attempt = claimed(connection)
    assert attempt_row(connection, attempt).outcome is None
    told = settled(ident, "accepted", attempt, outcome="accepted", provider_id="p1", segments=2, cost=0.1)
    outcomes.settle(connection, [told])
    row = row_of(connection, ident)
    assert (row.state, row.claimed_until, row.sent_at, row.moved_at, row.reason) == (
        "accepted",
        None,
        LATER,
        LATER,
        None,
    )
    made = attempt_row(connection, attempt)
    assert (made.message, made.gateway, made.at) == (ident, "g", NOW)
    assert (made.outcome, made.provider_id, made.status, made.ended_at) == ("accepted", "p1", "accepted", LATER)
    assert (made.segments, made.cost, made.reason, made.code) == (2, 0.1, None, None)


def test_several_outcomes_of_one_batch_each_find_their_message(connection):
    idents = [put(connection) for _ in range(3)]
    taken = claim(connection, attempt="a")
    outcomes.begin(connection, [(m, "g") for m in taken], NOW)
    ends = zip(idents, ("accepted", "failed", "due"), ("accepted", "refused", "dropped"), strict=True)
    outcomes.settle(
        connection,
        [settled(i, state, f"a-{i}", outcome=outcome, reason="so", try_at=LATER) for i, state, outcome in ends],
    )
    assert [(row.state, row.reason) for row in (row_of(connection, i) for i in idents)] == [
        ("accepted", None),
        ("failed", "so"),
        ("due", None),
    ]
    assert row_of(connection, idents[2]).try_at == LATER


def test_an_outcome_of_another_attempt_changes_only_that_attempt(connection):
    ident, first = claimed_again(connection)
    claim(connection, attempt="second")
    outcomes.settle(connection, [settled(ident, "failed", first, outcome="refused")])
    assert state_of(connection, ident) == "sending"
    outcomes.settle(connection, [settled(ident, "accepted", "nobodys", outcome="accepted")])
    assert state_of(connection, ident) == "sending"


def test_a_second_outcome_of_one_attempt_changes_nothing_but_what_was_not_told(connection):
    ident, attempt = claimed(connection)
    outcomes.settle(connection, [settled(ident, "accepted", attempt, outcome="accepted", provider_id="p1")])
    outcomes.settle(connection, [settled(ident, "failed", attempt, outcome="refused", provider_id="p2", code="9")])
    assert state_of(connection, ident) == "accepted"
    made = attempt_row(connection, attempt)
    assert (made.outcome, made.provider_id, made.code) == ("accepted", "p1", "9")


def test_an_outcome_is_noted_though_the_gateways_id_was_taken_for_that_of_an_equal_text(connection):
    equal, other = claimed(connection)
    outcomes.settle(connection, [settled(equal, "accepted", other, outcome="accepted", provider_id="p1")])
    ident, attempt = claimed(connection)
    outcomes.settle(connection, [settled(ident, "accepted", attempt, outcome="accepted", provider_id="p1")])
    assert state_of(connection, ident) == "accepted"
    assert [attempt_row(connection, a).provider_id for a in (other, attempt)] == ["p1", None]


@pytest.mark.parametrize(("state", "reason"), [("accepted", None), ("failed", "because")])
def test_an_outcome_that_comes_after_the_lease_is_noted_all_the_same(connection, state, reason):
    ident, attempt = claimed(connection)
    assert unsettled.strand(connection, "sms", NOW + 16 * SECOND, NOW, LATER) == 1
    outcome = "accepted" if state == "accepted" else "refused"
    outcomes.settle(connection, [settled(ident, state, attempt, outcome=outcome)])
    assert (row_of(connection, ident).state, row_of(connection, ident).reason) == (state, reason)


@pytest.mark.parametrize("held", [False, True])
def test_one_that_is_accepted_after_it_was_given_another_try_is_not_sent_again(connection, held):
    ident, attempt = claimed(connection)
    unsettled.strand(connection, "sms", NOW + 16 * SECOND, NOW, LATER)
    outbox.retry(connection, ident, NOW)
    if held:
        outbox.hold(connection, "an alarm", NOW)
    outcomes.settle(connection, [settled(ident, "accepted", attempt, outcome="accepted")])
    assert state_of(connection, ident) == "accepted"


def test_a_refusal_that_comes_after_another_try_was_given_changes_nothing(connection):
    ident, attempt = claimed(connection)
    unsettled.strand(connection, "sms", NOW + 16 * SECOND, NOW, LATER)
    outbox.retry(connection, ident, NOW)
    outcomes.settle(connection, [settled(ident, "failed", attempt, outcome="refused")])
    assert state_of(connection, ident) == "due"


def test_only_calls_that_were_made_count_as_tries(connection):
    ident, under_way = put(connection), put(connection, "sending")
    for number, outcome in enumerate(("refused", "dropped", "unknown", "dropped", "refused")):
        (again,) = claim(connection, attempt=f"t{number}")
        outcomes.begin(connection, [(again, "g")], NOW)
        outcomes.settle(connection, [settled(ident, "due", again.attempt, outcome=outcome, try_at=NOW)])
    never = put(connection)
    # One under way has no outcome yet: its call may have been made.
    assert outcomes.tried(connection, [ident, under_way, never]) == {ident: 3, under_way: 1}
    assert outcomes.tried(connection, []) == {}


def test_the_ids_that_a_gateway_gave_to_a_person_are_known(connection):
    for provider_id, person in (("p0", "deputy:DA"), (None, "deputy:DA"), ("p2", "deputy:DB")):
        ident = put(connection, "sending", person=person)
        accepted = settled(ident, "accepted", outcome="accepted", provider_id=provider_id)
        outcomes.settle(connection, [accepted])
    assert outcomes.ids_at(connection, "g", "deputy:DA") == {"p0"}
    assert outcomes.ids_at(connection, "g", "deputy:DC") == frozenset()
    assert outcomes.ids_at(connection, "other", "deputy:DA") == frozenset()


# Call-backs ------------------------------------------------------------------------------------


def test_a_call_back_that_nobody_knows_is_told_so(connection):
    claimed(connection)
    assert not outcomes.apply_report(connection, report("delivered", "nobodys"), LATER)
    assert not outcomes.apply_report(connection, report("delivered", provider_id="nobodys"), LATER)


def test_a_call_back_counts_though_the_gateways_id_was_taken_for_that_of_an_equal_text(connection):
    equal, other = claimed(connection)
    outcomes.settle(connection, [settled(equal, "accepted", other, outcome="accepted", provider_id="p1")])
    ident, attempt = claimed(connection)
    assert outcomes.apply_report(connection, report("delivered", attempt, provider_id="p1"), LATER)
    assert state_of(connection, ident) == "delivered"
    assert [attempt_row(connection, a).provider_id for a in (other, attempt)] == ["p1", None]


def test_a_call_back_without_an_attempt_is_known_by_the_gateways_id(connection):
    ident, attempt = claimed(connection)
    outcomes.settle(connection, [settled(ident, "accepted", attempt, outcome="accepted", provider_id="p1")])
    assert outcomes.apply_report(connection, report("delivered"), LATER)
    assert state_of(connection, ident) == "delivered"


ANSWER = "answer"


@pytest.mark.parametrize("words", [*permutations([ANSWER, Status.SENT, Status.DELIVERED])])
def test_in_whatever_order_the_words_come_the_message_is_delivered(connection, words):
    ident, attempt = claimed(connection)
    for word in (*words, *words):
        tell(connection, ident, attempt, word)
    assert state_of(connection, ident) == "delivered"
    assert row_of(connection, ident).sent_at is not None
    made = attempt_row(connection, attempt)
    assert (made.status, made.outcome, made.provider_id) == ("delivered", "accepted", "p1")


@pytest.mark.parametrize("words", [*permutations([ANSWER, Status.SENT, Status.FAILED])])
def test_in_whatever_order_the_words_come_the_message_has_failed(connection, words):
    ident, attempt = claimed(connection)
    for word in (*words, *words):
        tell(connection, ident, attempt, word)
    row = row_of(connection, ident)
    assert (row.state, row.reason) == ("failed", "no such number (code 30005)")
    assert attempt_row(connection, attempt).status == "failed"


@pytest.mark.parametrize("words", [*permutations([ANSWER, Status.ACCEPTED, Status.SENT])])
def test_in_whatever_order_the_words_come_the_message_is_on_its_way(connection, words):
    ident, attempt = claimed(connection)
    for word in (*words, *words):
        tell(connection, ident, attempt, word)
    assert state_of(connection, ident) == "accepted"
    assert attempt_row(connection, attempt).status == "sent"


def tell(connection, ident, attempt, word):
    """Note the answer to the call, or apply a call-back."""
    if word == ANSWER:
        outcomes.settle(connection, [settled(ident, "accepted", attempt, outcome="accepted", provider_id="p1")])
    else:
        failed = {"code": "30005", "reason": "no such number"} if word is Status.FAILED else {}
        outcomes.apply_report(connection, report(word, attempt, **failed), LATER)


def test_what_was_delivered_after_all_was_not_lost(connection):
    ident, attempt = claimed(connection)
    for status in ("failed", "delivered", "failed"):
        outcomes.apply_report(connection, report(status, attempt, reason="no route"), LATER)
    assert (state_of(connection, ident), row_of(connection, ident).reason) == ("delivered", None)


def test_a_failure_without_a_reason_is_told_all_the_same(connection):
    ident, attempt = claimed(connection)
    outcomes.apply_report(connection, report("failed", attempt), LATER)
    assert row_of(connection, ident).reason == "the carrier could not deliver it"


def test_a_call_back_settles_what_the_lease_had_stranded(connection):
    ident, attempt = claimed(connection)
    unsettled.strand(connection, "sms", NOW + 16 * SECOND, NOW, LATER)
    outcomes.apply_report(connection, report("sent", attempt, segments=2, cost=0.08), LATER)
    row = row_of(connection, ident)
    assert (row.state, row.reason, row.sent_at) == ("accepted", None, LATER)
    made = attempt_row(connection, attempt)
    assert (made.outcome, made.segments, made.cost, made.provider_id) == ("accepted", 2, 0.08, "p1")


@pytest.mark.parametrize(
    ("status", "state"), [("accepted", "accepted"), ("sent", "accepted"), ("delivered", "delivered"), ("failed", "due")]
)
def test_a_word_on_an_earlier_attempt_counts_while_the_message_is_due_again(connection, status, state):
    ident, first = claimed_again(connection)
    outcomes.apply_report(connection, report(status, first), LATER)
    assert state_of(connection, ident) == state
    assert claim(connection, attempt="second", now=LATER) == [] or state == "due"


def test_that_an_earlier_attempt_failed_tells_nothing_of_the_one_of_which_nobody_knows(connection):
    ident, first = claimed_again(connection)
    claim(connection, attempt="second")
    unsettled.strand(connection, "sms", NOW + HOUR, NOW, LATER)
    outcomes.apply_report(connection, report("failed", first), LATER)
    assert state_of(connection, ident) == "unknown"


@pytest.mark.parametrize(("status", "state"), [("sent", "accepted"), ("delivered", "delivered"), ("failed", "held")])
def test_a_word_on_an_earlier_attempt_counts_while_sending_is_held(connection, status, state):
    ident, first = claimed_again(connection)
    outbox.hold(connection, "an alarm", NOW)
    outcomes.apply_report(connection, report(status, first), LATER)
    assert state_of(connection, ident) == state


def test_a_word_on_the_attempt_before_the_last_counts_while_the_message_is_due_again(connection):
    ident, first = claimed_again(connection)
    (again,) = claim(connection, attempt="second")
    outcomes.begin(connection, [(again, "g")], NOW)
    outcomes.settle(connection, [settled(ident, "due", again.attempt, outcome="refused", try_at=NOW)])
    outcomes.apply_report(connection, report("delivered", first), LATER)
    assert state_of(connection, ident) == "delivered"


@pytest.mark.parametrize("status", Status)
def test_a_word_on_an_earlier_attempt_does_not_touch_the_one_under_way(connection, status):
    ident, first = claimed_again(connection)
    claim(connection, attempt="second")
    assert outcomes.apply_report(connection, report(status, first), LATER)
    assert state_of(connection, ident) == "sending"
    assert attempt_row(connection, first).status == status


@pytest.mark.parametrize(("status", "state"), [("sent", "accepted"), ("delivered", "delivered"), ("failed", "due")])
def test_a_word_that_comes_after_an_operators_retry_counts(connection, status, state):
    ident, attempt = claimed(connection)
    outcomes.settle(connection, [settled(ident, "unknown", attempt, outcome="unknown")])
    outbox.retry(connection, ident, NOW)
    outcomes.apply_report(connection, report(status, attempt), LATER)
    assert state_of(connection, ident) == state


def test_a_call_back_that_comes_while_the_answer_is_noted_waits_for_it_or_it_for_the_call_back(postgres_engine):
    with postgres_engine.begin() as connection:
        ident, attempt = claimed(connection)
    answer = settled(ident, "accepted", attempt, outcome="accepted", provider_id="p1")
    noted = Other(postgres_engine, lambda c: outcomes.settle(c, [answer]))
    with postgres_engine.begin() as connection:
        noted.begin_after(connection)
        outcomes.apply_report(connection, report("delivered", attempt), LATER)
    noted.end()
    with postgres_engine.begin() as connection:
        assert state_of(connection, ident) == "delivered"
