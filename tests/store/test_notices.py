"""What is on record of a notice, and is it decided once for ever? (R5.5 to R5.11)"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from rules.deliveries import State
from rules.facts import Channel
from rules.ladders import Fired
from rules.notices import Notice, Verdict
from rules.offices import Person
from store import digests, findings, installation, notices, outbox, sandbox
from store.ahead import look_ahead
from store.outbox import New
from store.schema import EXPLAINED, messages
from tests.store.deliveries import made_digests
from tests.store.matters import matter

NOW = datetime(2026, 3, 31, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MATTER = matter("visit:S1:2026-03")


def person(ident="deputy:DA", office=None):
    return Person(ident, "李甲", "", office, (Channel.SMS, Channel.EMAIL), "13800000001", "da@example.cn")


def notice(rung="remind-2", **cells):
    given = {"matter": MATTER, "rung": rung, "person": person(), "channel": Channel.SMS, "verdict": Verdict.SENT}
    return Notice(**given | cells)


def decide(connection, *decided, at=NOW, leaves=None):
    notices.decide(connection, decided, decided_at=at, leaves_at=leaves or at)


def rows(connection, **filters):
    return [told.notice for told in notices.list_notices(connection, **filters)]


def message(connection, who="deputy:DA", channel="sms", kind="notices", day=date(2026, 3, 31)):
    return outbox.put(connection, New(kind=kind, person=who, channel=channel, at=NOW, day=day))


def bundle(connection, *found, into):
    notices.bundle(connection, [(row.id, into) for row in found], NOW)


def put_into(connection, ident, state):
    """Put a message into a state."""
    reason = "because" if state in EXPLAINED else None
    until = NOW if state == "sending" else None
    values = {"state": state, "reason": reason, "claimed_until": until}
    connection.execute(messages.update().where(messages.c.id == ident).values(values))


def carried(connection, ident, instead_of=None):
    """The notices that a message carries."""
    return notices.in_messages(connection, {ident: instead_of}).get(ident, [])


def test_a_notice_that_was_decided_before_is_passed_over_for_ever(connection):
    decide(connection, notice())
    (first,) = rows(connection)
    notices.supersede(connection, [(first.id, "settled")])
    decide(connection, notice(rerouted=True), at=NOW + HOUR)
    (again,) = rows(connection)
    assert again == replace(first, state="superseded", reason="settled")


def test_a_notice_is_kept_with_all_it_says(connection):
    clerk = person("contact:C1", "T1")
    late = replace(MATTER, town="T2", responsible="office:D1")
    decide(
        connection,
        notice("climb-1", matter=late, person=clerk, channel=Channel.EMAIL, rerouted=True),
        leaves=NOW + HOUR,
    )
    (row,) = rows(connection)
    assert (row.matter, row.due, row.rung, row.to_person, row.channel) == (
        "visit:S1:2026-03", date(2026, 3, 31), "climb-1", "contact:C1", "email",
    )  # fmt: skip
    assert (row.office, row.responsible, row.town, row.rerouted) == ("T1", "office:D1", "T2", True)
    assert (row.decided_at, row.leaves_at, row.state, row.message) == (NOW, NOW + HOUR, "waiting", None)
    assert notices.find(connection, row.id) == row
    assert notices.find(connection, 4711) is None


def test_what_leaves_at_once_is_in_its_message_and_the_rest_waits_or_is_kept(connection):
    other = person("contact:C1", "T1")
    ident = message(connection)
    found = [
        notice("overdue"),
        notice("overdue", person=other),
        notice("remind-7", verdict=Verdict.SKIPPED),
        notice("climb-1", person=None, channel=None, verdict=Verdict.UNDELIVERABLE),
    ]
    notices.decide_leaving(connection, found, NOW, {("deputy:DA", "sms"): ident}, NOW + HOUR)
    assert [(row.rung, row.to_person, row.state, row.message, row.leaves_at) for row in rows(connection)] == [
        ("climb-1", "", "recorded", None, NOW),
        ("overdue", "deputy:DA", "bundled", ident, NOW),
        ("remind-7", "deputy:DA", "recorded", None, NOW),
        ("overdue", "contact:C1", "waiting", None, NOW + HOUR),
    ]
    assert {row.decided_at for row in rows(connection)} == {NOW}


def test_a_notice_waits_until_it_leaves(connection):
    assert look_ahead(connection).leaves_at is None
    decide(connection, notice("overdue"), leaves=NOW + HOUR)
    decide(connection, notice("remind-2"), leaves=NOW + 2 * HOUR)
    assert look_ahead(connection).leaves_at == NOW + HOUR
    assert leaving(connection, NOW) == []
    assert leaving(connection, NOW + HOUR) == ["overdue"]
    notices.put_off_all(connection, NOW + HOUR, NOW + 3 * HOUR)
    assert look_ahead(connection).leaves_at == NOW + 2 * HOUR
    assert leaving(connection, NOW + 2 * HOUR) == ["remind-2"]
    assert leaving(connection, NOW + 3 * HOUR) == ["overdue", "remind-2"]


def leaving(connection, at):
    """The rungs of the notices whose time to leave has come."""
    return [row.rung for lot in notices.leaving(connection, at, 9) for row in lot]


def test_some_notices_are_put_off_and_no_others(connection):
    decide(connection, notice("overdue"), notice("climb-1"))
    first, second = (row.id for row in sorted(rows(connection), key=lambda row: row.id))
    notices.put_off(connection, [first], NOW + HOUR)
    assert [row.id for lot in notices.leaving(connection, NOW, 9) for row in lot] == [second]
    assert look_ahead(connection).leaves_at == NOW


def test_what_found_nobody_is_kept_and_not_tried_again(connection):
    decide(connection, notice("overdue"), notice("climb-1", person=None, channel=None, verdict=Verdict.UNDELIVERABLE))
    nobody = [row.id for row in rows(connection) if not row.to_person]
    notices.record_undeliverable(connection, nobody, NOW + HOUR)
    assert {row.rung: (row.state, row.leaves_at) for row in rows(connection)} == {
        "overdue": ("waiting", NOW),
        "climb-1": ("recorded", NOW + HOUR),
    }


def test_what_leaves_is_looked_at_in_lots(connection):
    decide(connection, notice("event-assign"))
    decide(connection, notice("remind-2"), at=NOW - HOUR)
    (looked_at,) = notices.leaving(connection, NOW, 9)
    assert [row.rung for row in looked_at] == ["event-assign", "remind-2"]
    assert [row for lot in notices.leaving(connection, NOW, 1) for row in lot] == looked_at
    assert list(notices.leaving(connection, NOW - 2 * HOUR, 9)) == []
    seen = []
    for lot in notices.leaving(connection, NOW, 1):
        seen += lot
        notices.supersede(connection, [(row.id, "because") for row in lot])
    assert seen == looked_at, "what becomes of one hides none of the others"


def test_a_message_carries_the_notices_that_still_hold(connection):
    decide(connection, notice("overdue"), notice("climb-1"))
    found = rows(connection)
    ident = message(connection)
    bundle(connection, *found, into=ident)
    notices.supersede(connection, [(found[0].id, "settled")])
    assert [row.id for row in carried(connection, ident)] == [found[1].id]
    assert leaving(connection, NOW) == []


def test_many_messages_are_looked_up_together_each_with_its_own_notices(connection):
    decide(connection, notice("overdue"), notice("climb-1"), notice("climb-2"))
    found = {row.rung: row for row in rows(connection)}
    first, second, empty = (message(connection) for _ in range(3))
    notices.bundle(
        connection,
        [(found["overdue"].id, first), (found["climb-1"].id, second), (found["climb-2"].id, second)],
        NOW + HOUR,
    )
    carried_by = notices.in_messages(connection, dict.fromkeys((first, second, empty)))
    assert {ident: [row.rung for row in of] for ident, of in carried_by.items()} == {
        first: ["overdue"],
        second: ["climb-1", "climb-2"],
    }
    assert {row.leaves_at for of in carried_by.values() for row in of} == {NOW + HOUR}
    notices.bundle(connection, [], NOW)


def test_one_in_anothers_stead_carries_only_what_was_not_told_by_email(connection):
    decide(
        connection,
        notice("remind-2"),
        notice("overdue"),
        notice("overdue", channel=Channel.EMAIL),
        notice("climb-1"),
        notice("climb-1", channel=Channel.EMAIL, person=person("deputy:DB")),
        notice("climb-2"),
        notice("climb-2", channel=Channel.EMAIL, verdict=Verdict.SKIPPED),
    )
    failed = message(connection)
    bundle(connection, *rows(connection, to="deputy:DA"), into=failed)
    by_sms = [row for row in rows(connection, to="deputy:DA") if row.channel == "sms"]
    bundle(connection, *by_sms, into=failed)
    stead = message(connection, channel="email")
    in_stead = carried(connection, stead, failed)
    assert sorted(row.rung for row in in_stead if row.channel == "sms") == ["climb-1", "climb-2", "remind-2"]
    both = notices.in_messages(connection, {failed: None, stead: failed})
    assert {row.rung for row in both[failed]} == {"remind-2", "overdue", "climb-1", "climb-2"}, "it keeps its own"
    assert both[stead] == in_stead


def test_whom_the_climb_reached_are_those_whose_notice_has_left(connection):
    reached, waits, gone = (person(f"contact:C{n}", "T1") for n in (1, 2, 3))
    decide(connection, notice("climb-1", person=reached), notice("climb-2", person=waits), notice("overdue"))
    decide(
        connection,
        notice("climb-2", person=gone),
        notice("climb-1", person=gone, verdict=Verdict.SKIPPED, channel=Channel.EMAIL),
    )
    for row in rows(connection):
        if row.to_person in ("contact:C1", "deputy:DA"):
            ident = message(connection)
            bundle(connection, row, into=ident)
            put_into(connection, ident, "accepted")
        if row.to_person == "contact:C3":
            notices.supersede(connection, [(row.id, "settled")])
    assert notices.reached(connection, [MATTER.id, "visit:S2:2026-03"]) == {MATTER.id: ["contact:C1"]}


def test_whom_the_climb_reached_is_told_once_whatever_the_rung_and_channel(connection):
    clerk = person("contact:C1", "T1")
    moved = replace(MATTER, due=date(2026, 4, 3))
    decide(
        connection,
        notice("climb-1", person=clerk),
        notice("climb-1", person=clerk, channel=Channel.EMAIL),
        notice("climb-1", person=clerk, matter=moved),
    )
    ident = message(connection)
    bundle(connection, *rows(connection), into=ident)
    assert notices.reached(connection, [MATTER.id]) == {}
    put_into(connection, ident, "accepted")
    assert notices.reached(connection, [MATTER.id]) == {MATTER.id: ["contact:C1"]}


@pytest.mark.parametrize("state", State)
def test_whom_the_climb_reached_depends_on_whether_it_has_left(connection, state):
    decide(connection, notice("climb-1", person=person("contact:C1", "T1")))
    ident = message(connection)
    bundle(connection, *rows(connection), into=ident)
    put_into(connection, ident, state)
    has_left = state in ("sending", "accepted", "delivered", "unknown")
    assert notices.reached(connection, [MATTER.id]) == ({MATTER.id: ["contact:C1"]} if has_left else {})


def test_the_rungs_that_were_dealt_with_are_known_by_matter_and_due_date(connection):
    earlier, later = Fired(date(2026, 3, 31), "overdue"), Fired(date(2026, 4, 9), "overdue")
    for _ in range(2):
        dealt = [(MATTER.id, earlier), (MATTER.id, later), ("visit:S2:2026-03", earlier)]
        notices.record_fired(connection, [(of, rung, None) for of, rung in dealt], NOW)
    assert notices.fired(connection, [MATTER.id, "visit:S3:2026-03"]) == {MATTER.id: {earlier, later}}


def test_a_day_counts_the_sms_of_notices_that_were_not_superseded(connection):
    message(connection)
    message(connection)
    message(connection, channel="email")
    message(connection, kind="digest")
    message(connection, day=date(2026, 4, 1))
    message(connection, who="deputy:DB")
    for state in ("superseded", "expired"):
        put_into(connection, message(connection), state)
    assert notices.sms_count(connection, ["deputy:DA", "deputy:DC"], date(2026, 3, 31)) == {"deputy:DA": 2}


def test_notices_are_listed_with_what_became_of_their_message(connection):
    decide(connection, notice("overdue"), notice("climb-1", person=person("contact:C1", "T1")))
    first, second = sorted(rows(connection), key=lambda row: row.id)
    ident = message(connection)
    bundle(connection, first, into=ident)
    words = {"subject": None, "body": "words", "html": None, "sealed": None, "day": date(2026, 3, 31)}
    outbox.seal(connection, [words | {"id": ident}])
    (told,) = notices.list_notices(connection, message_state="due")
    assert (told.notice.id, told.message_state, told.text) == (first.id, "due", "words")
    assert rows(connection, to="contact:C1") == [second]
    assert rows(connection, state="waiting", matter=MATTER.id, verdict="sent") == [second]
    assert [row.rung for row in rows(connection)] == ["climb-1", "overdue"]
    assert [row.rung for row in rows(connection, newest_first=True, limit=1)] == ["overdue"]
    assert notices.count_by_state(connection) == {("sent", "bundled"): 1, ("sent", "waiting"): 1}


# What else is on record once -----------------------------------------------------------------


def test_a_value_is_put_once_and_swapped_only_by_whoever_saw_it(connection):
    assert installation.get(connection, "key") is None
    assert installation.put_new(connection, "key", "one") is True
    assert installation.put_new(connection, "key", "two") is False
    assert installation.swap(connection, "key", "two", "three") is False
    assert installation.swap(connection, "key", "one", "three") is True
    assert installation.get(connection, "key") == "three"
    installation.put(connection, "key", "four")
    assert installation.get(connection, "key") == "four"
    assert installation.swap(connection, "other", "", "x") is False


def test_a_finding_is_noted_once(connection):
    for text in ("first", "second"):
        findings.note(connection, "unknown", "message:1", text, NOW)
    findings.note(connection, "unknown", "message:2", "third", NOW + HOUR)
    assert findings.latest(connection, 9) == [
        (NOW + HOUR, "unknown", "message:2", "third"),
        (NOW, "unknown", "message:1", "first"),
    ]
    assert len(findings.latest(connection, 1)) == 1


def test_a_message_is_kept_once_for_an_attempt(connection):
    row = {
        "at": NOW, "channel": "sms", "person": "deputy:DA", "address": "13800000001", "subject": None,
        "body": "【鹤山人大】", "html": None, "message": 1, "attempt": "a",
    }  # fmt: skip
    sandbox.keep(connection, row)
    sandbox.keep(connection, row | {"body": "again"})
    sandbox.keep(connection, row | {"attempt": "b"})
    assert [kept.attempt for kept in sandbox.latest(connection, "sms", 9)] == ["b", "a"]
    assert {kept.body for kept in sandbox.latest(connection, "sms", 9)} == {"【鹤山人大】"}
    assert sandbox.latest(connection, "email", 9) == []


def test_a_digest_is_made_once_for_an_office_a_person_and_a_period(connection):
    from rules.digests import Counts, Digest, DigestKind

    daily = Digest(DigestKind.DAILY, "2026-03-31", "T1", "T1")
    carrier = message(connection, kind="digest", channel="email")
    assert not digests.is_made(connection, daily, "contact:C1")
    for counts in (Counts(1, 2), Counts(3, 4)):
        digests.record(connection, daily, "contact:C1", counts, NOW, carrier)
    assert digests.is_made(connection, daily, "contact:C1")
    assert not digests.is_made(connection, daily, "contact:C2")
    assert not digests.is_made(connection, replace(daily, period="2026-04-01"), "contact:C1")
    assert not digests.is_made(connection, replace(daily, kind=DigestKind.WEEKLY), "contact:C1")
    (made,) = made_digests(connection)
    assert (made["due_soon"], made["overdue"], made["at"], made["message"]) == (1, 2, NOW, carrier)
