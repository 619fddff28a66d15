"""The environment runs in a real engine: account, home, commands, byte code, project files."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from tests.engines import DockerCli
from tests.unit.build.embedded.environments_made import selected, selection, written
from tests.wheels import wheel

from mooring.build.context import collect, hashed
from mooring.build.daemon import Daemon
from mooring.build.embedded.bases import links
from mooring.build.embedded.bases.base import find_interpreter, open_base
from mooring.build.embedded.bytecode.bytecode import find_compiler
from mooring.build.embedded.config import image_config, image_manifest
from mooring.build.embedded.interface import BaseContent, Place
from mooring.build.embedded.layers.writer import WrittenLayer, write_layer
from mooring.build.embedded.plan.plan import PlanRequest, plan_layers
from mooring.build.engine import probe
from mooring.manifest.model import ImageSpec
from mooring.oci.archive_writer import archive_pieces
from mooring.oci.blob_store import BlobStore
from mooring.oci.content import Blob, ImageContent
from mooring.platforms import PythonVersion
from mooring.render.interface import BaseImage
from mooring.reporting import SILENT

pytestmark = pytest.mark.engine

LINKED_BASE = """\
FROM {base}
RUN mkdir -p /srv/real/inner && ln -s srv/real /app && touch /srv/real/theirs
ENV FROM_BASE=yes
STOPSIGNAL SIGINT
"""

WHEELS = {
    "greeter": wheel(
        "greeter",
        "1.0",
        files={"greeter/__init__.py": b"def main() -> None:\n    print('hello')\n"},
        entry_points={"greet": "greeter:main"},
    ),
    "stray": wheel("stray", "2.0", files={"tests/__init__.py": b"", "stray.py": b"X = 1\n"}),
    "stray-too": wheel("stray-too", "2.0", files={"tests/__init__.py": b"", "too.py": b""}),
}


class Shop:
    """Builds images without an engine, and loads them into one."""

    def __init__(self, cli: DockerCli, folder: Path, bases: BlobStore) -> None:
        self.cli = cli
        self.folder = folder
        self.tags: list[str] = []
        self.bases = bases
        self.store = BlobStore(folder / "blobs")

    def tag(self) -> str:
        self.tags.append(f"mooring-test/environment:{uuid.uuid4().hex[:12]}")
        return self.tags[-1]

    def linked_base(self, base: str) -> str:
        (self.folder / "Dockerfile").write_text(LINKED_BASE.format(base=base))
        tag = self.tag()
        builder = DockerCli(path=Path(probe().cli))
        builder.run("build", "--quiet", "--tag", tag, str(self.folder), timeout=300)
        return tag

    def opened(self, base: str) -> AbstractContextManager[BaseContent]:
        """Open an image of the engine as a base."""
        image_id = self.cli.run("inspect", "--format", "{{.Id}}", base)
        return open_base(
            BaseImage(reference=base, image_id=image_id),
            "linux/amd64",
            store=self.bases,
            registry=None,
            reporter=SILENT,
            root=self.folder,
        )

    def image(self, base: str, spec: ImageSpec) -> str:
        """Build an image of the wheels and of the project's files, and return its name."""
        tag = self.tag()
        with self.opened(base) as content, Daemon() as daemon:
            daemon.load(archive_pieces(self.content(content, spec), [tag]))
        return tag

    def content(self, base: BaseContent, spec: ImageSpec) -> ImageContent:
        interpreter = find_interpreter(base.scan, PythonVersion(minor=11), base.reference)
        place = Place(root="/opt/env", python=interpreter.version, interpreter=interpreter.path)
        files = collect(self.folder / "project", ["."])
        vendor = self.folder / "wheels"
        vendor.mkdir(exist_ok=True)
        wheels = written(vendor, WHEELS)
        request = PlanRequest(
            selection=selection([selected(name, built) for name, built in WHEELS.items()]),
            place=place,
            version=str(place.python),
            scan=base.scan,
            base_layers=len(base.layers),
            user=spec.user,
            workdir=spec.workdir,
            files=files,
            digests={file.path: file.digest for file in hashed(files)},
            fetch=lambda _: wheels,
            compiler=find_compiler(place.python),
        )
        layers = [self.layer(plan.entries, base) for plan in plan_layers(request)]
        titled = [(layer, "a layer") for layer in layers]
        config = image_config(base, spec, place, titled, created=0, labels={})
        own = [
            Blob(
                descriptor=layer.descriptor,
                diff_id=layer.diff_id,
                open=partial(self.store.open, layer.descriptor.digest),
            )
            for layer in layers
        ]
        return ImageContent(
            platform=base.platform,
            manifest=image_manifest(base, config, titled),
            config=config,
            layers=(*base.layers, *own),
        )

    def layer(self, entries: Callable[..., object], base: BaseContent) -> WrittenLayer:
        with entries() as found:  # type: ignore[attr-defined]
            resolve = partial(links.resolve, base.scan)
            return write_layer(found, resolve, base.scan.directories, self.store)

    def run(self, tag: str, script: str, *options: str) -> str:
        words = ("run", "--rm", "--network=none", "--read-only", *options)
        return self.cli.run(*words, "--entrypoint=/bin/sh", tag, "-ec", script)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> BlobStore:
    """Return where bases are kept: saving one takes seconds."""
    return BlobStore(tmp_path_factory.mktemp("bases") / "blobs")


