"""`[tool.mooring.conda]` as `CondaInputs`, and its mistakes with their places."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.manifest.folders import complaints, loaded

from mooring.manifest.conda import CondaChannel, CondaInputs
from mooring.manifest.model import Manifest

PLATFORMS = 'platforms = ["linux-64", "osx-arm64", "win-64"]\n'


def conda_of(manifest: Manifest) -> CondaInputs:
    assert manifest.conda is not None
    return manifest.conda


def test_no_table_no_conda(tmp_path: Path) -> None:
    assert loaded(tmp_path, {"mooring.toml": 'dependencies = ["rich"]'}).conda is None


def test_dependencies_with_platforms_and_groups(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "mooring.toml": PLATFORMS + "[conda]\n"
            'channels = ["conda-forge"]\n'
            'dependencies = ["Python 3.12.*", "numpy>=2"]\n'
            "[conda.platform.linux]\n"
            'dependencies = ["cuda-version=12"]\n'
            "[conda.platform.linux-aarch64]\n"
            'dependencies = ["nothing-here"]\n'
            "[conda.platform.unix]\n"
            'dependencies = ["bash"]\n'
            "[conda.groups.Dev_Tools]\n"
            'dependencies = ["pytest"]\n'
            "[conda.groups.Dev_Tools.platform.win-64]\n"
            'dependencies = ["m2-patch"]\n'
            "[environments.dev]\n"
            'groups = ["dev-tools"]\n'
        },
    )
    conda = conda_of(manifest)
    assert [(r.text, r.platforms, r.category) for r in conda.requirements] == [
        ("python 3.12.*", None, "main"),
        ("numpy >=2", None, "main"),
        ("cuda-version 12.*", ("linux-64",), "main"),
        ("bash", ("linux-64", "osx-arm64"), "main"),
        ("pytest", None, "dev-tools"),
        ("m2-patch", ("win-64",), "dev-tools"),
    ]
    assert conda.requirements[1].where == "mooring.toml: conda.dependencies[1]"
    assert conda.requirements[3].where == "mooring.toml: conda.platform.unix.dependencies[0]"
    assert conda.channels == (CondaChannel(name="conda-forge", url="conda-forge"),)
    assert conda.priority == "strict"
    assert dict(manifest.groups) == {"dev-tools": ()}


def test_in_pyproject_beside_the_project(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "pyproject.toml": "[project]\nname = 'a'\nversion = '1'\ndependencies = ['rich']\n"
            "[project.optional-dependencies]\ngpu = ['cupy']\n"
            "[dependency-groups]\ndev = ['ruff']\n"
            "[tool.mooring.conda]\ndependencies = ['python']\nchannel-priority = 'disabled'\n"
            "[tool.mooring.conda.groups]\ngpu.dependencies = ['cuda']\n"
            "dev.dependencies = ['git']\n"
        },
    )
    conda = conda_of(manifest)
    assert conda.priority == "disabled"
    assert [r.text for r in manifest.dependencies] == ["rich"]
    assert {r.category for r in conda.requirements} == {"main", "gpu", "dev"}
    # A category that an extra has the name of is the extra's.
    assert [name for name, _ in manifest.extras] == ["gpu"]
    assert [(name, len(listed)) for name, listed in manifest.groups] == [("dev", 1)]
    assert conda.requirements[0].where == "pyproject.toml: tool.mooring.conda.dependencies[0]"


def test_an_empty_table_means_conda_with_its_default_channel(tmp_path: Path) -> None:
    conda = conda_of(loaded(tmp_path, {"mooring.toml": "[conda]\n"}))
    assert [channel.name for channel in conda.channels] == ["conda-forge"]
    assert conda.requirements == ()


def test_channels_by_table_with_labels_and_mirrors(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "mooring.toml": "[conda]\n"
            "channels = [\n"
            '  { name = "team", url = "https://me:secret@conda.example.org/team" },\n'
            '  { name = "conda-forge", mirrors = ["https://mirror.example.org/cf/"] },\n'
            '  { url = "https://conda.example.org/other/" },\n'
            "]\n"
            'dependencies = ["team::churn 1.*", "conda-forge::numpy",'
            ' "https://conda.example.org/other::odd", "bioconda::samtools"]\n'
        },
    )
    conda = conda_of(manifest)
    assert [(c.name, c.url, c.mirrors) for c in conda.channels] == [
        ("team", "https://me:secret@conda.example.org/team", ()),
        ("conda-forge", "conda-forge", ("https://mirror.example.org/cf",)),
        ("https://conda.example.org/other", "https://conda.example.org/other", ()),
        ("bioconda", "bioconda", ()),  # named by a specification only: the lowest priority
    ]
    # A solver knows no labels: the channel's address stands in the specification.
    assert [r.text for r in conda.requirements] == [
        "https://conda.example.org/team::churn 1.*",
        "conda-forge::numpy",
        "https://conda.example.org/other::odd",
        "bioconda::samtools",
    ]
    assert "secret" not in repr(conda)


def test_virtual_packages(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "mooring.toml": PLATFORMS + "[conda.virtual-packages]\n"
            'glibc = "2.17"\ncuda = "12.0"\nmacos = "14.0"\n'
            "[conda.virtual-packages.linux-64]\n"
            'glibc = "2.34"\n__archspec = "x86_64_v3"\n'
            "[conda.virtual-packages.linux-aarch64]\n"
            'glibc = "2.40"\n'
        },
    )
    assert conda_of(manifest).virtual_packages == (
        ("linux-64", "__archspec=1=x86_64_v3"),
        ("linux-64", "__cuda=12.0=0"),
        ("linux-64", "__glibc=2.34=0"),
        ("osx-arm64", "__osx=14.0=0"),
        ("win-64", "__cuda=12.0=0"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[conda]\nchanels = []", "mooring.toml:2: conda.chanels: unknown key 'chanels' | did"),
        ("[conda]\nchannels = 'a'", "conda.channels: expected a list, found a string"),
        ("[conda]\nchannels = [3]", "conda.channels[0]: expected a string"),
        ("[conda]\nchannels = ['a', 'a']", "conda.channels[1]: 'a' is listed twice"),
        ("[conda]\nchannels = ['nodefaults']", "'nodefaults' has no meaning here"),
        ("[conda]\nchannels = ['a b']", "conda.channels[0]: 'a b' is not a channel"),
        ("[conda]\nchannels = [{}]", "neither a name nor a url"),
        ("[conda]\nchannels = [{name='a', url='b'}]", "'b' is not a URL"),
        ("[conda]\nchannels = [{name='a', ulr='b'}]", "unknown key 'ulr' | did you mean 'url'?"),
        ("[conda]\nchannels = [{name='a', mirrors=['b']}]", "mirrors[0]: 'b' is not a URL"),
        ("[conda]\nchannel-priority = 'flexible'", "no flexible channel priority"),
        ("[conda]\nchannel-priority = 'strct'", "did you mean 'strict'?"),
        ("[conda]\ndependencies = 'numpy'", "expected a list, found a string"),
        (
            "[conda]\ndependencies = [\n'a',\n'b ===1',\n]",
            "mooring.toml:4: conda.dependencies[1]: ",
        ),
        ("[conda]\ndependencies = [3.10]", "expected a string, found a number"),
        ("[conda.platform.linx]\ndependencies = []", "unknown word 'linx'"),
        ("[conda.platform.linux]\ndeps = []", "unknown key 'deps'"),
        ("[conda.groups.main]\ndependencies = []", "'main' is what is always installed"),
        ("[conda.groups.'a b']\ndependencies = []", "'a b' is not a valid name"),
        ("[conda.virtual-packages]\nglibc = 2.28", 'found a number | write glibc = "12.0"'),
        ("[conda.virtual-packages]\ncuda = 12", 'found a whole number | write "12"'),
        ("[conda.virtual-packages]\nglibc = 'new'", "'new' is not a version"),
        ("[conda.virtual-packages]\narchspec = 'a b'", "is not a microarchitecture"),
        ("[conda.virtual-packages]\nglib = '2.28'", "did you mean 'glibc'?"),
        ("[conda.virtual-packages.win-64]\nglibc = '2.28'", "belongs to none of these platforms"),
        ("[conda.virtual-packages.wni]\ncuda = '12.0'", "unknown word 'wni'"),
        ("[conda]\n[environments.a]\ngroups = ['gpu']", "the group 'gpu' does not exist"),
    ],
)
def test_mistakes_have_their_place(tmp_path: Path, text: str, message: str) -> None:
    (found,) = complaints(tmp_path, {"mooring.toml": text})
    assert message in found
    assert found.startswith("mooring.toml:")


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    found = complaints(
        tmp_path,
        {
            "mooring.toml": "[conda]\nchannels = ['a b', 'c']\ndependencies = ['x', 'y =', 'z[']\n"
            "[conda.virtual-packages]\nglibc = true\n"
        },
    )
    assert [line.split(": ")[1] for line in found] == [
        "conda.channels[0]",
        "conda.dependencies[1]",
        "conda.dependencies[2]",
        "conda.virtual-packages.glibc",
    ]
