"""Does each root package belong to this distribution alone, and do the contracts of the house name them all?

`daemon` is also the name of PyPI's python-daemon, and a wheel of any kind may bring a `config` or a `web`.
"""

import importlib
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.conftest import TOGETHER

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OWNERS = packages_distributions()
ROOMS = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


@pytest.mark.parametrize("room", ROOMS)
def test_a_root_package_belongs_to_duban_alone(room):
    # An editable install lists no packages of its own: then no one at all may claim the name.
    assert set(OWNERS.get(room, [])) <= {"duban"}
    assert importlib.import_module(room).__file__ == str(ROOT / room / "__init__.py")


@pytest.mark.parametrize("room", ROOMS)
def test_a_root_package_says_its_job(room):
    assert importlib.import_module(room).__doc__


def test_every_folder_with_code_is_shipped():
    folders = {each.parent.name for each in ROOT.glob("*/__init__.py")} - {"tests"}
    assert folders == set(ROOMS)


def test_the_contracts_name_every_root_package():
    linter = PROJECT["tool"]["importlinter"]
    layers = [room.strip() for layer in linter["contracts"][0]["layers"] for room in layer.split("|")]
    assert sorted(layers) == sorted(ROOMS)
    assert sorted(linter["root_packages"]) == sorted(ROOMS)


def test_every_locked_package_has_a_hash():
    pinned = 0
    for requirement in (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", "").splitlines():
        if requirement and not requirement.startswith("#"):
            pinned += 1
            assert "==" in requirement
            assert "--hash=sha256:" in requirement
    assert pinned


@pytest.mark.parametrize("path", sum(TOGETHER.values(), ()))
def test_what_one_test_process_does_by_itself_is_there(path):
    assert (ROOT / path).exists()
