"""What rendering takes and gives: plain data in, text out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mooring.lock.model import Lock, Selection
from mooring.manifest.model import ImageSpec, Index


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseImage:
    """A base image resolved for one platform.

    Attributes:
        reference: As declared, such as `python:3.12-slim`.
        digest: Manifest digest `sha256:<hex>`; None when only the local engine has the image.
        image_id: The engine's image id (config digest), for a local image.
    """

    reference: str
    digest: str | None = None
    image_id: str | None = None

    @property
    def pinned(self) -> str:
        """The reference that a FROM line uses: by digest where there is one."""
        if self.digest is None:
            return self.reference
        name = self.reference.partition("@")[0]
        return f"{name}@{self.digest}"


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderRequest:
    """Everything that decides the rendered text.

    Attributes:
        selections: One a platform, of one environment; the first is the leading one.
        base: None when the manifest declares no base image.
        indexes: Their credentials are not rendered.
        lock: When given, `mooring.requirements.txt` serves every platform by markers; otherwise
            it holds the leading selection.
    """

    project: str
    version: str | None
    environment: str
    selections: tuple[Selection, ...]
    image: ImageSpec
    base: BaseImage | None
    indexes: tuple[Index, ...] = ()
    lock: Lock | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """Rendered files by name, such as `Dockerfile`, in the order they are written."""

    files: Mapping[str, str]
    template: str
