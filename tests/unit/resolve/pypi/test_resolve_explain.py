"""uv's failures in our words."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.resolving import manifest, request

from mooring.errors import InputError
from mooring.manifest.model import Manifest
from mooring.resolve.interface import ResolveError, UnsatisfiableError
from mooring.resolve.pypi.explain import missing_package, resolution_error

FOLDER = Path("/tmp/mooring-lock-x")
SPLIT = (
    "error: No solution found when resolving dependencies for split (markers: "
    "python_full_version >= '3.13' and platform_machine == 'AMD64' and sys_platform == 'win32')\n"
)
ACTIVE = (
    "\n\nhint: While the active Python version is 3.11, the resolution failed for other Python "
    "versions supported by your project. Consider limiting your project's supported versions.\n"
)


def explained(
    text: str, declared: Manifest | None = None, python: str = ">=3.12,<3.14"
) -> ResolveError:
    return resolution_error(text, request(declared or manifest(["a<2"]), python=python), FOLDER)


def test_a_conflict_names_platform_pythons_and_places() -> None:
    declared = manifest(["a<2", "b"], groups={"dev": ["a>=2"]}, constraints=["b<9"])
    text = (
        "Using CPython 3.11\n"
        + SPLIT
        + "  cause: Because churn:dev depends on a>=2 and your project depends on a<2, we can "
        "conclude that your project and churn:dev are incompatible.\n"
        "         And because x, we can conclude that your requirements are unsatisfiable."
        + ACTIVE
        + "\nhint: Pre-releases are available for `a`"
    )
    error = explained(text, declared)
    assert isinstance(error, UnsatisfiableError)
    assert isinstance(error, InputError)
    assert error.exit_code == 2
    assert str(error) == (
        "the requirements have no solution on win-64 with Python >=3.13:\n"
        "  Because the group dev depends on a>=2 and your project depends on a<2, we can conclude "
        "that your project and the group dev are incompatible.\n"
        "  And because x, we can conclude that your requirements are unsatisfiable.\n"
        "Declared here:\n"
        "  requirements.in:1: a<2\n"
        "  group-dev:1: a>=2"
    )
    assert error.hint == "Pre-releases are available for `a`"


def test_our_own_bounds_are_not_shown() -> None:
    text = (
        SPLIT + "  cause: Because the requested Python version (>=3.11) does not satisfy x and a "
        "has no `python_full_version >= '3.13' and platform_machine == 'AMD64' and sys_platform "
        "== 'win32'`-compatible wheels" + ACTIVE
    )
    error = explained(text)
    assert "the requested Python version (>=3.12,<3.14) does not satisfy" in error.message
    assert "has no win-64-compatible wheels" in error.message
    assert "active" not in f"{error}{error.hint}"
    assert error.hint is None


def test_the_stand_in_for_a_name_is_not_shown() -> None:
    text = SPLIT + "  cause: Because mooring-project[x] and mooring-project:dev and churn:dev"
    error = explained(text, manifest(["churn"]))
    assert "Because the extra x and the group dev and churn:dev" in error.message


def test_a_missing_package() -> None:
    text = SPLIT + "  cause: Because gone was not found in the package registry and a needs gone"
    assert missing_package(text) == "gone"
    error = explained(text)
    assert isinstance(error, UnsatisfiableError)
    assert error.where is None
    assert "it is needed by others" in error.message
    direct = explained(text, manifest(["a", "gone"]))
    assert (direct.where, direct.message) == (
        "requirements.in:2",
        "the package 'gone' does not exist in the index",
    )


def test_a_source_distribution_that_cannot_be_built() -> None:
    text = (
        "error: Failed to download and build `a==1`\n"
        f"  cause: broken in {FOLDER}/x\n"
        "  cause: Because setuptools was not found in the package registry\n"
    )
    assert missing_package(text) is None
    error = explained(text)
    assert error.exit_code == 3
    assert error.message.startswith("a==1 publishes no static metadata")
    assert str(FOLDER) not in error.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("error: Failed to fetch: https://h.example/a/\n  cause: dns error", "cannot be reached"),
        (SPLIT + "\n\nhint: because the network was disabled", "not everything that is needed"),
        ("error: something new https://u:pw@h.example", "could not resolve the requirements: some"),
        ("", "could not resolve"),
    ],
)
def test_what_could_not_be_found_out_is_no_wrong_input(text: str, message: str) -> None:
    error = explained(text)
    assert message in error.message
    assert not isinstance(error, InputError)
    assert error.exit_code == 3
    assert "pw" not in error.message
