"""Do the units of systemd confine and restart duban's processes, and does their role only add to the audit trail?"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import VARIABLES, load_settings
from daemon.cli import main
from daemon.processes import ALIVE_S, ENDS_S

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "deploy" / "systemd"
EXPOSED_MOST = 15  #: tenths, of a hundred
SERVICES = sorted(UNITS.glob("duban-*.service"))
DUBAN = "/opt/duban/.venv/bin/duban"
#: what only the processes that send may hold
SENDING = {"DUBAN_SMTP_URL", "TWILIO_AUTH_TOKEN"}
EVERYBODYS = {"DUBAN_DATABASE_URL", "DUBAN_AUDIT_KEY"}
#: a clock that stands still for longer brings reminders late
HANGS_MOST_S = 300


class Unit(dict[tuple[str, str], list[str]]):
    """A unit's settings: (section, key) → all its values, the shared drop-in first for services."""

    def __init__(self, *files: Path) -> None:
        super().__init__()
        for file in files:
            section = ""
            for line in file.read_text(encoding="utf-8").splitlines():
                if line.startswith("["):
                    section = line.strip("[]")
                elif line and not line.startswith("#"):
                    key, _, value = line.partition("=")
                    self.setdefault((section, key), []).append(value)

    def last(self, key: str, section: str = "Service") -> str:
        return self.get((section, key), [""])[-1]


def service(file: Path) -> Unit:
    return Unit(UNITS / "duban-.service.d" / "common.conf", file)


@pytest.mark.parametrize("file", SERVICES, ids=lambda file: file.stem)
def test_a_service_is_confined_and_lets_work_in_hand_end(file):
    unit = service(file)
    wanted = {
        "KillMode": "mixed",
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "PrivateTmp": "yes",
        "MemoryDenyWriteExecute": "yes",
        "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
        "CapabilityBoundingSet": "",
        "User": "duban",
        "UMask": "0077",
        "StateDirectoryMode": "0700",
    }
    assert {key: unit.last(key) for key in wanted} == wanted
    assert int(unit.last("TimeoutStopSec")) > ENDS_S
    assert unit[("Service", "SystemCallFilter")] == ["@system-service", "~@privileged @resources"]


@pytest.mark.parametrize("file", SERVICES, ids=lambda file: file.stem)
def test_a_service_runs_a_command_that_there_is(file):
    program, name, *options = service(file).last("ExecStart").split()
    command = main.get_command(None, name)
    assert program == DUBAN
    assert command is not None
    with command.make_context(name, options):
        pass  # a wrong option would have raised


@pytest.mark.parametrize("name", ["duban-daemon", "duban-worker@"])
def test_a_process_that_hangs_is_started_anew_within_minutes(name):
    unit = service(UNITS / f"{name}.service")
    assert unit.last("Type") == "notify"
    assert 2 * ALIVE_S <= int(unit.last("WatchdogSec")) <= HANGS_MOST_S


@pytest.mark.parametrize("file", SERVICES, ids=lambda file: file.stem)
def test_a_process_that_falls_is_started_anew_however_often(file):
    unit = service(file)
    assert unit.last("Restart") == ("no" if file.stem == "duban-backup" else "on-failure")  # its timer tries again
    assert unit.last("StartLimitIntervalSec", "Unit") == "0"


def secrets_of(unit: Unit) -> set[str]:
    return {value.partition(":")[0] for value in unit["Service", "LoadCredential"]}


def test_only_workers_can_send():
    held = {file.stem: secrets_of(service(file)) for file in SERVICES}
    assert held == {
        "duban-backup": EVERYBODYS,
        "duban-daemon": EVERYBODYS,
        "duban-web": EVERYBODYS | {"TWILIO_AUTH_TOKEN"},  # it checks signatures, and reaches no gateway
        "duban-worker@": EVERYBODYS | SENDING,
    }


@pytest.mark.parametrize("name", ["duban-web", "duban-backup"])
def test_what_need_not_leave_this_machine_cannot(name):
    unit = service(UNITS / f"{name}.service")
    assert unit["Service", "IPAddressDeny"] == ["any"]
    assert unit["Service", "IPAddressAllow"] == ["localhost"]


