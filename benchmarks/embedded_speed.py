"""The embedded builder beside `docker build`: `python benchmarks/embedded_speed.py`.

The peers are Dockerfiles as a user writes them, with a cache mount that holds every wheel. Layers
are made anew each time, on both sides; the base is in the engine, and in the registry of this
machine. Sections: cold, unchanged, changed, mounted, platforms, memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from local_index import serve
from measure import Command, Measured, show, side_by_side, verdict

BIN = Path(sys.executable).parent
MOORING, PYTHON = BIN / "mooring", Path(sys.executable)
BASE = os.environ.get("MOORING_TEST_BASE", "mooring-test/base:bookworm")
SMALL = ("numpy", "pandas", "flask")
LARGE = ("pandas", "scikit-learn", "matplotlib", "jupyterlab", "flask")
PEAK_MB = 100
LARGE_WHEEL_MB = 450

PIP = """\
FROM {base}
RUN --mount=type=cache,id=pip-{unique},target=/root/.cache/pip \\
    --mount=type=bind,source=requirements.txt,target=/tmp/requirements.txt \\
    python3 -m venv /opt/env \\
 && /opt/env/bin/pip install --index-url {index} -r /tmp/requirements.txt
ENV PATH=/opt/env/bin:$PATH
"""
UV = """\
FROM {base}
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE={compile}
RUN --mount=type=cache,id=uv-{unique},target=/root/.cache/uv \\
    --mount=type=bind,source=requirements.txt,target=/tmp/requirements.txt \\
    --mount=type=bind,source=uv,target=/usr/local/bin/uv \\
    uv venv --python python3 /opt/env \\
 && uv pip install --python /opt/env/bin/python --default-index {index} -r /tmp/requirements.txt
ENV PATH=/opt/env/bin:$PATH
"""

MOUNTED = """
import dataclasses, json, sys, time
from mooring.oci.content import Blob, ImageContent
from mooring.oci.push import push
from mooring.oci.reference import ImageReference
from mooring.oci.registry import RegistryClient
from mooring.reporting import SILENT
source = ImageReference.parse(sys.argv[1])
times = []
for number in range(int(sys.argv[3])):
    with RegistryClient(push=True) as client:
        manifest = client.manifest(source)
        with client.blob(source, manifest.config()) as stream:
            config = stream.read()
        layers = tuple(
            Blob(descriptor=each, diff_id="", open=lambda: 1 / 0, origin=source)
            for each in manifest.layers()
        )
        content = ImageContent(
            platform="linux/amd64", manifest=manifest, config=config, layers=layers
        )
        target = ImageReference.parse(f"{sys.argv[2]}-{number}:x")
        begun = time.perf_counter()
        pushed = push(client, target, content, reporter=SILENT)
        times.append(time.perf_counter() - begun)
        assert pushed.mounted >= len(layers), pushed
