"""How many SMS a second leave through Twilio's SDK, claimed, checked, put into words and recorded?

P3: N messages lie due; two processes with four threads each send them to a stand-in for Twilio in a process of its
own. The yardstick is the SDK alone in a loop against the same stand-in. P4: how long from the instant at which a fact
is recorded until its SMS is at the stand-in, at a steady rate. Run: `python -m bench.sending [--messages 5000]`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twilio.rest import Client

from actors.desks import Desks
from actors.sending import Sender
from actors.steps import Plan, take_step
from bench.measuring import ROOT
from bench.town import ROUND, database, fill, open_town
from config.gateways import gateways_of
from config.settings import load_settings
from daemon.logs import log_plainly
from store import outbox
from tests.fakes.twilio import ACCOUNT, SERVICE, TOKEN

PROCESSES = 2
THREADS = 4


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--send", metavar="URL", help="be one of the sending processes")
    options = parser.parse_args()
    log_plainly()
    if options.send:
        _send(options.send)
        return
    with tempfile.TemporaryDirectory() as folder, twilio(Path(folder)) as api, database("postgresql", folder) as url:
        alone = _sdk_alone(api, options.messages // 5)
        services = open_town(url)
        fill(services, options.messages, departments=options.messages)
        services.clock.instant = ROUND  # type: ignore[attr-defined]
        take_step(services, Desks(services), Plan(ROUND, holds_round=True))
        with services.engine.begin() as connection:
            due = outbox.count_claimable(connection, ROUND, 10 * options.messages)
        environ = os.environ | {"DUBAN_TWILIO_API": api}
        began = time.perf_counter()
        command = [sys.executable, "-m", "bench.sending", "--send", url]
        senders = [subprocess.Popen(command, cwd=ROOT, env=environ) for _ in range(PROCESSES)]  # noqa: S603
        assert all(sender.wait() == 0 for sender in senders)
        spent = time.perf_counter() - began
        with services.engine.begin() as connection:
            counts = outbox.count_by_state(connection)
        services.engine.dispose()
    print(
        f"P3 {due:,} SMS in {spent:.2f} s, start of the processes included: {due / spent:,.0f}/s, "
        f"{due / spent / alone:.2f} of the SDK alone ({alone:,.0f}/s); {counts}"
    )


def _send(url: str) -> None:
    """Send until nothing is due."""
    settings = load_settings(
        {
            "DUBAN_SMS": "twilio",
            "DUBAN_TWILIO_API": os.environ["DUBAN_TWILIO_API"],
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
            "DUBAN_SMS_DAILY_TOTAL": "100000000",
        }
    )
    services = open_town(url, settings=settings)
    services.gateways = gateways_of(settings, services.engine)
    desks = Desks(services)
    with services.engine.begin() as connection:
        desks.of(connection)
    threads = [threading.Thread(target=_until_none, args=(Sender(services, desks),)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _until_none(sender: Sender) -> None:
    while sender.send_due():
        pass


def _sdk_alone(api: str, count: int) -> float:
    """Return how many messages a second the SDK hands over when it does nothing else."""
    client = Client(ACCOUNT, TOKEN)
    client.api.base_url = api
    began = time.perf_counter()
    for i in range(count):
        client.messages.create(to=f"+86139{i:08}", messaging_service_sid=SERVICE, body="【鹤山人大】提醒")
    return count / (time.perf_counter() - began)


@contextmanager
def twilio(folder: Path) -> Iterator[str]:
    """Lend the address of a stand-in for Twilio that runs in a process of its own."""
    command = [sys.executable, "-m", "tests.fakes.twilio", "--port", "0", "--ledger", str(folder / "ledger")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        try:
            yield told.get("url") or f"http://{told['host']}:{told['port']}"
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
