"""Are the servers of the tests real, and do they end with the tests?"""

import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import redis
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from tests.servers import Valkey

ROOT = Path(__file__).parents[1]


def test_postgres_answers(postgres_url):
    engine = sa.create_engine(postgres_url, poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
        assert connection.dialect.name == "postgresql"


def test_a_fresh_database_is_empty_each_time(postgres_server):
    for _ in range(2):
        with postgres_server.database() as url:
            engine = sa.create_engine(url, poolclass=NullPool)
            with engine.begin() as connection:
                assert sa.inspect(connection).get_table_names() == []
                connection.execute(sa.text("CREATE TABLE town (name text)"))


def test_valkey_answers(valkey_url):
    with redis.Redis.from_url(valkey_url) as client:
        assert client.ping()
        assert client.dbsize() == 0
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_a_valkey_that_was_killed_finds_its_keys_again(own_valkey):
    with redis.Redis.from_url(own_valkey.url) as client:
        client.set("bell", "rung")
    own_valkey.kill()
    assert not own_valkey.answers()
    own_valkey.start()
    with redis.Redis.from_url(own_valkey.url, decode_responses=True) as client:
        assert client.get("bell") == "rung"


def test_a_stopped_server_leaves_nothing():
    with Valkey() as server:
        process, folder = psutil.Process(server.pid), server.folder
    assert not process.is_running()
    assert not folder.exists()


def test_servers_end_even_when_the_tests_are_killed():
    """The kernel sends the signal (Linux); elsewhere only an orderly end stops them."""
    if sys.platform != "linux":
        return
    script = "from tests.servers import Valkey; s = Valkey(); s.start(); print(s.pid, s.folder, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as tests:
        assert tests.stdout
        pid, folder = tests.stdout.readline().split()
        server = psutil.Process(int(pid))
        tests.kill()
        server.wait(timeout=20)
    shutil.rmtree(folder)
