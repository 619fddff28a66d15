"""Images on their way into a registry: mounted layers, moved tags, layouts and their names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.contents import Opened, blob, image, index, packed
from tests.fakes import RecordingReporter
from tests.registries import MemoryRegistry

from mooring.artifacts.cache import FactCache
from mooring.build.embedded.destinations import EngineDestination, OutputDestination, Wanted
from mooring.build.embedded.donors import PUSHED, Donors
from mooring.build.embedded.registry_destination import RegistryDestination
from mooring.build.embedded.request import Output, Variant
from mooring.oci.credentials import NoCredentials
from mooring.oci.layout import read_layout
from mooring.oci.model import LocalImage
from mooring.oci.reference import ImageReference
from mooring.oci.registry import RegistryClient
from mooring.oci.store import FolderStore, SavedImageError
from mooring.oci.transport import Transport
from mooring.reporting import SILENT

HOST = "registry.example.com"


def wanted(repository: str, *tags: str, tag: str = "moor-1") -> Wanted:
    reference = ImageReference.parse(f"{HOST}/{repository}:{tag}")
    return Wanted(variant=Variant(bytecode=False, recipes=()), reference=reference, tags=tags)


def client(registry: MemoryRegistry) -> RegistryClient:
    transport = Transport(adapter=registry.network, insecure=(), sleep=lambda _: None)
    return RegistryClient(credentials=NoCredentials(), transport=transport, push=True)


def donors(folder: Path) -> Donors:
    return Donors(FactCache(PUSHED, root=folder))


def test_a_layer_that_another_repository_got_is_mounted(tmp_path: Path) -> None:
    registry, opened = MemoryRegistry(), Opened()
    content = index([image([blob(b"one", opened=opened)]), image([blob(b"two", opened=opened)])])
    for repository in ("team/one", "team/two"):
        place = RegistryDestination(client(registry), SILENT, donors=donors(tmp_path))
        place.deliver(wanted(repository), content)
    assert len(opened.digests) == 2
    mounted = [sent.query for sent in registry.sent if "mount" in sent.query]
    assert len(mounted) == 2
    assert ("team/two", content.images[0].layers[0].descriptor.digest) in registry.blobs


def test_a_wrong_memory_costs_one_request(tmp_path: Path) -> None:
    registry, opened = MemoryRegistry(), Opened()
    layer = blob(b"one", opened=opened)
    content = image([layer])
    gone = ImageReference.parse(f"{HOST}/team/gone")
    donors(tmp_path).remember(content, gone)
    place = RegistryDestination(client(registry), SILENT, donors=donors(tmp_path))
    place.deliver(wanted("team/app"), content)
    assert opened.digests == [layer.descriptor.digest]
    assert registry.count("POST") == 2  # the refused mount is the upload; the configuration


def test_another_registry_is_asked_for_nothing(tmp_path: Path) -> None:
    content = image([blob(b"one")])
    donors(tmp_path).remember(content, ImageReference.parse("other.example.com/team/app"))
    assert donors(tmp_path).applied(content, ImageReference.parse(f"{HOST}/team/b")) == content


def test_a_tag_that_moves_is_told_of_once(tmp_path: Path) -> None:
    registry, reporter = MemoryRegistry(), RecordingReporter()
    place = RegistryDestination(client(registry), reporter, donors=donors(tmp_path))
    old, new = image([blob(b"old")]), image([blob(b"new")])
    place.deliver(wanted("team/app", "1.0"), old)
    assert not [line for line in reporter.notes if "moved" in line]
    place.deliver(wanted("team/app", "1.0", tag="moor-2"), new)
    place.deliver(wanted("team/app", "1.0", tag="moor-2"), new)
    told = [line for line in reporter.notes if "moved" in line]
    assert len(told) == 1
    assert f"from {old.manifest.digest} to {new.manifest.digest}" in told[0]
    assert place.find(wanted("team/app", "1.0")) is not None
    assert registry.manifests["team/app", "1.0"][1] == old.manifest.body


def test_what_is_missing_beside_an_image_comes_before_its_tags(tmp_path: Path) -> None:
    registry = MemoryRegistry()
    content = image([blob(b"one")])
    first = RegistryDestination(client(registry), SILENT, donors=donors(tmp_path))
    first.deliver(wanted("team/app"), content)
    seen: list[tuple[str, bool]] = []
    place = RegistryDestination(
        client(registry),
        SILENT,
        complete=lambda _, digest: seen.append((digest, ("team/app", "x") in registry.manifests)),
    )
    assert place.find(wanted("team/app", "x")) is not None
    assert seen == [(content.manifest.digest, False)]


def test_the_place_of_a_layout_names_the_image(tmp_path: Path) -> None:
    layout, mine = tmp_path / "own" / "image", wanted("team/app", "1.0")
    output = Output(kind="oci", path=layout)
    place = OutputDestination(output, SILENT, own_folder=tmp_path / "own")
    content = image([packed("etc/a", b"one")])
    arrival = place.deliver(mine, content)
    assert arrival.place == f"oci:{layout}:moor-1"
    assert arrival.digest == content.manifest.digest
    assert (tmp_path / "own" / ".gitignore").read_text() == "*\n"
    found = place.find(mine)
    assert found is not None
    assert (found.digest, found.place) == (arrival.digest, arrival.place)
    store = FolderStore(layout)
    assert read_layout(store, "moor-1", ()).manifest_digest == content.manifest.digest


def test_the_images_of_a_layout_are_listed_once_each(tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    place = OutputDestination(Output(kind="oci", path=layout), SILENT)
    place.deliver(wanted("team/app", "1.0"), image([packed("etc/a", b"one")]))
    place.deliver(wanted("team/app", tag="moor-2"), image([packed("etc/a", b"two")]))
    with pytest.raises(SavedImageError) as caught:
        read_layout(FolderStore(layout), None, ())
    assert (caught.value.hint or "").endswith("there are 1.0 = moor-1, moor-2")
    assert not (tmp_path / ".gitignore").exists()


class Engine:
    """An engine that takes everything."""

    def inspect(self, reference: str) -> LocalImage | None:
        return LocalImage(image_id="sha256:" + "0" * 64, platform="linux/amd64")

    def load(self, stream: Iterable[bytes]) -> None:
        assert b"".join(stream)

    def tag(self, image: str, reference: ImageReference) -> None:
        pass

    def untag(self, reference: ImageReference) -> None:
        pass


@pytest.mark.parametrize(("platforms", "notes"), [(2, 1), (1, 0)])
def test_an_engine_gets_one_of_several_platforms(platforms: int, notes: int) -> None:
    reporter = RecordingReporter()
    images = [
        image([packed("etc/a", platform.encode())], platform)
        for platform in ("linux/amd64", "linux/arm64")[:platforms]
    ]
    content = index(images) if platforms > 1 else images[0]
    EngineDestination(Engine(), reporter).deliver(wanted("team/app"), content)
    assert len(reporter.notes) == notes
    assert all(note.endswith("only, one of 2 platforms") for note in reporter.notes)
