"""Stand-ins that tests share: a package index with every capability switchable, and a reporter."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple, Self

from tests.wheels import BuiltWheel, metadata, normalise, wheel
from tests.wheels import sdist as make_sdist

__all__ = [
    "BuiltWheel",
    "FakeIndex",
    "PublishedFile",
    "RecordingReporter",
    "Request",
    "make_sdist",
    "metadata",
    "normalise",
    "wheel",
]

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
DEFAULT_UPLOAD_TIME = "2024-01-02T03:04:05.000000Z"


class Request(NamedTuple):
    """One request that the index answered."""

    method: str
    path: str
    range: str | None
    status: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedFile:
    """One file of the index."""

    filename: str
    version: str
    path: str
    data: bytes
    metadata: bytes | None
    upload_time: str
    requires_python: str | None
    yanked: str | bool

    @property
    def sha256(self) -> str:
        """The true hash of the content, in hex."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(kw_only=True)
class FakeIndex:
    """A package index on this machine; every switch may be turned while it runs.

    Attributes:
        json: Offer the JSON form of pages (PEP 691), not HTML alone.
        size: Say the size of files (PEP 700, JSON only).
        upload_time: Say when files were uploaded (PEP 700, JSON only).
        metadata: Offer the metadata beside each wheel (PEP 658).
        ranges: Answer range requests with 206.
        etag: Send `ETag` and answer 304 when the client has that content.
        auth: `user:password` that every request must carry.
        latency: Seconds before each reply.
        wrong_hash: File names whose page announces a hash that is not theirs.
        truncated: File names whose content breaks off in the middle.
        failing: Status to answer with, by path (`/simple/rich/`), or for a project by its name.
        log: What was asked and how it was answered, in order.
    """

    json: bool = True
    size: bool = True
    upload_time: bool = True
    metadata: bool = True
    ranges: bool = True
    etag: bool = True
    auth: str | None = None
    latency: float = 0.0
    wrong_hash: set[str] = field(default_factory=set)
    truncated: set[str] = field(default_factory=set)
    failing: dict[str, int] = field(default_factory=dict)
    log: list[Request] = field(default_factory=list)
    projects: dict[str, list[PublishedFile]] = field(default_factory=dict)
    _server: _Server | None = field(default=None, repr=False)
    _thread: threading.Thread | None = field(default=None, repr=False)

    def add(
        self,
        name: str,
        version: str,
        *,
        requires: Iterable[str] = (),
        tag: str | Iterable[str] | None = "py3-none-any",
        files: Mapping[str, bytes] | None = None,
        requires_python: str | None = None,
        yanked: str | bool = False,
        upload_time: str = DEFAULT_UPLOAD_TIME,
        sdist: bool = False,
        entry_points: Mapping[str, str] | None = None,
    ) -> tuple[PublishedFile, ...]:
        """Publish a release: one wheel a tag, and a source distribution when asked.

        `tag=None` with `sdist=True` publishes the source distribution alone. A second call with
        the same name and version adds files to the release.
        """
        tags = [tag] if isinstance(tag, str) else list(tag or ())
        requires = tuple(requires)
        wheels = [
            wheel(
                name,
                version,
                requires=requires,
                tag=each,
                files=files,
                requires_python=requires_python,
                entry_points=entry_points,
            )
            for each in (tags or ["py3-none-any"])
        ]
        contents = [(built.filename, built.data, built.metadata) for built in wheels if tags]
        if sdist:
            contents.append((*make_sdist(wheels[0]), wheels[0].metadata))
        published = tuple(
            PublishedFile(
                filename=filename,
                version=version,
                path=f"/files/{normalise(name)}/{filename}",
                data=data,
                metadata=described if filename.endswith(".whl") else None,
                upload_time=upload_time,
                requires_python=requires_python,
                yanked=yanked,
            )
            for filename, data, described in contents
        )
        self.projects.setdefault(normalise(name), []).extend(published)
        return published

    @property
    def url(self) -> str:
        """The index URL that clients are given."""
        return f"{self.root}/simple/"

    @property
    def root(self) -> str:
        """The server's address; `PublishedFile.path` is relative to it."""
        assert self._server is not None, "the index has not been started"
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def downloads(self) -> list[str]:
        """Names of the wheels and source distributions that were sent, ranges included."""
        return [
            request.path.rpartition("/")[2]
            for request in list(self.log)
            if request.method == "GET"
            and request.status in (200, 206)
            and request.path.endswith((".whl", ".tar.gz"))
        ]

    def start(self) -> Self:
        """Serve on a free port of 127.0.0.1."""
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the server and every connection that clients keep open."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def find(self, path: str) -> PublishedFile | None:
        """Return the file at a path of this server."""
        for published in self.projects.get(path.split("/")[2] if path.count("/") > 1 else "", ()):
            if published.path == path:
                return published
        return None

    def page(self, project: str, accept: str) -> tuple[str, bytes]:
        """Return (content type, content) of a project's page."""
        rows = [self._row(published) for published in self.projects[project]]
        if self.json and JSON_TYPE in accept:
            document: dict[str, object] = {
                "meta": {"api-version": "1.1"},
                "name": project,
                "files": rows,
                "versions": sorted({each.version for each in self.projects[project]}),
            }
            return JSON_TYPE, json.dumps(document).encode()
        lines = ['<!DOCTYPE html><meta name="pypi:repository-version" content="1.0">']
        lines += [self._anchor(row) for row in rows]
        return "text/html", "\n".join(lines).encode()

    def _announced_hash(self, published: PublishedFile) -> str:
        return "0" * 64 if published.filename in self.wrong_hash else published.sha256

    def _row(self, published: PublishedFile) -> dict[str, object]:
        row: dict[str, object] = {
            "filename": published.filename,
            "url": published.path,
            "hashes": {"sha256": self._announced_hash(published)},
            "requires-python": published.requires_python,
            "yanked": published.yanked,
        }
        if self.size:
            row["size"] = len(published.data)
        if self.upload_time:
            row["upload-time"] = published.upload_time
        if self.metadata and published.metadata is not None:
            row["core-metadata"] = {"sha256": hashlib.sha256(published.metadata).hexdigest()}
        return row

    def _anchor(self, row: Mapping[str, object]) -> str:
        hashes, described = row["hashes"], row.get("core-metadata")
        assert isinstance(hashes, dict)
        attributes = {
            "data-requires-python": row["requires-python"],
            "data-yanked": row["yanked"],
            "data-core-metadata": described and "sha256=" + dict[str, str](described)["sha256"],  # type: ignore[call-overload]
        }
        text = "".join(
            f' {key}="{html.escape(str(value))}"' for key, value in attributes.items() if value
        )
        return f'<a href="{row["url"]}#sha256={hashes["sha256"]}"{text}>{row["filename"]}</a>'


