"""A conda channel that asks who is there: lock and sync, and no secret in what is written."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tests.conda_channels import CondaChannelFolder, library_recipe
from tests.functional.command import Mooring

pytestmark = pytest.mark.network

EXPECTED = "Basic " + base64.b64encode(b"me:p@ss/w0rd").decode()


class _Closed(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.headers.get("Authorization") != EXPECTED:
            self.send_error(401)
            return
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its base names it
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up when they are refused."""


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[CondaChannelFolder]:
    folder = tmp_path / "closed"
    folder.mkdir()
    server = _Server(("127.0.0.1", 0), partial(_Closed, directory=str(folder)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        made = CondaChannelFolder(folder=folder, url=url)
        made.add(library_recipe())
        made.index()
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write(project: Path, url: str) -> None:
    (project / "mooring.toml").write_text(
        'platforms = ["linux-64"]\n[conda]\n'
        f'channels = [{{ name = "team", url = "{url}" }}]\ndependencies = ["libwave"]\n'
    )


def test_user_and_password_come_from_the_environment(
    project: Path, closed: CondaChannelFolder, mooring: Mooring, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, closed.url)
    refused = mooring("lock")
    assert refused.code == 3
    assert "team" in refused.err
    assert not (project / "conda-lock.yml").exists()
    monkeypatch.setenv("MOORING_CONDA_TEAM_USERNAME", "me")
    monkeypatch.setenv("MOORING_CONDA_TEAM_PASSWORD", "p@ss/w0rd")
    locked = mooring("lock")
    assert locked.code == 0, locked.err
    synced = mooring("sync", "--prefix", "env")
    assert synced.code == 0, synced.err
    assert mooring("verify", "env").code == 0
    _no_secret(project, locked.err + synced.err)


def test_user_and_password_in_a_url_stay_there(
    project: Path, closed: CondaChannelFolder, mooring: Mooring
) -> None:
    write(project, closed.url.replace("://", "://me:p%40ss%2Fw0rd@"))
    locked = mooring("lock")
    assert locked.code == 0, locked.err
    synced = mooring("sync", "--prefix", "env")
    assert synced.code == 0, synced.err
    _no_secret(project, locked.err + synced.err)
    assert mooring("lock", "--check").code == 0
    write(project, closed.url)
    assert mooring("lock", "--check").code == 0  # who asks is no input


def _no_secret(project: Path, said: str) -> None:
    texts = [said] + [
        path.read_text(errors="replace")
        for path in [project / "conda-lock.yml", *(project / "env/conda-meta").iterdir()]
    ]
    for text in texts:
        assert "p@ss" not in text
        assert "p%40ss" not in text
