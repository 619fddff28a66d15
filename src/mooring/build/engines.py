"""Which engine has a container or an image: Docker's, podman, or the first that knows it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import IO, Protocol

from mooring.build import reading
from mooring.build.daemon import EngineError
from mooring.build.engine import CLI_VARIABLE
from mooring.build.engine_names import EngineName
from mooring.build.podman import COMMAND, Podman
from mooring.build.reading import EngineTarget, NoTargetError


class EngineFiles(Protocol):
    """Finds containers and images, and reads their folders without starting anything.

    Attributes:
        command: The command that runs a program in a container.
    """

    @property
    def command(self) -> str:
        """Return the command that runs a program in a container."""

    def find_image(self, name: str) -> EngineTarget:
        """Find an image."""

    def find_container(self, name: str) -> EngineTarget:
        """Find a container."""

    def folder_stream(self, target: EngineTarget, folder: str) -> AbstractContextManager[IO[bytes]]:
        """Give a folder of the target as a tar stream."""


class Docker:
    """The containers and images of the Docker engine."""

    find_image = staticmethod(reading.find_image)
    find_container = staticmethod(reading.find_container)
    folder_stream = staticmethod(reading.folder_stream)

    @property
    def command(self) -> str:
        """Return the Docker command."""
        return os.environ.get(CLI_VARIABLE) or "docker"


def known_engines(named: EngineName | None = None) -> Sequence[EngineFiles]:
    """Return whom to ask: the named one, else Docker's engine, then podman if it is here."""
    match named:
        case "docker":
            return (Docker(),)
        case "podman":
            return (Podman(),)
        case None:
            return (Docker(), Podman()) if shutil.which(COMMAND) else (Docker(),)


def first_with(
    engines: Sequence[EngineFiles], find: Callable[[EngineFiles], EngineTarget]
) -> tuple[EngineFiles, EngineTarget]:
    """Return the first engine that has a target, and the target.

    Raises:
        EngineError: None has it; what each of them said.
    """
    said: list[EngineError] = []
    for engine in engines:
        try:
            return engine, find(engine)
        except EngineError as error:
            said.append(error)
    answered = any(isinstance(error, NoTargetError) for error in said)
    kind = NoTargetError if answered else EngineError
    hint = next((error.hint for error in said if error.hint), None)
    raise kind("; ".join(error.message for error in said), where=said[0].where, hint=hint)
