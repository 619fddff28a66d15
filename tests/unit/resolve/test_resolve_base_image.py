from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from tests.fakes import RecordingReporter

from mooring.errors import InputError, MooringError
from mooring.lock.formats.mooring_lock import BaseImageLock, MooringLock
from mooring.oci.model import ImageNotFound, LocalImage, RegistryError, RegistryUnreachable
from mooring.oci.reference import ImageReference
from mooring.platforms import Platform
from mooring.resolve.base_image import BaseImageError, BaseImageResolver

AMD, ARM = Platform.parse("linux-64"), Platform.parse("linux-aarch64")
ONE, TWO, THREE = ("sha256:" + digit * 64 for digit in "123")
BASE = "registry.example.com/base:1"
BOTH = {"linux/amd64": ONE, "linux/arm64": TWO}
GONE = ImageNotFound("the registry has no such image")
DOWN = RegistryUnreachable("the registry cannot be reached")


class Registry:
    """Knows one image, or fails."""

    def __init__(self, digests: Mapping[str, str], error: RegistryError | None = None) -> None:
        self._digests = digests
        self._error = error
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def platform_digests(
        self, reference: ImageReference, platforms: Sequence[str]
    ) -> Mapping[str, str]:
        self.asked.append((str(reference), tuple(platforms)))
        if self._error:
            raise self._error
        return {name: digest for name, digest in self._digests.items() if name in platforms}


class Images:
    """An engine with one image, or none, or which is down."""

    def __init__(self, image: LocalImage | None, error: MooringError | None = None) -> None:
        self._image = image
        self._error = error

    def inspect(self, reference: str) -> LocalImage | None:
        if self._error:
            raise self._error
        return self._image


def local(*repo_digests: str, platform: str = "linux/amd64") -> Images:
    return Images(LocalImage(image_id=THREE, platform=platform, repo_digests=repo_digests))


def entry(platform: Platform, digest: str, reference: str = BASE) -> BaseImageLock:
    return BaseImageLock(reference=reference, platform=platform, digest=digest)


def test_the_registry_gives_a_digest_a_platform() -> None:
    registry = Registry(BOTH)
    found = BaseImageResolver(registry=registry).resolve(
        BASE, [ARM, Platform.parse("osx-arm64"), AMD, Platform.parse("win-64")]
    )
    assert found == (entry(AMD, ONE), entry(ARM, TWO))
    assert registry.asked == [(BASE, ("linux/arm64", "linux/amd64"))]


def test_libc_floors_do_not_make_two_entries() -> None:
    found = BaseImageResolver(registry=Registry(BOTH)).resolve(
        BASE, [AMD, Platform.parse("linux-64-musl1.2")]
    )
    assert found == (entry(AMD, ONE),)


@pytest.mark.parametrize("error", [GONE, DOWN])
def test_the_engine_comes_second(error: RegistryError, reporter: RecordingReporter) -> None:
    found = BaseImageResolver(registry=Registry({}, error), engine=local()).resolve(
        BASE, [AMD], reporter=reporter
    )
    assert found == (BaseImageLock(reference=BASE, platform=AMD, image_id=THREE),)
    assert len(reporter.warnings) == 1


def test_a_repo_digest_of_the_same_repository_is_a_digest(reporter: RecordingReporter) -> None:
    engine = local(f"other.example.com/base@{TWO}", f"registry.example.com/base@{ONE}")
    found = BaseImageResolver(engine=engine).resolve(BASE, [AMD], reporter=reporter)
    assert found == (entry(AMD, ONE),)
    assert reporter.warnings == []


def test_a_repo_digest_of_another_repository_is_none() -> None:
    engine = local(f"other.example.com/base@{TWO}")
    (found,) = BaseImageResolver(engine=engine).resolve(BASE, [AMD])
    assert (found.digest, found.image_id) == (None, THREE)


def test_the_engine_fills_in_one_platform_only() -> None:
    resolver = BaseImageResolver(registry=Registry({"linux/arm64": TWO}), engine=local())
    found = resolver.resolve(BASE, [AMD, ARM])
    assert [(one.digest, one.image_id) for one in found] == [(None, THREE), (TWO, None)]


