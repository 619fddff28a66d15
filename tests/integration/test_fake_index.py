"""The fake index itself: what it says, each switch, and that pip and uv install from it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from email.message import Message
from http.client import IncompleteRead
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import uv
from tests.fakes import JSON_TYPE, FakeIndex, Request, wheel

pytestmark = pytest.mark.network


def _get(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, Message, bytes]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers=dict(headers or {}))
    try:
        with opener.open(request, timeout=10) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def _page(index: FakeIndex, project: str) -> dict[str, Any]:
    status, headers, body = _get(f"{index.url}{project}/", {"Accept": JSON_TYPE})
    assert (status, headers["Content-Type"]) == (200, JSON_TYPE)
    page: dict[str, Any] = json.loads(body)
    return page


def test_a_wheel_is_the_same_every_time_and_its_record_is_true() -> None:
    built = wheel("Some.Thing", "1.0", requires=["a; extra == 'x'"], files={"some_thing.py": b"1"})
    assert built == wheel(
        "Some.Thing", "1.0", requires=["a; extra == 'x'"], files={"some_thing.py": b"1"}
    )
    assert built.filename == "some_thing-1.0-py3-none-any.whl"
    assert b"Provides-Extra: x\n" in built.metadata
    with zipfile.ZipFile(BytesIO(built.data)) as archive:
        record = archive.read("some_thing-1.0.dist-info/RECORD").decode().splitlines()
        assert {row.split(",")[0] for row in record} == set(archive.namelist())


def test_the_page_says_everything(fake_index: FakeIndex) -> None:
    [published] = fake_index.add("A_b", "1.0", requires_python=">=3.9", yanked="broken")
    page = _page(fake_index, "a-b")
    assert page["versions"] == ["1.0"]
    [row] = page["files"]
    assert row["url"] == "/files/a-b/a_b-1.0-py3-none-any.whl"
    assert row["hashes"] == {"sha256": hashlib.sha256(published.data).hexdigest()}
    assert (row["requires-python"], row["yanked"]) == (">=3.9", "broken")
    assert (row["size"], row["upload-time"]) == (len(published.data), published.upload_time)
    status, _, body = _get(fake_index.root + row["url"] + ".metadata")
    assert (status, body) == (200, published.metadata)
    assert row["core-metadata"] == {"sha256": hashlib.sha256(body).hexdigest()}


def test_switches_of_the_page(fake_index: FakeIndex) -> None:
    [published] = fake_index.add("a", "1.0")
    fake_index.size = fake_index.upload_time = fake_index.metadata = False
    assert not {"size", "upload-time", "core-metadata"} & _page(fake_index, "a")["files"][0].keys()
    assert _get(f"{fake_index.root}{published.path}.metadata")[0] == 404
    fake_index.json = False
    _, headers, body = _get(f"{fake_index.url}a/", {"Accept": JSON_TYPE})
    assert headers["Content-Type"] == "text/html"
    assert f'href="{published.path}#sha256={published.sha256}"'.encode() in body


def test_ranges_and_etags(fake_index: FakeIndex) -> None:
    [published] = fake_index.add("a", "1.0")
    url = fake_index.root + published.path
    status, headers, body = _get(url, {"Range": "bytes=-10"})
    assert (status, body) == (206, published.data[-10:])
    assert _get(url, {"Range": "bytes=2-5"})[2] == published.data[2:6]
    tag = _get(url)[1]["ETag"]
    assert _get(url, {"If-None-Match": tag})[0] == 304
    fake_index.ranges = fake_index.etag = False
    status, headers, body = _get(url, {"Range": "bytes=-10", "If-None-Match": tag})
    assert (status, body) == (200, published.data)
    assert "ETag" not in headers


def test_faults_on_demand(fake_index: FakeIndex) -> None:
    [good] = fake_index.add("a", "1.0")
    [cut] = fake_index.add("b", "1.0")
    fake_index.wrong_hash.add(good.filename)
    assert _page(fake_index, "a")["files"][0]["hashes"] == {"sha256": "0" * 64}
    fake_index.truncated.add(cut.filename)
    with pytest.raises(IncompleteRead):
        _get(fake_index.root + cut.path)
    fake_index.failing |= {"a": 500, good.path: 503}
    assert _get(f"{fake_index.url}a/")[0] == 500
    assert _get(fake_index.root + good.path)[0] == 503
    assert _get(f"{fake_index.url}absent/")[0] == 404


def test_password_latency_and_log(fake_index: FakeIndex) -> None:
    fake_index.add("a", "1.0")
    fake_index.auth = "me:secret"
    fake_index.latency = 0.05
    begun = time.monotonic()
    assert _get(f"{fake_index.url}a/")[0] == 401
    assert time.monotonic() - begun >= 0.05
    assert _get(f"{fake_index.url}a/", {"Authorization": "Basic bWU6c2VjcmV0"})[0] == 200
    assert fake_index.log == [
        Request("GET", "/simple/a/", None, 401),
        Request("GET", "/simple/a/", None, 200),
    ]
    assert fake_index.downloads == []


def test_stopping_ends_connections_that_clients_keep() -> None:
    begun = time.monotonic()
    with FakeIndex() as index:
        index.add("a", "1.0")
        pool = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with pool.open(index.url + "a/"):
            pass
    assert time.monotonic() - begun < 5
    index.stop()  # a second time is no error


@pytest.mark.process
@pytest.mark.parametrize("client", ["uv", "pip"])
def test_clients_install_from_it(fake_index: FakeIndex, tmp_path: Path, client: str) -> None:
    fake_index.add("app", "1.0", requires=["lib>=1", "plain"])
    fake_index.add("lib", "1.0")
    fake_index.add("lib", "1.1", yanked=True)
    fake_index.add("plain", "2.0", tag=None, sdist=True)
    command = {
        "uv": [uv.find_uv_bin(), "pip", "install", "--default-index", fake_index.url],
        "pip": [sys.executable, "-m", "pip", "install", "--index-url", fake_index.url],
    }[client]
    done = subprocess.run(
        [*command, "--target", tmp_path / "out", "app"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = {path.name for path in (tmp_path / "out").glob("*.dist-info")}
    assert found == {"app-1.0.dist-info", "lib-1.0.dist-info", "plain-2.0.dist-info"}
    assert sorted(set(fake_index.downloads)) == [
        "app-1.0-py3-none-any.whl",
        "lib-1.0-py3-none-any.whl",
        "plain-2.0.tar.gz",
    ]
