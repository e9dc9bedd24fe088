"""Does systemd hear what duban tells it?"""

import socket
import tempfile
from pathlib import Path

import pytest

from daemon.watchdog import ALIVE, READY, tell


@pytest.mark.parametrize("mark", ["", "@"])
def test_systemd_hears_that_a_process_is_ready_and_alive(mark):
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        name = f"{folder}/notify"
        ear.bind(f"\0{name}" if mark else name)
        ear.settimeout(5)
        for state in (READY, ALIVE):
            tell(state, {"NOTIFY_SOCKET": f"{mark}{name}"})
            assert ear.recv(99).decode() == state


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": str(Path("/nowhere/notify"))}])
def test_a_process_goes_on_where_nobody_listens(environ):
    tell(READY, environ)
