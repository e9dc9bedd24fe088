"""Can a campaign run the fakes as processes, order faults while they run, and judge by what they wrote down?"""

import json
import smtplib
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from channels.gateway import Accepted, Refused, Unsure
from channels.smtp import SmtpGateway, SmtpServer
from channels.twilio import Signatures
from tests.channels.conftest import email, sms
from tests.fakes.ledger import entries
from tests.fakes.mail import mails
from tests.fakes.twilio import TOKEN


@pytest.fixture
def run():
    """Start a fake as a process: what it told of itself; it ends with the test."""
    started = []

    def start(name, *options):
        process = subprocess.Popen(
            [sys.executable, "-m", f"tests.fakes.{name}", *options],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return json.loads(process.stdout.readline())

    yield start
    for each in started:
        each.terminate()
        assert each.wait(10) == 0
        each.stdout.close()


def order(place, /, **orders):
    request = urllib.request.Request(place, json.dumps(orders).encode(), method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        return json.load(answer)


def test_twilio_runs_as_a_process(run, connected, tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    told = run("twilio", "--ledger", str(ledger), "--script", '{"next": ["429"]}')
    gateway = connected(api_base=told["url"], auth_token=told["token"], callback_url="http://127.0.0.1:9/status")
    assert isinstance(gateway.send(sms(attempt="a1")), Refused)
    order(f"{told['url']}/control", next=["reset-taken"], lost=1.0)
    assert isinstance(gateway.send(sms(attempt="a2")), Unsure)
    assert isinstance(gateway.send(sms(attempt="a3")), Accepted)
    assert [(each["attempt"], each["fault"]) for each in entries(ledger, "message")] == [
        ("a2", "reset-taken"),
        ("a3", ""),
    ]
    assert [each["answered"] for each in entries(ledger, "request")] == ["429", "reset", "201"]
    assert [each["answered"] for each in entries(ledger, "callback")] == ["lost"] * 6
    with pytest.raises(urllib.error.HTTPError, match="400"):
        order(f"{told['url']}/control", next=["no such fault"])


def test_somebody_may_send_an_sms_in(run, tmp_path):
    heard = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            heard.append((self.path, self.headers["X-Twilio-Signature"], dict(parse_qsl(body))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<Response/>")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Webhook) as server:
        place = f"http://127.0.0.1:{server.server_port}"
        told = run("twilio", "--ledger", str(tmp_path / "ledger.jsonl"), "--connect-to", place)
        public = "https://duban.example.cn/webhooks/twilio/inbound"
        serving = threading.Thread(target=server.handle_request)
        serving.start()
        answer = order(f"{told['url']}/control/inbound", url=public, body="到站 12", **{"from": "+8613800000001"})
        serving.join(5)
    [(path, signed, form)] = heard
    assert (path, form["From"], form["Body"]) == ("/webhooks/twilio/inbound", "+8613800000001", "到站 12")
    assert Signatures([TOKEN]).hold(public, form, signed)
    assert answer == {"answered": 200, "body": "<Response/>"}


@pytest.mark.parametrize("doubled", [0.0, 1.0])
def test_callbacks_are_told_in_any_order_and_number(run, connected, tmp_path, doubled):
    ledger = tmp_path / "ledger.jsonl"
    steps = [(0.0, "queued"), (0.1, "sent"), (0.2, "delivered")]
    script = {"reordered": 1.0, "doubled": doubled, "steps": steps}
    told = run("twilio", "--ledger", str(ledger), "--script", json.dumps(script))
    gateway = connected(api_base=told["url"], callback_url="http://127.0.0.1:9/status")
    gateway.send(sms())
    times = 2 if doubled else 1
    while len(entries(ledger, "callback")) < 3 * times:
        time.sleep(0.02)
    words = [each["status"] for each in entries(ledger, "callback")]
    assert words == [each for each in ("delivered", "sent", "queued") for _ in range(times)]


def test_mail_runs_as_a_process(run, tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    told = run("mail", "--ledger", str(ledger), "--login", "--script", '{"next": ["450-rcpt"]}')
    server = SmtpServer(host=told["host"], port=told["port"], user=told["user"], password=told["password"])
    gateway = SmtpGateway(server, sender="duban@example.cn", timeout_s=4.0)
    try:
        assert isinstance(gateway.send(email(message=1)), Refused)
        with smtplib.SMTP(told["host"], told["port"], timeout=5) as line:
            assert line.docmd("XORDER", '{"next": ["drop-taken"]}')[0] == 250
            assert line.docmd("XORDER", '{"next": ["no such fault"]}')[0] == 501
        assert isinstance(gateway.send(email(message=2)), Unsure)
        assert isinstance(gateway.send(email(message=3)), Accepted)
    finally:
        gateway.close()
    assert [(each["message_id"], each["fault"], each["user"]) for each in mails(ledger)] == [
        ("<duban-test-2@example.cn>", "drop-taken", "duban"),
        ("<duban-test-3@example.cn>", "", "duban"),
    ]
    assert [each["fault"] for each in entries(ledger, "fault")] == ["450-rcpt", "drop-taken"]
