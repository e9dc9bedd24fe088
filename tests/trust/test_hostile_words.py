"""What do words that were meant to do something do in the files that a simulation and a report leave? Nothing.

The console: tests/web/test_pages_hostile.py. SMS, e-mails, digests: tests/templates. Reports: tests/reports.
"""

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from replay.charts import bar_chart
from replay.summary import summarise, summary_page
from rules.facts import Record
from tests.rules.builders import CONTACTS, OFFICES, petition, record, run

TAG = '"><svg onload=alert(1)>'
WORDS = [TAG, "</title><script>alert(1)</script>", "{{7*7}}{% raise %}", "' onmouseover='alert(1)", "a & b"]


class Tags(HTMLParser):
    """Collects what a browser would take for tags and attributes, and the words between."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.words = [], set(), ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.words += data


def in_town(ident: str) -> Record:
    """An overdue opinion of a town whose id is `ident`: ids stand in the charts."""

    def moved(row, *names):
        return replace(row, **{name: ident for name in names if getattr(row, name) == "T1"})

    return record(
        offices=[moved(o, "id", "parent") for o in OFFICES],
        contacts=[moved(c, "office") for c in CONTACTS],
        grids=(),
        petitions=[moved(petition(), "town")],
    )


@pytest.mark.parametrize("word", WORDS)
def test_the_page_of_a_simulation_shows_a_hostile_id_as_words(word):
    summary = summarise(run(in_town(word), "03-02", "03-31"), sms_price=0.05)
    assert word in json.dumps(summary["overdue_by_town_and_week"], ensure_ascii=False).replace('\\"', '"')
    found = Tags(summary_page(summary))
    assert word in found.words
    assert found.tags.count("svg") == 2  # the two charts
    assert "script" not in found.tags
    assert not [name for name in found.attributes if name.startswith("on")]


@pytest.mark.parametrize("word", WORDS)
def test_a_chart_shows_hostile_names_as_words(word):
    found = Tags(bar_chart([{"day": word, word: 1}], "day", [word]))
    assert set(found.tags) <= {"svg", "line", "rect", "title", "text", "p", "span", "i"}
    assert found.tags.count("svg") == 1
    assert not [name for name in found.attributes if name.startswith("on")]
    assert found.words.count(word) == 5  # both ends, twice at the bar, the legend
