"""Does the audit trail show change, removal, reordering, forgery and truncation?

The forger of these tests may write whatever he likes to the database, triggers or not, but has not the key.
"""

import threading
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import delete, insert, select, text, update

from actors.watching import watch
from config.settings import load_settings
from daemon.doctor import _trail
from store import accounts, audit, installation, schema_service
from store.accounts import Account, Role
from store.audit import (
    BEFORE_FIRST,
    BEYOND_HEAD,
    CHANGED,
    CUT,
    GONE,
    OTHER_KEY,
    UNREADABLE,
    UNSEALED,
    Checkpoint,
    Finding,
)
from store.engine import reading
from store.migrating import hang_triggers
from store.schema import audit as trail
from tests.actors.installations import Installation
from tests.rules.builders import at

NOW = datetime(2026, 3, 31, 1, tzinfo=UTC)
KEY = b"k" * 32
ENTRIES = 6


def add(engine, count=1, **detail):
    with engine.begin() as connection:
        for number in range(count):
            audit.append(
                connection,
                at=NOW + timedelta(microseconds=number),
                actor="operator:root",
                action="retry",
                subject=f"notice:{number}",
                **({"tries": (1, 2), "why": "线路", "share": 0.1, "by": {1: None}} | detail),
            )


@pytest.fixture
def keyed(engine):
    """A database whose entries are sealed."""
    audit.use_key(engine, lambda: KEY)
    return engine


@pytest.fixture
def written(keyed):
    """A trail of six sealed entries."""
    add(keyed, ENTRIES)
    return keyed


def verified(engine, keys=(KEY,), checkpoints=()):
    with reading(engine) as connection:
        return audit.verify(connection, keys, checkpoints)


def told(engine, **how):
    verdict = verified(engine, **how)
    return [*((f.problem, f.first, f.last) for f in verdict.findings), *verdict.doubts]


def checkpoint(engine):
    with reading(engine) as connection:
        return audit.last_checkpoint(connection)


def forge(engine, *statements):
    """Write to the trail as one who can take the triggers down and hang them again."""
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            for name in ("audit_update", "audit_delete", "audit_replace"):
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("DROP FUNCTION audit_unchanged() CASCADE"))
        for statement in statements:
            connection.execute(statement)
        hang_triggers(connection)


def test_a_trail_that_nobody_touched_is_sound(written):
    verdict = verified(written)
    assert verdict.is_sound
    assert (verdict.entries, verdict.sealed) == (ENTRIES, ENTRIES)
    assert verdict.last == checkpoint(written)


