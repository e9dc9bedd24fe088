"""What does each command say and do, as an operator types it?

Exit status: 0 done, 1 a finding, 2 bad input or usage, 3 a service out of reach.
"""

import errno
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from daemon import doctor
from daemon.cli import main
from daemon.commands import options
from daemon.saying import MENDS, explained
from intake.values import WANTED_INSTANT
from store.engine import make_engine
from tests.daemon.conftest import ACKNOWLEDGED, LATE

DUBAN = Path(sys.executable).with_name("duban")
MARCH = ("--from", "2026-03-01", "--to", "2026-03-30")
HANDLE = "petition:P1:handle:1"
NO_TIME = f"is not a time; {WANTED_INSTANT}"


@pytest.fixture
def faulty(tmp_path):
    """A record with two faults, in two tables."""
    folder = tmp_path / "faulty"
    shutil.copytree(LATE, folder)
    _edit(folder / "visits.csv", "grid,G1,", "grid,G11,")
    _edit(folder / "seats.csv", "2026-04-29", "2025-04-29")
    return folder


def _edit(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def one_line(text):
    """The text, if it is one line."""
    assert text.endswith("\n")
    assert text.count("\n") == 1, text
    return text.strip()


def rows(file, question):
    with sqlite3.connect(file) as connection:
        found = connection.execute(question).fetchall()
    connection.close()
    return found


def change(file, statement, *values):
    with sqlite3.connect(file) as connection:
        connection.execute(statement, values)
    connection.close()


# The command line as such -----------------------------------------------------------------


def test_help_lists_every_command_with_a_sentence():
    done = subprocess.run([DUBAN, "--help"], capture_output=True, text=True, check=True)
    listed = dict(re.findall(r"^  (\w+) +(\S.*)$", done.stdout.split("Commands:")[1], re.MULTILINE))
    assert list(listed) == list(main.commands)
    assert {"up", "init", "import", "check", "export", "simulate", "explain", "status", "doctor"} <= set(listed)
    assert {"notices", "matters", "retry", "hold", "release"} <= set(listed)
    assert all(listed.values())


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_has_help(duban, command):
    told = duban(command, "--help")
    assert told.status == 0
    assert told.out.startswith(f"Usage: main {command}")


def test_an_unknown_command_is_wrong_usage(duban):
    told = duban("frobnicate")
    assert told.status == 2
    assert one_line(told.err) == "duban: No such command 'frobnicate'; see main --help"


def test_a_reader_that_has_seen_enough_is_no_error():
    assert explained(BrokenPipeError(errno.EPIPE, "Broken pipe")) == ("", 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--frobnicate"], "No such option '--frobnicate'; see main --help"),
        (["import"], "Missing argument 'PATH'; see main import --help"),
        (["import", "nowhere"], "Invalid value for 'PATH': Path 'nowhere' does not exist; see main import --help"),
        (["simulate", "."], "Missing option '--from'; see main simulate --help"),
        (["explain", HANDLE, "--at", "x"], f"Invalid value for '--at': 'x' {NO_TIME}; see main explain --help"),
        (["retry", "many"], "Invalid value for 'NOTICE': 'many' is not a valid integer range; see main retry --help"),
        (["retry"], "want the number of a NOTICE, or --message and a message's number; see main retry --help"),
        (
            ["retry", "1", "--message", "1"],
            "want the number of a NOTICE, or --message and a message's number; see main retry --help",
        ),
        (["report", "month"], "Missing argument 'MONTH'; see main report month --help"),
    ],
)
def test_wrong_usage_is_one_line_with_where_to_look(duban, words, said):
    told = duban(*words)
    assert (told.status, told.out) == (2, "")
    assert one_line(told.err) == f"duban: {said}"


# The record -------------------------------------------------------------------------------


def test_a_good_record_has_no_faults(duban):
    told = duban("check", ACKNOWLEDGED)
    assert (told.status, told.out, told.err) == (0, "no faults\n", "")


def test_a_bad_record_is_told_fault_by_fault(duban, faulty):
    told = duban("check", faulty)
    assert told.status == 2
    assert told.err == ""
    *faults, last = told.out.splitlines()
    assert last == "2 faults"
    assert sorted(fault.partition(":")[0] for fault in faults) == [
        "seats.csv, row 2, column to",
        "visits.csv, row 3, column place",
    ]
    assert "'G11' is not a grid; did you mean 'G1'?" in told.out


def test_faults_can_be_read_by_a_program(duban, faulty):
    told = duban("check", faulty, "--json")
    assert told.status == 2
    assert {(f["table"], f["row"], f["column"], f["value"]) for f in told.facts["faults"]} == {
        ("seats", 2, "to", "2025-04-29"),
        ("visits", 3, "place", "G11"),
    }


def test_a_check_needs_no_database_and_makes_none(duban, database):
    duban("check", ACKNOWLEDGED)
    assert not database.exists()


def test_a_path_that_is_not_there_is_named(duban, tmp_path):
    told = duban("check", tmp_path / "nowhere")
    assert told.status == 2
    assert "nowhere' does not exist" in told.err


