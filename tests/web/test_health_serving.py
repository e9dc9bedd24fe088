"""Does the web process listen, answer and stop as a service must?"""

import os
import signal
import socket
import subprocess
import sys
import time

import httpx2
import pytest

from config.layers import WrongSettings
from daemon.serving import serving
from tests.web.browsers import csrf_in
from web import signing_in

START_S = 60


@pytest.fixture
def any_port(house):
    house.services.settings = house.services.settings.model_copy(update={"port": 0})
    return house


def test_it_serves_beside_others_and_stops(any_port):
    with serving(any_port.services, any_port.desks) as address:
        assert httpx2.get(f"{address.url}/healthz").text == "ok\n"
        first = httpx2.get(f"{address.url}{address.first}")
        assert first.status_code == 200
        assert "server" not in first.headers
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{address.url}/healthz")


def test_what_a_proxy_says_of_the_origin_is_not_believed(any_port, monkeypatch):
    monkeypatch.setattr(signing_in, "TRIES_PER_ADDRESS", 2)
    statuses = []
    with serving(any_port.services, any_port.desks) as address, httpx2.Client(base_url=address.url) as client:
        for i in range(3):
            page = client.get("/sign-in")
            data = {"csrf": csrf_in(page.text), "account": f"guess{i}", "password": "wrong wrong"}
            answer = client.post("/sign-in", data=data, headers={"X-Forwarded-For": f"10.0.0.{i}"})
            statuses.append(answer.status_code)
    assert statuses == [401, 401, 429]


def test_a_port_that_is_taken_is_named_with_the_remedy(any_port):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        any_port.services.settings = any_port.services.settings.model_copy(update={"port": port})
        with pytest.raises(WrongSettings, match=f"port {port} .* --port"), serving(any_port.services, any_port.desks):
            pass


def test_duban_web_ends_in_peace_when_sigterm_comes_twice(tmp_path):
    environment = os.environ | {"DUBAN_DATABASE_URL": f"sqlite:///{tmp_path}/web.db", "DUBAN_PORT": "0"}
    environment |= {"DUBAN_SMS": "twilio", "DUBAN_EMAIL": "smtp"}  # whose secrets are the workers'
    command = [sys.executable, "-c", "from daemon.cli import main; main(['web'])"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = ""
            began = time.monotonic()
            while "/first?token=" not in line:
                line = process.stdout.readline()
                assert line, "it ended before it served"
                assert time.monotonic() - began < START_S
            url = line.split()[-1]
            assert httpx2.get(url).status_code == 200
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
