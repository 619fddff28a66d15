"""Small real conda packages, the channels that hold them, and prefixes as conda records them."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.request import url2pathname

from mooring.lock.conda import CondaPackage, CondaSelection, PypiRow
from mooring.platforms import Platform

PLACEHOLDER = "/opt/" + "placehold_" * 20 + "end"
LINUX = Platform.parse("linux-64")
TIMESTAMP = 1_700_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A softlink of a package.

    Attributes:
        target: Its text.
        content: What the file behind it holds when it is packaged.
    """

    target: str
    content: bytes = b""


File = bytes | Link


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What a package is made of.

    Attributes:
        files: Path to content; the placeholder in it is replaced where it is installed.
        entry_points: `name = module:function` of a `noarch: python` package.
        old: Whether it lists its files as packages did before 2017, without digests.
    """

    name: str
    version: str = "1.0"
    build: str = "0"
    subdir: str = "linux-64"
    noarch: str | None = None
    depends: tuple[str, ...] = ()
    files: Mapping[str, File] | None = None
    entry_points: tuple[str, ...] = ()
    old: bool = False

    @property
    def stem(self) -> str:
        """The file name without its ending."""
        return f"{self.name}-{self.version}-{self.build}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaChannelFolder:
    """A channel in a folder.

    Attributes:
        url: How it is named; `file://` unless it is served.
    """

    folder: Path
    url: str

    def add(self, recipe: Recipe) -> CondaPackage:
        """Build a package into the channel, and return its row for a lock."""
        (self.folder / "noarch").mkdir(parents=True, exist_ok=True)
        folder = self.folder / recipe.subdir
        folder.mkdir(parents=True, exist_ok=True)
        data = archive(recipe)
        name = f"{recipe.stem}.tar.bz2"
        (folder / name).write_bytes(data)
        return CondaPackage(
            name=recipe.name,
            version=recipe.version,
            build=recipe.build,
            subdir=recipe.subdir,
            channel=self.url,
            url=f"{self.url}/{recipe.subdir}/{name}",
            md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            depends=recipe.depends,
        )

    def index(self) -> None:
        """Write the repodata of every subdir, without the time of this moment in it."""
        from rattler.index import index_fs

        asyncio.run(index_fs(self.folder))
        for path in self.folder.glob("*/repodata.json"):
            data = json.loads(path.read_text())
            for rows in (data["packages"], data.get("packages.conda", {})):
                for row in rows.values():
                    row.pop("indexed_timestamp", None)
            path.write_text(json.dumps(data, sort_keys=True))
            path.with_name("repodata.json.zst").unlink(missing_ok=True)

    def archive_of(self, package: CondaPackage) -> Path:
        """Return the file of a package."""
        return self.folder / package.subdir / package.file_name


def file_channel(folder: Path) -> CondaChannelFolder:
    """Return an empty channel that is named by its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return CondaChannelFolder(folder=folder, url=folder.as_uri())


@contextmanager
def http_channel(folder: Path) -> Iterator[tuple[CondaChannelFolder, list[str]]]:
    """Serve an empty channel, and list the paths that are asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    asked: list[str] = []
    server = _Server(("127.0.0.1", 0), partial(_Handler, asked, directory=str(folder)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        yield CondaChannelFolder(folder=folder, url=url), asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up."""


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, asked: list[str], *args: object, **kwargs: object) -> None:
        self._asked = asked
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._asked.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its base names it
        """Say nothing."""


def archive(recipe: Recipe) -> bytes:
    """Return the bytes of a package, the same every time."""
    files = recipe.files
    if files is None:
        files = {f"share/{recipe.name}.txt": recipe.version.encode()}
    info: dict[str, object] = {
        "info/index.json": {
            "name": recipe.name,
            "version": recipe.version,
            "build": recipe.build,
            "build_number": 0,
            "depends": list(recipe.depends),
            "subdir": recipe.subdir,
            "timestamp": TIMESTAMP,
            "license": "MIT",
            **({"noarch": recipe.noarch} if recipe.noarch else {}),
        },
        "info/paths.json": {
            "paths_version": 1,
            "paths": [_row(path, file) for path, file in sorted(files.items())],
        },
        "info/about.json": {},
    }
    if recipe.old:
        del info["info/paths.json"]
    if recipe.noarch == "python":
        info["info/link.json"] = {
            "noarch": {"type": "python", "entry_points": list(recipe.entry_points)},
            "package_metadata_version": 1,
        }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:bz2") as tar:
        for path, value in info.items():
            _add(tar, path, json.dumps(value, sort_keys=True).encode())
        if recipe.old:
            _add(tar, "info/files", "".join(f"{path}\n" for path in sorted(files)).encode())
        for path, file in sorted(files.items()):
            _add(tar, path, file)
    return out.getvalue()


def _add(tar: tarfile.TarFile, path: str, file: File) -> None:
    member = tarfile.TarInfo(path)
    member.mtime = TIMESTAMP // 1000
    if isinstance(file, Link):
        member.type, member.linkname = tarfile.SYMTYPE, file.target
        tar.addfile(member)
        return
    member.size = len(file)
    program = path.startswith(("bin/", "python-scripts/")) or ".so" in path
    member.mode = 0o755 if program else 0o644
    tar.addfile(member, io.BytesIO(file))