@pytest.mark.parametrize("name", ["empty", "letter.txt"])
def test_what_is_no_record_is_a_fault(duban, tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "letter.txt").write_text("hello", encoding="utf-8")
    told = duban("check", tmp_path / name)
    assert told.status == 2
    assert told.out.endswith("\n1 fault\n")


def test_init_twice_is_once(duban, database):
    first, second = duban("init"), duban("init")
    assert first.status == second.status == 0
    assert first.out == second.out
    assert one_line(first.out) == (
        f"sqlite:///{database} is ready; it counts as taken into use from the clock's first start on"
    )


def test_the_day_of_use_is_told_once_it_is_known(duban, imported, monkeypatch):
    assert "· not taken into use yet ·" in duban("status").out
    assert duban("status", "--json").facts["taken_into_use"] is None
    monkeypatch.setenv("DUBAN_POLICY__START_ON", "2026-03-01")
    assert one_line(duban("init").out).endswith("is ready; taken into use on 2026-03-01")
    assert "· taken into use 2026-03-01 ·" in duban("status").out


def test_an_import_again_changes_nothing(duban):
    assert one_line(duban("import", LATE).out) == "29 rows added, 0 changed, 0 the same"
    assert one_line(duban("import", LATE).out) == "0 rows added, 0 changed, 29 the same"
    facts = duban("import", LATE, "--json").facts
    assert (facts["added"], facts["changed"], facts["same"], facts["refused"]) == (0, 0, 29, 0)


def test_a_changed_row_is_updated(duban, tmp_path):
    duban("import", LATE)
    shutil.copytree(LATE, tmp_path / "mended")
    _edit(tmp_path / "mended" / "deputies.csv", "13811110001", "13811110009")
    assert one_line(duban("import", tmp_path / "mended").out) == "0 rows added, 1 changed, 28 the same"


def test_a_bad_import_writes_nothing(duban, database, faulty):
    told = duban("import", faulty)
    assert told.status == 2
    assert len(told.out.splitlines()) == 2
    assert one_line(told.err) == "duban: 2 faults; nothing was written. Mend the rows, or see --skip-bad"
    assert rows(database, "select count(*) from offices") == [(0,)]


def test_skip_bad_writes_the_good_rows_and_saves_the_others_with_why(duban, database, faulty, tmp_path):
    told = duban("import", faulty, "--skip-bad", tmp_path / "refused")
    assert told.status == 0
    # Without its seat no row is wrong: visits belong to deputies.
    assert "27 rows added, 0 changed, 0 the same" in told.out
    assert f"2 rows refused; they are in {tmp_path / 'refused'} with a column why" in told.out
    assert rows(database, "select id from visits") == [("V1",)]
    heading, row = (tmp_path / "refused" / "visits.csv").read_text(encoding="utf-8").splitlines()
    assert heading.endswith(",why")
    assert row.startswith("V2,DA,2026-04-20,grid,G11,")
    assert "did you mean 'G1'?" in row


@pytest.mark.parametrize("before", [True, False], ids=["before the path", "after the path"])
def test_without_a_folder_skip_bad_saves_beside_the_record(duban, faulty, before):
    told = duban("import", *(["--skip-bad", faulty] if before else [faulty, "--skip-bad"]))
    assert told.status == 0
    refused = faulty.with_name(f"{faulty.name}-refused")
    assert f"2 rows refused; they are in {refused} with a column why" in told.out
    assert sorted(file.name for file in refused.iterdir()) == ["seats.csv", "visits.csv"]


@pytest.mark.parametrize("words", [["--skip-bad"], ["--skip-bad", "nowhere"]])
def test_skip_bad_without_a_record_is_wrong_usage(duban, words):
    told = duban("import", *words)
    assert told.status == 2
    assert one_line(told.err).endswith("; see main import --help")


@pytest.mark.parametrize("language", [[], ["--chinese"]], ids=["english", "chinese"])
def test_export_and_import_are_inverse(duban, imported, tmp_path, monkeypatch, language):
    assert duban("export", tmp_path / "first", *language).status == 0
    monkeypatch.setenv("DUBAN_DATABASE_URL", f"sqlite:///{tmp_path / 'second.db'}")
    assert one_line(duban("import", tmp_path / "first").out) == "32 rows added, 0 changed, 0 the same"
    duban("export", tmp_path / "second", *language)
    first, second = ({f.name: f.read_bytes() for f in (tmp_path / n).iterdir()} for n in ("first", "second"))
    assert len(first) == 13
    assert first == second


# Looking ahead ----------------------------------------------------------------------------


