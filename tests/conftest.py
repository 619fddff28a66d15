"""What every test gets: a guard against unmarked effects, isolation from the user, and engines.

A test that starts a process or opens a socket says so with a mark; the guard fails it otherwise.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import DockerCli, absent, serve_registry
from tests.fakes import FakeIndex, RecordingReporter
from tests.guard import GUARD

BASE_IMAGE = "mooring-test/base:bookworm"

_KEPT_VARIABLES = frozenset({"MOORING_REQUIRE_ENGINE", "MOORING_TEST_BASE", "MOORING_DOCKER"})
_REAL_HOME = Path.home()
_HOMES = itertools.count()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Watch fixtures as well: their effects belong to the test that asked for them."""
    with GUARD.watching({mark.name for mark in item.iter_markers()}):
        yield
    _report_effects()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Watch the test itself; what it caught and swallowed fails it all the same."""
    with GUARD.watching({mark.name for mark in item.iter_markers()}):
        yield
    _report_effects()


def _report_effects() -> None:
    if effects := GUARD.take():
        pytest.fail("\n".join(effects), pytrace=False)


def user_cache(tool: str) -> Path:
    """Return the cache folder a tool has for this user, whatever HOME a test sees."""
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", _REAL_HOME)) / tool / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or _REAL_HOME / ".cache") / tool


_UV_CACHE = os.environ.get("UV_CACHE_DIR") or str(user_cache("uv"))
_PIP_CACHE = os.environ.get("PIP_CACHE_DIR") or str(user_cache("pip"))
_PIP_CONFIG = _REAL_HOME / ".config" / "pip" / "pip.conf"
_UV_CONFIG = _REAL_HOME / ".config" / "uv" / "uv.toml"
_DOCKER_CONFIG = os.environ.get("DOCKER_CONFIG") or str(_REAL_HOME / ".docker")


@pytest.fixture(autouse=True)
def isolation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Give every test a home of its own and nothing of the user's settings.

    Tests marked `index` keep the settings and caches of pip and uv: they are about the index that
    these clients really use.
    """
    home = tmp_path_factory.getbasetemp() / f"home-{next(_HOMES)}"  # `mktemp` lists all others
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("MOORING_") and name not in _KEPT_VARIABLES:
                patch.delenv(name)
        for name in ("CI", "GITHUB_ACTIONS", "NO_COLOR", "FORCE_COLOR", "SOURCE_DATE_EPOCH"):
            patch.delenv(name, raising=False)
        for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"):
            patch.setenv(name, str(home))
        for name in ("CACHE", "CONFIG", "DATA", "STATE"):
            patch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
        patch.setenv("MOORING_CACHE_DIR", str(home / "mooring-cache"))
        patch.setenv("DOCKER_CONFIG", _DOCKER_CONFIG)  # contexts and CLI plugins
        real = request.node.get_closest_marker("index") is not None
        _settle_clients(patch, real=real and "fake_index" not in request.fixturenames, home=home)
        yield


def _settle_clients(patch: pytest.MonkeyPatch, *, real: bool, home: Path) -> None:
    if real:
        patch.setenv("UV_CACHE_DIR", _UV_CACHE)
        patch.setenv("PIP_CACHE_DIR", _PIP_CACHE)
        if "PIP_CONFIG_FILE" not in os.environ and _PIP_CONFIG.is_file():
            patch.setenv("PIP_CONFIG_FILE", str(_PIP_CONFIG))
        if "UV_CONFIG_FILE" not in os.environ and _UV_CONFIG.is_file():
            patch.setenv("UV_CONFIG_FILE", str(_UV_CONFIG))
        return
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")) or name.lower().endswith("_proxy"):
            patch.delenv(name)
    # A port is used again by another index soon: no cache outlives its test.
    patch.setenv("UV_CACHE_DIR", str(home / "uv-cache"))
    patch.setenv("PIP_CACHE_DIR", str(home / "pip-cache"))
    patch.setenv("PIP_CONFIG_FILE", os.devnull)
    patch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    patch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def reporter() -> RecordingReporter:
    """Return a reporter that keeps what it is told."""
    return RecordingReporter()


@pytest.fixture
def fake_index() -> Iterator[FakeIndex]:
    """Serve an empty index with every capability on; the test needs the mark `network`."""
    with FakeIndex() as index:
        yield index


@pytest.fixture(scope="session")
def docker_cli() -> DockerCli:
    """Return the Docker command line of an engine that answers."""
    return DockerCli.find()


@pytest.fixture(scope="session")
def base_image(docker_cli: DockerCli) -> str:
    """Return the reference of a small image with Python 3.11 that needs no registry."""
    reference = os.environ.get("MOORING_TEST_BASE", BASE_IMAGE)
    if not docker_cli.run("images", "--quiet", reference):
        absent(f"the engine has no image {reference}; .ci/run prepares it")
    return reference


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a registry with empty storage and return its `host:port`."""
    with serve_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address