print(json.dumps([sorted(times)[len(times) // 2], len(layers)]))
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """Where everything is.

    Attributes:
        registry: `host:port` with the base in it.
        index: URL of a copy of the index.
        docker: A docker command with BuildKit.
    """

    folder: Path
    registry: str
    index: str
    docker: str
    runs: int

    @property
    def cache(self) -> Path:
        """Mooring's cache."""
        return self.folder / "cache"

    @property
    def environment(self) -> dict[str, str]:
        """What the commands see: byte code of Mooring itself is kept, as an installer does."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_"))}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        return kept | {
            "MOORING_CACHE_DIR": str(self.cache),
            "PYTHONPYCACHEPREFIX": str(self.folder / "pycache"),
            "NO_PROXY": "127.0.0.1",
            "DOCKER_BUILDKIT": "1",
        }

    def mooring(self, where: Path, *words: str | Path) -> str:
        """Run Mooring; return its standard output."""
        done = subprocess.run(
            [MOORING, *words],
            cwd=where,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"mooring {' '.join(map(str, words))}: {done.stderr}")
        return done.stdout

    def project(
        self,
        name: str,
        requirements: tuple[str, ...],
        *,
        base: str = "",
        more: str = "",
        index: str = "",
    ) -> Path:
        """Write a project and lock it."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        listed = ", ".join(f'"{each}"' for each in requirements)
        platforms = '"linux-64", "linux-aarch64"' if base else '"linux-64"'
        index = index or self.index
        (folder / "pyproject.toml").write_text(
            '[project]\nname = "bench"\nversion = "1"\nrequires-python = "==3.11.*"\n'
            f"dependencies = [{listed}]\n[tool.mooring]\nplatforms = [{platforms}]\n"
            f'python = "3.11.2"\n[[tool.mooring.index]]\nname = "copy"\nurl = "{index}"\n'
            f'default = true\n[tool.mooring.image]\nbase = "{base or self.registry + "/base:1"}"\n'
            f"{more}"
        )
        self.mooring(folder, "lock", "--quiet")
        return folder

    def forgets(self, *caches: str) -> Callable[[], None]:
        """Return a preparation that forgets layers, but not the base, and named caches."""

        def prepare() -> None:
            for record in (self.cache / "layers").glob("*.json"):
                blob = json.loads(record.read_text())["blob"]
                (self.cache / "blobs" / "sha256" / blob[7:]).unlink(missing_ok=True)
                record.unlink()
            for name in (*caches, "../out"):
                shutil.rmtree(self.cache / name, ignore_errors=True)

        return prepare


@contextmanager
def bench(folder: Path, runs: int) -> Iterator[Bench | None]:
    """Serve registry and index; None without an engine, a base or a registry."""
    from tests.engines import serve_registry

    from mooring.build.engine import probe
    from mooring.errors import MooringError

    try:
        docker = str(probe().cli)
    except MooringError as error:
        print(f"\nEmbedded: left out: {error.message}")
        yield None
        return
    found = subprocess.run([docker, "image", "inspect", BASE], capture_output=True, check=False)
    if found.returncode or not shutil.which("docker-registry"):
        print(
            f"\nEmbedded: left out, no image {BASE} (set MOORING_TEST_BASE) or no docker-registry"
        )
        yield None
        return
    (folder / "registry").mkdir(parents=True)
    with serve_registry(folder / "registry") as registry, serve(folder / "index") as index:
        name = f"{registry}/base:1"
        for words in (["tag", BASE, name], ["push", "--quiet", name], ["rmi", name]):
            subprocess.run([docker, *words], check=True, capture_output=True)
        yield Bench(folder=folder, registry=registry, index=index, docker=docker, runs=runs)


def cold(lab: Bench, name: str, requirements: tuple[str, ...]) -> None:
    """Compare images that are made of cached wheels; ours are in a registry afterwards.

    pip compiles byte code, uv does so when it is asked. Ours is kept for each wheel.
    """
    where = lab.project(name, requirements)
    plain = lab.project(f"{name}-plain", requirements, more="bytecode = false\n")
    lab.mooring(where, "build", "--output", f"oci:{lab.folder / 'out'}")
    peers = _peers(lab, where)
    out = ("--output", f"oci:{lab.folder / 'out'}")
    push = ("--push", "--repository", f"{lab.registry}/{name}")
    ours = [
        _ours(lab, "mooring, no byte code", plain, push, _new_repository(lab, name)),
        _ours(lab, "mooring, byte code cached", where, push, _new_repository(lab, name)),
        _ours(
            lab, "mooring, byte code compiled", where, push, _new_repository(lab, name, "bytecode")
        ),
        _ours(lab, "mooring, no byte code, a layout", plain, out, lab.forgets()),
    ]  # fmt: skip
    results = side_by_side([*ours, *peers], lab.runs)
    took = {each.name: each.seconds for each in results}
    lines = [
        _faster(took, "mooring, no byte code", "docker build, uv", 2),
        _faster(took, "mooring, byte code cached", "docker build, pip", 6),
        _faster(took, "mooring, byte code compiled", "docker build, pip", 6),
        _faster(took, "mooring, byte code cached", "docker build, uv, compiled", 2),
        _faster(took, "mooring, byte code compiled", "docker build, uv, compiled", 2),
        _memory(results),
    ]
    count = len(tomllib.loads((where / "pylock.toml").read_text())["packages"])
    show(f"Embedded, cold, wheels cached: {name}, {count} packages", results, lines)


def _new_repository(lab: Bench, name: str, *caches: str) -> Callable[[], None]:
    """Return a preparation after which nothing of an image is anywhere but its base."""
    forget = lab.forgets(*caches)

    def prepare() -> None:
        forget()
        kept = lab.folder / "registry" / "data" / "docker" / "registry" / "v2"
        shutil.rmtree(kept / "repositories" / name, ignore_errors=True)

    return prepare


def _ours(
    lab: Bench, name: str, where: Path, words: tuple[str, ...], prepare: Callable[[], None]
) -> Command:
    argv: list[str | Path] = [MOORING, "build", "--quiet", *words]
    return Command(name=name, argv=argv, cwd=where, env=lab.environment, prepare=prepare)


def _peers(lab: Bench, where: Path) -> list[Command]:
    """Write the Dockerfiles, and fill their cache mounts."""
    unique = secrets.token_hex(6)
    lock = tomllib.loads((where / "pylock.toml").read_text())
    lines = "".join(
        f"{each['name']}=={each['version']} ; {each.get('marker', 'python_version > 0')}\n"
        for each in lock["packages"]
    ).replace(" ; python_version > 0", "")
    found: list[Command] = []
    for name, text, compiled in (
        ("docker build, pip", PIP, 0),
        ("docker build, uv", UV, 0),
        ("docker build, uv, compiled", UV, 1),
    ):
        context = where / f"peer-{len(found)}"
        context.mkdir()
        (context / "requirements.txt").write_text(lines)
        if text is UV:
            shutil.copy(BIN / "uv", context / "uv")
        dockerfile = text.format(base=BASE, index=lab.index, unique=unique, compile=compiled)
        (context / "Dockerfile").write_text(dockerfile)
        argv = [lab.docker, "build", "--quiet", "--no-cache", "--network=host"]
        argv += ["--tag", f"mooring-bench/peer-{len(found)}", "."]
        found.append(Command(name=name, argv=argv, cwd=context, env=lab.environment))
        done = subprocess.run(
            argv, cwd=context, env=lab.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{name}: {done.stderr[-1000:]}")
    return found


def _faster(took: dict[str, float], ours: str, theirs: str, least: float) -> str:
    times = took[theirs] / took[ours]
    return f"{ours}: {times:.1f}x faster than {theirs}, at least {least}: {verdict(times >= least)}"


def _memory(results: list[Measured]) -> str:
    peak = max(each.peak_mb for each in results if each.name.startswith("mooring"))
    return f"peak memory {peak:.0f} MB, limit {PEAK_MB}: {verdict(peak < PEAK_MB)}"


def registry(lab: Bench) -> None:
    """Measure what an image costs that is there, and one of which a package changed."""
    where = lab.folder / "large"
    push = ("--push", "--repository", f"{lab.registry}/team/large")
    lab.mooring(where, "build", *push)
    commands = [_ours(lab, "mooring build --push, unchanged", where, push, lambda: None)]
    results = side_by_side(commands, max(9, lab.runs))
    took = results[0].seconds
    claim = f"{took * 1000:.0f} ms, limit 400: {verdict(took < 0.4)}"
    show("Embedded, unchanged, the registry asked", results, [claim, _memory(results)])

    changed = lab.project("changed", (*LARGE, "click<8.2"))
    done = subprocess.run(
        [MOORING, "build", "--no-attest", *push],
        cwd=changed, env=lab.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    print("\nEmbedded, one package changed")
    for line in done.stderr.splitlines():
        if "sent" in line or "written" in line:
            print(f"  -> {line.strip()}")

    document = json.loads(lab.mooring(where, "build", "--format", "json", *push))
    done = subprocess.run(
        [PYTHON, "-c", MOUNTED, document["reference"], f"{lab.registry}/team/mounted", "7"],
        env=lab.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr)
    seconds, count = json.loads(done.stdout)
    print(f"\nEmbedded, push of {count} layers that the registry can mount, in process")
    print(f"  -> {seconds * 1000:.0f} ms, limit 200: {verdict(seconds < 0.2)}")


def platforms(lab: Bench) -> None:
    """Compare an index of two platforms with one image."""
    from tests.embedded_lab import write_base

    for name, more in (("no byte code", "bytecode = false\n"), ("byte code compiled", "")):
        folder = lab.folder / f"platforms-{name.replace(' ', '-')}"
        folder.mkdir()
        write_base(folder / "base", "3.11.2")
        where = lab.project(folder.name, SMALL, base="oci:base:1", more=more)
        out = ("--output", f"oci:{lab.folder / 'out'}", "--platform")
        both = "linux/amd64,linux/arm64"
        lab.mooring(where, "build", *out, both)
        forget = lab.forgets("bytecode")
        results = side_by_side(
            [
                _ours(lab, f"mooring, one platform, {name}", where, (*out, "linux/amd64"), forget),
                _ours(lab, f"mooring, two platforms, {name}", where, (*out, both), forget),
            ],
            lab.runs,
        )
        ratio = results[1].seconds / results[0].seconds
        claim = f"{ratio:.2f}x one, limit 2.2: {verdict(ratio <= 2.2)}"
        show(f"Embedded, platforms, {name}", results, [claim, _memory(results)])


def memory(lab: Bench) -> None:
    """Measure the memory that a large wheel needs."""
    from tests.embedded_lab import write_base

    where = lab.folder / "memory"
    where.mkdir()
    write_base(where / "base", "3.11.2")
    subprocess.run([PYTHON, __file__, "wheel", where], check=True)  # in a process of its own
    wheel = next(where.glob("*.whl"))
    page = where / "simple" / "demo" / "index.html"
    page.parent.mkdir(parents=True)
    with wheel.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    page.write_text(f'<a href="/{wheel.name}#sha256={sha256}">{wheel.name}</a>')
    with _served(where) as index:
        lab.project("memory", ("demo",), base="oci:base:1", index=index)
        _large_wheel_built(lab, where, wheel)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    argv: list[str | Path] = [PYTHON, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
    server = subprocess.Popen(
        argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    try:
        port = server.stdout.readline().partition(" port ")[2].split()[0]
        yield f"http://127.0.0.1:{port}/simple"
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def _large_wheel_built(lab: Bench, where: Path, wheel: Path) -> None:
    out = ("--output", f"oci:{lab.folder / 'out'}")
    command = _ours(lab, "mooring, a large wheel", where, out, lab.forgets("artifacts"))
    results = side_by_side([command], 1)
    size = wheel.stat().st_size / 1e6
    show(f"Embedded, a wheel of {size:.0f} MB", results, [_memory(results)])


def speed(folder: Path, runs: int) -> None:
    """Measure everything."""
    with bench(folder, runs) as lab:
        if lab is None:
            return
        cold(lab, "small", SMALL)
        cold(lab, "large", LARGE)
        registry(lab)
        platforms(lab)
        memory(lab)
        for number in range(3):
            name = f"mooring-bench/peer-{number}"
            subprocess.run([lab.docker, "rmi", "--force", name], capture_output=True, check=False)


def main() -> None:
    """Measure everything in a folder that is removed afterwards."""
    if sys.argv[1:2] == ["wheel"]:
        from tests.integration.test_embedded_layer_surroundings import large_wheel

        large_wheel(Path(sys.argv[2]), LARGE_WHEEL_MB)
        return
    folder = Path(tempfile.mkdtemp(prefix="mooring-embedded-"))
    try:
        speed(folder, int(sys.argv[1]) if sys.argv[1:] else 5)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
