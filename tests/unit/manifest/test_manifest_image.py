"""The image table: every value meets its grammar or is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.manifest.folders import complaints, loaded

from mooring.manifest.model import ImageSpec

BASE = "dependencies = []\n[image]\n"


def image(tmp_path: Path, text: str) -> ImageSpec:
    found = loaded(tmp_path, {"mooring.toml": BASE + text + "\n"}).image
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('base = "python 3"', "base: 'python 3' is not an image reference"),
        ('base = "--privileged"', "is not an image reference"),
        ('base = ""', "is not an image reference"),
        ('base = "a\\nRUN rm -rf /"', "base: the value holds the control character U+000A"),
        ('base = "$(id)"', "is not an image reference"),
        ('base = "oci:a b"', "is not an image reference"),
        ('base = "--base.tar"', "is not an image reference"),
        ('template = "../x.j2"', "template: '../x.j2' may lead out of the project folder"),
        ('template = "/etc/x.j2"', "template: '/etc/x.j2' is not relative"),
        ('template = ""', "template: '' names no file or folder"),
        ('repository = "example.com/x:1"', "is not a repository without tag"),
        ('repository = "example.com/X"', "is not a repository without tag"),
        ('repository = "x@sha256:00"', "is not a repository without tag"),
        ('repository = "https://example.com/x"', "is not a repository without tag"),
        ('environment = "prod"', "environment: the environment 'prod' does not exist"),
        ('files = ["../x"]', "files[0]: '../x' may lead out of the project folder"),
        ('files = ["a/../../x"]', "may lead out of the project folder"),
        ('files = ["/x"]', "is not relative to the project folder"),
        ('files = ["~/x"]', "is not relative to the project folder"),
        ('files = ["C:/x"]', "is not relative to the project folder"),
        ('files = ["a\\\\b"]', "holds a backslash"),
        ('files = ["."]', "'.' names no file or folder"),
        ('files = ["src", "./src/"]', "files[1]: 'src' is listed twice"),
        ('files = ["a\\u0000b"]', "holds the control character U+0000"),
        ('files = "src"', "files: expected a list"),
        ('env = { "A B" = "x" }', """env."A B": 'A B' is not a variable's name"""),
        ('env = { "1A" = "x" }', "is not a variable's name"),
        ("env = { A = 1 }", 'env.A: expected a string, found a whole number | write "1"'),
        ('env = { A = "x\\r\\n" }', "env.A: the value holds the control character U+000D"),
        ('env = { A = "x\\u0085" }', "U+0085"),
        ('env = ["A=1"]', "env: expected a table, found a list"),
        ('labels = { "a b" = "x" }', "is not a label's name"),
        ('labels = { "" = "x" }', "is not a label's name"),
        ('labels = { "a=b" = "x" }', "is not a label's name"),
        ('labels = { "dev.mooring.recipe-digest" = "x" }', "labels under dev.mooring. are set by"),
        ('entrypoint = "python -m x"', "expected a list, found a string | write one word an item"),
        ('entrypoint = [""]', "entrypoint[0]: the command has no program"),
        ('cmd = ["a", 1]', "cmd[1]: expected a string"),
        ('smoke = "x"', "smoke: expected a list"),
        ('healthcheck = [["x"]]', "healthcheck[0]: expected a string, found a list"),
        ('workdir = "app"', "workdir: 'app' is not an absolute path"),
        ('workdir = "/app/../etc"', "is not an absolute path"),
        ('workdir = "/a\\tb"', "holds the control character U+0009"),
        ("user = 1000", 'user: expected a string, found a whole number | write "1000"'),
        ('user = "1:2:3"', "'1:2:3' is not a user"),
        ('user = ""', "'' is not a user"),
        ('user = "1000:"', "is not a user"),
        ('user = "99999999999"', "is not a user"),
        ('user = "4294967295"', "is not a user"),
        ('user = "root; id"', "is not a user"),
        ('user = "\u0661"', "is not a user"),
        ("ports = [0]", "ports[0]: '0' is not a port"),
        ("ports = [65536]", "is not a port"),
        ("ports = [true]", "'True' is not a port"),
        ('ports = ["80/tcp"]', "is not a port"),
        ("ports = [80, 80]", "ports[1]: the port 80 is listed twice"),
        ("port = [80]", "image.port: unknown key 'port' | did you mean 'ports'?"),
    ],
)
def test_a_wrong_value_is_one_problem_with_its_line(tmp_path: Path, text: str, wanted: str) -> None:
    (found,) = complaints(tmp_path, {"mooring.toml": BASE + text + "\n"})
    assert wanted in found
    assert found.startswith("mooring.toml:3: image.")


def test_an_empty_table_means_the_defaults(tmp_path: Path) -> None:
    assert image(tmp_path, "") == ImageSpec()


@pytest.mark.parametrize(
    "base",
    [
        "python:3.12-slim",
        "localhost:5000/a/b",
        "example.com/x@sha256:" + "0" * 64,
        "mooring-test/b",
        "oci:bases/python:3.12",
        "oci:/srv/bases/python@2",
        "docker-archive:../base.tar:team/base:1",
        "oci-archive:base.oci",
        "./bases/python.tar",
        "/srv/base.tar",
    ],
)
def test_image_references_of_every_shape_are_kept(tmp_path: Path, base: str) -> None:
    assert image(tmp_path, f'base = "{base}"').base == base


@pytest.mark.parametrize("user", ["0", "65532:65532", "nonroot", "app:staff", "1000:app"])
def test_users_of_every_shape_are_kept(tmp_path: Path, user: str) -> None:
    assert image(tmp_path, f'user = "{user}"').user == user


def test_values_keep_quotes_dollars_and_backslashes(tmp_path: Path) -> None:
    found = image(tmp_path, """env = { A = 'a"b\\n$HOME `id` \u00e9' }""")
    assert found.env == (("A", 'a"b\\n$HOME `id` \u00e9'),)
