from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from tests.fakes import RecordingReporter

from mooring.build.daemon import EngineError, RunResult
from mooring.build.docker import DockerBuilder
from mooring.build.engine import Engine
from mooring.build.interface import RECIPE_LABEL, BuildRequest
from mooring.build.recipe import Recipe
from mooring.errors import InputError
from mooring.lock.model import Selection
from mooring.oci.model import LocalImage, RegistryUnreachable
from mooring.oci.reference import ImageReference
from mooring.platforms import Platform, PythonVersion
from mooring.render.interface import BaseImage
from mooring.reporting import Reporter

ID = "sha256:" + "1" * 64
DIGEST = "sha256:" + "2" * 64
OTHER = "sha256:" + "3" * 64
RECIPE = Recipe(
    builder="docker",
    selection=Selection(
        platform=Platform.parse("linux-64"),
        python=PythonVersion(minor=12),
        extras=(),
        groups=(),
        packages=(),
    ),
    base=DIGEST,
    dockerfile=DIGEST,
)
REPOSITORY = "registry.example.com/team/app"
TARGET = f"{REPOSITORY}:{RECIPE.content_tag}"
REQUEST = BuildRequest(recipe=RECIPE, repository=REPOSITORY, context=(), secrets={})


class Daemon:
    """An engine that has some images and cannot run any."""

    def __init__(self, images: Mapping[str, LocalImage] | None = None) -> None:
        self.images = dict(images or {})
        self.calls: list[str] = []
        self.pushed: str | None = DIGEST
        self.open = True

    def inspect(self, reference: str) -> LocalImage | None:
        self.calls.append(f"inspect {reference}")
        return self.images.get(reference)

    def tag(self, image: str, reference: ImageReference) -> None:
        self.calls.append(f"tag {reference}")

    def untag(self, reference: ImageReference) -> None:
        self.calls.append(f"untag {reference}")

    def push(self, reference: ImageReference, reporter: Reporter) -> str | None:
        self.calls.append(f"push {reference}")
        return self.pushed

    def run(
        self, image: str, command: Sequence[str], *, timeout: float, labels: Mapping[str, str]
    ) -> RunResult:
        raise AssertionError("nothing is run here")

    def close(self) -> None:
        self.open = False


class Registry:
    """A registry whose answers to look-ups come in order."""

    def __init__(self, *heads: str | None, down: bool = False) -> None:
        self._heads = list(heads)
        self._down = down
        self.calls: list[str] = []
        self.open = True

    def head(self, reference: ImageReference) -> str | None:
        if self._down:
            raise RegistryUnreachable("down")
        self.calls.append(f"head {reference}")
        return self._heads.pop(0)

    def retag(self, reference: ImageReference, tags: Sequence[str]) -> str:
        self.calls.append(f"retag {reference} {' '.join(tags)}".strip())
        return DIGEST

    def close(self) -> None:
        self.open = False


def no_engine(reporter: Reporter) -> Engine:
    raise EngineError("a build was wanted")


def builder(daemon: Daemon, registry: Registry | None = None) -> DockerBuilder:
    return DockerBuilder(daemon=daemon, registry=registry, find_engine=no_engine)


def image(recipe: str = RECIPE.digest) -> LocalImage:
    return LocalImage(image_id=ID, platform="linux/amd64", labels=((RECIPE_LABEL, recipe),))


def test_an_image_that_the_engine_has_is_not_built(reporter: RecordingReporter) -> None:
    daemon = Daemon({TARGET: image()})
    request = dataclasses.replace(REQUEST, tags=("latest", f"{REPOSITORY}:1.0"))
    built = builder(daemon).build(request, reporter)
    assert built.reused
    assert (built.reference, built.image_id, built.digest) == (TARGET, ID, None)
    assert built.tags == (f"{REPOSITORY}:latest", f"{REPOSITORY}:1.0")
    assert daemon.calls == [
        f"inspect {TARGET}",
        f"tag {REPOSITORY}:latest",
        f"tag {REPOSITORY}:1.0",
    ]
    assert not daemon.open
    assert reporter == RecordingReporter()


@pytest.mark.parametrize("found", [None, image(OTHER), LocalImage(image_id=ID, platform="x")])
def test_a_foreign_image_under_the_tag_is_not_trusted(
    found: LocalImage | None, reporter: RecordingReporter
) -> None:
    daemon = Daemon({TARGET: found} if found else {})
    with pytest.raises(EngineError, match="a build was wanted"):
        builder(daemon).build(REQUEST, reporter)
    assert not daemon.open


