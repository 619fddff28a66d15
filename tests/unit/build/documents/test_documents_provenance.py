"""SLSA provenance v1: what the specification asks for, and nothing of the machine."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import Any

from tests.unit.build.documents.made import SUBJECT, components

from mooring import __version__
from mooring.build.documents import provenance
from mooring.build.documents.provenance import BuildRun

RUN = BuildRun(
    recipe_digest="sha256:" + "1" * 64,
    lock_digest="sha256:" + "2" * 64,
    parameters={"platform": "linux/amd64", "environment": "default"},
    internal={"compressor": "zlib-ng 1.1.0", "layers": 1},
    files=(("src/app.py", "sha256:" + "3" * 64),),
)


def written(run: BuildRun = RUN) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(provenance.write(SUBJECT, components(), run))
    return document


def test_the_statement_is_about_the_manifest() -> None:
    statement = written()
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [{"name": SUBJECT.repository, "digest": {"sha256": "a" * 64}}]


def test_the_build() -> None:
    predicate = written()["predicate"]
    definition = predicate["buildDefinition"]
    assert re.fullmatch(r"https://\S+", definition["buildType"])
    assert definition["externalParameters"] == RUN.parameters
    assert definition["internalParameters"] == {
        "compressor": "zlib-ng 1.1.0",
        "layers": 1,
        "recipeDigest": RUN.recipe_digest,
    }
    assert predicate["runDetails"]["builder"]["id"] == provenance.BUILDER_ID
    own = written(replace(RUN, builder_id="https://ci.example.com/runner"))
    assert own["predicate"]["runDetails"]["builder"]["id"] == "https://ci.example.com/runner"


def test_everything_that_went_in() -> None:
    rows = written()["predicate"]["buildDefinition"]["resolvedDependencies"]
    by_name = {row["name"]: row for row in rows}
    assert len(rows) == len(components()) + 3
    assert by_name["python:3.12-slim"]["digest"] == {"sha256": "b" * 64}
    assert by_name["pylock.toml"]["digest"] == {"sha256": "2" * 64}
    assert by_name["src/app.py"]["digest"] == {"sha256": "3" * 64}
    alpha = by_name["alpha-1.0-py3-none-any.whl"]
    assert alpha["digest"] == {"sha256": "c" * 64}
    assert alpha["uri"] == "pkg:pypi/alpha@1.0"
    assert alpha["downloadLocation"].startswith("https://packages.example.org/")


def test_a_base_of_no_registry() -> None:
    run = replace(RUN, base_digest="sha256:" + "4" * 64)
    data = provenance.write(replace(SUBJECT, base=None), components(), run)
    definition = json.loads(data)["predicate"]["buildDefinition"]
    assert definition["resolvedDependencies"][0] == {
        "name": "base image",
        "digest": {"sha256": "4" * 64},
    }
    assert provenance.write(SUBJECT, components(), run) == provenance.write(
        SUBJECT, components(), RUN
    ), "the manifest of a registry says it better"


def test_no_time_and_the_same_bytes() -> None:
    data = provenance.write(SUBJECT, components(), RUN)
    assert data == provenance.write(SUBJECT, components()[::-1], RUN)
    later = replace(SUBJECT, created=SUBJECT.created + 1)
    assert data == provenance.write(later, components(), RUN)


def test_golden() -> None:
    data = provenance.write(SUBJECT, components(), RUN).replace(
        f'"{__version__}"'.encode(), b'"VERSION"'
    )
    assert (
        hashlib.sha256(data).hexdigest()
        == "993d86c92cddc787fafd2f6fff20a50b40bea1319364fad35cfd5d9f8db495d0"
    )
