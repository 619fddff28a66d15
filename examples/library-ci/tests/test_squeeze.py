from hypothesis import given
from hypothesis import strategies as st
from tidytext import squeeze


@given(st.text())
def test_squeezing_twice_changes_nothing(text: str) -> None:
    assert squeeze(squeeze(text)) == squeeze(text)


def test_a_no_break_space_is_a_space() -> None:
    assert squeeze("a\N{NO-BREAK SPACE} \tb") == "a b"
