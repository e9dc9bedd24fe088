"""What does `duban simulate` do as a command, beside what the cases say of its lines?"""

import subprocess
import sys

from tests.replay.test_cases import FOLDER

#: libraries of a database, a broker, gateways, workbooks, a progress bar: half a second of loading in all
UNUSED = ("dramatiq", "openpyxl", "redis", "rich", "smtplib", "sqlalchemy", "twilio", "xlsxwriter")
SIMULATE = f"""
import sys
from daemon.cli import main
main(sys.argv[1:], standalone_mode=False)
print(*sorted(set({UNUSED!r}) & set(sys.modules)))
"""


def test_a_simulation_loads_no_library_that_it_does_not_need(tmp_path):
    days = ["--from", "2026-03-01", "--to", "2026-03-31"]
    words = ["simulate", FOLDER / "05-places", *days, "--out", tmp_path]
    done = subprocess.run([sys.executable, "-c", SIMULATE, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""
