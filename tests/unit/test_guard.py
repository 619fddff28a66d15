from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from tests.fakes import FakeIndex
from tests.guard import GUARD, Guard, UnmarkedEffect


def _start_process() -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


def _use_shell() -> None:
    os.system("exit 0")


def _connect() -> None:
    with socket.socket() as client:
        client.connect(("127.0.0.1", 9))


def _serve() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))


@pytest.mark.parametrize("effect", [_start_process, _use_shell, _connect, _serve])
def test_an_unmarked_test_may_not(effect: Callable[[], None]) -> None:
    with pytest.raises(UnmarkedEffect, match="in a test without the mark"):
        effect()
    assert len(GUARD.take()) == 1


def test_what_a_test_swallows_is_remembered() -> None:
    def swallow() -> None:
        with contextlib.suppress(UnmarkedEffect):
            _serve()

    thread = threading.Thread(target=swallow)
    thread.start()
    thread.join()
    [effect] = GUARD.take()
    assert effect.startswith("socket.bind(")


@pytest.mark.process
def test_the_mark_process_lifts_processes_and_not_sockets() -> None:
    _start_process()
    with pytest.raises(UnmarkedEffect):
        _serve()
    GUARD.take()


@pytest.mark.network
def test_the_mark_network_lifts_sockets_and_not_processes(fake_index: FakeIndex) -> None:
    assert fake_index.url.startswith("http://127.0.0.1:")
    with pytest.raises(UnmarkedEffect):
        _start_process()
    GUARD.take()


@pytest.mark.engine
def test_the_mark_engine_lifts_both() -> None:
    _start_process()
    _serve()
    assert GUARD.take() == []


def test_nothing_is_forbidden_outside_a_watch() -> None:
    guard = Guard()
    with guard.watching({"engine"}):
        pass
    assert guard.take() == []


def test_every_test_has_a_home_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = str(tmp_path_factory.getbasetemp())
    for name in ("HOME", "XDG_CACHE_HOME", "MOORING_CACHE_DIR", "UV_CACHE_DIR"):
        assert os.environ[name].startswith(base)
    assert os.environ["PIP_CONFIG_FILE"] == os.devnull
    assert [name for name in os.environ if name.startswith("UV_")] == ["UV_CACHE_DIR"]
