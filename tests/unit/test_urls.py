from __future__ import annotations

import pytest

from mooring.urls import credentials, redact, strip_credentials


@pytest.mark.parametrize(
    ("url", "stripped"),
    [
        ("https://me:secret@h.example/simple/", "https://h.example/simple/"),
        ("https://token@h.example:8443/a?b=c#d", "https://h.example:8443/a?b=c#d"),
        ("https://h.example/a@b", "https://h.example/a@b"),
        ("ssh://git@h.example/r.git", "ssh://git@h.example/r.git"),
        ("git+ssh://git@h.example/r.git", "git+ssh://git@h.example/r.git"),
        ("git+ssh://git:secret@h.example/r.git", "git+ssh://h.example/r.git"),
        ("git+https://me:s@h.example/r.git@v1", "git+https://h.example/r.git@v1"),
        ("../wheels", "../wheels"),
    ],
)
def test_strip_credentials(url: str, stripped: str) -> None:
    assert strip_credentials(url) == stripped


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://me:secret@h.example/", ("me", "secret")),
        ("https://token@h.example/", ("token", "")),
        ("https://:secret@h.example/", ("", "secret")),
        ("https://h.example/", None),
    ],
)
def test_credentials(url: str, found: tuple[str, str] | None) -> None:
    assert credentials(url) == found


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "GET https://me:secret@h.example/a and http://t0k@i.example failed",
            "GET https://***@h.example/a and http://***@i.example failed",
        ),
        ("clone git+ssh://git@h.example/r", "clone git+ssh://git@h.example/r"),
        ("clone ssh://git:secret@h.example/r", "clone ssh://***@h.example/r"),
        ("write to me@example.org", "write to me@example.org"),
        ("https://h.example/a@b", "https://h.example/a@b"),
        ("of https://h.example/t/tk-1/c::a b", "of https://h.example/t/***/c::a b"),
        ("the folder a/t/b", "the folder a/t/b"),
    ],
)
def test_redact(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_no_secret_outlives_redaction() -> None:
    for password in ("secret", "se:cret", "s%40cret", "s$cret+-._~"):
        assert password not in redact(f"error at https://me:{password}@h.example/simple/: 401")


@pytest.mark.parametrize("mark", ["@", "'", '"', "/", "#", "?", "\\", "[", ":"])
def test_nothing_of_an_odd_password_outlives_redaction(mark: str) -> None:
    for url in ("https://me:before{}after@h.example/x", "'https:/me:before{}after@h.example'"):
        shown = redact(f"{url.format(mark)} does not exist")
        assert "before" not in shown
        assert "after" not in shown


def test_redaction_leaves_what_is_no_password() -> None:
    for text in (
        "https://h.example:8443/a@b",
        "git+https://h.example/r.git@v1.0",
        "python:3.12@sha256:0123",
        "a @ https://h.example/a.whl ; extra == 'b@c'",
    ):
        assert redact(text) == text


def test_redacting_a_hostile_text_ends() -> None:
    for text in ("a" * 200_000, "x://y:" * 3_000, "://" * 6_000, "x:/a@" * 4_000):
        redact(text)  # a search that tries every split of it would not come back