def lines(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("case", [ACKNOWLEDGED, LATE], ids=lambda case: case.name)
def test_simulate_writes_what_the_case_expects(duban, tmp_path, case):
    args = (case / "args.txt").read_text(encoding="utf-8").split()
    out = tmp_path / "out"
    told = duban("simulate", case, *args, "--out", out)
    assert told.status == 0
    assert told.out.splitlines()[-1] == f"  details: {out / 'summary.html'}"
    wanted = lines(case / "expected.jsonl")
    got = lines(out / "notices.jsonl")
    assert all(line.pop("text") for line in got)
    assert got == wanted
    if (case / "expected_matters.jsonl").exists():
        assert lines(out / "matters.jsonl") == lines(case / "expected_matters.jsonl")
    assert {"digests.jsonl", "summary.json", "summary.html"} <= {file.name for file in out.iterdir()}


def test_the_summary_says_the_same_on_the_screen_as_json_and_in_its_file(duban, tmp_path):
    out = tmp_path / "out"
    facts = duban("simulate", ACKNOWLEDGED, *MARCH, "--out", out, "--json").facts
    assert facts == json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert facts["messages"] == {"sms": 8, "email": 7}
    assert facts["notices"] == {"sent": 15}
    told = duban("simulate", ACKNOWLEDGED, *MARCH, "--out", out)
    assert "15 notices, 25 digests" in told.out
    assert "8 SMS (8 segments, 0.40 yuan), 7 e-mails" in told.out


def test_the_summary_page_needs_nothing_from_elsewhere(duban, tmp_path):
    duban("simulate", ACKNOWLEDGED, *MARCH, "--out", tmp_path)
    page = (tmp_path / "summary.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert not re.findall(r"https?:|//\w|<script[^>]+src|<link|@import|url\(", page)


def test_simulate_touches_no_database(duban, database, tmp_path):
    duban("simulate", ACKNOWLEDGED, *MARCH, "--out", tmp_path / "out")
    assert not database.exists()


@pytest.mark.parametrize(
    ("assignments", "climbs"),
    [
        ([], {"2026-03-16", "2026-03-24", "2026-03-27"}),
        (["petition.climb=[1]"], {"2026-03-12"}),
        (["petition.climb=[]"], set()),
        (["hold_days=1"], {"2026-03-16", "2026-03-20", "2026-03-27"}),
    ],
    ids=["as it is", "one climb", "no climb", "a short hold"],
)
def test_set_changes_the_policy(duban, tmp_path, assignments, climbs):
    words = [word for assignment in assignments for word in ("--set", assignment)]
    assert duban("simulate", ACKNOWLEDGED, *MARCH, "--out", tmp_path, *words).status == 0
    told = lines(tmp_path / "notices.jsonl")
    assert {line["at"][:10] for line in told if line["rung"].startswith("climb")} == climbs


@pytest.mark.parametrize("prefix", ["", "duty."])
def test_the_duty_can_be_set_without_its_prefix(duban, tmp_path, prefix):
    words = [word for pair in ("period=rolling", "arrivals=either", "place=any") for word in ("--set", prefix + pair)]
    assert duban("simulate", LATE, *MARCH, "--out", tmp_path, *words).status == 0
    visits = [(line["matter"], line["status"]) for line in lines(tmp_path / "matters.jsonl")]
    assert visits == [("visit:S1:2026-03-01", "met"), ("visit:S1:2026-03-05", "open")]


def test_a_policy_file_is_laid_over_the_defaults_and_set_over_the_file(duban, tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text('notify_at = "10:00"\n[petition]\nclimb = [1]\n', encoding="utf-8")
    duban("simulate", ACKNOWLEDGED, *MARCH, "--out", tmp_path, "--policy", policy, "--set", "notify_at=11:00")
    climbs = {line["at"] for line in lines(tmp_path / "notices.jsonl") if line["rung"].startswith("climb")}
    assert climbs == {"2026-03-12T11:00:00+08:00"}


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("duty.perid=rolling", "duty.perid is not a setting; did you mean duty.period?"),
        ("perid=rolling", "perid is not a setting; did you mean duty.period?"),
        ("petition.days.asign=4", "petition.days.asign is not a setting; did you mean petition.days.assign?"),
        ("climb=[3]", "climb is not a setting alone: it may be duty.climb or petition.climb or "),
        ("period=daily", "duty.period='daily': Input should be 'calendar' or 'rolling'"),
        ("period", "want KEY=VALUE, such as duty.period=rolling"),
    ],
)
def test_a_wrong_set_is_refused_with_what_is_admitted(duban, tmp_path, assignment, said):
    told = duban("simulate", ACKNOWLEDGED, *MARCH, "--out", tmp_path / "out", "--set", assignment)
    assert told.status == 2
    assert said in told.err
    assert told.out == ""
    assert not (tmp_path / "out").exists()


def test_to_before_from_is_refused(duban, tmp_path):
    told = duban("simulate", ACKNOWLEDGED, "--from", "2026-03-30", "--to", "2026-03-01", "--out", tmp_path / "out")
    assert told.status == 2
    assert one_line(told.err) == "duban: --to 2026-03-01 is before --from 2026-03-30"


def test_one_day_can_be_simulated(duban, tmp_path):
    words = ("--from", "2026-03-12", "--to", "2026-03-12", "--out", tmp_path)
    assert duban("simulate", ACKNOWLEDGED, *words).status == 0
    assert {line["rung"] for line in lines(tmp_path / "notices.jsonl")} == {"overdue"}


def test_a_bad_record_is_not_simulated(duban, faulty, tmp_path):
    told = duban("simulate", faulty, *MARCH, "--out", tmp_path / "out")
    assert told.status == 2
    *faults, last = told.err.splitlines()
    assert len(faults) == 2
    assert last == f"duban: 2 faults in {faulty}; nothing was simulated"


# One matter -------------------------------------------------------------------------------


def test_explain_tells_the_facts_the_reckoning_and_the_rungs(duban, run_to):
    run_to("2026-03-20T12:00:00+08:00")
    told = duban("explain", HANDLE)
    assert told.status == 0
    said = told.out.splitlines()
    assert said[0] == f"{HANDLE} · overdue · as of 2026-03-20 12:00"
    assert "  responsible  office:D1; climbs to T1, MUN, DIR" in said
    assert any("2026-03-11: 7 workdays after 2026-03-02: 3, 4, 5, 6, 9, 10, 11 March" in line for line in said)
    assert "  held         by MUN until 2026-03-24 (due date 2026-03-11)" in said
    rungs = {line.split()[1]: line for line in said[said.index("  rungs") + 1 :]}
    assert "sent 2026-03-12 09:00" in rungs["overdue"]
    assert "contact:CX sms" in rungs["overdue"]
    assert "sent 2026-03-16 09:00" in rungs["climb-1"]
    assert "to come, held until 2026-03-24" in rungs["climb-2"]
    assert "contact:CM" in rungs["climb-2"]
    assert "2026-03-27" in rungs["climb-3"]


def test_explain_at_an_instant_knows_what_was_known_then(duban, run_to):
    run_to("2026-03-30T12:00:00+08:00")
    then = duban("explain", HANDLE, "--at", "2026-03-18", "--json").facts
    for written in ("2026-03-17T16:00:00Z", "2026-03-18T00:00:00.000000+08:00", "2026/3/18 0:00"):
        assert duban("explain", HANDLE, "--at", written, "--json").facts == then
    now = duban("explain", HANDLE, "--json").facts
    assert (then["status"], now["status"]) == ("overdue", "settled")
    assert then["at"] == "2026-03-18T00:00:00+08:00"
    assert then["holds"] == []
    assert [rung["state"] for rung in then["rungs"] if rung["rung"] == "climb-2"] == ["to come"]
    assert now["settled"] == "2026-03-30"
    assert now["holds"] == [{"office": "MUN", "due": "2026-03-11", "until": "2026-03-24"}]


@pytest.mark.parametrize(
    ("arrivals", "at", "facts"),
    [
        ("both", "2026-03-04", ["2026-03-01 00:00  opened (period), due 2026-03-31"]),
        (
            "both",
            "2026-03-31T12:00",
            ["2026-03-01 00:00  opened (period), due 2026-03-31", "2026-03-05 00:00  arrivals: station"],
        ),
        pytest.param(
            "either",
            "2026-03-31T12:00",
            [
                "2026-03-01 00:00  opened (period), due 2026-03-31",
                "2026-03-05 00:00  met 2026-03-05; arrivals: station",
            ],
            id="met by the first fact of the period",
        ),
    ],
)
def test_a_period_opens_on_its_first_day_whenever_it_is_asked_about(duban, monkeypatch, arrivals, at, facts):
    duban("import", LATE)
    monkeypatch.setenv("DUBAN_POLICY__DUTY__ARRIVALS", arrivals)
    said = duban("explain", "visit:S1:2026-03", "--at", at).out.splitlines()
    assert [line.strip() for line in said[said.index("  facts") + 1 : said.index("  rungs")]] == facts


def test_explain_before_the_matter_opened_says_what_there_was(duban, run_to):
    run_to("2026-03-20T12:00:00+08:00")
    told = duban("explain", HANDLE, "--at", "2026-03-02T09:10")
    assert told.status == 2
    assert "it has petition:P1:assign:1" in one_line(told.err)


@pytest.mark.parametrize(
    "matter", ["petition:P9:handle:1", "petition:P1:handle:2", "visit:S1:2026-03", "nonsense", "a:b:c"]
)
def test_explain_of_an_unknown_matter_says_so_in_one_line(duban, imported, matter):
    told = duban("explain", matter)
    assert told.status == 2
    assert told.out == ""
    assert one_line(told.err).startswith("duban: ")


# Looking around ---------------------------------------------------------------------------


def test_status_counts_what_there_is(duban, run_to):
    run_to("2026-03-20T12:00:00+08:00")
    facts = duban("status", "--json").facts
    assert facts["matters"] == {"petition": {"overdue": 1, "settled": 2}}
    assert facts["notices"] == {"sent": {"bundled": 7}}
    # Those of 12 and 16 March are an SMS and an e-mail each; the others of the 20 are digests.
    assert set(facts["messages"]) == {"accepted"}
    assert facts["towns"]["桃源镇人大主席团"] == {"due_soon": 0, "overdue": 1}
    assert facts["taken_into_use"] == "2026-03-01"
    assert facts["held"] is False
    said = duban("status").out
    assert "overdue 1" in said
    assert "桃源镇人大主席团" in said


def test_after_an_import_it_is_said_that_nothing_is_reckoned_before_the_clock_runs(duban, imported):
    assert duban("status", "--json").facts["not_reckoned"] > 0
    assert "not reckoned yet: the clock does that" in duban("status").out
    told = duban("matters", "--json")
    assert (told.status, told.facts) == (0, [])
    assert one_line(told.err).startswith("nothing is reckoned yet")


def test_it_is_not_said_where_all_is_reckoned(duban, run_to):
    run_to("2026-03-20T12:00:00+08:00")
    assert duban("status", "--json").facts["not_reckoned"] == 0
    assert "not reckoned" not in duban("status").out
    assert duban("matters", "--status", "late").err == ""


def test_notices_are_listed_the_newest_first_and_can_be_chosen(duban, run_to):
    run_to("2026-03-20T12:00:00+08:00")
    facts = duban("notices", "--json").facts
    assert len(facts) == 7
    assert [f["at"] for f in facts] == sorted((f["at"] for f in facts), reverse=True)
    assert {f["message_state"] for f in facts} == {"accepted"}
    assert {f["rung"] for f in duban("notices", "--to", "contact:CT", "--json").facts} == {"climb-1", "event-assign"}
    assert len(duban("notices", "--limit", "2", "--json").facts) == 2
    assert len(duban("notices").out.splitlines()) == 7
    for none in (["--failed"], ["--undeliverable"], ["--matter", "visit:S1:2026-03"], ["--state", "superseded"]):
        assert duban("notices", *none, "--json").facts == []


def test_people_are_told_that_a_list_is_cut_and_programs_get_all(duban, run_to, monkeypatch):
    run_to("2026-03-20T12:00:00+08:00")
    monkeypatch.setattr(options, "FOR_PEOPLE", 3)
    for command, count in (("notices", 7), ("matters", 3)):
        told = duban(command)
        assert len(told.out.splitlines()) == 3
        assert told.err == ("the first 3; there are more: see --limit, or --json for all\n" if count > 3 else "")
        assert len(duban(command, "--json").facts) == count
        assert duban(command, "--limit", "2").err == ""


def test_the_notices_of_the_database_are_those_of_the_simulation(duban, run_to):
    run_to("2026-03-30T23:59:00+08:00")
    keys = ("at", "matter", "rung", "due", "to", "office", "channel", "rerouted")
    got = [tuple(line[key] for key in keys) for line in duban("notices", "--json").facts]
    wanted = [tuple(line[key] for key in keys) for line in lines(ACKNOWLEDGED / "expected.jsonl")]
    assert sorted(got, key=str) == sorted(wanted, key=str)


def test_matters_are_listed_by_their_due_date_and_can_be_chosen(duban, run_to):
    run_to("2026-03-20T12:00:00+08:00")
    facts = duban("matters", "--json").facts
    assert [f["matter"].split(":")[2] for f in facts] == ["accept", "assign", "handle"]
    (overdue,) = duban("matters", "--status", "overdue", "--json").facts
    assert overdue["matter"] == HANDLE
    assert overdue["due"] == "2026-03-11"
    assert overdue["next_rung_at"] == "2026-03-24T09:00:00+08:00"
    assert duban("matters", "--kind", "visit", "--json").facts == []
    assert duban("matters", "--town", "T2", "--json").facts == []
    assert len(duban("matters", "--subject", "P1", "--town", "T1", "--json").facts) == 3
    assert HANDLE in duban("matters", "--status", "overdue").out


def test_check_goes_only_with_rebuild(duban, imported):
    assert one_line(duban("matters", "--check").err) == "duban: --check goes with --rebuild"


def test_matters_that_equal_a_fresh_reckoning_are_no_finding(duban, run_to):
    run_to("2026-03-20T12:00:00+08:00")
    told = duban("matters", "--rebuild", "--check")
    assert (told.status, told.out) == (0, "no matters differ from a fresh reckoning\n")


def test_a_matter_that_somebody_changed_by_hand_is_a_finding(duban, imported, run_to):
    run_to("2026-03-20T12:00:00+08:00")
    change(imported, "update matters set due = '2026-03-13' where id = ?", HANDLE)
    told = duban("matters", "--rebuild", "--check")
    assert told.status == 1
    assert told.out.splitlines() == [
        f"{HANDLE}: due is 2026-03-13, reckoned 2026-03-11",
        "1 matter differs from a fresh reckoning",
    ]
    assert duban("matters", "--subject", "P1", "--status", "overdue", "--json").facts[0]["due"] == "2026-03-13"


def test_a_rebuild_mends_what_somebody_changed_by_hand(duban, imported, run_to):
    run_to("2026-03-20T12:00:00+08:00")
    change(imported, "update matters set due = '2026-03-13' where id = ?", HANDLE)
    assert duban("matters", "--rebuild").status == 0
    assert duban("matters", "--rebuild", "--check").status == 0


def test_what_was_adopted_is_shown_as_it_is_typed(duban, run_to):
    run_to("2026-03-20T12:00:00+08:00")
    changes = ("--set", "duty.town.reminders=[5]", "--set", "sms_per_day=2")
    assert duban("policy", "adopt", *changes, "--begins", "2026-04-01", "--reason", "试行").status == 0
    last = duban("policy", "show").out.splitlines()[-1]
    assert last.startswith("from 2026-04-01: duty.town.reminders = [5], sms_per_day = 2 (试行, operator:")


# Is all well? -----------------------------------------------------------------------------

CHECKS = [
    "config",
    "database",
    "schema",
    "matters",
    "broker",
    "gateways",
    "templates",
    "calendar",
    "clock",
    "outbox",
    "trail",
    "coverage",
]


def _cover(file):
    """Give every grid of the record a seat."""
    change(
        file,
        "insert into seats (id, deputy, level, town, station, grid, begins) values "
        "('S1','DA','town','T1','ST1','G1','2026-03-01'), ('S2','DB','town','T1','ST1','G2','2026-03-01'), "
        "('S9','DC','town','T2','ST9','G9','2026-03-01')",
    )


def test_doctor_finds_nothing_where_all_is_well(duban, imported, run_to):
    _cover(imported)
    change(imported, "update deputies set mobile = '13811110004' where id = 'DN'")
    run_to("2026-03-20T12:00:00+08:00")
    told = duban("doctor", "--json")
    assert [symptom["check"] for symptom in told.facts] == CHECKS
    assert [symptom for symptom in told.facts if not symptom["well"]] == []
    assert told.status == 0
    assert all(line.startswith("ok ") for line in duban("doctor").out.splitlines())


def test_doctor_names_what_is_not_well(duban, imported, run_to):
    run_to("2026-03-20T12:00:00+08:00")
    change(imported, "update matters set due = '2026-03-13' where id = ?", HANDLE)
    duban("hold")
    told = duban("doctor", "--json")
    assert told.status == 1
    ill = {symptom["check"]: symptom["text"] for symptom in told.facts if not symptom["well"]}
    assert set(ill) == {"matters", "outbox", "coverage"}
    assert "duban matters --rebuild" in ill["matters"]
    assert "duban release" in ill["outbox"]
    assert "grid-without-deputy" in ill["coverage"]


def test_doctor_says_where_all_gaps_are_that_it_leaves_out(duban, run_to, monkeypatch):
    run_to("2026-03-20T12:00:00+08:00")
    monkeypatch.setattr(doctor, "SHOWN", 1)
    (coverage,) = [line for line in duban("doctor").out.splitlines() if " coverage " in line]
    assert re.search(r" and [1-9] more; all are in duban report month 2026-03$", coverage)


def test_doctor_asks_for_the_schema(duban):
    told = duban("doctor")
    assert told.status == 3
    assert "run duban init" in one_line(told.err)


def test_doctor_says_that_the_database_is_out_of_reach(duban, monkeypatch):
    monkeypatch.setenv("DUBAN_DATABASE_URL", "postgresql://127.0.0.1:1/x")
    told = duban("doctor")
    assert told.status == 3
    assert "Connection refused" in one_line(told.err)


# Levers -----------------------------------------------------------------------------------


def test_an_unknown_notice_cannot_be_tried_again(duban, imported):
    told = duban("retry", "999")
    assert told.status == 2
    assert one_line(told.err) == "duban: there is no notice 999; see duban notices"


def test_what_has_left_is_not_sent_again(duban, imported, run_to):
    run_to("2026-03-20T12:00:00+08:00")
    (number,) = {f["id"] for f in duban("notices", "--json").facts if f["rung"] == "remind-2"}
    told = duban("retry", number)
    assert told.status == 2
    assert "nothing to try again" in one_line(told.err)


def test_what_failed_is_due_again_after_retry(duban, imported, run_to):
    run_to("2026-03-20T12:00:00+08:00")
    (notice,) = (f for f in duban("notices", "--json").facts if f["rung"] == "remind-2")
    change(imported, "update messages set state = 'failed', reason = '30003' where id = ?", notice["message"])
    assert [f["id"] for f in duban("notices", "--failed", "--json").facts] == [notice["id"]]
    assert "failed 1" in duban("status").out
    told = duban("retry", notice["id"])
    assert (told.status, told.out) == (0, f"notice {notice['id']} will be tried once more\n")
    assert duban("status", "--json").facts["messages"]["due"] == 1


def test_a_retry_is_in_the_audit_trail(duban, imported, run_to):
    run_to("2026-03-20T12:00:00+08:00")
    (notice,) = (f for f in duban("notices", "--json").facts if f["rung"] == "remind-2")
    change(imported, "update messages set state = 'failed', reason = '30003' where id = ?", notice["message"])
    duban("retry", notice["id"])
    assert rows(imported, "select action, subject from audit where action = 'retry'") == [
        ("retry", f"notice:{notice['id']}")
    ]


def test_a_digest_that_failed_is_due_again_after_retry_of_its_message(duban, imported, run_to):
    run_to("2026-03-20T12:00:00+08:00")
    ((message,),) = rows(imported, "select min(id) from messages where kind = 'digest'")
    assert one_line(duban("retry", "--message", message).err) == (
        f"duban: no message {message} is failed, undeliverable or unknown; nothing to try again. See duban status"
    )
    change(imported, "update messages set state = 'failed', reason = '5.7.1' where id = ?", message)
    told = duban("retry", "--message", message)
    assert (told.status, told.out) == (0, f"message {message} will be tried once more\n")
    assert duban("status", "--json").facts["messages"]["due"] == 1
    assert rows(imported, "select action, subject from audit where action = 'retry'") == [
        ("retry", f"message:{message}")
    ]


def test_status_tells_what_nobody_has_dealt_with(duban, imported):
    put = "insert into findings (at, kind, subject, text, closed_at) values (?, 'test', ?, ?, ?)"
    then = "2026-03-20T00:00:00+00:00"
    change(imported, put, then, "1", "open", None)
    change(imported, put, then, "2", "dealt with", then)
    assert [finding["text"] for finding in duban("status", "--json").facts["findings"]] == ["open"]


def test_held_sending_is_shown_until_it_is_released(duban, imported):
    assert one_line(duban("hold").out) == "sending is held; no messages due"
    assert "SENDING IS HELD (duban release)" in duban("status").out
    assert duban("status", "--json").facts["held"] is True
    assert one_line(duban("release").out) == "sending is released; no messages due"
    assert "HELD" not in duban("status").out


def test_whoever_lets_go_what_the_system_held_reads_why(duban, imported):
    change(imported, "insert into installation (key, value) values ('held', ?)", "clock: it has jumped by 9 s")
    assert duban("hold").out.splitlines()[1:] == ["it was held already, clock: it has jumped by 9 s"]
    assert duban("release").out.splitlines()[1:] == ["it was held until now, clock: it has jumped by 9 s"]


# What cannot be reached, and what is set wrong --------------------------------------------

LOOKING = (["status"], ["notices"], ["matters"], ["explain", HANDLE], ["retry", "1"], ["hold"], ["export", "out"])


@pytest.mark.parametrize("words", LOOKING, ids=lambda words: words[0])
def test_without_a_schema_a_command_asks_for_init(duban, database, words):
    told = duban(*words)
    assert told.status == 3
    assert one_line(told.err).endswith("run duban init")
    assert not database.exists()


@pytest.mark.parametrize(
    "words", [["retry"], ["retry", "--message"], ["matters", "--limit"], ["notices", "--limit"]], ids=" ".join
)
@pytest.mark.parametrize("number", [2**63 - 1, 2**63])
def test_a_number_is_one_that_a_database_can_count_to(duban, imported, words, number):
    told = duban(*words, number)
    assert told.err.count("\n") <= 1
    assert ("is not in the range" in told.err) is (number == 2**63)
    assert told.status == (0 if "--limit" in words and number < 2**63 else 2)


@pytest.mark.parametrize(
    "words",
    [
        ["matters", "--town"],
        ["matters", "--subject"],
        ["notices", "--to"],
        ["explain"],
        ["policy", "adopt", "--set", "duty.town.reminders=[5]", "--reason"],
    ],
    ids=" ".join,
)
def test_bytes_that_are_no_utf_8_are_one_line(imported, words):
    done = subprocess.run([DUBAN, *words, b"petition:\xff:handle:1"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    said = one_line(done.stderr.decode())
    assert "\\xff" in said
    assert said.endswith(" is not UTF-8; type it again, in a terminal that is set to UTF-8")


@pytest.mark.parametrize("words", [["status"], ["hold"], ["init"]], ids=lambda words: words[0])
def test_a_damaged_database_is_not_sent_to_init(duban, database, words):
    database.write_bytes(b"something else altogether" * 100)
    told = duban(*words)
    assert told.status == 3
    assert one_line(told.err) == (
        "duban: the database: file is not a database; "
        "check DUBAN_DATABASE_URL; if that file is damaged, move it away and restore a backup"
    )


def test_a_database_that_may_not_be_written_is_not_sent_to_init():
    refused = sqlite3.OperationalError("attempt to write a readonly database")
    refused.sqlite_errorcode = sqlite3.SQLITE_READONLY_DBMOVED
    said, status = explained(OperationalError("UPDATE", {}, refused))
    assert status == 3
    assert said == (
        "the database: attempt to write a readonly database; "
        "mend the rights of the file that DUBAN_DATABASE_URL names, and of its folder"
    )


def test_the_codes_of_sqlite_are_those_that_it_gives():
    names = ("PERM", "BUSY", "READONLY", "IOERR", "CORRUPT", "FULL", "CANTOPEN", "NOTADB")
    assert set(MENDS) == {getattr(sqlite3, f"SQLITE_{name}") for name in names}


@pytest.mark.parametrize(
    ("statement", "mend"),
    [
        ("SELECT * FROM nowhere", "run duban init"),
        ("SET TRANSACTION READ ONLY; CREATE TABLE x ()", "takes no writes"),
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(5)", "try again later"),
        ("SET LOCAL ROLE pg_monitor; CREATE TABLE public.x ()", "the role that owns the tables"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "try again later"),
        ("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$", "make room"),
        ("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53000'; END $$", "run duban init"),
    ],
)
def test_what_postgresql_refuses_is_said_with_what_mends_it(postgres_url, statement, mend):
    engine = make_engine(postgres_url)
    with pytest.raises(DBAPIError) as refused, engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
    said, status = explained(refused.value)
    assert (status, said.startswith("the database: "), mend in said) == (3, True, True)


@pytest.mark.parametrize("words", [*LOOKING, ["init"], ["import", ACKNOWLEDGED]], ids=lambda words: words[0])
def test_a_database_out_of_reach_is_one_line(duban, monkeypatch, words):
    monkeypatch.setenv("DUBAN_DATABASE_URL", "postgresql://127.0.0.1:1/x")
    told = duban(*words)
    assert told.status == 3
    assert "Connection refused; check DUBAN_DATABASE_URL" in one_line(told.err)


def test_the_shell_sees_the_status_too(monkeypatch):
    monkeypatch.setenv("DUBAN_DATABASE_URL", "postgresql://127.0.0.1:1/x")
    done = subprocess.run([DUBAN, "status"], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stdout == ""
    assert one_line(done.stderr).startswith("duban: the database: ")


@pytest.mark.parametrize(
    ("variable", "value", "admitted"),
    [
        ("DUBAN_PORT", "many", "integer"),
        ("DUBAN_SMS", "twillio", "sandbox"),
        ("DUBAN_SIGNATURE", "人", "2 characters"),
        ("DUBAN_CLOCK", "yesterday", "2026-03-31T08:59:50+08:00"),
        ("DUBAN_POLICY__DUTY__ARRIVALS", "all", "'both' or 'either'"),
        ("DUBAN_POLICY__DUTY__ARIVALS", "both", "did you mean duty.arrivals?"),
    ],
)
@pytest.mark.parametrize("command", ["status", "init", "doctor"])
def test_a_wrong_setting_names_its_variable_and_what_is_admitted(
    duban, monkeypatch, command, variable, value, admitted
):
    monkeypatch.setenv(variable, value)
    told = duban(command)
    assert told.status == 2
    line = one_line(told.err)
    assert line.startswith("duban: 1 wrong setting: ")
    assert variable in line
    assert admitted in line


def test_all_wrong_settings_of_a_file_are_told_at_once(duban, monkeypatch, tmp_path):
    file = tmp_path / "duban.toml"
    file.write_text('prot = 9000\nsms = "pigeon"\n', encoding="utf-8")
    monkeypatch.setenv("DUBAN_CONFIG", str(file))
    told = duban("status")
    assert told.status == 2
    assert told.err.startswith("duban: 2 wrong settings:\n")
    assert "prot is not a setting; did you mean port?" in told.err
    assert "sms='pigeon'" in told.err


@pytest.mark.parametrize("words", [["hold"], ["retry", "1"], ["status"], ["doctor"]], ids=" ".join)
def test_a_clock_left_in_the_shell_is_no_clock_for_a_database_of_the_machines(duban, database, monkeypatch, words):
    """A lever would note what has not come, and a message would wait for it."""
    assert duban("init").status == 0
    with sqlite3.connect(database) as connection:
        connection.execute("INSERT INTO installation (key, value) VALUES ('clock', 'machine')")
    monkeypatch.setenv("DUBAN_CLOCK", "2027-03-01T09:00:00+08:00")
    told = duban(*words)
    assert told.status == 2
    assert one_line(told.err).endswith("unset DUBAN_CLOCK, or name a drill's database")


# What it prints on -----------------------------------------------------------------------------


@pytest.mark.usefixtures("imported")
def test_a_terminal_that_lacks_characters_is_shown_the_others():
    told = printed("status", PYTHONIOENCODING="gb2312")
    assert (told.returncode, told.stderr) == (0, b"")
    assert b" ? not taken into use yet ? " in told.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
@pytest.mark.usefixtures("imported")
def test_a_list_on_a_full_disk_ends_with_one_line():
    with Path("/dev/full").open("w") as full:
        told = printed("status", stdout=full)
    assert (told.returncode, told.stderr) == (
        2,
        b"duban: what is printed: No space left on device; make room on the disk\n",
    )


def printed(*words, stdout=subprocess.PIPE, **environ):
    command = [Path(sys.executable).with_name("duban"), *words]
    return subprocess.run(
        command, stdout=stdout, stderr=subprocess.PIPE, check=False, timeout=30, env=os.environ | environ
    )
