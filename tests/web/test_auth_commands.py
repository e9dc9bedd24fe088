"""What does an operator type to let people and programs in?"""

import pytest
from click.testing import CliRunner

from daemon.cli import main
from store import audit
from tests.web.browsers import csrf_in


@pytest.fixture
def duban(house, monkeypatch):
    monkeypatch.setenv("DUBAN_DATABASE_URL", str(house.engine.url))

    def run(*words):
        return CliRunner().invoke(main, list(words))

    return run


def one_time_password(said):
    return said.split(" signs in with ")[1].split()[0]


@pytest.mark.parametrize(
    "options",
    [
        ("--role", "operator"),
        ("--role", "municipal"),
        ("--role", "town", "--office", "T1"),
        ("--role", "station", "--office", "V1"),
        ("--role", "deputy", "--deputy", "DA"),
    ],
)
def test_an_account_is_made_with_a_password_that_must_be_changed(duban, client, options):
    made = duban("account", "add", "chen", *options)
    assert made.exit_code == 0, made.output
    page = client.get("/sign-in")
    data = {"csrf": csrf_in(page.text), "account": "chen", "password": one_time_password(made.output)}
    assert client.post("/sign-in", data=data).status_code == 303
    assert client.get("/").headers["location"] == "/password"
    assert "chen" in duban("account", "list").output


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("chen", "--role", "town"), "needs --office"),
        (("chen", "--role", "town", "--office", "V1"), "is no town"),
        (("chen", "--role", "station", "--office", "T9"), "is no station"),
        (("chen", "--role", "deputy"), "needs --deputy"),
        (("chen", "--role", "deputy", "--deputy", "DX"), "not on record"),
        (("chen", "--role", "operator", "--office", "T1"), "takes no --office"),
        (("c", "--role", "operator"), "cannot be an account"),
    ],
)
def test_an_account_that_cannot_be_is_refused_in_one_line(duban, options, says):
    answer = duban("account", "add", *options)
    assert answer.exit_code == 2
    assert says in answer.output
    assert len(answer.output.strip().splitlines()) == 1


def test_an_account_can_be_reset_and_disabled(duban, browser, client):
    held = browser("operator", account="chen")
    reset = duban("account", "reset", "chen")
    assert reset.exit_code == 0
    assert held.get("/password").status_code == 303
    data = {"csrf": csrf_in(client.get("/sign-in").text), "account": "chen"}
    assert client.post("/sign-in", data=data | {"password": one_time_password(reset.output)}).status_code == 303
    assert client.get("/").headers["location"] == "/password"
    assert duban("account", "disable", "chen").exit_code == 0
    assert duban("account", "disable", "chen").exit_code == 2
    assert duban("account", "reset", "nobody").exit_code == 2
    assert duban("account", "add", "chen", "--role", "operator").exit_code == 2


def test_who_lets_somebody_in_or_out_is_in_the_trail(duban, house):
    for words in ("account add chen --role operator", "account reset chen", "account disable chen"):
        assert duban(*words.split()).exit_code == 0
    for words in ("token add gis --scope read", "token revoke gis"):
        assert duban(*words.split()).exit_code == 0
    with house.engine.begin() as connection:
        entries = audit.latest(connection, 5)
    assert [(entry["action"], entry["subject"]) for entry in reversed(entries)] == [
        ("account-added", "account:chen"),
        ("password-reset", "account:chen"),
        ("account-disabled", "account:chen"),
        ("token-added", "token:gis"),
        ("token-revoked", "token:gis"),
    ]
    assert all(entry["actor"].startswith("operator:") for entry in entries)


def test_a_token_is_shown_once_and_revoked(duban, client):
    secret = duban("token", "add", "gis", "--scope", "read", "--town", "T1").output.strip()
    headers = {"Authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/matters", headers=headers).status_code == 200
    assert secret not in duban("token", "list", "--json").output
    assert duban("token", "add", "gis", "--scope", "read").exit_code == 2
    assert duban("token", "add", "x", "--scope", "read", "--town", "V1").exit_code == 2
    assert duban("token", "revoke", "gis").exit_code == 0
    assert client.get("/api/v1/matters", headers=headers).status_code == 401
    assert duban("token", "revoke", "gis").exit_code == 2