def test_with_push_one_head_decides_and_the_engine_is_not_asked(
    reporter: RecordingReporter,
) -> None:
    daemon, registry = Daemon(), Registry(DIGEST)
    request = dataclasses.replace(REQUEST, push=True, tags=("latest",))
    built = builder(daemon, registry).build(request, reporter)
    assert (built.reused, built.digest, built.image_id) == (True, DIGEST, None)
    assert registry.calls == [f"head {TARGET}", f"retag {TARGET} latest"]
    assert daemon.calls == []
    assert not registry.open


def test_nothing_but_the_head_is_asked_when_no_tag_is_moved(reporter: RecordingReporter) -> None:
    registry = Registry(DIGEST)
    builder(Daemon(), registry).build(dataclasses.replace(REQUEST, push=True), reporter)
    assert registry.calls == [f"head {TARGET}"]


def test_an_image_of_the_engine_is_pushed_without_a_build(reporter: RecordingReporter) -> None:
    daemon, registry = Daemon({TARGET: image()}), Registry(None, DIGEST)
    request = dataclasses.replace(REQUEST, push=True, tags=("latest",))
    built = builder(daemon, registry).build(request, reporter)
    assert (built.reused, built.digest, built.image_id) == (True, DIGEST, ID)
    assert registry.calls == [f"head {TARGET}", f"head {TARGET}", f"retag {TARGET} latest"]
    assert daemon.calls[-1] == f"push {TARGET}"


@pytest.mark.parametrize("head", [None, OTHER])
def test_a_push_that_did_not_arrive_moves_no_tag(
    head: str | None, reporter: RecordingReporter
) -> None:
    registry = Registry(None, head)
    request = dataclasses.replace(REQUEST, push=True, tags=("latest",))
    with pytest.raises(EngineError, match="the registry has"):
        builder(Daemon({TARGET: image()}), registry).build(request, reporter)
    assert not [call for call in registry.calls if call.startswith("retag")]


def test_a_registry_that_is_down_stops_before_any_work(reporter: RecordingReporter) -> None:
    daemon = Daemon()
    with pytest.raises(RegistryUnreachable):
        builder(daemon, Registry(down=True)).build(
            dataclasses.replace(REQUEST, push=True), reporter
        )
    assert daemon.calls == []


@pytest.mark.parametrize(
    ("there", "message"),
    [
        (None, "not in this machine's engine any more"),
        (LocalImage(image_id=OTHER, platform="linux/amd64"), "moved"),
    ],
)
def test_a_local_base_must_be_the_locked_one(
    there: LocalImage | None, message: str, reporter: RecordingReporter
) -> None:
    daemon = Daemon({"base:1": there} if there else {})
    request = dataclasses.replace(REQUEST, base=BaseImage(reference="base:1", image_id=ID))
    with pytest.raises(EngineError, match=message) as caught:
        builder(daemon).build(request, reporter)
    assert caught.value.hint is not None
    assert "mooring lock --upgrade-base" in caught.value.hint


@pytest.mark.parametrize(
    "base",
    [BaseImage(reference="base:1", digest=DIGEST), BaseImage(reference="base:1", image_id=ID)],
)
def test_a_base_that_fits_leads_to_a_build(base: BaseImage, reporter: RecordingReporter) -> None:
    daemon = Daemon({"base:1": LocalImage(image_id=ID, platform="linux/amd64")})
    with pytest.raises(EngineError, match="a build was wanted"):
        builder(daemon).build(dataclasses.replace(REQUEST, base=base), reporter)


@pytest.mark.parametrize(
    "change",
    [
        lambda: dataclasses.replace(REQUEST, repository="app:1"),
        lambda: dataclasses.replace(REQUEST, repository=f"app@{DIGEST}"),
        lambda: dataclasses.replace(REQUEST, repository="App"),
        lambda: dataclasses.replace(REQUEST, tags=("other.example.com/team/app:1",)),
        lambda: dataclasses.replace(REQUEST, tags=("not a tag",)),
        lambda: dataclasses.replace(REQUEST, tags=("1.0+local",)),
        lambda: dataclasses.replace(REQUEST, tags=(f"{REPOSITORY}@{DIGEST}",)),
        lambda: dataclasses.replace(REQUEST, secrets={"ca": Path("/nonexistent/ca.pem")}),
    ],
)
def test_bad_requests_are_refused_before_any_question(
    change: Callable[[], BuildRequest], reporter: RecordingReporter
) -> None:
    daemon = Daemon()
    with pytest.raises(InputError):
        builder(daemon).build(change(), reporter)
    assert daemon.calls == []
