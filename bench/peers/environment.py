"""Where do the peers run? In a virtual environment of their own, with what requirements.txt pins by hash.

It is built when it is missing or older than the list, and never shared with duban's. Caller: bench/peers/__main__.py.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.measuring import ROOT

FOLDER: Final = ROOT / ".venv-peers"
PYTHON: Final = FOLDER / "bin" / "python"
PROGRAMS: Final = Path(__file__).with_name("programs")
REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")
STAMP: Final = FOLDER / ".requirements.txt"


def prepare() -> None:
    """Build or renew it where that is needed."""
    if STAMP.exists() and STAMP.read_bytes() == REQUIREMENTS.read_bytes():
        return
    uv = str(Path(sys.executable).with_name("uv"))
    shutil.rmtree(FOLDER, ignore_errors=True)
    for words in (
        ["venv", "--quiet", "--python", sys.executable, str(FOLDER)],
        ["pip", "install", "--quiet", "--require-hashes", "--python", str(PYTHON), "-r", str(REQUIREMENTS)],
    ):
        subprocess.run([uv, *words], check=True)  # noqa: S603 - our own words
    shutil.copyfile(REQUIREMENTS, STAMP)
