"""Do threads take turns often while somebody asks for it, and as ever once nobody does?"""

import sys
from threading import Event, Thread

from store.turns import TURN_S, frequent_turns


def is_frequent():
    return abs(sys.getswitchinterval() - TURN_S) < 1e-6


def test_turns_are_frequent_as_long_as_somebody_asks_for_it():
    usual = sys.getswitchinterval()
    first_is_in, second_is_in, first_is_out = Event(), Event(), Event()

    def first():
        with frequent_turns():
            first_is_in.set()
            second_is_in.wait(10)
        first_is_out.set()

    thread = Thread(target=first)
    thread.start()
    assert first_is_in.wait(10)
    with frequent_turns():
        second_is_in.set()
        assert first_is_out.wait(10)
        assert is_frequent(), "who came later still asks for it"
    thread.join()
    assert sys.getswitchinterval() == usual
    assert not is_frequent()
