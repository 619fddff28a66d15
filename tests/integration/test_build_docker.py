"""The `docker` builder with a real engine and a real registry, Dockerfiles written by hand."""

from __future__ import annotations

import dataclasses
import gc
import io
import json
import os
import subprocess
import tarfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.engines import DockerCli
from tests.fakes import RecordingReporter

from mooring.build.context import collect, hashed, with_generated
from mooring.build.daemon import Daemon, EngineError
from mooring.build.docker import DockerBuilder
from mooring.build.engine import local_images, probe
from mooring.build.interface import RECIPE_LABEL, BuildRequest, BuiltImage
from mooring.build.recipe import Recipe
from mooring.build.smoke import SmokeError, SmokeTest, smoke_test
from mooring.digests import digest_bytes
from mooring.errors import MooringError
from mooring.lock.model import Selection
from mooring.oci.model import RegistryUnreachable
from mooring.oci.reference import ImageReference
from mooring.oci.registry import RegistryClient
from mooring.platforms import Platform, PythonVersion
from mooring.render.interface import BaseImage
from mooring.reporting import SILENT
from mooring.resolve.base_image import BaseImageResolver, resolve_base

pytestmark = pytest.mark.engine

AMD = Platform.parse("linux-64")

DOCKERFILE = """\
FROM {base}
ARG SOURCE_DATE_EPOCH
RUN python3 -m venv --without-pip /opt/env
COPY app /app
WORKDIR /app
LABEL dev.mooring.environment-root="/opt/env"
ENV PATH="/opt/env/bin:$PATH"
USER 65532:65532
{more}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workshop:
    """Makes requests for images of one repository, whose names are taken away in the end."""

    root: Path
    base: str
    repository: str

    def request(
        self, *, more: str = "", base: str | None = None, minor: int = 11, push: bool = False
    ) -> BuildRequest:
        text = DOCKERFILE.format(base=base or self.base, more=more).encode()
        context = with_generated(collect(self.root, ["app"]), {"Dockerfile": text})
        selection = Selection(
            platform=AMD, python=PythonVersion(minor=minor), extras=(), groups=(), packages=()
        )
        recipe = Recipe(
            builder="docker",
            selection=selection,
            base=base or self.base,
            dockerfile=digest_bytes(text),
            context=hashed(context),
            epoch=1767225600,
        )
        return BuildRequest(
            recipe=recipe, repository=self.repository, context=context, secrets={}, push=push
        )

    def tags(self, cli: DockerCli) -> set[str]:
        """Return the tags that the engine has for the repository."""
        return set(cli.run("images", "--format", "{{.Tag}}", self.repository).split())


@pytest.fixture
def workshop(tmp_path: Path, base_image: str, docker_cli: DockerCli) -> Iterator[Workshop]:
    root = tmp_path / "project"
    (root / "app" / "sub").mkdir(parents=True)
    (root / "app" / "main.py").write_text("print('hello')\n")
    (root / "app" / "main.py").chmod(0o600)
    (root / "app" / "run.sh").write_text("#!/bin/sh\necho run\n")
    (root / "app" / "run.sh").chmod(0o775)
    (root / "app" / "sub" / "data.txt").write_text("data")
    shop = Workshop(
        root=root, base=base_image, repository=f"mooring-test/build-{os.getpid()}-{tmp_path.name}"
    )
    shop = dataclasses.replace(shop, repository=shop.repository.lower().replace("_", "-"))
    yield shop
    forget(docker_cli, shop.repository)


def forget(cli: DockerCli, repository: str) -> None:
    """Take away every name of a repository in the engine."""
    for name in cli.run("images", "--format", "{{.Repository}}:{{.Tag}}", repository).split():
        cli.run("rmi", "--no-prune", name, check=False)


def build(request: BuildRequest, reporter: RecordingReporter) -> BuiltImage:
    return DockerBuilder().build(request, reporter)


def files_in(cli: DockerCli, reference: str, folder: str) -> list[tarfile.TarInfo]:
    """Return what an image holds in a folder; it is not started."""
    with Daemon() as daemon:
        assert daemon.inspect(reference) is not None
    container = cli.run("create", "--network=none", reference, "true")
    try:
        done = subprocess.run(
            [cli.path, "cp", f"{container}:{folder}", "-"], capture_output=True, check=True
        )
    finally:
        cli.run("rm", "--force", container)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        return tar.getmembers()


def test_build_then_find_it_again(
    workshop: Workshop, docker_cli: DockerCli, reporter: RecordingReporter
) -> None:
    request = dataclasses.replace(
        workshop.request(),
        tags=("latest", f"{workshop.repository}:1.0"),
        labels=(("org.opencontainers.image.title", 'quote " and $dollar'),),
        smoke=("python", "main.py"),
    )
    built = build(request, reporter)
    assert not built.reused
    assert built.smoke is not None
    assert built.smoke.python.startswith("3.11.")
    assert built.smoke.command == ("python", "main.py")
    assert workshop.tags(docker_cli) == {request.recipe.content_tag, "latest", "1.0"}
    inspected = json.loads(docker_cli.run("image", "inspect", built.reference))[0]
    assert inspected["Id"] == built.image_id
    labels = inspected["Config"]["Labels"]
    assert labels[RECIPE_LABEL] == request.recipe.digest
    assert labels["org.opencontainers.image.title"] == 'quote " and $dollar'
    assert reporter.steps == [f"Building {built.reference}", "Running the image once"]
    assert any("RUN python3 -m venv" in line for line in reporter.details)

    again = RecordingReporter()
    second = build(request, again)
    assert second.reused
    assert second.image_id == built.image_id
    assert again == RecordingReporter()


def test_modes_and_owners_do_not_come_from_this_machine(
    workshop: Workshop, docker_cli: DockerCli, reporter: RecordingReporter
) -> None:
    built = build(workshop.request(), reporter)
    found = {m.name: m for m in files_in(docker_cli, built.reference, "/app")}
    assert {name: oct(m.mode & 0o7777) for name, m in found.items()} == {
        "app": "0o755",
        "app/main.py": "0o644",
        "app/run.sh": "0o755",
        "app/sub": "0o755",
        "app/sub/data.txt": "0o644",
    }
    assert {(m.uid, m.gid) for m in found.values()} == {(0, 0)}
    assert {int(found["app/main.py"].mtime), int(found["app/sub/data.txt"].mtime)} == {315532800}


def test_two_at_once_do_not_disturb_each_other(workshop: Workshop, docker_cli: DockerCli) -> None:
    request = workshop.request()
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(build, request, RecordingReporter()) for _ in range(2)]
        references = {run.result().reference for run in runs}
    assert references == {f"{workshop.repository}:{request.recipe.content_tag}"}
    assert workshop.tags(docker_cli) == {request.recipe.content_tag}


def test_other_content_is_another_tag(workshop: Workshop, reporter: RecordingReporter) -> None:
    first = workshop.request()
    (workshop.root / "app" / "main.py").touch()
    assert workshop.request().recipe.digest == first.recipe.digest
    (workshop.root / "app" / "main.py").write_text("print('other')\n")
    assert workshop.request().recipe.digest != first.recipe.digest


def test_a_file_that_changes_after_planning_stops_the_build(
    workshop: Workshop, docker_cli: DockerCli, reporter: RecordingReporter
) -> None:
    request = workshop.request()
    (workshop.root / "app" / "main.py").write_text("print('other')\n")
    with pytest.raises(MooringError, match="changed while"):
        build(request, reporter)
    assert workshop.tags(docker_cli) == set()


def test_a_secret_is_there_for_the_build_and_not_in_the_image(
    workshop: Workshop, docker_cli: DockerCli, reporter: RecordingReporter, tmp_path: Path
) -> None:
    secret = tmp_path / "with, comma.pem"
    secret.write_text("TOP-SECRET-TEXT")
    step = "USER 0\nRUN --mount=type=secret,id=ca grep -q TOP-SECRET /run/secrets/ca\nUSER 65532"
    request = dataclasses.replace(workshop.request(more=step), secrets={"ca": secret})
    built = build(request, reporter)
    history = docker_cli.run("history", "--no-trunc", "--format", "{{.CreatedBy}}", built.reference)
    assert "TOP-SECRET-TEXT" not in history
    assert "TOP-SECRET-TEXT" not in "\n".join(reporter.details)
    names = {member.name for member in files_in(docker_cli, built.reference, "/run")}
    assert not [name for name in names if name.endswith("/ca")]


@pytest.mark.parametrize(
    ("step", "hint"),
    [
        ("RUN echo 'invalid peer certificate: UnknownIssuer' >&2; false", "SSL_CERT_FILE"),
        ("RUN python3.99 --version", "`python`"),
        ("COPY absent /", None),
        ("NONSENSE", None),
    ],
)
def test_a_failed_build_shows_its_last_lines(
    step: str,
    hint: str | None,
    workshop: Workshop,
    docker_cli: DockerCli,
    reporter: RecordingReporter,
) -> None:
    with pytest.raises(EngineError, match="the image build failed") as caught:
        build(workshop.request(more=step), reporter)
    assert caught.value.exit_code == 3
    assert step.split()[1 if step.startswith(("RUN", "COPY")) else 0] in caught.value.message
    assert (hint or "") in (caught.value.hint or "")
    assert workshop.tags(docker_cli) == set()


@pytest.mark.parametrize(
    ("smoke", "more", "minor", "message"),
    [
        (("python", "-c", "raise SystemExit('it broke')"), "", 11, "it broke"),
        (("absent-program",), "", 11, "cannot be started"),
        ((), "", 12, "the environment was locked for 3.12"),
        ((), 'LABEL dev.mooring.environment-root="/opt/none"', 11, "cannot be started"),
        (("python", "-c", "open('/app/x', 'w')"), "", 11, "Read-only file system"),
        (("python", "-c", "import os; print(os.getuid()); os.setuid(0)"), "", 11, "65532"),
    ],
)
def test_an_image_that_does_not_work_gets_no_tag(
    smoke: tuple[str, ...],
    more: str,
    minor: int,
    message: str,
    workshop: Workshop,
    docker_cli: DockerCli,
    reporter: RecordingReporter,
) -> None:
    request = dataclasses.replace(workshop.request(more=more, minor=minor), smoke=smoke)
    with pytest.raises(SmokeError) as caught:
        build(request, reporter)
    assert message in str(caught.value)
    assert workshop.tags(docker_cli) == set()


def test_dependencies_are_checked(workshop: Workshop, reporter: RecordingReporter) -> None:
    site = "/opt/env/lib/python3.11/site-packages"
    lines = "Metadata-Version: 2.1\\nName: needy\\nVersion: 1\\nRequires-Dist: absent>=2\\n"
    step = (
        f"USER 0\nRUN mkdir {site}/needy-1.dist-info && "
        f"printf '{lines}' > {site}/needy-1.dist-info/METADATA\nUSER 65532"
    )
    with pytest.raises(SmokeError, match="needy needs absent, which is not installed"):
        build(workshop.request(more=step), reporter)
    overridden = dataclasses.replace(workshop.request(more=step), overridden=frozenset({"absent"}))
    built = build(overridden, reporter)
    assert built.smoke is not None
    assert built.smoke.distributions == 1


def test_no_smoke_test_when_none_is_wanted(workshop: Workshop, reporter: RecordingReporter) -> None:
    built = build(dataclasses.replace(workshop.request(minor=12), smoke=None), reporter)
    assert built.smoke is None
    assert "Running the image once" not in reporter.steps


def test_a_command_that_does_not_end_is_ended(base_image: str, docker_cli: DockerCli) -> None:
    with Daemon() as daemon:
        image = daemon.inspect(base_image)
        assert image is not None
        image = dataclasses.replace(image, labels=(("dev.mooring.environment-root", "/usr"),))
        test = SmokeTest(command=("sleep", "60"), timeout=1.0)
        bare = dataclasses.replace(image, labels=())
        with pytest.raises(SmokeError):  # no `python` on PATH in the base image
            smoke_test(bare, test, PythonVersion(minor=11), containers=daemon)
        ended = daemon.run(image.image_id, ["sleep", "60"], timeout=1.0, labels={"x": "y"})
        assert ended.code is None
        with pytest.raises(EngineError, match="not found"):
            daemon.run(image.image_id, ["absent-program"], timeout=5.0, labels={"x": "y"})
    assert docker_cli.run("ps", "-aq", "--filter", "name=mooring-", "--filter", "label=x=y") == ""


def test_a_local_base_that_moved(
    workshop: Workshop, docker_cli: DockerCli, reporter: RecordingReporter
) -> None:
    reference = f"{workshop.repository}:base"
    docker_cli.run("tag", workshop.base, reference)
    (locked,) = BaseImageResolver(engine=local_images()).resolve(reference, [AMD])
    assert locked.image_id is not None
    base = BaseImage(reference=reference, image_id=locked.image_id)
    request = dataclasses.replace(workshop.request(base=reference), base=base)
    built = build(dataclasses.replace(request, smoke=None), reporter)
    assert built.image_id is not None
    docker_cli.run("tag", built.image_id, reference)
    moved = dataclasses.replace(
        workshop.request(base=reference, more="LABEL a=b"), base=base, smoke=None
    )
    with pytest.raises(EngineError, match="moved") as caught:
        build(moved, reporter)
    assert built.image_id in caught.value.message


def test_the_engine_here(reporter: RecordingReporter, docker_cli: DockerCli) -> None:
    engine = probe(reporter)
    assert engine.server_version == docker_cli.run("version", "--format", "{{.Server.Version}}")
    assert engine.platform.startswith("linux/")
    assert all(limit.endswith(".") for limit in engine.limits)


@pytest.mark.parametrize("host", ["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1"])
def test_an_engine_that_is_absent(
    host: str, monkeypatch: pytest.MonkeyPatch, reporter: RecordingReporter, docker_cli: DockerCli
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    told = _told_without_engine()
    assert told.exit_code == 3
    assert "DOCKER_HOST" in (told.hint or "")
    with pytest.raises(EngineError, match="no Docker engine answers"):
        probe(reporter)


def _told_without_engine() -> EngineError:
    with pytest.raises(EngineError, match="no Docker engine answers") as caught, Daemon() as daemon:
        daemon.inspect("x")
    found = EngineError(caught.value.message, hint=caught.value.hint)
    # The SDK leaves a socket that could not connect to the garbage collector, which says so.
    del caught
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return found


@pytest.fixture
def published(registry: str, workshop: Workshop, docker_cli: DockerCli) -> Iterator[Workshop]:
    """A workshop whose repository is in the registry of this machine."""
    shop = dataclasses.replace(workshop, repository=f"{registry}/{workshop.repository}")
    yield shop
    forget(docker_cli, shop.repository)


def test_push_once_then_one_look_up(
    published: Workshop, docker_cli: DockerCli, reporter: RecordingReporter
) -> None:
    request = dataclasses.replace(published.request(push=True), tags=("latest",))
    built = build(request, reporter)
    assert not built.reused
    target = ImageReference.parse(built.reference)
    with RegistryClient() as client:
        assert client.head(target) == built.digest
        assert client.head(target.with_tag("latest")) == built.digest
    assert docker_cli.run(
        "image", "inspect", "--format", "{{index .RepoDigests 0}}", built.reference
    ).endswith(f"@{built.digest}")

    # Another machine: nothing in its engine, and it moves a tag of its own.
    forget(docker_cli, published.repository)
    again = RecordingReporter()
    second = build(dataclasses.replace(request, tags=("2.0",)), again)
    assert (second.reused, second.digest, second.image_id) == (True, built.digest, None)
    assert again == RecordingReporter()
    assert published.tags(docker_cli) == set()
    with RegistryClient() as client:
        assert client.head(target.with_tag("2.0")) == built.digest


def test_an_image_of_the_engine_is_pushed_as_it_is(
    published: Workshop, reporter: RecordingReporter
) -> None:
    first = build(published.request(), reporter)
    second = build(published.request(push=True), reporter)
    assert (first.reused, second.reused) == (False, True)
    assert first.image_id == second.image_id
    assert second.digest is not None


def test_without_the_registry_nothing_is_begun(
    workshop: Workshop, docker_cli: DockerCli, reporter: RecordingReporter
) -> None:
    shop = dataclasses.replace(workshop, repository="127.0.0.1:1/app")
    with pytest.raises(RegistryUnreachable):
        build(shop.request(push=True), reporter)
    assert reporter == RecordingReporter()
    assert shop.tags(docker_cli) == set()


def test_a_push_that_breaks_leaves_no_tag(
    published: Workshop, docker_cli: DockerCli, reporter: RecordingReporter
) -> None:
    class Breaking(Daemon):
        """Pushes under another name, as if the manifest never arrived."""

        def push(self, reference: ImageReference, reporter: object) -> str | None:
            return None

    request = dataclasses.replace(published.request(push=True), tags=("latest",))
    with pytest.raises(EngineError, match="the registry has nothing"):
        DockerBuilder(daemon=Breaking()).build(request, reporter)
    with RegistryClient() as client:
        repository = ImageReference.parse(published.repository)
        assert client.head(repository.with_tag("latest")) is None
        assert client.head(repository.with_tag(request.recipe.content_tag)) is None


def test_a_base_with_a_digest(
    published: Workshop, docker_cli: DockerCli, reporter: RecordingReporter
) -> None:
    reference = f"{published.repository}:base"
    docker_cli.run("tag", published.base, reference)
    docker_cli.run("push", reference, timeout=300)
    (from_registry,) = resolve_base(reference, [AMD])
    (from_engine,) = BaseImageResolver(engine=local_images()).resolve(reference, [AMD])
    assert from_registry.digest is not None
    assert from_registry == from_engine
    base = BaseImage(reference=reference, digest=from_registry.digest)
    request = dataclasses.replace(published.request(base=base.pinned), base=base)
    assert not build(request, reporter).reused

    gone = dataclasses.replace(base, digest="sha256:" + "0" * 64)
    with pytest.raises(EngineError, match="the image build failed") as caught:
        build(
            dataclasses.replace(published.request(base=gone.pinned), base=gone), RecordingReporter()
        )
    assert "base image" in (caught.value.hint or "")


def test_the_reporter_may_be_silent(workshop: Workshop) -> None:
    assert DockerBuilder().build(workshop.request(), SILENT).image_id
