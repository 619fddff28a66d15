"""Reading files out of containers and images of the local engine, which are never started."""

from __future__ import annotations

import contextlib
import io
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Literal

from mooring.build.daemon import EngineError, no_engine
from mooring.lock.carried import LOCK_DIGEST_LABEL
from mooring.urls import redact

if TYPE_CHECKING:
    from docker.api.client import APIClient

ROOT_LABEL = "dev.mooring.environment-root"
ENVIRONMENT_LABEL = "dev.mooring.environment"
DEFAULT_ROOT = "/opt/env"

_CHUNK = 2 << 20


class NoTargetError(EngineError):
    """The engine has no such container or image, or that has no such folder (exit code 3)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineTarget:
    """A container or image whose files can be read.

    Attributes:
        name: As the user wrote it.
        id: The engine's id of the container or image.
        platform: OCI `os/arch`.
        root: Where the environment is inside, from the label, `VIRTUAL_ENV`, or the default.
        environment: Name of the locked environment that the image was made of, when it says so.
        pid: Of the first process of a running container, as its engine counts; 0 without one.
        variables: What the image or container gives its processes.
        lock_digest: Of the lock that it carries, when it says so.
    """

    kind: Literal["container", "image"]
    name: str
    id: str
    platform: str
    root: str
    environment: str | None = None
    pid: int = 0
    variables: Mapping[str, str] = field(default_factory=dict)
    lock_digest: str | None = None


def find_image(name: str) -> EngineTarget:
    """Find an image in the local engine.

    Raises:
        NoTargetError: The engine has no such image.
        EngineError: The engine does not answer.
    """
    with _api() as api:
        found = _inspected(api.inspect_image, name, "image")
    return engine_target("image", name, found, found)


def find_container(name: str) -> EngineTarget:
    """Find a container, running or stopped, in the local engine.

    Raises:
        NoTargetError: The engine has no such container.
        EngineError: The engine does not answer.
    """
    with _api() as api:
        found = _inspected(api.inspect_container, name, "container")
        image = _inspected(api.inspect_image, found["Image"], "image")
    return engine_target("container", name, found, image)


@contextlib.contextmanager
def folder_stream(target: EngineTarget, folder: str) -> Iterator[IO[bytes]]:
    """Give a folder of the target as a tar stream whose members start with one top folder.

    The folder may be a link. An image is read through a container that is created, never started,
    and removed again.

    Raises:
        NoTargetError: The target has no such folder.
        EngineError: The engine refuses or does not answer.
    """
    import docker.errors  # heavy; only what talks to an engine pays for it

    with _api() as api, _container(api, target) as container:
        try:
            chunks, stat = api.get_archive(container, folder, chunk_size=_CHUNK)
            if leads := stat.get("linkTarget"):
                # The engine has followed the links inside of the container.
                chunks, _ = api.get_archive(container, leads, chunk_size=_CHUNK)
        except docker.errors.NotFound as error:
            raise NoTargetError(
                f"the {target.kind} has no {folder}",
                where=target.name,
                hint=f"the label {ROOT_LABEL} or the variable VIRTUAL_ENV says where it is",
            ) from error
        yield io.BufferedReader(_Chunks(iter(chunks)), _CHUNK)


@contextlib.contextmanager
def _container(api: APIClient, target: EngineTarget) -> Iterator[str]:
    if target.kind == "container":
        yield target.id
        return
    # A command is needed only because some images declare none; nothing is ever started.
    made = api.create_container(target.id, command=["mooring-reads-only"], network_disabled=True)
    try:
        yield made["Id"]
    finally:
        api.remove_container(made["Id"], force=True, v=True)


@contextlib.contextmanager
def _api() -> Iterator[APIClient]:
    import docker
    import docker.errors
    import requests

    try:
        client = docker.from_env(timeout=120, version="auto")
    except docker.errors.DockerException as error:
        raise no_engine(str(error)) from error
    try:
        yield client.api
    except docker.errors.APIError as error:
        said = redact(str(error.explanation or error))
        raise EngineError(f"the Docker engine refused: {said}") from error
    except requests.exceptions.RequestException as error:
        raise no_engine(str(error)) from error
    finally:
        client.close()


def _inspected(ask: Any, name: str, kind: str) -> dict[str, Any]:
    import docker.errors

    try:
        found: dict[str, Any] = ask(name)
    except (docker.errors.NotFound, docker.errors.NullResource) as error:
        raise NoTargetError(
            f"the Docker engine has no {kind} {name!r}", hint=absent_hint(kind, name, "docker")
        ) from error
    return found


def absent_hint(kind: str, name: str, command: str) -> str:
    """Return how something that an engine does not have comes into it, or is found."""
    if kind == "container":
        return f"`{command} ps --all` lists them"
    return (
        f"`{command} pull {shlex.quote(name)}` fetches it; one in files is oci:DIR or "
        "docker-archive:FILE"
    )


def engine_target(
    kind: Literal["container", "image"], name: str, found: dict[str, Any], image: dict[str, Any]
) -> EngineTarget:
    """Make a target of what an engine says of it, and of the image that a container is of."""
    config = found.get("Config") or {}
    labels = config.get("Labels") or {}
    variables = dict(text.partition("=")[::2] for text in config.get("Env") or ())
    return EngineTarget(
        kind=kind,
        name=name,
        id=str(found["Id"]),
        platform=f"{image.get('Os', 'linux')}/{image.get('Architecture', 'amd64')}",
        root=labels.get(ROOT_LABEL) or variables.get("VIRTUAL_ENV") or DEFAULT_ROOT,
        environment=labels.get(ENVIRONMENT_LABEL),
        pid=int((found.get("State") or {}).get("Pid") or 0),
        variables=variables,
        lock_digest=labels.get(LOCK_DIGEST_LABEL),
    )


class _Chunks(io.RawIOBase):
    """Pieces of a response body as a readable stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._chunks, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
