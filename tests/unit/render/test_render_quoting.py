"""Each format's quoting, read back by a parser that knows nothing of the writer."""

from __future__ import annotations

import json
import re
import shlex
import tomllib

import pytest
from tests.unit.render.making import NASTY

from mooring.render import quoting
from mooring.render.quoting import FILTERS, Quoted, QuotingError

CONTROLS = ["\x00", "\x01", "\n", "\r", "\x1b", "\x7f", "\x85"]


def expanded(word: str) -> str:
    """Expand a double-quoted word as BuildKit does."""
    assert word[0] == word[-1] == '"'
    text = word[1:-1].replace("${PATH:+}", "")
    assert not re.search(r'(?<!\\)(?:\\\\)*[$"]', text), f"{word} expands or ends too early"
    return re.sub(r'\\([\\"$])', r"\1", text)


@pytest.mark.parametrize("value", NASTY.values(), ids=NASTY.keys())
def test_every_format_carries(value: str) -> None:
    assert expanded(quoting.env(value, "NAME").removeprefix("NAME=")) == value
    assert expanded(quoting.label(value, "a.b").removeprefix("a.b=")) == value
    assert expanded(quoting.arg(value, "NAME").removeprefix("NAME=")) == value
    assert json.loads(quoting.command([value, value])) == [value, value]
    assert shlex.split(quoting.sh(value)) == [value]
    assert tomllib.loads(f"key = {quoting.toml(value)}") == {"key": value}


@pytest.mark.parametrize("value", NASTY.values(), ids=NASTY.keys())
def test_no_backslash_touches_a_quote(value: str) -> None:
    """hadolint reads `\\\\"` wrongly, and then does not see the rest of the file."""
    for line in (quoting.env(value, "A"), quoting.command([value])):
        assert not re.search(r'(?<!\\)(?:\\\\)+"', line)


@pytest.mark.parametrize("control", CONTROLS)
def test_controls_are_refused_where_a_dockerfile_cannot_carry_them(control: str) -> None:
    for name, write in (
        ("image.env.NAME", lambda v: quoting.env(v, "NAME")),
        ("image.labels.name", lambda v: quoting.label(v, "name")),
        ("image.files", quoting.copy),
        ("image.files", quoting.ignore),
        ("image.workdir", lambda v: quoting.workdir("/" + v)),
    ):
        with pytest.raises(QuotingError, match=rf"U\+{ord(control):04X}") as caught:
            write(f"a{control}b")
        assert caught.value.where == name
    with pytest.raises(QuotingError, match="control character"):
        quoting.sh(f"a{control}b")


def test_json_and_toml_carry_controls_that_have_an_escape() -> None:
    value = "a\nb\r\t\x01\x1b\x7f\x85"
    assert json.loads(quoting.command([value])) == [value]
    assert "\n" not in quoting.command([value])
    assert tomllib.loads(f"key = {quoting.yaml(value)}") == {"key": value}
    assert quoting.yaml(value).isascii()


def test_yaml_escapes_what_yaml_folds_or_forbids() -> None:
    assert quoting.yaml("a\u0085b\u2028c\ufeff\ufffe\U000e0001") == (
        '"a\\u0085b\\u2028c\\ufeff\\ufffe\\U000e0001"'
    )
    assert quoting.yaml("no") == '"no"'


def test_a_command_takes_no_nul() -> None:
    with pytest.raises(QuotingError, match="NUL") as caught:
        quoting.command(["a", "b\0"], "image.cmd")
    assert caught.value.where == "image.cmd"


@pytest.mark.parametrize("write", [quoting.sh, quoting.yaml, lambda v: quoting.command([v])])
def test_half_a_surrogate_pair_is_refused(write: object) -> None:
    assert callable(write)
    with pytest.raises(QuotingError, match="Unicode"):
        write("a\ud800")


def test_a_line_that_docker_would_not_read_is_refused() -> None:
    assert len(quoting.env("x" * 59_000, "A")) > 59_000
    with pytest.raises(QuotingError, match="60,000 bytes") as caught:
        quoting.env("ü" * 30_001, "A")
    assert caught.value.where == "image.env.A"


