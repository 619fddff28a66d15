"""Where an image is pushed to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mooring.errors import InputError
from mooring.manifest.model import ImageSpec, Manifest
from mooring.manifest.reader import load
from mooring.workflow.build_options import BuildOptions, repository_of


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "lab"\nversion = "1"\n'
        '[tool.mooring]\npython = "3.12"\nplatforms = ["linux-64"]\n'
    )
    return load(tmp_path)


def test_nothing_is_pushed_under_a_name_that_nobody_gave(manifest: Manifest) -> None:
    with pytest.raises(InputError, match="no repository is declared to push to") as caught:
        repository_of(manifest, BuildOptions(push=True))
    assert "image.repository" in str(caught.value.where)
    assert "--repository" in (caught.value.hint or "")
    assert repository_of(manifest, BuildOptions()) == "lab"


def test_the_option_and_the_manifest_name_it(manifest: Manifest) -> None:
    declared = replace(manifest, image=ImageSpec(repository="team/declared"))
    assert repository_of(declared, BuildOptions(push=True)) == "team/declared"
    asked = BuildOptions(push=True, repository="team/asked")
    assert repository_of(declared, asked) == "team/asked"
