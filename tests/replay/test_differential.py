"""Do the product and the independent oracle agree on made-up records that press on the corners of the rules?

`python -m tests.oracle.compare --seeds 0-500` tries more of them, and shows the facts behind a difference.
"""

from datetime import date

import pytest

from tests.oracle.compare import differences
from tests.oracle.oracle import reckon
from tests.oracle.records import write_random_record
from tests.oracle.renaming import give_odd_ids
from tests.replay.builders import lines_of, replayed

RECORDS = [("small", seed) for seed in range(40)] + [("medium", seed) for seed in (1, 2, 3)]


def as_date(value: object) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))


@pytest.mark.parametrize(("size", "seed"), RECORDS)
def test_the_product_and_the_oracle_agree(tmp_path, size, seed):
    args = write_random_record(tmp_path, seed, size)
    if seed % 4 == 0:
        give_odd_ids(tmp_path)
    first, last, settings = as_date(args["from"]), as_date(args["to"]), args["settings"]
    assert isinstance(settings, dict)
    theirs = reckon(tmp_path, first, last, settings)
    ours = lines_of(replayed(tmp_path, first, last, [f"{key}={value}" for key, value in settings.items()]))
    for wanted, found in zip(theirs, ours, strict=True):
        assert differences(wanted, found) == []
        assert found == wanted, "the same lines, in another order"