@pytest.mark.parametrize("name", ["", "1A", "A B", "A=B", "A$B", "Ä", "A\nB", "A#"])
def test_names_that_break_an_instruction_are_refused(name: str) -> None:
    for write in (quoting.env, quoting.arg):
        with pytest.raises(QuotingError, match="is not a name"):
            write("x", name)
    if name != "1A":
        with pytest.raises(QuotingError, match="is not a name"):
            quoting.label("x", name)


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("src", '["src", "./src"]'),
        ("./src//app/", '["src/app", "./src/app"]'),
        (".", '[".", "./"]'),
        ("my dir/x.txt", '["my dir/x.txt", "./my dir/x.txt"]'),
        ("--chmod=1", '["--chmod=1", "./--chmod=1"]'),
        ("a$b", """["'a$b'", "'./a$b'"]"""),
        ("it's", r"""["'it'\"'\"'s'", "'./it'\"'\"'s'"]"""),
    ],
)
def test_copy_keeps_the_path(path: str, written: str) -> None:
    assert quoting.copy(path) == written


@pytest.mark.parametrize("path", ["", "/etc/passwd", "..", "a/../../b", "/"])
def test_paths_stay_inside_the_project(path: str) -> None:
    with pytest.raises(QuotingError, match="not a path inside the project") as caught:
        quoting.copy(path)
    assert caught.value.where == "image.files"


@pytest.mark.parametrize("path", ["a*", "w?", "[id].py", "a]", "b\\s", "^x", " lead", "a/trail "])
def test_paths_that_docker_reads_as_patterns_are_refused(path: str) -> None:
    for write in (quoting.copy, quoting.ignore):
        with pytest.raises(QuotingError, match=r"pattern|space") as caught:
            write(path)
        assert caught.value.hint == "name the folder that holds it"


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/app", "/app"),
        ("/my app", '"/my app"'),
        ("/a$X", '"/a\\$X"'),
        ("/a\\", '"/a\\\\${PATH:+}"'),
    ],
)
def test_workdir(path: str, written: str) -> None:
    assert quoting.workdir(path) == written


@pytest.mark.parametrize("path", ["app", "", "/a/../b"])
def test_workdir_is_absolute(path: str) -> None:
    with pytest.raises(QuotingError, match="absolute"):
        quoting.workdir(path)


def test_users_ports_and_images() -> None:
    assert quoting.user("65532:65532") == "65532:65532"
    assert quoting.user("app") == "app"
    assert quoting.port(8000) == "8000"
    assert quoting.image("python:3.12-slim@sha256:00") == "python:3.12-slim@sha256:00"
    for user in ("", "a b", "1:", "App", "1:2:3", "0\nRUN x"):
        with pytest.raises(QuotingError, match="not a user"):
            quoting.user(user)
    for number in (0, -1, 65536):
        with pytest.raises(QuotingError, match="not a port"):
            quoting.port(number)
    for reference in ("", "-x", "a b", "a\nb", "$x"):
        with pytest.raises(QuotingError, match="image reference"):
            quoting.image(reference)
    for reference in ("oci:bases/python:1", "docker-archive:base.tar", "base.tar"):
        with pytest.raises(QuotingError, match="lies in files") as caught:
            quoting.image(reference)
        assert "--engine oci" in str(caught.value.hint)


def test_shell_words_are_bare_where_they_can_be() -> None:
    assert quoting.sh("https://a.example.com/simple") == "https://a.example.com/simple"
    assert quoting.words(["pip", "a b"]) == "pip 'a b'"
    assert quoting.sh("") == "''"


def test_every_filter_marks_its_output() -> None:
    taken: dict[str, object] = {"command": ["x"], "words": ["x"], "port": 1, "workdir": "/x"}
    for name, write in FILTERS.items():
        value = taken.get(name, "x")
        named = name in ("env", "label", "arg")
        assert callable(write)
        assert isinstance(write(value, "NAME") if named else write(value), Quoted), name
