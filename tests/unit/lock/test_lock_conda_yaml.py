from __future__ import annotations

import time

import pytest
import yaml

from mooring.errors import InputError
from mooring.lock.formats.yaml_data import MAX_DEPTH, NotText, Table, parse
from mooring.lock.formats.yaml_text import scalar

SAME_AS_YAML = [
    "a: b\nc:\n- d\n- e: f\n  g: [h, 'i']\n",
    "a: {}\nb: []\nc:\nd: ~\ne: true\nf: No\ng: 'true'\nh: 12\n",
    "v: 2023.7.22\nw: '3.10'\nx: 1.2.3\ny: \"a\\tb\"\nz: |-\n  one\n  two\n",
    "a: &x {b: c}\nd: *x\n",
    "p: 3.12.* *_cp312\nq: <5.0,>=4.0.0a3\nr: 1e5\ns: 2025b\n",
    "--- \na: b\n...\n",
    "",
    "- 1\n- -5\n- +7\n- ''\n",
]
TEXTS = [
    *("", " ", "a", "a b", "a: b", "a #b", "#a", "- a", "a:", ":a", "'", "it's", '"', "\\", "a\tb"),
    *("1", "1.0", "1.10", "1e5", "0x1F", "0o17", "017", "1_000", "12:30", ".5", "5.", "-1", "+1"),
    *("yes", "No", "on", "OFF", "y", "n", "true", "null", "~", "=", "<<", "*a", "&a", "!a", "%a"),
    *("2024-01-01", "2024-1-1 10:00:00", "2025b", "1.2.3", ">=1,<2", "3.12.* *_cp312", "*", "-"),
    *("[a]", "{a}", "a]", "@a", "`a", "|", ">", "?", "? a", "---", "...", ".inf", ".NaN", "nan"),
    *("https://conda.example.org/a/b-1_0.conda", "a://b:", "x://y #z", "git+ssh://git@h/x@1#s=d"),
    *("é", "\u2028", "\x7f", "\u202e", "日本", "\U0001f600", "a\nb", " a", "a ", "a  b"),
]


@pytest.mark.parametrize("text", SAME_AS_YAML)
def test_yaml_means_what_the_yaml_library_says(text: str) -> None:
    assert parse(text, "x.yml") == yaml.safe_load(text)


@pytest.mark.parametrize("text", ["3.10", "1.5e+3", "12:30", "0x1F", "1" * 5000, ".inf", "1_0.5"])
def test_numbers_that_a_text_was_meant_by_keep_their_form(text: str) -> None:
    value = parse(f"a: {text}\n", "x.yml")
    assert isinstance(value, Table)
    assert isinstance(value["a"], NotText)
    assert value["a"].text == text


def test_tables_know_their_lines() -> None:
    top = parse("# c\na:\n- b: c\n-\n  d: e\n", "x.yml")
    assert isinstance(top, Table)
    rows = top["a"]
    assert isinstance(rows, list)
    assert [top.line, *(row.line for row in rows)] == [2, 3, 5]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is given twice"),
        ("a: !!python/object:os.system x\n", 1, "holds a tag"),
        ("a: !x {}\n", 1, "holds a tag"),
        ("a: 1\n---\nb: 2\n", 2, "several documents"),
        ("a: *b\n", 1, "alias"),
        ("a: &a {b: c}\nd:\n  <<: *a\n", 3, "not a text"),
        ("? [a]\n: b\n", 1, "not a text"),
        ("1: b\n", 1, "not a text"),
        ("a:\n\tb: c\n", 2, "tab"),
        ("a: [\n", 2, "not valid YAML"),
        ("a: \x07\n", None, "not valid YAML"),
        ("<<<<<<< ours\na: 1\n", 1, "merge-conflict"),
    ],
)
def test_what_no_lock_holds_is_refused(text: str, line: int | None, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse(text, "x.yml")
    assert caught.value.where == ("x.yml" if line is None else f"x.yml:{line}")


def test_a_bomb_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    start = time.perf_counter()
    with pytest.raises(InputError, match="values"):
        parse("\n".join(lines), "x.yml")
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused_at_once(opening: str) -> None:
    start = time.perf_counter()
    with pytest.raises(InputError, match=f"more than {MAX_DEPTH} deep|not valid"):
        parse(opening * 100_000, "x.yml")
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_comes_back_as_it_was(text: str) -> None:
    written = scalar(text)
    assert "\n" not in written
    for document in (f"a: {written}\n", f"- {written}\n", f"{written}: a\n"):
        value = yaml.safe_load(document)
        assert [text] == (value if isinstance(value, list) else [*value.values()]) or text in value
    assert parse(f"a: {written}\n", "x.yml") == {"a": text}


@pytest.mark.parametrize(
    "text", ["a", "numpy", "1.2.3", "2023.7.22", "3.12.* *_cp312", "<5.0,>=4", "py312h1_0"]
)
def test_common_texts_need_no_quotes(text: str) -> None:
    assert scalar(text) == text


@pytest.mark.parametrize("text", ["1", "3.10", "yes", "2024-01-01", "1e5", ">=2", "*"])
def test_what_looks_like_something_else_is_quoted(text: str) -> None:
    assert scalar(text) == f"'{text}'"
