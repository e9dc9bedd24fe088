"""Is a text counted as carriers count it, and is nothing left in it that could break a line?"""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates.texts import clean, cut, units
from templates.wording import segments


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("字" * 70, 1),
        ("字" * 71, 2),
        ("a" * 71, 2),
        ("字" * 134, 2),
        ("字" * 135, 3),
        ("字" * 536, 8),
        ("𠮷" * 35, 1),
        pytest.param("𠮷" * 36, 2, id="a rare character takes two units"),
    ],
)
def test_segments(text, count):
    assert segments(text) == count


@given(st.text(max_size=300))
def test_segments_hold_the_whole_text_and_none_is_empty(text):
    count, length = segments(text), len(text.encode("utf-16-le", "surrogatepass")) // 2
    if count == 1:
        assert length <= 70
    else:
        assert 67 * (count - 1) < length <= 67 * count
        assert length > 70


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_longer_text_never_takes_fewer_segments(text, more):
    assert segments(text) <= segments(text + more)


@given(st.text(max_size=200), st.integers(min_value=1, max_value=100))
def test_what_is_cut_fits(text, most):
    assert units(cut(text, most)) <= most
    assert cut(text, 1000) == text


@given(st.text(max_size=200), st.integers(min_value=1, max_value=100))
def test_what_is_clean_is_one_line_that_fits(text, most):
    cleaned = clean(text, most)
    assert units(cleaned) <= most
    assert not {unicodedata.category(c) for c in cleaned} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not set(cleaned) & set("【】")
    cleaned.encode()


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("旺龙\r\n村道", "旺龙 村道"),
        ("\u202e旺龙\u200b村道\u2066", "旺龙村道"),
        ("旺龙\u3000村道 ", "旺龙 村道"),
        ("旺龙\u2028村道", "旺龙 村道"),
        ("【鹤山人大】", "〔鹤山人大〕"),
        ("\ud800旺", "旺"),
        ("买买提·艾力", "买买提·艾力"),
        pytest.param("\U00032000明", "\U00032000明", id="a character that this Python does not know"),
    ],
)
def test_clean(text, cleaned):
    assert clean(text, 40) == cleaned
