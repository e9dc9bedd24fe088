"""Do the pages say what the code does: its settings, words, tables, messages, commands?"""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import click
import pytest
from sqlalchemy import CheckConstraint

from config.calendars import load_calendar
from config.policies import KEYS, load_policy
from config.settings import VARIABLES
from daemon.cli import main
from intake.checking import check
from intake.columns import TABLES
from intake.values import Choice
from rules import coverage, derivations, digests, facts, matters, notices, petitions, policy
from rules.deliveries import NEXT
from rules.projects import STAGES
from store.schema import notices as notices_table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
SETTINGS, RECORD, GLOSSARY, LIFECYCLE = (DOCS / f"{n}.md" for n in ("settings", "record", "glossary", "lifecycle"))
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
WORDS = (coverage, derivations, digests, facts, matters, notices, petitions, policy)


def text_of(page):
    return page.read_text(encoding="utf-8")


def fences(page: Path) -> Iterator[tuple[str, str]]:
    for match in FENCE.finditer(text_of(page)):
        yield match["info"].strip(), match["body"]


def rows(page: Path) -> Iterator[list[str]]:
    for line in text_of(page).splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip()[1:-1].split("|")]


# Settings ---------------------------------------------------------------------------------


def defaults(name):
    return tomllib.loads((ROOT / "config" / name).read_text(encoding="utf-8"))


def default_of(tree, key):
    for part in key.split("."):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return "unset" if tree is None else json.dumps(tree, ensure_ascii=False)


@pytest.fixture(scope="module")
def settings():
    return {row[0].strip("`"): row for row in rows(SETTINGS) if row[0].startswith("`")}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_the_policy_is_described_with_its_default(settings, key):
    assert settings[key][1] == default_of(defaults("policy.toml"), key)


@pytest.mark.parametrize("key", VARIABLES)
def test_a_running_setting_is_described_with_its_variable_and_default(settings, key):
    assert settings[key][1] == f"`{VARIABLES[key]}`"
    assert settings[key][2] == default_of(defaults("duban.toml"), key)


def test_no_setting_is_described_that_there_is_not(settings):
    assert set(settings) == {*KEYS, *VARIABLES}


# Links and commands -----------------------------------------------------------------------


