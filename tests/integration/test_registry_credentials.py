from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from mooring.oci.credentials import Credentials, StoredCredentials
from mooring.oci.reference import ImageReference

pytestmark = pytest.mark.process

BASE = ImageReference.parse("registry.example.com:5000/team/base")
HUB = ImageReference.parse("python:3.12")


@pytest.fixture
def helper(tmp_path: Path) -> Mapping[str, str]:
    """A credential helper that knows one registry, and one that always fails."""
    script = tmp_path / "docker-credential-tests"
    script.write_text(
        "#!/bin/sh\n"
        'read -r host; [ "$1" = get ] || exit 3\n'
        'case "$host" in\n'
        '  registry.example.com:5000) echo \'{"Username": "ann", "Secret": "secret"}\';;\n'
        "  https://index.docker.io/v1/) "
        'echo \'{"Username": "<token>", "Secret": "refresh"}\';;\n'
        '  *) echo "credentials not found" >&2; exit 1;;\n'
        "esac\n"
    )
    script.chmod(0o755)
    return {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"}


@pytest.mark.parametrize(
    "config", [{"credsStore": "tests"}, {"credHelpers": {BASE.registry: "tests"}}]
)
def test_a_helper_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, helper: Mapping[str, str], config: object
) -> None:
    monkeypatch.setenv("PATH", helper["PATH"])
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = StoredCredentials(helper).find(BASE)
    assert found == Credentials(username="ann", password="secret")


def test_what_a_helper_does_not_know_is_looked_up_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, helper: Mapping[str, str]
) -> None:
    monkeypatch.setenv("PATH", helper["PATH"])
    other = ImageReference.parse("other.example.com/x")
    config = {
        "credsStore": "tests",
        "auths": {other.registry: {"auth": base64.b64encode(b"file:x").decode()}},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    source = StoredCredentials(helper)
    assert source.find(HUB) == Credentials(identity_token="refresh")
    assert source.find(other) == Credentials(username="file", password="x")


def test_an_absent_helper_means_nothing_stored(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "mooring-test-absent"}))
    assert StoredCredentials({"DOCKER_CONFIG": str(tmp_path)}).find(BASE) is None
