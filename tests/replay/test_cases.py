"""Does the product give what the worked cases give?"""

from pathlib import Path

import pytest

from tests.oracle.test_oracle_cases import arguments, expected, sorted_digests
from tests.replay.builders import lines_of, replayed

FOLDER = Path(__file__).parents[1] / "cases"
CASES = [pytest.param(args.parent, id=args.parent.name) for args in sorted(FOLDER.glob("*/args.txt"))]


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """A case, and the product's lines for it."""
    first, last, settings = arguments(request.param)
    run = replayed(request.param, first, last, [f"{key}={value}" for key, value in settings.items()])
    return request.param, lines_of(run), run


def test_there_are_cases():
    assert len(CASES) >= 14


def test_the_case_gives_its_notices(case):
    folder, lines, _ = case
    assert lines.notices == expected(folder / "expected.jsonl")


def test_the_case_gives_its_digests(case):
    folder, lines, _ = case
    wanted = expected(folder / "expected_digests.jsonl")
    if wanted is not None:
        # Case 26 lists them in another order than INTERFACES does.
        assert lines.digests == sorted_digests(wanted)


def test_the_case_gives_its_matters(case):
    folder, lines, _ = case
    wanted = expected(folder / "expected_matters.jsonl")
    if wanted is not None:
        assert lines.matters == wanted


def test_whatever_is_sent_has_words(case):
    _, _, run = case
    for sent in run.sent:
        assert bool(sent.text) == (sent.notice.verdict == "sent")
