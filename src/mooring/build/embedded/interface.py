"""What the parts of the embedded builder hand to each other: entries, layers, bases, plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal

from mooring.errors import MooringError
from mooring.oci.content import Blob
from mooring.oci.store import Source
from mooring.platforms import PythonVersion

ENVIRONMENT_ROOT = "/opt/env"
"""Where the environment is in an image, the same as in rendered Dockerfiles."""

LAYER_TIME = 315532800
"""Modification time of every entry: 1980-01-01. A time that moved with one package would move
every layer."""

LAYER_FORMAT = 1
"""Version of how entries become bytes; part of every layer's key and of the recipe."""

EntryKind = Literal["file", "directory", "symlink"]


class EmbeddedBuildError(MooringError):
    """The embedded builder cannot make this image (exit code 3)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One path of a layer.

    Attributes:
        path: Absolute in the image, with `/`, such as `/opt/env/bin/python`; links of the base
            are not followed yet; `base_links.resolve` does that when the layer is written.
        mode: Permission bits.
        size: Bytes of a file.
        target: Of a symbolic link.
        uid, gid: Owner, numbers only.
        open: Gives the bytes of a file; a reader that finds them not to be those it promised
            raises `MooringError`. None for directories, links and empty files.
    """

    path: str
    kind: EntryKind = "file"
    mode: int = 0o644
    size: int = 0
    target: str = ""
    uid: int = 0
    gid: int = 0
    open: Callable[[], AbstractContextManager[Source]] | None = field(
        default=None, compare=False, repr=False
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where an environment will be in the image.

    Attributes:
        root: The environment's folder, absolute.
        python: Version of the interpreter, X.Y or X.Y.Z as far as it is known.
        interpreter: Path of the base's interpreter, `/usr/local/bin/python3.12`.
    """

    root: str
    python: PythonVersion
    interpreter: str

    @property
    def site_packages(self) -> str:
        """Where wheels are unpacked."""
        return f"{self.root}/lib/python{self.python.short}/site-packages"


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerPlan:
    """A layer that may have to be written.

    Attributes:
        title: What it holds, for the image's history and for people: `numpy 2.4.6`.
        key: What decides its bytes: a document with a `schema` number (JSON values only).
        entries: Makes its entries; called only when no cache has the layer. Directories that are
            needed for them are added by the writer.
    """

    title: str
    key: Mapping[str, object]
    entries: Callable[[], AbstractContextManager[Sequence[Entry]]] = field(
        compare=False, repr=False
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    """A Python that a base image holds.

    Attributes:
        path: Absolute, of the executable itself: `/usr/local/bin/python3.12`.
        version: X.Y, with the patch release where the image tells it.
    """

    path: str
    version: PythonVersion


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseScan:
    """What is known of a base image's files, folded over its layers.

    Attributes:
        links: Symbolic links, path to target as it is written.
        directories: Path to mode; `/` is not listed.
        interpreters: Sorted by path.
        libc: `("glibc", (2, 36))` or `("musl", (1, 2))`; None when neither was found.
        passwd, group: Content of the files of that name in /etc; empty when absent.
    """

    links: Mapping[str, str]
    directories: Mapping[str, int]
    interpreters: tuple[Interpreter, ...]
    libc: tuple[str, tuple[int, int]] | None
    passwd: str
    group: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseContent:
    """The image that is built upon, for one platform.

    Attributes:
        reference: As declared.
        digest: Manifest digest, or the image id of an image that only an engine has, or the
            digest of the document that a system base is assembled from.
        platform: OCI `os/arch[/variant]`.
        config: The whole image configuration document.
        layers: Lowest first; their media types are OCI ones.
        scan: What is in it.
    """

    reference: str
    digest: str
    platform: str
    config: Mapping[str, object]
    layers: tuple[Blob, ...]
    scan: BaseScan