@pytest.mark.parametrize(
    ("registry", "engine", "words"),
    [
        (None, None, ["the registry was not asked", "no local engine was asked"]),
        (Registry({}, DOWN), Images(None), [DOWN.message, "the local engine does not have it"]),
        (Registry({}), Images(None), ["has it for other platforms only"]),
        (Registry({}, GONE), local(platform="linux/arm64/v8"), ["engine has it for linux/arm64"]),
        (
            Registry({}, GONE),
            Images(None, MooringError("no engine answers")),
            ["no engine answers"],
        ),
    ],
)
def test_the_error_says_what_was_tried(
    registry: Registry | None, engine: Images | None, words: list[str]
) -> None:
    with pytest.raises(BaseImageError) as caught:
        BaseImageResolver(registry=registry, engine=engine).resolve(BASE, [AMD])
    assert caught.value.exit_code == 3
    assert "linux/amd64: " in caught.value.message
    assert all(word in caught.value.message for word in words)
    assert caught.value.hint is not None
    assert "docker login registry.example.com" in caught.value.hint


def test_every_platform_that_fails_is_named() -> None:
    with pytest.raises(BaseImageError) as caught:
        BaseImageResolver(registry=Registry({}, DOWN)).resolve(BASE, [AMD, ARM])
    assert "linux/amd64: " in caught.value.message
    assert "linux/arm64: " in caught.value.message


def test_earlier_entries_are_kept_and_nobody_is_asked(reporter: RecordingReporter) -> None:
    registry = Registry(BOTH)
    previous = MooringLock(base_images=(entry(AMD, THREE), entry(ARM, THREE)))
    resolver = BaseImageResolver(registry=registry)
    found = resolver.resolve(BASE, [AMD, ARM], previous=previous, reporter=reporter)
    assert found == previous.base_images
    assert registry.asked == []
    assert reporter.steps == []


def test_only_what_is_missing_is_asked_for() -> None:
    registry = Registry(BOTH)
    previous = MooringLock(base_images=(entry(AMD, THREE), entry(ARM, THREE, "other:1")))
    found = BaseImageResolver(registry=registry).resolve(BASE, [AMD, ARM], previous=previous)
    assert found == (entry(AMD, THREE), entry(ARM, TWO))
    assert registry.asked == [(BASE, ("linux/arm64",))]


def test_upgrade_asks_again() -> None:
    previous = MooringLock(base_images=(entry(AMD, THREE),))
    found = BaseImageResolver(registry=Registry(BOTH)).resolve(
        BASE, [AMD], previous=previous, upgrade=True
    )
    assert found == (entry(AMD, ONE),)


PINNED = f"{BASE}@{THREE}"


@pytest.mark.parametrize("registry", [Registry(BOTH), Registry({}, DOWN), None])
def test_a_written_digest_is_kept(registry: Registry | None) -> None:
    found = BaseImageResolver(registry=registry).resolve(PINNED, [AMD])
    assert found == (entry(AMD, THREE, PINNED),)


@pytest.mark.parametrize("registry", [Registry({"linux/arm64": TWO}), Registry({}, GONE)])
def test_a_written_digest_is_checked_when_the_registry_answers(registry: Registry) -> None:
    with pytest.raises(BaseImageError):
        BaseImageResolver(registry=registry).resolve(PINNED, [AMD])


def test_a_written_digest_may_be_in_the_engine_alone() -> None:
    name = "registry.example.com/base"
    engine = local(f"{name}@{ONE}", f"{name}@{THREE}")
    found = BaseImageResolver(registry=Registry({}, GONE), engine=engine).resolve(PINNED, [AMD])
    assert found == (entry(AMD, THREE, PINNED),)


def test_no_platform_that_has_images() -> None:
    assert BaseImageResolver().resolve(BASE, [Platform.parse("osx-arm64")]) == ()


def test_a_broken_reference() -> None:
    with pytest.raises(InputError):
        BaseImageResolver().resolve("Base", [AMD])


def test_a_platform_without_the_image_is_recorded_when_another_has_it(
    reporter: RecordingReporter,
) -> None:
    resolver = BaseImageResolver(registry=Registry({"linux/amd64": ONE}))
    found = resolver.resolve(BASE, [AMD, ARM], reporter=reporter)
    assert found == (
        entry(AMD, ONE),
        BaseImageLock(reference=BASE, platform=ARM, absent=True),
    )
    assert any("linux/arm64" in text for text in reporter.warnings)
    silent = BaseImageResolver(registry=None, engine=None)
    assert silent.resolve(BASE, [AMD, ARM], previous=MooringLock(base_images=found)) == found


def test_a_registry_that_is_down_does_not_make_an_image_absent() -> None:
    previous = MooringLock(base_images=(entry(AMD, ONE),))
    resolver = BaseImageResolver(registry=Registry({}, DOWN))
    with pytest.raises(BaseImageError, match="linux/arm64"):
        resolver.resolve(BASE, [AMD, ARM], previous=previous)
