"""Does Twilio's own contract agree with us? Prism speaks for Twilio's public OpenAPI description.

Both come from npm into var/cache, once. `mock` answers with Twilio's examples and refuses what the contract does not
admit; `proxy` stands before our own fake and writes down where the fake departs from it. Caller:
tests/channels/test_twilio_contract.py.
"""

import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers import Server

PRISM = "@stoplight/prism-cli@5.14.2"
#: carries Twilio's OpenAPI descriptions
CONTRACTS = "@twilio-alpha/mcp@0.7.0"
CONTRACT = "package/twilio-oai/spec/json/twilio_api_v2010.json"
CACHE = Path(__file__).parents[2] / "var" / "cache" / "twilio-contract"
INSTALL_TIMEOUT_S = 240

#: Twilio's own examples hold relative addresses where its description says "uri"
TWILIOS_OWN = re.compile(r'must match format "uri"')


class CannotBeHad(Exception):
    """There is no Prism or no contract on this machine, and none can be fetched."""


class Prism(Server):
    """Prism over the part of the contract that is about messages."""

    def __init__(self, mode: str, upstream: str | None = None) -> None:
        node, program, contract = provide()
        super().__init__("prism", os.getuid())
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._command = [node, str(program), mode, "-p", str(self._port), "-h", "127.0.0.1", str(contract)]
        self._command += [upstream] if upstream else []
        self.url = f"http://127.0.0.1:{self._port}"

    def command(self) -> list[str]:
        return self._command

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), 1).close()
        except OSError:
            return False
        return True

    def violations(self) -> list[str]:
        """Return in what somebody departed from the contract, but for what Twilio does itself."""
        lines = self._log.read_text("utf-8", "replace").splitlines()
        return [line for line in lines if ("Violation" in line or "✖" in line) and not TWILIOS_OWN.search(line)]


def provide() -> tuple[str, Path, Path]:
    """Return node, Prism and the contract, fetched if need be.

    Raises CannotBeHad.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise CannotBeHad("there is no node or npm here")
    with _alone():
        program = CACHE / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
        if not program.exists():
            _npm(npm, "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", ".", PRISM)
        contract = CACHE / "messages.json"
        if not contract.exists():
            [packed] = json.loads(_npm(npm, "pack", "--json", "--ignore-scripts", CONTRACTS))
            with tarfile.open(CACHE / Path(packed["filename"]).name) as package:
                whole = package.extractfile(CONTRACT)
                assert whole is not None
                contract.write_text(json.dumps(_about_messages(json.load(whole))), "utf-8")
    return node, program, contract


def _about_messages(contract: dict[str, Any]) -> dict[str, Any]:
    """Leave out the other 150 paths: Prism then starts in a second."""
    return contract | {"paths": {path: rest for path, rest in contract["paths"].items() if "/Messages" in path}}


def _npm(npm: str, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [npm, *arguments],
            cwd=CACHE,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as err:
        raise CannotBeHad(f"npm {arguments[0]} took longer than {INSTALL_TIMEOUT_S} s") from err
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise CannotBeHad(f"npm {arguments[0]} ended with {done.returncode}: {last}")
    return done.stdout


@contextmanager
def _alone() -> Iterator[None]:
    """Let one test process fetch at a time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
