"""Reading files out of containers and images of podman, by its command; nothing is started."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import IO, Any, Literal

from mooring import process
from mooring.build.daemon import EngineError
from mooring.build.reading import (
    ROOT_LABEL,
    EngineTarget,
    NoTargetError,
    absent_hint,
    engine_target,
)
from mooring.urls import redact

COMMAND = "podman"

_SECONDS = 120.0
_MOST_SAID = 16 << 20
_READS_ONLY = "mooring-reads-only"
_ABSENT = ("no such", "not known")
"""How podman says that it has no such container, and no such image."""

Run = Callable[[Sequence[str]], process.Completed]
Stream = Callable[[Sequence[str]], AbstractContextManager[IO[bytes]]]


def run_command(argv: Sequence[str]) -> process.Completed:
    """Run podman to its end, which is never long in coming."""
    return process.run(argv, timeout=_SECONDS, most_output=_MOST_SAID)


class Podman:
    """The containers and images of podman on this machine.

    Args:
        command: Its program.
        run: Runs it to its end.
        stream: Gives what it prints as a stream.
    """

    def __init__(
        self,
        command: str = COMMAND,
        *,
        run: Run = run_command,
        stream: Stream = process.streamed,
    ) -> None:
        self.command = command
        self._run = run
        self._stream = stream

    def find_image(self, name: str) -> EngineTarget:
        """Find an image.

        Raises:
            NoTargetError: podman has no such image.
            EngineError: podman fails.
        """
        found = self._inspected("image", name)
        return engine_target("image", name, found, found)

    def find_container(self, name: str) -> EngineTarget:
        """Find a container, running or stopped.

        Raises:
            NoTargetError: podman has no such container.
            EngineError: podman fails.
        """
        found = self._inspected("container", name)
        image = self._inspected("image", str(found.get("Image")))
        return engine_target("container", name, found, image)

    @contextlib.contextmanager
    def folder_stream(self, target: EngineTarget, folder: str) -> Iterator[IO[bytes]]:
        """Give a folder of the target as a tar stream whose members start with one top folder.

        An image is read through a container that is created, never started, and removed again.

        Raises:
            NoTargetError: The target has no such folder.
            EngineError: podman fails.
        """
        with self._container(target) as container:
            words = [self.command, "cp", f"{container}:{folder}", "-"]
            with self._stream(words) as stream:
                # Without the folder there is not a single byte.
                if not getattr(stream, "peek")(1):  # noqa: B009 (pipes have it, the type has not)
                    raise NoTargetError(
                        f"the {target.kind} has no {folder}",
                        where=target.name,
                        hint=f"the label {ROOT_LABEL} or the variable VIRTUAL_ENV says where it is",
                    )
                yield stream

    @contextlib.contextmanager
    def _container(self, target: EngineTarget) -> Iterator[str]:
        if target.kind == "container":
            yield target.id
            return
        made = self._said("create", "--network", "none", target.id, _READS_ONLY).strip()
        try:
            yield made
        finally:
            self._said("rm", "--force", "--volumes", made)

    def _inspected(self, kind: Literal["container", "image"], name: str) -> dict[str, Any]:
        # What begins with a dash would be an option.
        words = [self.command, "inspect", "--type", kind, "--", name]
        ended = self._run(words)
        if not ended.ok:
            said = redact(ended.stderr.strip())
            if any(words in said for words in _ABSENT):
                raise NoTargetError(
                    f"podman has no {kind} {name!r}", hint=absent_hint(kind, name, "podman")
                )
            raise EngineError(f"podman failed: {said}")
        try:
            [found] = json.loads(ended.stdout)
            if isinstance(found, dict):
                return found
        except ValueError:
            pass
        raise EngineError(f"podman does not describe the {kind} {name!r}")

    def _said(self, *words: str) -> str:
        ended = self._run([self.command, *words])
        if not ended.ok:
            raise EngineError(f"podman failed: {redact(ended.stderr.strip())}")
        return ended.stdout