def _row(path: str, file: File) -> dict[str, object]:
    data = file.content if isinstance(file, Link) else file
    row: dict[str, object] = {
        "_path": path,
        "path_type": "softlink" if isinstance(file, Link) else "hardlink",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_in_bytes": len(data),
    }
    if isinstance(file, bytes) and PLACEHOLDER.encode() in file:
        row["prefix_placeholder"] = PLACEHOLDER
        row["file_mode"] = "binary" if b"\0" in file else "text"
    return row


def python_recipe(version: str = "3.11.4", build: str = "0_cpython") -> Recipe:
    """Return a package that is a Python in name and layout only."""
    minor = version.rpartition(".")[0]
    program = b"\x7fELF\0" + PLACEHOLDER.encode() + b"\0end"
    return Recipe(
        name="python",
        version=version,
        build=build,
        files={
            f"bin/python{minor}": program,
            "bin/python3": Link(target=f"python{minor}", content=program),
            "bin/python": Link(target="python3", content=program),
            f"lib/python{minor}/os.py": b"x = 1\n",
            f"lib/python{minor}/config.py": f"prefix = '{PLACEHOLDER}'\n".encode(),
            f"lib/python{minor}/site-packages/README.txt": b"packages go here\n",
        },
    )


def noarch_recipe(name: str, version: str = "1.0", *, installer: bytes = b"conda\n") -> Recipe:
    """Return a `noarch: python` package with a module, a script, an entry point and dist-info."""
    info = f"site-packages/{name}-{version}.dist-info"
    return Recipe(
        name=name,
        version=version,
        build="pyh_0",
        subdir="noarch",
        noarch="python",
        depends=("python >=3",),
        files={
            f"site-packages/{name}/__init__.py": f"version = '{version}'\n".encode(),
            f"site-packages/{name}/core.py": b"def main():\n    return 0\n",
            f"{info}/METADATA": (
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
            ),
            f"{info}/INSTALLER": installer,
            f"{info}/RECORD": b"",
            f"python-scripts/{name}-script": f"#!{PLACEHOLDER}/bin/python\nprint(1)\n".encode(),
        },
        entry_points=(f"{name} = {name}.core:main",),
    )


def library_recipe(name: str = "libwave", version: str = "2.1") -> Recipe:
    """Return a compiled package: a placeholder in a binary, links, and plain data."""
    content = b"\x7fELF\0" + PLACEHOLDER.encode() + b"/share\0\0tail"
    return Recipe(
        name=name,
        version=version,
        build="h1234_0",
        files={
            f"lib/{name}.so.2": content,
            f"lib/{name}.so": Link(target=f"{name}.so.2", content=content),
            f"share/{name}/data.txt": b"plain\n",
            f"share/{name}-current": Link(target=name),
            f"etc/{name}.conf": f"root={PLACEHOLDER}\n".encode(),
        },
    )


def selection(
    packages: Iterable[CondaPackage],
    *,
    platform: Platform = LINUX,
    pypi: Sequence[PypiRow] = (),
) -> CondaSelection:
    """Return a selection with these packages."""
    return CondaSelection(
        platform=platform, categories=("main",), packages=tuple(packages), pypi=tuple(pypi)
    )


def local_path(url: str) -> Path:
    """Return the path of a `file://` URL."""
    return Path(url2pathname(url.removeprefix("file://")))


def as_conda_records(prefix: Path) -> None:
    """Rewrite the records of a prefix that rattler made into the shape that conda writes.

    conda keeps the paths of `noarch: python` packages as they are packaged, gives every regular
    file a `sha256_in_prefix`, links none, adds rows for compiled files, names entry points by size
    only, keeps the packaged size of replaced text, and appends the subdir to the channel.
    """
    for path in sorted((prefix / "conda-meta").glob("*.json")):
        record = json.loads(path.read_text())
        compiled: list[str] = []
        for row in record["paths_data"]["paths"]:
            _as_conda_row(prefix, record, row, compiled)
        for name in compiled:
            (prefix / name).parent.mkdir(exist_ok=True)
            (prefix / name).write_bytes(b"compiled")
            record["files"].append(name)
            record["paths_data"]["paths"].append({"_path": name, "path_type": "pyc_file"})
        record["channel"] = f"{record['channel']}/{record['subdir']}"
        path.write_text(json.dumps(record, indent=2))


def _as_conda_row(
    prefix: Path, record: Mapping[str, object], row: dict[str, object], compiled: list[str]
) -> None:
    path = str(row["_path"])
    if str(row["path_type"]).endswith("python_entry_point"):
        row.pop("sha256", None)
        row.pop("sha256_in_prefix", None)
        row["size_in_bytes"] = (prefix / path).stat().st_size
        return
    if row["path_type"] == "softlink":
        row.pop("sha256_in_prefix", None)
        return
    row["sha256_in_prefix"] = hashlib.sha256((prefix / path).read_bytes()).hexdigest()
    if record.get("noarch") != "python":
        return
    site, mark, rest = path.partition("site-packages/")
    if mark:
        row["_path"] = mark + rest
        if rest.endswith(".py"):
            folder, _, name = rest.rpartition("/")
            stem = name.removesuffix(".py")
            compiled.append(f"{site}{mark}{folder}/__pycache__/{stem}.cpython-311.pyc")
    elif path.startswith("bin/"):
        row["_path"] = f"python-scripts/{path[4:]}"
