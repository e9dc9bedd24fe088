"""Which connection serves again, and does every read end by its instant?"""

import socket
from time import monotonic

import pytest

from channels.lines import Pool, TimedSocket


class Line:
    """A connection to nowhere."""

    def __init__(self):
        ours, self.theirs = socket.socketpair()
        self.sock = TimedSocket(fileno=ours.detach())

    def close(self):
        self.sock.close()

    @property
    def is_closed(self):
        return self.sock.fileno() < 0


@pytest.fixture
def lines():
    made = [Line() for _ in range(3)]
    yield made
    for each in made:
        each.close()
        each.theirs.close()


def test_the_last_one_used_serves_first(lines):
    pool = Pool()
    for each in lines:
        pool.give(each)
    assert [pool.take() for _ in range(4)] == [*reversed(lines), None]


@pytest.mark.parametrize("happened", ["closed", "spoke", "idle"])
def test_a_connection_that_may_be_dead_is_closed_instead(lines, happened):
    pool = Pool(idle_s=0.0 if happened == "idle" else 60.0)
    line = lines[0]
    pool.give(line)
    if happened == "closed":
        line.theirs.close()
    if happened == "spoke":
        line.theirs.send(b"421 going down\r\n")
    assert pool.take() is None
    assert line.is_closed


def test_no_more_than_so_many_wait(lines):
    pool = Pool(most=2)
    for each in lines:
        pool.give(each)
    assert [each.is_closed for each in lines] == [False, False, True]
    pool.drain()
    assert all(each.is_closed for each in lines)


def test_reads_share_one_limit(lines):
    line = lines[0]
    line.sock.until = monotonic() + 0.2
    line.theirs.send(b"a")
    assert line.sock.recv_into(bytearray(1)) == 1
    with pytest.raises(TimeoutError):
        line.sock.recv_into(bytearray(1))
    assert 0 <= monotonic() - line.sock.until < 0.5
    with pytest.raises(TimeoutError):
        line.sock.sendall(b"too late")
