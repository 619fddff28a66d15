from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from tests.unit.lock.conda_locks import BASE, LINUX, LOCK, MAC, pypi

from mooring.errors import InputError
from mooring.lock.conda import select_conda
from mooring.lock.formats import conda_environment_yml
from mooring.manifest.conda import CondaChannel, CondaInputs, CondaRequirement

SELECTION = select_conda(LOCK, LINUX)


def requirement(
    text: str, category: str = "main", platforms: tuple[str, ...] | None = None
) -> CondaRequirement:
    name = text.split(maxsplit=1)[0]
    return CondaRequirement(text=text, name=name, where="x", category=category, platforms=platforms)


INPUTS = CondaInputs(
    channels=(CondaChannel(name="forge", url=BASE),),
    requirements=(
        requirement("python 3.12.*"),
        requirement("blas[build='*mkl*']", platforms=("linux-64",)),
        requirement("only-mac", platforms=("osx-arm64",)),
        requirement("pytest >=8", "dev"),
    ),
)


def test_pinned_to_the_build_with_hashes() -> None:
    text = conda_environment_yml.write(SELECTION, "demo")
    assert yaml.safe_load(text) == {
        "name": "demo",
        "channels": ["forge", BASE, "nodefaults"],
        "dependencies": [
            "libzlib=1.3.1=hb9_1",
            "python=3.12.4=h99_0_cpython",
            "pip",
            {"pip": [f"rich==2.0 --hash=sha256:{LOCK.pypi[0].sha256}"]},
        ],
    }
    assert "# platform: linux-64\n" in text


def test_the_channel_is_named_where_there_are_several() -> None:
    forge, other = "forge", "https://conda.example.org/other"
    text = conda_environment_yml.write(replace(SELECTION, channels=(forge, other)), "demo")
    assert yaml.safe_load(text)["dependencies"][0] == "forge::libzlib=1.3.1=hb9_1"


def test_pinned_to_versions() -> None:
    top = yaml.safe_load(conda_environment_yml.write(SELECTION, "demo", pin="version"))
    assert top["dependencies"] == [
        "libzlib=1.3.1",
        "python=3.12.4",
        "pip",
        {"pip": ["rich==2.0"]},
    ]


def test_as_declared_for_one_platform_and_its_categories() -> None:
    main = conda_environment_yml.write(
        SELECTION, "demo", pin="intent", inputs=INPUTS, pip=("rich>=1",)
    )
    assert yaml.safe_load(main)["dependencies"] == [
        "python 3.12.*",
        "blas[build='*mkl*']",
        "pip",
        {"pip": ["rich>=1"]},
    ]
    dev = conda_environment_yml.write(
        select_conda(LOCK, MAC, ("dev",)), "demo", pin="intent", inputs=INPUTS
    )
    assert yaml.safe_load(dev)["dependencies"] == ["python 3.12.*", "only-mac", "pytest >=8"]
    with pytest.raises(InputError, match="not known"):
        conda_environment_yml.write(SELECTION, "demo", pin="intent")


def test_pip_gets_hashes_for_all_or_for_none() -> None:
    source = replace(pypi("tool"), url="git+https://code.example.org/t@" + "a" * 40, sha256=None)
    selection = replace(SELECTION, pypi=(*SELECTION.pypi, source))
    lines = yaml.safe_load(conda_environment_yml.write(selection, "demo"))["dependencies"][-1]
    assert lines == {"pip": ["rich==2.0", f"tool @ {source.url}"]}


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a:b", "a#b", "a\nb", "../x"])
def test_names_that_conda_refuses(name: str) -> None:
    with pytest.raises(InputError, match="name of a conda environment"):
        conda_environment_yml.write(SELECTION, name)


def test_no_secret_is_written() -> None:
    source = replace(pypi("a"), url="git+https://u:hidden@h/a@1", sha256=None)
    for bad in (
        replace(SELECTION, channels=("https://u:hidden@conda.example.org/forge",)),
        replace(SELECTION, channels=("https://conda.example.org/t/hidden/forge",)),
        replace(SELECTION, pypi=(source,)),
    ):
        with pytest.raises(InputError) as caught:
            conda_environment_yml.write(bad, "demo")
        assert "hidden" not in str(caught.value)


def test_nothing_to_install_is_still_a_file() -> None:
    empty = replace(SELECTION, packages=(), pypi=())
    assert yaml.safe_load(conda_environment_yml.write(empty, "demo"))["dependencies"] == []
