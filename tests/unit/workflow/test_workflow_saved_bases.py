"""Bases that lie in files: locked without any network, from the project's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes import RecordingReporter
from tests.images import config, digest, layer, write_archive

from mooring.lock.formats.mooring_lock import MooringLock
from mooring.manifest.model import ImageSpec, Manifest
from mooring.platforms import Platform, PythonVersion
from mooring.workflow.bases import lock_bases

LAYERS = [layer([("a", b"x")])]


@pytest.mark.parametrize("offline", [True, False])
@pytest.mark.parametrize("upgrade", [True, False])
def test_a_saved_base_needs_no_network(tmp_path: Path, offline: bool, upgrade: bool) -> None:
    write_archive(tmp_path / "base.tar", LAYERS, config(LAYERS), "team/base:1")
    manifest = Manifest(
        root=tmp_path,
        path=tmp_path / "mooring.toml",
        inputs=(),
        name="demo",
        version=None,
        requires_python=None,
        python=PythonVersion(minor=12),
        platforms=(Platform.parse("linux-64"), Platform.parse("osx-arm64")),
        image=ImageSpec(base="base.tar"),
    )
    lock = lock_bases(
        manifest,
        MooringLock(),
        base=None,
        upgrade=upgrade,
        offline=offline,
        reporter=RecordingReporter(),
    )
    (entry,) = lock.base_images
    assert (entry.reference, entry.image_id) == ("base.tar", digest(config(LAYERS)))