class _Server(ThreadingHTTPServer):
    """Ends its threads on request, so that no test leaves one behind."""

    daemon_threads = False

    def __init__(self, index: FakeIndex) -> None:
        self.index = index
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: object) -> None:
        assert isinstance(request, socket.socket)
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the client was first

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that hang up in the middle are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its base names it
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        index = self.server.index
        if index.latency:
            time.sleep(index.latency)
        path = self.path.partition("?")[0]
        project = re.fullmatch(r"/simple/([^/]+)/", path)
        status = index.failing.get(path) or (project and index.failing.get(project[1]))
        if index.auth is not None and self._authorization() != index.auth:
            self._reply(401, extra={"WWW-Authenticate": 'Basic realm="test"'})
        elif status:
            self._reply(status)
        elif project and project[1] in index.projects:
            kind, body = index.page(project[1], self.headers.get("Accept", ""))
            cached = {"Cache-Control": "max-age=600", "Vary": "Accept"} if index.etag else {}
            self._reply(200, kind, body, extra=cached)
        else:
            self._send_file(path)

    def _authorization(self) -> str | None:
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        return base64.b64decode(value).decode() if scheme == "Basic" else None

    def _send_file(self, path: str) -> None:
        index = self.server.index
        published = index.find(path.removesuffix(".metadata"))
        if published is None:
            self._reply(404)
        elif path.endswith(".metadata"):
            offered = published.metadata if index.metadata else None
            self._reply(404) if offered is None else self._reply(200, "text/plain", offered)
        elif published.filename in index.truncated:
            self._break_off(published.data)
        else:
            self._send_content(published.data)

    def _send_content(self, body: bytes) -> None:
        kind = "application/octet-stream"
        if not self.server.index.ranges:
            self._reply(200, kind, body)
            return
        extra = {"Accept-Ranges": "bytes"}
        span = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if not span or not (span[1] or span[2]):
            self._reply(200, kind, body, extra=extra)
            return
        last = len(body) - 1
        start = int(span[1]) if span[1] else max(0, len(body) - int(span[2]))
        end = min(int(span[2]), last) if span[1] and span[2] else last
        extra["Content-Range"] = f"bytes {start}-{end}/{len(body)}"
        self._reply(206, kind, body[start : end + 1], extra=extra)

    def _break_off(self, body: bytes) -> None:
        self._note(200)
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True

    def _note(self, status: int) -> None:
        request = Request(self.command, self.path, self.headers.get("Range"), status)
        self.server.index.log.append(request)

    def _reply(
        self,
        status: int,
        kind: str = "text/plain",
        body: bytes = b"",
        *,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        headers = dict(extra or {})
        if self.server.index.etag and status == 200:
            headers["ETag"] = tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            if self.headers.get("If-None-Match") == tag:
                status, body = 304, b""
        self._note(status)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@dataclass(kw_only=True, slots=True)
class RecordingReporter:
    """Keeps what a stage said."""

    steps: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def step(self, text: str) -> None:
        self.steps.append(text)

    def detail(self, text: str) -> None:
        self.details.append(text)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
