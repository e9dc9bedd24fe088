"""How do several hosts stand on one machine? As network namespaces, on a bridge in a namespace of its own.

Their addresses are private and exist inside these namespaces alone: nothing that is sent between them touches the
machine's own network. Wants root and iproute2. Caller: tests/scale/test_two_hosts.py.
"""

import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

NET: Final = "10.86.31"
MIDDLE: Final = f"{NET}.1"
OURS: Final = re.compile(r"duban-(\d+)-\w+")


class NoNetwork(RuntimeError):
    """Namespaces cannot be made here."""


class Network:
    """Hosts, each with a link to the middle that can be cut."""

    def __init__(self, *hosts: str) -> None:
        self._hosts = hosts
        self._made: list[str] = []

    def __enter__(self) -> Self:
        if shutil.which("ip") is None:
            raise NoNetwork("there is no `ip`: install iproute2")
        try:
            _sweep()
            self._lay()
        except (subprocess.CalledProcessError, OSError) as err:
            self.__exit__()
            said = err.stderr.strip() if isinstance(err, subprocess.CalledProcessError) else str(err)
            raise NoNetwork(f"network namespaces cannot be made (root is wanted): {said}") from err
        return self

    def __exit__(self, *_: object) -> None:
        """Take all down; a link goes with its namespace."""
        for name in self._made:
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "del", name)

    def through(self, host: str) -> list[str]:
        """Return the command that runs another inside a host, under the same process id."""
        return ["ip", "netns", "exec", _name(host)]

    def cut(self, host: str) -> None:
        """Take a host's link down: what is on its way is gone, and nobody is told."""
        _ip("-n", _name("middle"), "link", "set", host, "down")

    def mend(self, host: str) -> None:
        _ip("-n", _name("middle"), "link", "set", host, "up")

    def _lay(self) -> None:
        middle = self._make("middle")
        _ip("-n", middle, "link", "add", "bridge", "type", "bridge")
        _ip("-n", middle, "addr", "add", f"{MIDDLE}/24", "dev", "bridge")
        _ip("-n", middle, "link", "set", "bridge", "up")
        for number, host in enumerate(self._hosts, 11):
            name = self._make(host)
            _ip("-n", name, "link", "add", "middle", "type", "veth", "peer", "name", host, "netns", middle)
            _ip("-n", name, "addr", "add", f"{NET}.{number}/24", "dev", "middle")
            _ip("-n", name, "link", "set", "middle", "up")
            _ip("-n", middle, "link", "set", host, "master", "bridge", "up")

    def _make(self, host: str) -> str:
        name = _name(host)
        _ip("netns", "add", name)
        self._made.append(name)
        _ip("-n", name, "link", "set", "lo", "up")
        return name


def _name(host: str) -> str:
    return f"duban-{os.getpid()}-{host}"


def _ip(*words: str) -> str:
    command = shutil.which("ip") or "ip"
    return subprocess.run([command, *words], check=True, capture_output=True, text=True, timeout=20).stdout


def _sweep() -> None:
    """Remove what tests left behind that were killed."""
    for name in _ip("netns", "list").split():
        ours = OURS.fullmatch(name)
        if ours and not Path(f"/proc/{ours[1]}").exists():
            _ip("netns", "del", name)
