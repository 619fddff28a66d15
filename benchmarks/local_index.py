"""A copy on this machine of the part of an index that a benchmark asks for.

Mirrors differ in what they speak: without metadata files and cache headers every tool downloads
pages and wheels again, and the mirror is measured instead of the tool. This server fetches from the
index that pip is set up for, once, and answers with the whole protocol (PEP 691, 700, 658, ETag).
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests
from pip._internal.models.index import PyPI  # pip's own default, so that no host is named here

from mooring.artifacts.fetch import Answer
from mooring.artifacts.simple_page import ACCEPT, PageFile, read_page

_JSON = "application/vnd.pypi.simple.v1+json"


class Copy:
    """Pages, metadata and files, fetched when first asked for and kept in a folder."""

    def __init__(self, folder: Path, upstream: str = PyPI.simple_url) -> None:
        self._folder = folder
        self._upstream = upstream
        self._session = requests.Session()
        self._files: dict[str, PageFile] = {}
        self._pages: dict[str, bytes] = {}

    def page(self, project: str) -> bytes:
        """Return a project's page as JSON; empty when there is no such project."""
        if project not in self._pages:
            self._pages[project] = self._page(project)
        return self._pages[project]

    def file(self, name: str) -> bytes:
        """Return a wheel or a source distribution."""
        return self._kept(name, lambda: self._get(self._files[name].url))

    def metadata(self, name: str) -> bytes:
        """Return the METADATA of a wheel, from beside it or from inside."""
        return self._kept(f"{name}.metadata", lambda: self._metadata(name))

    def _page(self, project: str) -> bytes:
        url = f"{self._upstream}/{project}/"
        reply = self._session.get(url, headers={"Accept": ACCEPT}, timeout=120)
        if reply.status_code == 404:
            return b""
        kind = reply.headers["Content-Type"]
        files = read_page(Answer(status=200, url=reply.url, content_type=kind, body=reply.content))
        self._files |= {file.name: file for file in files}
        rows = [self._row(file) for file in files if file.sha256]
        document = {"meta": {"api-version": "1.1"}, "name": project, "versions": [], "files": rows}
        return json.dumps(document).encode()

    def _row(self, file: PageFile) -> dict[str, object]:
        row: dict[str, object] = {
            "filename": file.name,
            "url": f"/files/{file.name}",
            "hashes": {"sha256": file.sha256},
            "yanked": file.yanked,
            "core-metadata": file.name.endswith(".whl"),
        }
        if file.size:
            row["size"] = file.size
        if file.requires_python:
            row["requires-python"] = file.requires_python
        if file.upload_time:
            row["upload-time"] = file.upload_time
        return row

    def _metadata(self, name: str) -> bytes:
        reply = self._session.get(self._files[name].url + ".metadata", timeout=120)
        if reply.ok:
            return reply.content
        with zipfile.ZipFile(io.BytesIO(self.file(name))) as wheel:
            inside = next(
                n for n in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n)
            )
            return wheel.read(inside)

    def _get(self, url: str) -> bytes:
        reply = self._session.get(url, timeout=300)
        reply.raise_for_status()
        return reply.content

    def _kept(self, name: str, make: object) -> bytes:
        path = self._folder / name
        if not path.exists():
            assert callable(make)
            data: bytes = make()
            path.write_bytes(data)
        return path.read_bytes()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    copy: Copy

    def log_message(self, *_: object) -> None:
        """Keep the terminal for results."""

    def do_GET(self) -> None:
        page = re.fullmatch(r"/simple/([a-z0-9-]+)/", self.path)
        file = re.fullmatch(r"/files/([^/]+?)(\.metadata)?", self.path)
        try:
            if page:
                self._reply(self.copy.page(page[1]), _JSON)
            elif file:
                made = self.copy.metadata(file[1]) if file[2] else self.copy.file(file[1])
                self._reply(made, "application/octet-stream")
            else:
                self._reply(b"", "text/plain")
        except (requests.RequestException, KeyError, StopIteration):
            self._reply(b"", "text/plain")

    do_HEAD = do_GET  # noqa: N815  # the name that http.server calls

    def _reply(self, body: bytes, kind: str) -> None:
        tag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
        status = 200 if body else 404
        if body and self.headers.get("If-None-Match") == tag:
            status, body = 304, b""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", tag)
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a copy kept in a folder, from a process of its own, and give its index URL.

    A process that is started from a large one counts the large one's memory as its own peak, so
    the measuring process must stay small.
    """
    folder.mkdir(parents=True, exist_ok=True)
    server = subprocess.Popen([sys.executable, __file__, folder], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def main() -> None:
    """Serve until terminated: `python local_index.py FOLDER`; the URL is printed first."""
    handler = type("Handler", (_Handler,), {"copy": Copy(Path(sys.argv[1]))})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    print(f"http://127.0.0.1:{server.server_address[1]}/simple", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
