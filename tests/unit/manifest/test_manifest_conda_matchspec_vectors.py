"""Match specifications that conda's own suite expects things of, and what the solver reads."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from rattler import BuildString, PackageRecord
from rattler import MatchSpec as Solver

from mooring.errors import InputError
from mooring.manifest.matchspec import MatchSpec, read_spec

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases.tar.xz"

pytestmark = pytest.mark.skipif(not CASES.is_file(), reason="the vectors are absent")

# The solver takes neither patterns in the middle of a version nor an archive or a feature as a
# specification; what it would misread or drop is refused.
REFUSED = {
    "numpy >=1,*.7.*",
    "numpy *.7.*,>=1",
    "numpy >=1,*.8.*",
    "numpy >=2,*.7.*",
    "numpy >=1.0.1*.vc11",
    "mkl@",
    "/some/file/on/disk/package-1.2.3-2.tar.bz2",
    'numpy[features="mkl debug" build_number=2]',
    "numpy=",
}


@pytest.fixture(scope="module")
def vectors() -> list[dict[str, Any]]:
    with tarfile.open(CASES) as archive:
        stream = archive.extractfile("./vectors/matchspec/conda_match_spec.json")
        assert stream is not None
        found: list[dict[str, Any]] = json.load(stream)
    assert len(found) > 200
    return found


def of(vectors: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [vector for vector in vectors if vector["kind"] == kind]


def values(vectors: list[dict[str, Any]], test: str) -> list[Any]:
    return [
        value
        for vector in of(vectors, "parametrize")
        if vector["test"] == test
        for value in vector["values"]
    ]


def spec_of(text: str) -> MatchSpec | None:
    if text in REFUSED:
        with pytest.raises(InputError):
            read_spec(text)
        return None
    return read_spec(text)


def record(dist: str) -> PackageRecord:
    name, version, build = dist.removesuffix(".tar.bz2").rsplit("-", 2)
    return PackageRecord(
        name=name, version=version, build=BuildString(build), build_number=0, subdir="linux-64"
    )


def test_the_solver_matches_what_conda_matches(vectors: list[dict[str, Any]]) -> None:
    compared = 0
    for vector in of(vectors, "match"):
        spec = spec_of(vector["spec"])
        if spec is None:
            continue
        found = Solver(spec.text, strict=True).matches(record(vector["dist"]))
        assert found == vector["expected"], vector
        compared += 1
    assert compared > 55


def test_canonical_forms_mean_the_same(vectors: list[dict[str, Any]]) -> None:
    compared = 0
    for vector in of(vectors, "str"):
        spec = spec_of(vector["spec"])
        if spec is None or "features" in vector["expected"]:
            continue
        if vector["expected"].startswith("defaults::"):
            # What `defaults` stands for is a setting of conda.
            assert spec.channel in ("defaults", "pkgs/main")
            continue
        assert read_spec(vector["expected"]).text == spec.text, vector
        compared += 1
    assert compared > 50


def test_parts_are_those_that_conda_finds(vectors: list[dict[str, Any]]) -> None:
    compared = 0
    for vector in of(vectors, "parse"):
        spec = spec_of(vector["spec"])
        if spec is None:
            continue
        expected = vector["expected"]
        assert spec.name == expected["name"], vector
        assert spec.build == expected.get("build"), vector
        assert spec.channel == (None if expected.get("channel") == "*" else expected.get("channel"))
        assert spec.subdir == expected.get("subdir"), vector
        if "version" in expected:
            assert spec.version == read_spec(f"x {expected['version']}").version, vector
        for key in ("build_number", "md5"):
            assert dict(spec.details).get(key) == expected.get(key), vector
        compared += 1
    assert compared > 35


def test_what_conda_refuses_is_refused(vectors: list[dict[str, Any]]) -> None:
    wrong = [vector["spec"] for vector in of(vectors, "raises")]
    wrong += [value[0] for value in values(vectors, "test_invalid_package_name_rejected")]
    wrong += [value[0] for value in values(vectors, "test_bad_brackets") if isinstance(value, list)]
    wrong += values(vectors, "test_invalid_version_reports_spec")
    wrong += values(vectors, "test_extras_flags_empty_value_raises")
    assert len(wrong) > 25
    for text in wrong:
        with pytest.raises(InputError):
            read_spec(text)


def test_what_conda_takes_the_solver_takes_in_our_form(vectors: list[dict[str, Any]]) -> None:
    texts = values(vectors, "test_parse_ecosystem_corpus")
    texts += values(vectors, "test_valid_package_names")
    texts += [value[0] for value in values(vectors, "test_version_with_parentheses")]
    texts += [text for value in values(vectors, "test_conda_env_form") for text in value]
    assert len(texts) > 55
    for text in texts:
        spec = read_spec(text)
        assert read_spec(spec.text).text == spec.text
        if spec.name != "*":
            assert str(Solver(spec.text, strict=True)) == str(Solver(spec.text))


def test_simple_forms_equal_their_canonical_ones(vectors: list[dict[str, Any]]) -> None:
    pairs = values(vectors, "test_simple") + values(vectors, "test_pip_style")
    assert len(pairs) > 9
    for text, expected in pairs:
        assert read_spec(text) == read_spec(expected)
