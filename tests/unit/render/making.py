"""Requests to render, made to measure: what a test does not name is small and valid."""

from __future__ import annotations

from dataclasses import replace

from mooring.lock.model import Artifact, Package, Selected, Selection
from mooring.manifest.model import ImageSpec, Index
from mooring.platforms import Platform, PythonVersion
from mooring.render.interface import BaseImage, RenderRequest

BASE = BaseImage(reference="registry.example.com/base:1", digest="sha256:" + "5" * 64)

NASTY = {
    "plain": "a",
    "empty": "",
    "quotes": 'it\'s "x"',
    "one-quote": "'",
    "dollar": "$HOME ${HOME} $$ \\$x ${x:-y} ${x:+y}",
    "backslashes": "a\\b\\n\\",
    "two-backslashes": "\\\\",
    "backslash-quote": '\\"',
    "backslash-everything": '\\x\\"\\$ \\\\"\\\\',
    "continuation": "x \\",
    "hash": "# x # y",
    "blanks": "  x  ",
    "tab": "a\tb",
    "unicode": "ünï 😀 \u202e",
    "separators": "a\u2028b\u2029c\u200b\ufeff",
    "no-break-space": "\u00a0x\u00a0",
    "heredoc": "<<EOF",
    "pairs": "a=b c=d",
    "shell": "`x` $(x) a && b; c | d > e ! * ? [a] {b,c}",
    "template": "%s {{ x }} {% raw %}",
    "flag": "--chmod=0777",
}
"""Values that every format here must carry byte for byte."""


def wheel_of(name: str, version: str = "1.0") -> Selected:
    """Return a package that is installed from a wheel of an index."""
    artifact = Artifact(
        kind="wheel", name=f"{name}-{version}-py3-none-any.whl", hashes=(("sha256", "1" * 64),)
    )
    return Selected(
        package=Package(name=name, version=version, wheels=(artifact,)), artifact=artifact
    )


def direct(name: str, artifact: Artifact) -> Selected:
    """Return a package that comes from one artifact and no index."""
    return Selected(package=Package(name=name, version="1.0", direct=artifact), artifact=artifact)


def selection_of(
    *packages: Selected, platform: str = "linux-64", python: str = "3.11"
) -> Selection:
    """Return a selection of these packages."""
    return Selection(
        platform=Platform.parse(platform),
        python=PythonVersion.parse(python, "test"),
        extras=(),
        groups=(),
        packages=packages,
    )


def request_for(
    image: ImageSpec | None = None,
    *selections: Selection,
    base: BaseImage | None = BASE,
    project: str = "demo",
    indexes: tuple[Index, ...] = (),
) -> RenderRequest:
    """Return a request for one environment."""
    return RenderRequest(
        project=project,
        version="1.2.3",
        environment="default",
        selections=selections or (selection_of(wheel_of("flask")),),
        image=replace(image or ImageSpec(), base=base.reference if base else None),
        base=base,
        indexes=indexes,
    )
