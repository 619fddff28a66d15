"""The local engine through its API: images, tags, short runs and pushes (adapter of `docker`)."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from mooring.digests import DIGEST_PATTERN
from mooring.errors import InputError, MooringError
from mooring.oci.credentials import CredentialSource, StoredCredentials
from mooring.oci.model import LocalImage
from mooring.oci.reference import ImageReference
from mooring.reporting import Reporter
from mooring.urls import redact

if TYPE_CHECKING:
    from docker.api.client import APIClient

_CALL_SECONDS = 120
_PUSH_SECONDS = 900  # between two signs of life of a push
_KEPT_LOG_LINES = 20_000
_TMP_BYTES = 256 << 20


class EngineError(MooringError):
    """The container engine is absent, too old or refused (exit code 3)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """A container that ended, or was ended: exit code (None after a timeout) and its output."""

    code: int | None
    stdout: str
    stderr: str


class Daemon:
    """One engine; connects when first asked. A context manager that closes the connection.

    Args:
        credentials: Logins for pushes; what `docker login` stored by default.
    """

    def __init__(self, credentials: CredentialSource | None = None) -> None:
        self._credentials = credentials or StoredCredentials()
        self._client: APIClient | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def inspect(self, reference: str) -> LocalImage | None:
        """Return an image by name or id, or None when the engine has none.

        Raises:
            EngineError: The engine does not answer.
        """
        import docker.errors  # 0.1 s to load; only what talks to an engine pays for it

        with self._calling() as api:
            try:
                return _local_image(api.inspect_image(reference))  # type: ignore[no-untyped-call]
            except docker.errors.ImageNotFound:
                return None

    def tag(self, image: str, reference: ImageReference) -> None:
        """Give an image of the engine another name.

        Raises:
            EngineError: The engine refuses or does not answer.
        """
        with self._calling() as api:
            if not api.tag(image, reference.name, reference.tag, force=True):
                raise EngineError(f"the engine did not tag the image as {reference}")

    def untag(self, reference: ImageReference) -> None:
        """Take a name away; an image without any other name is removed. Absent is no error.

        Raises:
            EngineError: The engine refuses or does not answer.
        """
        import docker.errors

        with self._calling() as api, contextlib.suppress(docker.errors.ImageNotFound):
            # Without noprune, unnamed parents would go too: they are not ours.
            api.remove_image(str(reference), noprune=True)

    def push(self, reference: ImageReference, reporter: Reporter) -> str | None:
        """Push a tagged image; return the manifest digest that the engine reports.

        Raises:
            EngineError: The push failed.
            RegistryError: The stored credentials cannot be read.
        """
        found = self._credentials.find(reference)
        login: dict[str, str] = {}
        if found is not None and found.identity_token:
            login = {"identitytoken": found.identity_token}
        elif found is not None:
            login = {"username": found.username, "password": found.password}
        with self._calling(timeout=_PUSH_SECONDS) as api:
            events = api.push(
                reference.name, reference.tag, stream=True, decode=True, auth_config=login
            )
            return _follow_push(events, reference, reporter)

    def load(self, stream: Iterable[bytes] | IO[bytes]) -> tuple[str, ...]:
        """Load an image from the tar of `docker save` or of `write_archive`.

        Args:
            stream: The tar, or pieces of it. When it raises, nothing is loaded.

        Returns:
            What the engine says it loaded: names, or ids of images without a name.

        Raises:
            EngineError: The engine refuses the image or does not answer.
        """
        with self._calling(timeout=_PUSH_SECONDS) as api:
            # It reaches `requests`, which sends what can be iterated over piece by piece, but
            # takes a list for the fields of a form.
            body = stream if hasattr(stream, "read") else iter(stream)
            return _follow_load(api.load_image(body))  # type: ignore[no-untyped-call]

    @contextlib.contextmanager
    def save(self, image: str) -> Iterator[Iterator[bytes]]:
        """Give an image as the tar of `docker save`, in pieces.

        Args:
            image: Name or id.

        Raises:
            EngineError: There is no such image, or the engine does not answer.
        """
        if self.inspect(image) is None:
            # What the engine itself says then is where it looked for its files.
            raise EngineError(
                f"the engine has no image {image}",
                hint="pull or build it again; if it is a base image, `mooring lock --upgrade-base` "
                "takes the one of that name that is there now",
            )
        with self._calling(timeout=_PUSH_SECONDS) as api:
            yield api.get_image(image, chunk_size=1 << 20)

    def run(
        self,
        image: str,
        command: Sequence[str],
        *,
        timeout: float,
        labels: Mapping[str, str],
    ) -> RunResult:
        """Run a command in a fresh container as the image's user, then remove the container.

        No network, a read-only file system but for an empty `/tmp`, no privileges.

        Args:
            image: Name or id.
            command: Program and arguments; it replaces the image's entry point.
            timeout: Seconds until the container is killed.
            labels: For whoever finds the container while it runs.

        Raises:
            EngineError: The container cannot be started, or the engine does not answer.
        """
        from docker.types import LogConfig

        with self._calling() as api:
            limits = api.create_host_config(
                network_mode="none",
                read_only=True,
                tmpfs={"/tmp": f"size={_TMP_BYTES},mode=1777"},  # noqa: S108  # in the container
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                pids_limit=1024,
                log_config=LogConfig(type="json-file", config={"max-size": "64m"}),
            )
            created = api.create_container(
                image,
                command=list(command[1:]),
                entrypoint=[command[0]],
                name=f"mooring-{os.urandom(6).hex()}",
                host_config=limits,
                labels=dict(labels),
                healthcheck={"test": ["NONE"]},
            )
            container = str(created["Id"])
            try:
                api.start(container)
                code = _wait(api, container, timeout)
                return RunResult(
                    code=code,
                    stdout=_logs(api, container, stdout=True),
                    stderr=_logs(api, container, stdout=False),
                )
            finally:
                api.remove_container(container, force=True, v=True)

    @contextlib.contextmanager
    def _calling(self, timeout: int = _CALL_SECONDS) -> Iterator[APIClient]:
        """Give the client; what goes wrong in the library comes out as an `EngineError`."""
        import docker
        import docker.errors
        import requests

        try:
            if self._client is None:
                self._client = docker.from_env(timeout=_CALL_SECONDS, version="auto").api
            self._client.timeout = timeout
            yield self._client
        except docker.errors.APIError as error:
            said = str(error.explanation or error)
            raise EngineError(f"the Docker engine refused: {redact(said)}") from error
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            self.close()
            raise no_engine(str(error)) from error