def anchors(page):
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page):
    for link in LINK.findall(text_of(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_of_the_house_that_a_page_names_is_there(page):
    for path in set(re.findall(r"`([a-z]+/[\w./-]+\.(?:py|toml|j2|md))`", text_of(page))):
        assert (ROOT / path).is_file(), path


def commands() -> list[str]:
    """Every line `$ duban …` of a console block, without its variables and comment."""
    found = []
    for page in PAGES:
        for info, body in fences(page):
            if info == "console":
                found += re.findall(r"^\$ (?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?duban\b(.*)$", body, re.MULTILINE)
    return found


@pytest.mark.parametrize("line", commands())
def test_an_example_names_a_command_and_options_that_there_are(line):
    words = shlex.split(line, comments=True)
    command: click.Command = main
    with click.Context(main) as ctx:
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            found = command.get_command(ctx, words[0])
            assert found is not None, f"duban has no command {words[0]}"
            command = found
            words.pop(0)
        options = {name for p in command.get_params(ctx) for name in (*p.opts, *p.secondary_opts)}
    given = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert given <= options


def test_there_are_examples_to_check():
    assert commands()


# Words ------------------------------------------------------------------------------------


def choices() -> Iterator[tuple[str, str]]:
    for module in WORDS:
        for name, found in vars(module).items():
            if isinstance(found, type) and issubclass(found, StrEnum) and found.__module__ == module.__name__:
                yield from ((name, member.value) for member in found)


@pytest.mark.parametrize(("kind", "word"), sorted(set(choices())))
def test_a_word_of_the_rules_is_in_the_glossary(kind, word):
    assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text_of(GLOSSARY)), f"{kind}.{word}"


def test_the_glossary_names_modules_that_there_are():
    for row in rows(GLOSSARY):
        if "/" in row[-1]:
            assert (ROOT / row[-1].strip("`")).is_file(), row


def test_an_entry_of_the_glossary_has_all_its_parts():
    for row in rows(GLOSSARY):
        assert len(row) == 4, row
        assert row[0].startswith("**") or all(row), row


# Lifecycles -------------------------------------------------------------------------------


def arrows(heading):
    """The arrows of a page's diagram that go from one state to another one."""
    body = text_of(LIFECYCLE).split(f"## {heading}\n")[1].split("```")[1]
    found = re.findall(r"^    (\w+) --> (\w+)(?:: (.*))?$", body, re.MULTILINE)
    return [(a, b, why) for a, b, why in found if a != b]


def test_the_arrows_of_a_message_are_those_that_the_outbox_admits():
    assert {(a, b) for a, b, _ in arrows("A message")} == {(a, b) for a, after in NEXT.items() for b in after}


def test_the_states_of_a_notice_are_those_of_its_table():
    states = {state for a, b, _ in arrows("A notice") for state in (a, b)}
    checks = [c for c in notices_table.constraints if isinstance(c, CheckConstraint)]
    check_of_state = next(c for c in checks if str(c.name).endswith("state"))
    assert states == set(re.findall(r"'(\w+)'", str(check_of_state.sqltext)))


@pytest.mark.parametrize("stage", petitions.Stage)
def test_a_stage_of_a_petition_admits_what_the_page_says(stage):
    row = next(row for row in rows(LIFECYCLE) if row[0] == f"`{stage}`" and len(row) == 3)
    assert row[1] == (", ".join(petitions.ADMITTED[stage]) or "nothing")
    drawn = {event for a, _, why in arrows("A petition's stages") if a == stage for event in why.split(", ")}
    admitted = set(petitions.ADMITTED[stage])
    assert {word.split()[0] for word in drawn} & set(facts.PetitionEventKind) <= admitted


# The record -------------------------------------------------------------------------------


def section(table):
    heading = f"### {table.name} {table.chinese}\n"
    return text_of(RECORD).split(heading)[1].split("\n### ")[0].split("\n## ")[0]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_table_is_described_column_by_column(table):
    body = section(table)
    for column in table.columns:
        name = f"**{column.name}**" if column.required else column.name
        assert f"| {name} | {'、'.join(column.chinese)} |" in body
        if isinstance(column.cell, Choice):
            for member, chinese in column.cell.chinese.items():
                # The events of petitions have a table of their own.
                assert f"`{member}` {chinese}" in body or f"| `{member}` | {chinese} |" in body


def test_the_stages_of_a_project_stand_in_their_order():
    body = section(TABLES["milestones"])
    places = [body.index(f"`{stage}`") for stage in STAGES]
    assert places == sorted(places)


def example() -> dict[str, str]:
    return {info.split()[1]: body for info, body in fences(RECORD) if re.fullmatch(r"csv \S+\.csv", info)}


def mistakes() -> list[tuple[str, str, str]]:
    """Each file that is wrong, and the messages in the block after it."""
    blocks = list(fences(RECORD))
    pairs = pairwise(blocks)
    return [(a[0].split()[2], a[1], b[1]) for a, b in pairs if a[0].startswith("csv wrong ")]


def checked(folder, files):
    for name, body in files.items():
        (folder / name).write_text(body, encoding="utf-8")
    return check(folder, calendar=load_calendar(), policy=load_policy(environ={}))


def test_the_example_of_a_record_is_in_order(tmp_path):
    assert set(example()) == {f"{name}.csv" for name in TABLES}
    found = checked(tmp_path, example())
    assert not found.faults
    assert not found.warnings
    assert all(getattr(found.record, name) for name in TABLES)


@pytest.mark.parametrize(("name", "body", "messages"), mistakes(), ids=[name for name, _, _ in mistakes()])
def test_a_mistake_gives_the_messages_that_the_page_shows(tmp_path, name, body, messages):
    found = checked(tmp_path, example() | {name: body})
    assert [str(fault) for fault in found.faults if str(fault).startswith(name)] == messages.splitlines()


# Decisions --------------------------------------------------------------------------------


def decisions():
    return sorted((DOCS / "adr").glob("*.md"))


def test_decisions_are_numbered_without_a_gap():
    assert [int(page.name[:4]) for page in decisions()] == list(range(1, len(decisions()) + 1))


@pytest.mark.parametrize("page", decisions(), ids=lambda page: page.name)
def test_a_decision_has_all_its_parts_and_is_short(page):
    text = text_of(page)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Options", "Decision", "What it costs"]
    assert text.startswith(f"# {int(page.name[:4])}. ")
    assert "\nStatus: " in text
    assert len(text.splitlines()) <= 65
