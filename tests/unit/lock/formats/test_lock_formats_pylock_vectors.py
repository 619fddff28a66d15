"""Every vector of PEP 751 that is at hand: our verdict is packaging's, or stricter for safety."""

from __future__ import annotations

import tarfile
import tomllib
from pathlib import Path

import pytest
from packaging.pylock import Pylock, PylockValidationError

from mooring.errors import InputError, InputProblems
from mooring.lock.formats import pylock

CASES = Path(__file__).resolve().parents[5] / "shared" / "cases.tar.xz"

# What Mooring refuses beyond the specification, by a piece of its message.
STRICTER = ("hexadecimal", "not a full commit id")


@pytest.fixture(scope="module")
def vectors() -> dict[str, str]:
    if not CASES.is_file():
        pytest.skip("the case files are not here")
    found = {}
    with tarfile.open(CASES) as archive:
        for member in archive:
            name = Path(member.name)
            if name.name.startswith("pylock.") and name.suffix == ".toml":
                stream = archive.extractfile(member)
                assert stream is not None
                found[str(name)] = stream.read().decode("utf-8")
    return found


def is_valid(text: str) -> bool:
    try:
        Pylock.from_dict(tomllib.loads(text))
    except PylockValidationError:
        return False
    return True


def refusal(text: str) -> InputError | None:
    try:
        pylock.read(text, "pylock.toml")
    except InputError as error:
        return error
    return None


def test_the_verdict_is_that_of_packaging(vectors: dict[str, str]) -> None:
    assert len(vectors) > 40
    for name, text in vectors.items():
        error = refusal(text)
        if not is_valid(text):
            assert error is not None, name
            assert error.where is not None, name
        elif error is not None:
            problems = error.problems if isinstance(error, InputProblems) else [error]
            for problem in problems:
                assert any(piece in problem.message for piece in STRICTER), f"{name}: {error}"


def test_real_locks_of_other_tools_round_trip(vectors: dict[str, str]) -> None:
    seen = 0
    for name, text in vectors.items():
        if refusal(text) is not None:
            continue
        seen += 1
        once = pylock.write(pylock.read(text, name))
        assert pylock.write(pylock.read(once, name)) == once, name
        Pylock.from_dict(tomllib.loads(once))
    assert seen > 10