def no_engine(reason: str) -> EngineError:
    """Return the error for an engine that does not answer."""
    address = os.environ.get("DOCKER_HOST")
    at = f" at {redact(address)}" if address else ""
    return EngineError(
        f"no Docker engine answers{at}: {redact(_plain(reason))[:300]}",
        hint="start the engine, or say where it is in DOCKER_HOST",
    )


def _plain(reason: str) -> str:
    """Return what the system said, out of the Python objects that a library shows around it."""
    line = " ".join(reason.split()).removeprefix("Error while fetching server API version: ")
    # `FileNotFoundError(2, 'No such file or directory')`, `... [Errno 111] Connection refused"))`
    said = re.findall(r"Error\(\d+, ['\"]([^'\"]+)['\"]|\[Errno -?\d+\] ([^'\")]+)", line)
    return next((text for texts in reversed(said) for text in texts if text), line)


def _local_image(found: Mapping[str, Any]) -> LocalImage:
    labels = (found.get("Config") or {}).get("Labels") or {}
    parts = (found.get("Os"), found.get("Architecture"), found.get("Variant"))
    return LocalImage(
        image_id=found["Id"],
        platform="/".join(part for part in parts if part),
        repo_digests=tuple(filter(_is_reference, found.get("RepoDigests") or ())),
        labels=tuple(sorted((str(key), str(value)) for key, value in labels.items())),
    )


def _is_reference(text: str) -> bool:
    try:
        return ImageReference.parse(text).digest is not None
    except InputError:  # `<none>@<none>` of an image that lost its names
        return False


def _follow_push(
    events: Iterator[Mapping[str, Any]], reference: ImageReference, reporter: Reporter
) -> str | None:
    digest = None
    for event in events:
        if "error" in event:
            said = redact(str(event["error"]))
            hint = None
            if "denied" in said or "unauthorized" in said or "no basic auth" in said:
                hint = f"log in with `docker login {reference.registry}`"
            raise EngineError(f"the push of {reference} failed: {said}", hint=hint)
        aux = event.get("aux")
        if isinstance(aux, dict) and DIGEST_PATTERN.fullmatch(str(aux.get("Digest"))):
            digest = str(aux["Digest"])
        elif event.get("status") and not event.get("progressDetail"):
            reporter.detail(f"{event.get('id', '')} {event['status']}".strip())
    return digest


def _follow_load(events: Iterator[Mapping[str, Any]]) -> tuple[str, ...]:
    loaded: list[str] = []
    for event in events:
        if "error" in event:
            raise EngineError(f"the engine did not load the image: {redact(str(event['error']))}")
        for line in str(event.get("stream") or "").splitlines():
            kind, colon, name = line.partition(": ")
            if colon and kind in ("Loaded image", "Loaded image ID"):
                loaded.append(name.strip())
    if not loaded:
        raise EngineError("the engine did not say that it loaded an image")
    return tuple(loaded)


def _wait(api: APIClient, container: str, timeout: float) -> int | None:
    import requests

    try:
        return int(api.wait(container, timeout=math.ceil(timeout))["StatusCode"])
    except (requests.exceptions.Timeout, requests.exceptions.ConnectionError):
        # A read that takes too long surfaces as either; a dead engine fails in the next call.
        return None


def _logs(api: APIClient, container: str, *, stdout: bool) -> str:
    data = api.logs(container, stdout=stdout, stderr=not stdout, tail=_KEPT_LOG_LINES)
    return bytes(data).decode("utf-8", "replace")
