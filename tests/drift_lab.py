"""A real environment of more than a hundred packages, and every drift that is planted in it.

Each drift is what somebody does to an environment after it was installed, and the findings that a
verification must have: these, and no others. Nothing is fetched while a drift is planted.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import marshal
import os
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.wheels import BuiltWheel, wheel

from mooring.platforms import Platform
from mooring.uv import uv_binary

PYTHON = "{}.{}.{}".format(*sys.version_info)
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
SITE = f"lib/python{MINOR}/site-packages"
REQUIREMENTS = ("jupyterlab", "flask", "certifi", "pytest", "twine", "pip")
"""With what they depend on, more than a hundred packages and 200 MB."""

TRACKED = "tidewater"
"""A package that the lab locks to a commit of a repository of its own."""

_MOORING = Path(sys.executable).parent / "mooring"
_BACKEND = """\
import pathlib, shutil
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    [source] = pathlib.Path(__file__).parent.glob("*.whl")
    shutil.copy(source, wheel_directory)
    return source.name
build_editable = build_wheel
"""
_PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@dataclass(frozen=True, kw_only=True, slots=True)
class Lab:
    """A locked project with its environment.

    Attributes:
        folder: Holds the manifest and the lock.
        clean: The environment as it was installed; nothing is ever planted here.
        env: Where it was installed and where drifts are planted: scripts name this place.
    """

    folder: Path
    clean: Path
    env: Path

    def fresh(self) -> Path:
        """Put the clean environment in its place again and return it.

        Its files are hard links to the clean ones: whoever changes a file gives it a copy of its
        own first, see `own`.
        """
        shutil.rmtree(self.env, ignore_errors=True)
        run("cp", "-al", self.clean, self.env)
        return self.env


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """One thing that happens to environments.

    Attributes:
        name: The number in the taxonomy and a word: `D06-module`.
        says: What happened, for people.
        plant: Does it to the environment in a folder.
        rules: The (rule, package) pairs that must be found; None for the environment itself.
        options: What `mooring verify` must be told to look that deep.
    """

    name: str
    says: str
    plant: Callable[[Path], None]
    rules: frozenset[tuple[str, str | None]]
    options: tuple[str, ...] = ()


@contextmanager
def drift_lab(folder: Path) -> Iterator[Lab]:
    """Lock and install the lab's project from the index that pip and uv are set up for.

    The repository of its tracked package is served on this machine until the block ends.
    """
    make_repository(folder / "repository")
    with _served(folder / "repository" / ".git") as address:
        yield _make_lab(folder, f"git+{address}/tracked.git")


def _make_lab(folder: Path, source: str) -> Lab:
    listed = "".join(f'    "{each}",\n' for each in REQUIREMENTS)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "lab"\nversion = "0"\nrequires-python = "=={MINOR}.*"\n'
        f'dependencies = [\n{listed}    "{TRACKED} @ {source}",\n]\n'
        f'[tool.mooring]\nplatforms = ["{Platform.current()}"]\npython = "{PYTHON}"\n'
    )
    run(_MOORING, "lock", "--quiet", "--record-ids", cwd=folder)
    env = folder / ".venv"
    run(_MOORING, "sync", "--quiet", cwd=folder)
    clean = folder / "clean"
    run("cp", "-a", "--reflink=auto", env, clean)
    return Lab(folder=folder, clean=clean, env=env)


def make_repository(folder: Path) -> Path:
    """Make a git repository with a package; its branch `other` holds another commit of it."""
    git = ("git", "-C", folder, "-c", "user.name=lab", "-c", "user.email=lab@example.org")
    write_project(folder, wheel(TRACKED, "1.0", files={f"{TRACKED}.py": b"level = 1\n"}))
    run("git", "init", "--quiet", "--initial-branch", "main", folder)
    run(*git, "add", "--all")
    run(*git, "commit", "--quiet", "--message", "one")
    run(*git, "checkout", "--quiet", "-b", "other")
    write_project(folder, wheel(TRACKED, "1.0", files={f"{TRACKED}.py": b"level = 2\n"}))
    run(*git, "commit", "--quiet", "--all", "--message", "two")
    run(*git, "checkout", "--quiet", "main")
    run(*git, "update-server-info")
    return folder


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Serve a git folder as plain files, and give its address without the repository's name."""

    class Handler(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            return super().translate_path(path.removeprefix("/tracked.git"))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its base's
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write_project(folder: Path, built: BuiltWheel) -> None:
    """Write a source tree that builds into this wheel and asks for nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / built.filename).write_bytes(built.data)
    (folder / "backend.py").write_text(_BACKEND)
    name, version = built.filename.split("-")[:2]
    (folder / "pyproject.toml").write_text(
        f'{_PYPROJECT}[project]\nname = "{name}"\nversion = "{version}"\n'
    )


def run(*words: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a program that must succeed and return what it printed."""
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd,
        check=False,
        env=None if env is None else {**os.environ, **env},
    )
    assert done.returncode == 0, f"{words[0]}: {done.stderr}"
    return done.stdout


