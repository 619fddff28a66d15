"""The solver's failures in our words."""

from __future__ import annotations

import pytest
from tests.conda_solving import LINUX, MAC, requirement

from mooring.resolve.conda.explain import channel_error, missing_error, unsatisfiable_error
from mooring.resolve.conda.interface import Failed
from mooring.resolve.interface import UnsatisfiableError

CONFLICT = """Cannot solve the request because of: w * cannot be installed because:
└─ w 2 would require
   └─ x >=9, for which no candidates were found.

"""


def broken(text: str, channel: str | None = "internal") -> Failed:
    return Failed(kind="channel", text=text, channel=channel)


def test_no_solution_names_the_platforms_and_the_places() -> None:
    w, other = requirement("w"), requirement("other", where="environment.yml:9")
    error = unsatisfiable_error([(LINUX, CONFLICT), (MAC, CONFLICT)], [w, other])
    assert error.exit_code == 2
    assert error.message == (
        "the conda packages have no solution on linux-64, osx-arm64:\n"
        "  w * cannot be installed because:\n"
        "  └─ w 2 would require\n"
        "     └─ x >=9, for which no candidates were found.\n"
        "Declared here:\n"
        "  environment.yml:7: w"
    )


def test_different_explanations_are_told_apart() -> None:
    error = unsatisfiable_error([(LINUX, CONFLICT), (MAC, "something else")], [])
    assert "no solution on linux-64:" in error.message
    assert "no solution on osx-arm64:\n  something else" in error.message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("x would require\n └─ __cuda *, for which no candidates were found.", "cuda = "),
        ("x 2 is excluded because the package is uploaded after the cutoff date", "exclude-newer"),
        ("x 2 is excluded because due to strict channel priority not using", "channel::name"),
    ],
)
def test_hints_say_what_to_do(text: str, hint: str) -> None:
    assert hint in (unsatisfiable_error([(LINUX, text)], []).hint or "")


def test_a_platform_is_not_advised_to_be_another() -> None:
    text = "x would require\n └─ __osx *, for which no candidates were found."
    assert unsatisfiable_error([(LINUX, text)], []).hint is None
    assert unsatisfiable_error([(MAC, text)], []).hint is not None


def test_one_missing_name_is_told_at_its_place() -> None:
    error = missing_error(
        {requirement("nmupy >=2"): [LINUX, MAC]}, frozenset({"numpy", "pandas"}), {}, ["main"]
    )
    assert str(error) == (
        "environment.yml:7: the package 'nmupy' does not exist in the channel main "
        "for linux-64, osx-arm64"
    )
    assert error.hint == "did you mean 'numpy'?"


def test_a_name_of_pypi_leads_to_conda() -> None:
    error = missing_error(
        {requirement("torch"): [LINUX]},
        frozenset({"pytorch", "torch-geometric"}),
        {"torch": ("pytorch-old", "pytorch")},
        ["main"],
    )
    assert error.hint == "did you mean 'pytorch'?"


def test_all_missing_names_are_told_together() -> None:
    missing = {requirement("nmupy"): [LINUX], requirement("zzzz"): [MAC]}
    error = missing_error(missing, frozenset({"numpy"}), {}, ["a", "b"])
    assert error.message.startswith("2 packages do not exist in the channels a, b:")
    assert "'zzzz' does not exist for osx-arm64" in error.message
    assert error.hint == "nmupy: did you mean 'numpy'?"


@pytest.mark.parametrize(
    ("text", "message", "code"),
    [
        ("HTTP status client error (401 Unauthorized) for url (http://a/x)", "HTTP 401", 3),
        ("HTTP status server error (503 Unavailable) for url (http://a/x)", "HTTP 503", 3),
        (
            "could not find subdir 'noarch' in channel 'http://a/x/'\nCaused by: HTTP 404",
            "internal does not exist",
            2,
        ),
        (
            "error sending request for url (http://a/x)\nCaused by: Connection refused (111)",
            "cannot be reached: Connection refused (111) (http://a/x)",
            3,
        ),
        (
            "failed to parse repodata.json\nCaused by: EOF while parsing a string",
            "repodata that cannot be read: EOF while parsing",
            3,
        ),
        ("no usable repodata cache for http://a/x/", "not in the cache", 3),
        ("something new", "internal cannot be read: something new", 3),
    ],
)
def test_a_broken_channel_is_one_clear_message(text: str, message: str, code: int) -> None:
    error = channel_error(broken(text))
    assert message in error.message
    assert "\n" not in error.message
    assert error.exit_code == code


def test_a_channel_that_cannot_be_told_is_not_guessed() -> None:
    assert channel_error(broken("something", None)).message.startswith("one of the channels")


def test_no_secret_is_shown() -> None:
    text = "error sending request for url (https://u:pw@conda.example.org/t/TOKEN/x/noarch)"
    error = channel_error(broken(text))
    assert "pw" not in str(error)
    assert "TOKEN" not in str(error)
    both = unsatisfiable_error([(LINUX, text)], [])
    assert isinstance(both, UnsatisfiableError)
    assert "TOKEN" not in both.message
