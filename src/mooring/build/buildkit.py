"""One run of the Docker command with BuildKit: arguments, secrets, output, and the result."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from mooring import process
from mooring.build.build_errors import explain
from mooring.build.context import spooled
from mooring.build.engine import Engine
from mooring.build.interface import RECIPE_LABEL, BuildRequest
from mooring.oci.reference import ImageReference
from mooring.reporting import Reporter

DOCKERFILE = "Dockerfile"

_KEPT_LINES = 200


class BuildKitRun:
    """Builds one image with a Docker command and leaves it in the engine.

    Args:
        engine: What the command and its engine can do.
        request: What to build.
        candidate: The name that the image gets; never the content tag, for it is not tested yet.
        reporter: Hears each line of the command's output.
    """

    def __init__(
        self, engine: Engine, request: BuildRequest, candidate: ImageReference, reporter: Reporter
    ) -> None:
        self._engine = engine
        self._request = request
        self._candidate = candidate
        self._reporter = reporter
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)

    def run(self) -> None:
        """Build under the candidate's name, and load the image into the engine.

        Raises:
            EngineError: The build failed; the message holds the last lines of its output.
        """
        request = self._request
        with spooled(request.context, request.recipe.context) as tar:
            if not self._engine.rewrites_times:
                load = ["--load"] if self._engine.buildx else []
                self._docker([*self._arguments(), *load, "--tag", str(self._candidate), "-"], tar)
                return
            # The exporters that write into an engine cannot rewrite times (BuildKit: "conflicts
            # with unpack"), so the image goes through a file.
            with tempfile.TemporaryDirectory(prefix="mooring-image-") as folder:
                image = Path(folder) / "image.tar"
                output = _fields(
                    "type=oci",
                    f"dest={image}",
                    f"name={self._candidate}",
                    "rewrite-timestamp=true",
                    "oci-mediatypes=true",
                )
                self._docker([*self._arguments(), "--output", output, "-"], tar)
                self._docker(["load", "--input", str(image)], None)

    def _arguments(self) -> list[str]:
        request = self._request
        words = ["buildx", "build", "--provenance=false"] if self._engine.buildx else ["build"]
        words += ["--progress=plain", f"--file={DOCKERFILE}"]
        if platform := request.recipe.selection.platform.oci:
            words.append(f"--platform={platform}")
        labels = dict(request.labels) | {RECIPE_LABEL: request.recipe.digest}
        words += [f"--label={key}={value}" for key, value in sorted(labels.items())]
        arguments = dict(request.recipe.build_args) | {
            "SOURCE_DATE_EPOCH": str(request.recipe.epoch)
        }
        words += [f"--build-arg={key}={value}" for key, value in sorted(arguments.items())]
        words += [
            "--secret=" + _fields(f"id={name}", f"src={path.absolute()}")
            for name, path in sorted(request.secrets.items())
        ]
        return [*words, "--network=host"] if request.network_host else words

    def _docker(self, words: Sequence[str], stdin: Path | None) -> None:
        environment = {
            **os.environ,
            "DOCKER_BUILDKIT": "1",
            "SOURCE_DATE_EPOCH": str(self._request.recipe.epoch),
        }
        ended = process.run(
            [self._engine.cli, *words], env=environment, stdin=stdin, on_line=self._hear
        )
        if not ended.ok:
            raise explain(ended.returncode, self._lines)

    def _hear(self, line: str) -> None:
        self._lines.append(line)
        self._reporter.detail(line)


def _fields(*fields: str) -> str:
    """Write the comma-separated form of BuildKit's options, which are read as CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()
