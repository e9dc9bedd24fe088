"""Who hears a bell on a broker that several installations share?"""

from typing import Any

from actors.bells import Bells, hang_bells, redis_broker


def bells_of(url: str, mark: str) -> Bells:
    """Hang the bells of an installation; nothing is run, so it needs neither services nor desks."""
    nothing: Any = None
    return hang_bells(nothing, nothing, redis_broker(url, mark))


def waiting(bells: Bells, queue: str) -> int:
    return bells.broker.do_qsize(queue)


def test_installations_on_one_redis_do_not_hear_each_others_bells(valkey_url):
    heshan, kaiping = bells_of(valkey_url, "heshan:1"), bells_of(valkey_url, "kaiping:2")
    heshan.send.send()
    heshan.sweep.send()
    assert (waiting(heshan, "sending"), waiting(heshan, "rounds")) == (1, 1)
    assert (waiting(kaiping, "sending"), waiting(kaiping, "rounds")) == (0, 0)


def test_the_processes_of_one_installation_share_their_bells(valkey_url):
    daemon, worker = bells_of(valkey_url, "heshan:1"), bells_of(valkey_url, "heshan:1")
    daemon.send.send()
    assert waiting(worker, "sending") == 1