@pytest.fixture
def shop(
    docker_cli: DockerCli, tmp_path: Path, bases: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    monkeypatch.setenv("DOCKER_BUILDKIT", "1")
    project = tmp_path / "project"
    (project / "inner").mkdir(parents=True)
    (project / "run.sh").write_text("#!/bin/sh\necho run\n")
    (project / "run.sh").chmod(0o700)
    (project / "inner" / "data.txt").write_text("data")
    (project / "inner" / "link").symlink_to("data.txt")
    found = Shop(docker_cli, tmp_path, bases)
    yield found
    for tag in reversed(found.tags):
        docker_cli.run("rmi", "--force", tag, check=False)


def test_commands_packages_and_byte_code_work(shop: Shop, base_image: str) -> None:
    tag = shop.image(base_image, ImageSpec(cmd=("greet",)))
    assert shop.cli.run("run", "--rm", tag) == "hello"
    said = shop.run(
        tag,
        "greet; command -v python; command -v greet;"
        "python -c 'import sys; print(sys.prefix, sys.flags.no_user_site)';"
        "python -c 'import importlib.metadata as m;"
        "print(sorted((d.name, d.version) for d in m.distributions()))';"
        "python -c 'import greeter, stray, too, tests; print(greeter.__file__)';"
        "python -v -c 'import greeter' 2>&1 | grep -o 'code object from .*greeter.*pyc' || true;"
        'echo "$(whoami) $(id -u) $(id -g) $HOME $(stat -c %u:%a ~)";'
        "./run.sh; cat inner/link; test -L inner/link || echo copied; pwd",
    ).splitlines()
    assert said[:4] == ["hello", "/opt/env/bin/python", "/opt/env/bin/greet", "/opt/env 0"]
    assert said[4] == "[('greeter', '1.0'), ('stray', '2.0'), ('stray-too', '2.0')]"
    site = "/opt/env/lib/python3.11/site-packages"
    assert said[5] == f"{site}/greeter/__init__.py"
    if find_compiler(python_of(shop, tag)) is not None:
        found = said.pop(6)
        assert found == f"code object from '{site}/greeter/__pycache__/__init__.cpython-311.pyc"
    somebody = "mooring 65532 65532 /home/mooring 65532:755"
    assert said[6:] == [somebody, "run", "datacopied", "/app"]


def python_of(shop: Shop, tag: str) -> PythonVersion:
    text = shop.run(tag, "python -c 'import platform; print(platform.python_version())'")
    return PythonVersion.parse(text, tag)


def test_a_working_folder_that_is_a_link_stays_one(shop: Shop, base_image: str) -> None:
    base = shop.linked_base(base_image)
    tag = shop.image(base, ImageSpec(user="33:0"))
    said = shop.run(
        tag, "readlink /app; ls /app /app/inner; pwd -P; echo $FROM_BASE; stat -c %a /tmp; whoami"
    )
    assert said.split() == [
        "srv/real", "/app:", "inner", "run.sh", "theirs", "/app/inner:", "data.txt", "link",
        "/srv/real", "yes", "1777", "www-data",
    ]  # fmt: skip
    assert shop.cli.run("inspect", "--format", "{{.Config.StopSignal}}", tag) == "SIGINT"


def test_the_same_image_twice_has_the_same_digest(
    shop: Shop, base_image: str, tmp_path: Path
) -> None:
    found = set()
    with shop.opened(base_image) as base:
        for number in range(2):
            shop.store = BlobStore(tmp_path / f"blobs-{number}")
            found.add(shop.content(base, ImageSpec(entrypoint=("greet",))).manifest.digest)
    assert len(found) == 1