def test_an_empty_trail_is_sound(keyed):
    assert verified(keyed).is_sound


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "operator:other"},
        {"action": "hold"},
        {"subject": "notice:9"},
        {"at": NOW + timedelta(hours=1)},
        {"at": NOW + timedelta(microseconds=1)},
        {"detail": {}},
        {"detail": {"tries": [1, 2], "why": "线路", "share": 0.1, "by": {"1": 0}}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_entry_shows_and_only_that_one(written, change):
    forge(written, update(trail).where(trail.c.seq == 3).values(change))
    assert told(written) == [(CHANGED, 3, 3)]


def test_a_changed_seal_shows_with_the_entry_that_rests_on_it(written):
    forge(written, update(trail).where(trail.c.seq == 3).values(mac=f"{audit.key_id(KEY)}.{'0' * 64}"))
    assert told(written) == [(CHANGED, 3, 4)]


def test_a_seal_counts_to_its_last_letter(written):
    last = checkpoint(written)
    other = last.mac[:-1] + ("0" if last.mac[-1] != "0" else "1")
    forge(written, update(trail).where(trail.c.seq == last.seq).values(mac=other))
    with written.begin() as connection:
        installation.put(connection, audit.HEAD, str(Checkpoint(last.seq, last.count, other)))
    assert told(written) == [(CHANGED, ENTRIES, ENTRIES)]


@pytest.mark.parametrize("cell", ["at", "detail", "actor", "mac"])
def test_an_entry_that_cannot_even_be_read_shows_and_only_that_one(written, cell):
    """Else whoever has changed one would keep `duban audit verify` from saying so."""
    garbage = {
        "at": {"sqlite": "'yesterday'", "postgresql": "'infinity'"},
        "detail": {"sqlite": "'{'", "postgresql": "'[1]'"},
        "actor": {"sqlite": "x'ff'", "postgresql": "'字'"},
        "mac": dict.fromkeys(("sqlite", "postgresql"), f"'{audit.key_id(KEY)}.字'"),
    }[cell][written.dialect.name]
    forge(written, text(f"UPDATE audit SET {cell} = {garbage} WHERE seq = 3"))
    found = told(written)
    assert [finding[1:] for finding in found] == [(3, 4 if cell == "mac" else 3)]
    assert found[0][0] in (UNREADABLE, CHANGED)
    assert verified(written).entries == ENTRIES


def test_an_entry_before_the_first_shows(written):
    with written.begin() as connection:
        connection.execute(insert(trail), [forged_entry(0), forged_entry(-7)])
    assert told(written) == [(BEFORE_FIRST, -7, -7), (BEFORE_FIRST, 0, 0)]


@pytest.mark.parametrize("head", ["", "nonsense", f"duban-audit:{'9' * 5000}:1:{'0' * 8}.{'0' * 64}"])
def test_a_head_that_cannot_be_read_shows(written, head):
    with written.begin() as connection:
        installation.put(connection, audit.HEAD, head)
    assert told(written) == ["the head of the trail is missing: whether the end was cut off cannot be said"]


@pytest.mark.parametrize(("first", "last"), [(1, 1), (1, 2), (3, 3), (3, 5)])
def test_removed_entries_show_as_a_gap(written, first, last):
    forge(written, delete(trail).where(trail.c.seq.between(first, last)))
    assert told(written) == [(GONE, first, last)]


def test_removed_entries_show_when_the_others_close_up(written):
    forge(
        written,
        delete(trail).where(trail.c.seq == 3),
        *(update(trail).where(trail.c.seq == seq).values(seq=seq - 1) for seq in range(4, ENTRIES + 1)),
    )
    assert told(written) == [(CHANGED, 3, 5), (CUT, 6, 6)]


def test_two_entries_that_have_changed_places_show(written):
    forge(
        written,
        update(trail).where(trail.c.seq == 2).values(seq=99),
        update(trail).where(trail.c.seq == 4).values(seq=2),
        update(trail).where(trail.c.seq == 99).values(seq=4),
    )
    assert told(written) == [(CHANGED, 2, 5)]


def test_a_trail_cut_off_at_the_end_shows_against_its_head(written):
    forge(written, delete(trail).where(trail.c.seq > 4))
    assert told(written) == [(CUT, 5, 6)]


def test_a_trail_cut_off_shows_also_after_new_entries(written):
    forge(written, delete(trail).where(trail.c.seq > 4))
    add(written)
    assert told(written) == [(GONE, 5, 6)]


def test_an_emptied_trail_shows(written):
    forge(written, delete(trail))
    assert told(written) == [(CUT, 1, ENTRIES)]


def set_head_back_to(engine, seq):
    with engine.connect() as connection:
        mac = connection.execute(select(trail.c.mac).where(trail.c.seq == seq)).scalar_one()
    with engine.begin() as connection:
        installation.put(connection, audit.HEAD, str(Checkpoint(seq, seq, mac)))


def test_a_trail_cut_off_together_with_its_head_shows_against_a_checkpoint(written):
    mailed = checkpoint(written)
    set_head_back_to(written, 4)
    forge(written, delete(trail).where(trail.c.seq > 4))
    assert told(written) == []
    assert told(written, checkpoints=[mailed]) == [
        "entry 6 of the checkpoint is not there: the trail was cut off before it"
    ]


def test_a_trail_written_anew_with_the_key_shows_against_a_checkpoint(written):
    mailed = checkpoint(written)
    forge(written, delete(trail))
    with written.begin() as connection:
        connection.execute(text("DELETE FROM installation"))
    add(written, ENTRIES, why="forged")
    assert told(written) == []
    assert told(written, checkpoints=[mailed]) == [
        "entry 6 is not the one of the checkpoint: the trail was written anew"
    ]


def test_a_checkpoint_holds_after_more_entries(written):
    mailed = checkpoint(written)
    add(written, 2)
    assert told(written, checkpoints=[mailed]) == []
    assert checkpoint(written).seq == ENTRIES + 2


def test_entries_removed_from_before_a_checkpoint_are_missed_in_its_count(written):
    mailed = checkpoint(written)
    forge(written, delete(trail).where(trail.c.seq.between(2, 3)))
    assert told(written, checkpoints=[mailed]) == [
        (GONE, 2, 3),
        "up to entry 6 there are 4 entries, by the checkpoint 6",
    ]


def test_a_head_set_back_shows(written):
    set_head_back_to(written, 4)
    assert told(written) == [(BEYOND_HEAD, 5, 6)]


def test_a_head_that_is_not_the_last_entrys_shows(written):
    with written.begin() as connection:
        installation.put(connection, audit.HEAD, str(Checkpoint(ENTRIES, ENTRIES, audit.key_id(KEY) + "." + "0" * 64)))
    assert told(written) == ["the head does not fit entry 6: one of them was changed"]


def test_a_last_entry_whose_seal_was_taken_off_shows_against_the_head(written):
    forge(written, update(trail).where(trail.c.seq == ENTRIES).values(mac=None))
    assert told(written) == [(UNSEALED, 6, 6), "the head names entry 6, which has no seal"]


def test_a_checkpoint_that_knows_another_number_of_entries_is_contradicted(written):
    last = checkpoint(written)
    assert told(written, checkpoints=[Checkpoint(last.seq, last.count + 1, last.mac)]) == [
        "up to entry 6 there are 6 entries, by the checkpoint 7"
    ]


def test_a_head_that_is_taken_away_shows(written):
    with written.begin() as connection:
        connection.execute(text("DELETE FROM installation"))
    assert told(written) == ["the head of the trail is missing: whether the end was cut off cannot be said"]


def forged_entry(seq, **values):
    return {"seq": seq, "at": NOW, "actor": "a", "action": "b", "subject": "c", "detail": {}, **values}


def test_an_entry_added_without_the_key_shows(written):
    with written.begin() as connection:
        connection.execute(insert(trail).values(forged_entry(7)))
    assert told(written) == [(UNSEALED, 7, 7)]
    add(written)
    assert told(written) == [(UNSEALED, 7, 7)]


def test_an_entry_sealed_with_a_made_up_key_shows(written):
    last = checkpoint(written)
    entry = forged_entry(7)
    entry["mac"] = audit.seal(b"x" * 32, last.mac, entry)
    with written.begin() as connection:
        connection.execute(insert(trail).values(entry))
        installation.put(connection, audit.HEAD, str(Checkpoint(7, 7, entry["mac"])))
    assert told(written) == [(f"{OTHER_KEY} ({audit.key_id(b'x' * 32)})", 7, 7)]


def test_a_trail_stripped_of_all_seals_proves_nothing(written):
    forge(written, update(trail).values(mac=None), text("DELETE FROM installation"))
    (doubt,) = told(written)
    assert doubt.startswith("none of 6 entries is sealed")


def test_seals_taken_off_the_first_entries_show_where_the_next_rests_on_them(written):
    forge(written, update(trail).where(trail.c.seq < 3).values(mac=None))
    assert told(written, checkpoints=[checkpoint(written)]) == [(CHANGED, 3, 3)]


def test_entries_from_before_the_key_are_covered_by_the_first_seal(engine):
    add(engine, 3)
    assert not verified(engine).is_sound
    audit.use_key(engine, lambda: KEY)
    add(engine, 2)
    kept = checkpoint(engine)
    verdict = verified(engine, checkpoints=[kept])
    assert verdict.is_sound
    assert (verdict.entries, verdict.sealed) == (5, 2)
    forge(engine, update(trail).where(trail.c.seq == 2).values(actor="operator:other"))
    assert told(engine, checkpoints=[kept]) == [(CHANGED, 4, 4)]


def test_a_trail_stripped_of_its_seals_and_changed_shows_also_after_the_next_entry(written):
    mailed = checkpoint(written)
    forge(
        written,
        update(trail).values(mac=None),
        update(trail).where(trail.c.seq == 2).values(actor="account:innocent"),
        delete(trail).where(trail.c.seq == 4),
        text("DELETE FROM installation"),
    )
    add(written)
    (doubt,) = told(written)
    assert doubt.startswith("entries before entry 7 have no seal of their own")
    assert told(written, checkpoints=[mailed])[0] == (
        "entry 6 is not the one of the checkpoint: the trail was written anew"
    )
    assert told(written, checkpoints=[mailed])[1] == doubt, "a checkpoint that does not fit proves nothing"


@pytest.mark.parametrize("is_disabled", [False, True])
def test_a_trail_begun_anew_shows_by_the_accounts_of_which_it_knows_nothing(keyed, is_disabled):
    with keyed.begin() as connection:
        li = Account(id="li.ming", name="李明", role=Role.OPERATOR, created_at=NOW)
        accounts.add(connection, li, "correct horse battery", actor="test")
        assert not is_disabled or accounts.disable(connection, "li.ming", at=NOW, actor="test")
    add(keyed, ENTRIES)
    assert told(keyed) == []
    forge(keyed, delete(trail), text("DELETE FROM installation"))
    (doubt,) = told(keyed)
    assert doubt.startswith("no entry tells who added the account li.ming")
    add(keyed, ENTRIES)
    assert told(keyed) == [doubt]


def test_an_account_put_in_by_hand_shows_beside_one_that_was_added(keyed):
    known = Account(id="li.ming", name="李明", role=Role.OPERATOR, created_at=NOW)
    with keyed.begin() as connection:
        accounts.add(connection, known, "correct horse battery", actor="test")
        kept = connection.execute(select(schema_service.accounts)).mappings().one()
        connection.execute(insert(schema_service.accounts).values({**kept, "id": "mallory"}))
    (doubt,) = told(keyed)
    assert doubt.startswith("no entry tells who added the account mallory:")


def test_a_key_may_be_changed_and_the_old_one_still_verifies(written):
    new = b"n" * 32
    audit.use_key(written, lambda: new)
    add(written, 2)
    assert told(written, keys=(KEY, new)) == []
    assert told(written, keys=(new,)) == [(f"{OTHER_KEY} ({audit.key_id(KEY)})", 1, ENTRIES)]


def test_an_entry_that_is_rolled_back_leaves_no_gap(written):
    with written.connect() as connection:
        audit.append(connection, at=NOW, actor="a", action="b", subject="c")
        connection.rollback()
    add(written)
    assert told(written) == []
    assert checkpoint(written).seq == ENTRIES + 1


def test_entries_added_at_once_make_one_chain(keyed):
    threads = [threading.Thread(target=lambda: [add(keyed) for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verdict = verified(keyed)
    assert verdict.is_sound
    assert verdict.sealed == 20


def test_the_days_checkpoint_goes_to_two_people_and_shows_what_the_head_hides(keyed):
    office = Installation(keyed, start=date(2026, 3, 30))
    keepers = ["first@example.cn", "second@example.cn"]
    office.services.settings = office.services.settings.model_copy(update={"operator_email": ", ".join(keepers)})
    add(keyed, ENTRIES)
    office.clock.instant = at("03-31 09:20")
    assert watch(office.services, office.desks) is not None
    assert watch(office.services, office.desks) is None  # once a day
    office.send_due()
    letters = office.sandbox("email")
    assert [letter.address for letter in letters] == keepers

    set_head_back_to(keyed, 4)
    forge(keyed, delete(trail).where(trail.c.seq > 4))
    assert told(keyed) == []
    for letter in letters:
        (doubt,) = told(keyed, checkpoints=[Checkpoint.parse(letter.body)])
        assert doubt == "entry 6 of the checkpoint is not there: the trail was cut off before it"


@pytest.mark.parametrize(("keepers", "is_well"), [("", False), ("a@b.cn", False), ("a@b.cn,c@d.cn", True)])
def test_doctor_asks_for_two_keepers_of_the_checkpoint(connection, keepers, is_well):
    settings = load_settings({"DUBAN_EMAIL": "smtp", "DUBAN_OPERATOR_EMAIL": keepers}, sends=False)
    services = SimpleNamespace(settings=settings)
    assert _trail(connection, services).well is is_well


@pytest.mark.parametrize(
    ("keys", "strange"), [((KEY,), []), ((b"x" * 32,), [KEY]), ((b"x" * 32, KEY), []), ((), [KEY])]
)
def test_doctor_and_restore_say_that_entries_are_sealed_with_a_key_that_is_not_here(written, keys, strange):
    settings = load_settings({"DUBAN_AUDIT_KEY": " ".join(key.decode() for key in keys) or "y" * 32}, sends=False)
    services = SimpleNamespace(settings=settings)
    with reading(written) as connection:
        assert audit.strange_keys(connection, keys) == [audit.key_id(key) for key in strange]
        seen = _trail(connection, services)
    assert seen.well is not bool(strange)
    assert (audit.key_id(KEY) in seen.text) is bool(strange)


def test_a_key_that_is_not_here_is_looked_for_among_the_newest_entries(written):
    new = b"n" * 32
    audit.use_key(written, lambda: new)
    add(written, 2)
    with reading(written) as connection:
        assert audit.strange_keys(connection, [KEY], among=2) == [audit.key_id(new)]
        assert audit.strange_keys(connection, [new], among=2) == []


def test_a_finding_names_its_entries():
    assert str(Finding(GONE, 2, 2)) == "entry 2: gone: removed from the trail"
    assert str(Finding(GONE, 2, 4)) == "entries 2 to 4: gone: removed from the trail"


@pytest.mark.parametrize("words", ["", "duban-audit:1:1", "duban-audit:1:1:abc"])
def test_words_without_a_checkpoint_give_none(words):
    assert Checkpoint.parse(words) is None