def rules_of(findings: Iterable[Mapping[str, object]]) -> set[tuple[object, object]]:
    """Return the (rule, package) pairs of the findings in a report."""
    return {(finding["rule"], finding["package"]) for finding in findings}


# What the drifts are made with.


def own(path: Path) -> Path:
    """Give a file a copy of its own, so that a change of it changes no other environment."""
    data, mode = path.read_bytes(), path.stat().st_mode
    path.unlink()
    path.write_bytes(data)
    path.chmod(mode)
    return path


def info_of(env: Path, name: str) -> Path:
    """Return the metadata folder of a distribution."""
    [info] = (env / SITE).glob(f"{name}-*.dist-info")
    return info


def version_of(env: Path, name: str) -> str:
    """Return the version of a distribution."""
    return info_of(env, name).name.split("-")[1].removesuffix(".dist")


def record(data: bytes) -> str:
    """Return the digest and size columns of a RECORD row."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"sha256={digest},{len(data)}"


def put(env: Path, built: BuiltWheel, *more: str) -> None:
    """Install a wheel from a folder that stands in for an index."""
    shelf = env.parent / "shelf"
    shelf.mkdir(exist_ok=True)
    (shelf / built.filename).write_bytes(built.data)
    name, version = built.filename.split("-")[:2]
    _uv(env, "--no-index", "--find-links", shelf, *more, f"{name}=={version}")
    shutil.rmtree(shelf)


def _uv(env: Path, *words: str | Path) -> None:
    install = (uv_binary(), "pip", "install", "--quiet", "--no-deps", "--python", env)
    # The cache of another run must not answer for a wheel of the same name and version.
    run(*install, "--no-cache", "--link-mode", "copy", *words)


def _rewrite(info: Path, change: Callable[[str], str]) -> None:
    path = own(info / "RECORD")
    lines = path.read_text().splitlines()
    path.write_text("\n".join(map(change, lines)) + "\n")


# The drifts.


def remove(env: Path) -> None:
    run(uv_binary(), "pip", "uninstall", "--quiet", "--python", env, "idna")


def add(env: Path) -> None:
    put(env, wheel("flotsam", "1.0"))


def change_version(env: Path) -> None:
    put(env, wheel("idna", "3.0.1"))


def swap_artifact(env: Path) -> None:
    machine = os.uname().machine
    tag = f"cp{MINOR.replace('.', '')}-cp{MINOR.replace('.', '')}-linux_{machine}"
    put(env, wheel("idna", version_of(env, "idna"), tag=tag), "--reinstall")


def swap_content(env: Path) -> None:
    info = f"idna-{version_of(env, 'idna')}.dist-info"
    files = {"idna/__init__.py": b"", f"{info}/licenses/LICENSE.md": b""}
    put(env, wheel("idna", version_of(env, "idna"), files=files), "--reinstall")


def change_source(env: Path) -> None:
    built = wheel("idna", version_of(env, "idna"))
    (env.parent / built.filename).write_bytes(built.data)
    _uv(env, "--reinstall", env.parent / built.filename)
    (env.parent / built.filename).unlink()


def modify_module(env: Path) -> None:
    with own(env / SITE / "flask" / "app.py").open("a") as stream:
        stream.write("# changed\n")


def modify_keeping_size_and_time(env: Path) -> None:
    module = env / SITE / "flask" / "app.py"
    before = module.stat()
    text = module.read_text()
    own(module).write_text(text.replace("return", "retnur", 1))
    os.utime(module, ns=(before.st_atime_ns, before.st_mtime_ns))


def modify_library(env: Path) -> None:
    [library] = (env / SITE / "markupsafe").glob("*.so")
    data = bytearray(own(library).read_bytes())
    data[len(data) // 2] ^= 1
    library.write_bytes(data)


def modify_script(env: Path) -> None:
    own(env / "bin" / "flask").write_text("#!/bin/sh\n")


def add_certificate(env: Path) -> None:
    with own(env / SITE / "certifi" / "cacert.pem").open("a") as stream:
        stream.write("# our own authority\n")


def delete_module(env: Path) -> None:
    (env / SITE / "flask" / "views.py").unlink()


def replace_by_link(env: Path) -> None:
    module = env / SITE / "flask" / "views.py"
    elsewhere = env.parent / "views.py"
    elsewhere.write_bytes(module.read_bytes())
    module.unlink()
    module.symlink_to(elsewhere)


def stow_module(env: Path) -> None:
    (env / SITE / "stowaway.py").write_text("")


def stow_in_package(env: Path) -> None:
    (env / SITE / "flask" / "stowaway.py").write_text("")


def stow_pth(env: Path) -> None:
    (env / SITE / "stowaway.pth").write_text("import sys\n")


def stow_startup(env: Path) -> None:
    (env / SITE / "sitecustomize.py").write_text("")


def stow_library(env: Path) -> None:
    (env / SITE / "stowaway.so").write_bytes(b"\x7fELF")


def stow_program(env: Path) -> None:
    program = env / "bin" / "stowaway"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)


def drop_record(env: Path) -> None:
    (info_of(env, "idna") / "RECORD").unlink()


def drop_digests(env: Path) -> None:
    _rewrite(
        info_of(env, "idna"), lambda row: f"{row.split(',')[0]},," if "core.py" in row else row
    )


def edit_record(env: Path) -> None:
    modify_module(env)
    data = (env / SITE / "flask" / "app.py").read_bytes()
    digest = record(data).partition(",")[0]

    def change(row: str) -> str:
        path, _, size = row.split(",")
        return f"{path},{digest},{size}" if path == "flask/app.py" else row

    _rewrite(info_of(env, "flask"), change)


def edit_record_well(env: Path) -> None:
    modify_module(env)
    row = f"flask/app.py,{record((env / SITE / 'flask' / 'app.py').read_bytes())}"
    _rewrite(info_of(env, "flask"), lambda old: row if old.startswith("flask/app.py,") else old)


def forge_bytecode(env: Path) -> None:
    module = env / SITE / "flask" / "app.py"
    source = module.stat()
    forged = compile("raise SystemExit", str(module), "exec", dont_inherit=True)
    header = importlib.util.MAGIC_NUMBER + struct.pack(
        "<III", 0, int(source.st_mtime) & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF
    )
    cached = Path(importlib.util.cache_from_source(module))
    cached.parent.mkdir(exist_ok=True)
    cached.unlink(missing_ok=True)
    cached.write_bytes(header + marshal.dumps(forged))


def install_editable(env: Path) -> None:
    source = env.parent / "source"
    write_project(source, wheel("idna", version_of(env, "idna")))
    _uv(env, "--editable", source)
    shutil.rmtree(source)


def change_commit(env: Path) -> None:
    repository = (env.parent / "repository").as_uri()
    _uv(env, "--reinstall", f"{TRACKED} @ git+{repository}@other")


def change_python(env: Path) -> None:
    config = own(env / "pyvenv.cfg")
    config.write_text(config.read_text().replace(f"= {PYTHON}", f"= {MINOR}.99"))


def change_implementation(env: Path) -> None:
    config = own(env / "pyvenv.cfg")
    lines = [line for line in config.read_text().splitlines() if "implementation" not in line]
    config.write_text("\n".join([*lines, "implementation = PyPy", ""]))


def open_to_the_system(env: Path) -> None:
    config = own(env / "pyvenv.cfg")
    closed = "include-system-site-packages = "
    config.write_text(config.read_text().replace(f"{closed}false", f"{closed}true"))


def lose_home(env: Path) -> None:
    config = own(env / "pyvenv.cfg")
    lines = [line for line in config.read_text().splitlines() if not line.startswith("home")]
    config.write_text("\n".join([*lines, "home = /nowhere/bin", ""]))


def modify_through_a_cache(env: Path) -> None:
    module = own(env / SITE / "flask" / "app.py")
    cached = env.parent / "cached.py"
    cached.unlink(missing_ok=True)
    os.link(module, cached)
    with cached.open("a") as stream:
        stream.write("# changed\n")


def change_platform(env: Path) -> None:
    python = f"cp{MINOR.replace('.', '')}"
    built = wheel(
        "markupsafe", version_of(env, "markupsafe"), tag=f"{python}-{python}-manylinux2014_ppc64le"
    )
    info = info_of(env, "markupsafe")
    shutil.rmtree(info)
    shutil.rmtree(env / SITE / "markupsafe")
    _unpack(env, built)


def duplicate(env: Path) -> None:
    info = info_of(env, "idna")
    old = Path(shutil.copytree(info, info.with_name("idna-0.1.dist-info")))
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: IDNA\nVersion: 0.1\n")


def leave_half(env: Path) -> None:
    (env / SITE / "~dna-1.0.dist-info").mkdir()


def _unpack(env: Path, built: BuiltWheel) -> None:
    """Unpack a wheel that no installer would accept here."""
    archive = env.parent / built.filename
    archive.write_bytes(built.data)
    shutil.unpack_archive(archive, env / SITE, "zip")
    archive.unlink()


def _drift(
    name: str,
    says: str,
    plant: Callable[[Path], None],
    *rules: tuple[str, str | None],
    options: tuple[str, ...] = (),
) -> Drift:
    return Drift(name=name, says=says, plant=plant, rules=frozenset(rules), options=options)


DRIFTS = (
    _drift("D01-missing", "a package is gone", remove, ("MOR101", "idna")),
    _drift("D02-extra", "a package was added", add, ("MOR102", "flotsam")),
    _drift("D02-leftover", "pip was interrupted", leave_half, ("MOR102", None)),
    _drift("D03-version", "another version", change_version, ("MOR103", "idna")),
    _drift("D04-tags", "same version, another build", swap_artifact, ("MOR104", "idna")),
    _drift("D04-content", "same version and tags, other content", swap_content, ("MOR104", "idna")),
    _drift(
        "D05-source",
        "same version, from a file",
        change_source,
        ("MOR104", "idna"),
        ("MOR105", "idna"),
    ),
    _drift("D06-module", "a module was edited", modify_module, ("MOR106", "flask")),
    _drift(
        "D06-hidden",
        "the same, keeping size and time",
        modify_keeping_size_and_time,
        ("MOR106", "flask"),
    ),
    _drift("D06-library", "one bit of a compiled module", modify_library, ("MOR106", "markupsafe")),
    _drift("D06-script", "a script was replaced", modify_script, ("MOR106", "flask")),
    _drift(
        "D06-certificates",
        "a certificate authority was added",
        add_certificate,
        ("MOR106", "certifi"),
    ),
    _drift("D06-link", "a module became a link to elsewhere", replace_by_link, ("MOR106", "flask")),
    _drift("D07-removed", "a module was deleted", delete_module, ("MOR107", "flask")),
    _drift("D08-module", "a stray module", stow_module, ("MOR108", None)),
    _drift("D08-in-package", "a stray module in a package", stow_in_package, ("MOR108", None)),
    _drift("D08-library", "a stray compiled module", stow_library, ("MOR108", None)),
    _drift("D08-pth", "a stray .pth", stow_pth, ("MOR108", None)),
    _drift("D08-startup", "a sitecustomize", stow_startup, ("MOR108", None)),
    _drift("D08-program", "a stray program", stow_program, ("MOR108", None)),
    _drift("D09-no-record", "RECORD was deleted", drop_record, ("MOR109", "idna")),
    _drift(
        "D10-no-digest",
        "digests were removed",
        drop_digests,
        ("MOR110", "idna"),
        ("MOR111", "idna"),
    ),
    _drift("D11-record", "edited, with its digest in RECORD", edit_record, ("MOR111", "flask")),
    _drift("D11-size", "edited, with its whole RECORD row", edit_record_well, ("MOR104", "flask")),
    _drift(
        "D11-deep",
        "the same, and its files named (`--deep`)",
        edit_record_well,
        ("MOR104", "flask"),
        ("MOR106", "flask"),
        ("MOR109", TRACKED),
        options=("--deep",),
    ),
    _drift(
        "D12-forged",
        "byte code was forged (`--deep`)",
        forge_bytecode,
        ("MOR112", "flask"),
        ("MOR109", TRACKED),  # it was built here: there is no artifact to compare it with
        options=("--deep",),
    ),
    _drift(
        "D13-editable",
        "an editable install",
        install_editable,
        ("MOR105", "idna"),
        ("MOR113", "idna"),
    ),
    _drift("D14-commit", "another commit of a repository", change_commit, ("MOR114", TRACKED)),
    _drift("D15-python", "another patch of Python", change_python, ("MOR115", None)),
    _drift("D16-implementation", "another kind of Python", change_implementation, ("MOR116", None)),
    _drift(
        "D17-platform",
        "a wheel of another machine",
        change_platform,
        ("MOR104", "markupsafe"),
        ("MOR117", "markupsafe"),
    ),
    _drift("D21-open", "opened to the system's packages", open_to_the_system, ("MOR121", None)),
    _drift("D25-duplicate", "two metadata folders", duplicate, ("MOR125", "idna")),
    _drift("D26-home", "its Python is gone", lose_home, ("MOR126", None)),
    _drift(
        "D34-cache",
        "edited through a hard link in a cache",
        modify_through_a_cache,
        ("MOR106", "flask"),
        ("MOR134", "flask"),
    ),
)
"""Every drift, in the order of the taxonomy."""
