from __future__ import annotations

import pytest

from mooring.errors import InputError
from mooring.oci.reference import ImageReference, is_loopback

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("python", "docker.io", "library/python", None, None),
        ("python:3.12-slim", "docker.io", "library/python", "3.12-slim", None),
        ("team/base:1", "docker.io", "team/base", "1", None),
        ("docker.io/python", "docker.io", "library/python", None, None),
        ("index.docker.io/team/base", "docker.io", "team/base", None, None),
        ("localhost/base", "localhost", "base", None, None),
        ("localhost:5000/base:1", "localhost:5000", "base", "1", None),
        ("base:5000", "docker.io", "library/base", "5000", None),
        ("Example/base", "Example", "base", None, None),
        ("registry.example.com/a/b/c__d", "registry.example.com", "a/b/c__d", None, None),
        ("[::1]:5000/base", "[::1]:5000", "base", None, None),
        (f"python@{DIGEST}", "docker.io", "library/python", None, DIGEST),
        (f"r.example.com:1/x:t@{DIGEST}", "r.example.com:1", "x", "t", DIGEST),
    ],
)
def test_a_reference_is_read_as_docker_reads_it(
    text: str, registry: str, repository: str, tag: str | None, digest: str | None
) -> None:
    found = ImageReference.parse(text)
    assert (found.registry, found.repository, found.tag, found.digest) == (
        registry,
        repository,
        tag,
        digest,
    )
    assert str(found) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " python",
        "python ",
        "Python",
        "python:",
        "python:.x",
        "python:" + "x" * 129,
        "python@",
        "python@sha256:12",
        f"python@sha512:{HEX}{HEX}",
        f"python@sha256:{HEX.upper()}",
        "team//base",
        "/base",
        "base/",
        "team/_base",
        "team/base-",
        "a...b",
        "host_name.example.com/base",
        "-host.example.com/base",
        "example.com:port/base",
        "https://example.com/base",
        "base\nFROM other",
        'base"',
        "base$x",
        "a" * 256,
        HEX,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        ImageReference.parse(text, "mooring.toml: image.base")
    assert caught.value.where == "mooring.toml: image.base"
    assert caught.value.exit_code == 2


def test_capital_letters_are_named_as_the_reason() -> None:
    with pytest.raises(InputError, match="no capital letters"):
        ImageReference.parse("registry.example.com/Team/base")


def test_the_selector_prefers_the_digest() -> None:
    assert ImageReference.parse("a").selector == "latest"
    assert ImageReference.parse("a:1").selector == "1"
    assert ImageReference.parse(f"a:1@{DIGEST}").selector == DIGEST


def test_other_tags_and_digests_keep_the_written_name() -> None:
    reference = ImageReference.parse(f"python:3.12@{DIGEST}")
    assert str(reference.with_tag("moor-1")) == "python:moor-1"
    assert str(reference.with_digest(DIGEST)) == f"python@{DIGEST}"
    with pytest.raises(InputError):
        reference.with_tag("not a tag")


def test_the_api_of_docker_hub_is_elsewhere() -> None:
    assert ImageReference.parse("python").api_host == "registry-1.docker.io"
    assert ImageReference.parse("r.example.com/x").api_host == "r.example.com"


def test_two_spellings_of_one_repository_are_the_same() -> None:
    short, long = ImageReference.parse("python:1"), ImageReference.parse("docker.io/library/python")
    assert short.same_repository(long)
    assert not short.same_repository(ImageReference.parse("r.example.com/library/python"))


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.0.0.1", True),
        ("127.8.9.1:5000", True),
        ("[::1]:5000", True),
        ("10.0.0.1:5000", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("example.com", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_password_in_what_is_no_reference_is_not_shown() -> None:
    for text in ("jane:hunter2@registry.example.com/x", "https://jane:hunter2@example.com/x"):
        with pytest.raises(InputError, match=r"\*\*\*@") as caught:
            ImageReference.parse(text)
        assert "hunter2" not in str(caught.value)
    with pytest.raises(InputError, match=r"python:3@sha256:12"):
        ImageReference.parse("python:3@sha256:12")