@pytest.mark.parametrize("file", SERVICES, ids=lambda file: file.stem)
def test_a_secret_is_named_like_its_variable_and_may_be_missing(file):
    unit = service(file)
    assert secrets_of(unit) <= set(VARIABLES.values())
    assert all(value.endswith(f"/{value.partition(':')[0]}") for value in unit["Service", "LoadCredential"])
    fallbacks = {value.partition(":")[0] for value in unit["Service", "SetCredential"]}
    assert fallbacks == secrets_of(unit), "a secret that this office has not must not stop the service"


def test_a_secret_that_systemd_hands_over_is_read_and_an_empty_line_counts_as_none(tmp_path):
    (tmp_path / "DUBAN_AUDIT_KEY").write_text("k" * 32 + "\n", encoding="utf-8")
    (tmp_path / "DUBAN_SMTP_URL").write_text("\n", encoding="utf-8")
    settings = load_settings({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert settings.audit_key is not None
    assert settings.audit_key.get_secret_value() == "k" * 32
    assert settings.smtp_url is None


def test_the_environment_names_settings_that_there_are_and_holds_no_secret():
    lines = (ROOT / "deploy" / "duban.env").read_text(encoding="utf-8").splitlines()
    keys = {line.lstrip("#").partition("=")[0] for line in lines if "=" in line and " " not in line.partition("=")[0]}
    assert keys
    assert keys <= set(VARIABLES.values())
    assert not keys & {*SENDING, "DUBAN_AUDIT_KEY", "DUBAN_DATABASE_URL"}


def test_the_target_starts_every_service_but_the_backup_which_its_timer_starts():
    wanted = Unit(UNITS / "duban.target").last("Wants", "Unit").split()
    assert set(wanted) == {"duban-daemon.service", "duban-web.service", "duban-worker@1.service", "duban-backup.timer"}
    assert (UNITS / "duban-backup.timer").exists()


@pytest.fixture
def systemd_analyze(tmp_path):
    """Have systemd look at the units, as if duban were this Python: it returns what it found."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    units = tmp_path / "units"
    shutil.copytree(UNITS, units)
    for file in units.glob("*.service"):
        file.write_text(file.read_text(encoding="utf-8").replace(DUBAN, sys.executable), encoding="utf-8")

    def analyze(*words, only="*"):
        files = sorted(str(file) for file in units.glob(only) if file.is_file())
        found = subprocess.run(
            [str(shutil.which("systemd-analyze")), *words, *files],
            env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if "Failed to" in found.stderr and "duban" not in found.stderr:
            pytest.skip(f"systemd-analyze does not run here: {found.stderr.strip()}")
        return found

    return analyze


def test_systemd_finds_no_fault_in_the_units(systemd_analyze):
    found = systemd_analyze("verify")
    assert (found.returncode, [line for line in found.stderr.splitlines() if "duban" in line]) == (0, [])


@pytest.mark.parametrize("file", SERVICES, ids=lambda file: file.stem)
def test_systemd_calls_every_service_well_shut(systemd_analyze, file):
    """Ten is a service without any sandbox; one of all that can be shut is left open for what duban needs."""
    found = systemd_analyze("security", "--offline=true", "--no-pager", f"--threshold={EXPOSED_MOST}", only=file.name)
    assert found.returncode == 0, found.stdout[-300:] + found.stderr


# What duban is made of ---------------------------------------------------------------------


def test_the_bill_of_materials_names_every_package_of_the_lock_with_its_hash(tmp_path):
    bill = tmp_path / "sbom.json"
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("uv is not in this environment")
    how = ["export", "--frozen", "--no-dev", "--quiet", "--format", "cyclonedx1.5", "--output-file", str(bill)]
    subprocess.run([str(uv), *how], cwd=ROOT, check=True, timeout=60, stdout=subprocess.DEVNULL)
    made = json.loads(bill.read_text(encoding="utf-8"))
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.5")
    names = {part["name"] for part in made["components"]}
    assert {"dramatiq", "sqlalchemy", "starlette", "twilio"} <= names
    assert not names & {"pytest", "ruff"}
    for part in made["components"]:
        assert part["purl"].startswith("pkg:pypi/")
        files = part["externalReferences"]
        assert files
        assert all(file["hashes"][0]["alg"] == "SHA-256" for file in files)
