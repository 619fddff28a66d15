"""A registry in memory that follows the specification, its faults on request, and its server."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.unit.oci.http_fake import Answer, FakeNetwork, Sent

from mooring.digests import digest_bytes
from mooring.oci.model import OCI_INDEX

_BLOB = re.compile(r"/v2/(?P<repo>.+)/blobs/(?P<digest>sha256:[0-9a-f]{64})")
_BEGIN = re.compile(r"/v2/(?P<repo>.+)/blobs/uploads/")
_UPLOAD = re.compile(r"/v2/(?P<repo>.+)/blobs/uploads/(?P<id>\d+)")
_MANIFEST = re.compile(r"/v2/(?P<repo>.+)/manifests/(?P<selector>[^/]+)")
_REFERRERS = re.compile(r"/v2/(?P<repo>.+)/referrers/(?P<digest>sha256:[0-9a-f]{64})")

Hook = Callable[[Sent], Answer | None]


def error(status: int, code: str, message: str = "", **headers: str) -> Answer:
    """Return an error in the specification's form."""
    document = {"errors": [{"code": code, "message": message or code.lower()}]}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=named, body=json.dumps(document).encode())


@dataclass(kw_only=True)
class Upload:
    """Bytes on their way."""

    repository: str
    data: bytearray = field(default_factory=bytearray)


class MemoryRegistry:
    """Blobs, uploads, manifests and referrers, as the distribution specification wants them.

    Attributes:
        referrers_api: Whether it lists referrers by itself.
        mounts: Whether blobs may be taken over from another repository.
        ranges: Whether a part of a blob may be asked for.
        page: Entries of a page of referrers.
        hooks: Asked before each request; the first answer of one counts.
        strict: Manifests need their blobs.
    """

    def __init__(self, *, referrers_api: bool = False) -> None:
        self.referrers_api = referrers_api
        self.mounts = True
        self.ranges = True
        self.strict = True
        self.page = 1000
        self.hooks: list[Hook] = []
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.uploads: dict[str, Upload] = {}
        self.sent: list[Sent] = []
        self._ids = itertools.count(1)
        self._lock = threading.RLock()
        self.network = FakeNetwork(self.respond)

    def lines(self, *methods: str) -> list[str]:
        """Return `METHOD path` of the requests, perhaps only those of some methods."""
        return [f"{s.method} {s.path}" for s in self.sent if not methods or s.method in methods]

    def count(self, method: str) -> int:
        """Return the number of requests of one method."""
        return len(self.lines(method))

    def tags(self, repository: str) -> set[str]:
        """Return the tags of a repository."""
        return {s for repo, s in self.manifests if repo == repository and ":" not in s}

    def respond(self, sent: Sent) -> Answer:
        """Answer one request."""
        with self._lock:
            self.sent.append(sent)
            for hook in self.hooks:
                answer = hook(sent)
                if answer is not None:
                    return answer
            return self.answer(sent)

    def answer(self, sent: Sent) -> Answer:
        """Answer without hooks."""
        for pattern, method in (
            (_BLOB, self._blob),
            (_BEGIN, self._begin),
            (_UPLOAD, self._upload),
            (_MANIFEST, self._manifest),
            (_REFERRERS, self._referrers),
        ):
            if found := pattern.fullmatch(sent.path):
                return method(sent, **found.groupdict())
        return error(404, "NOT_FOUND")

    def _blob(self, sent: Sent, repo: str, digest: str) -> Answer:
        data = self.blobs.get((repo, digest))
        if data is None:
            return error(404, "BLOB_UNKNOWN")
        wanted = re.fullmatch(r"bytes=(\d+)-", sent.headers.get("Range", ""))
        if wanted and self.ranges:
            start = int(wanted[1])
            span = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return Answer(status=206, headers={"Content-Range": span}, body=data[start:])
        return Answer(body=data)

    def _begin(self, sent: Sent, repo: str) -> Answer:
        query = sent.query
        if "mount" in query and self.mounts:
            found = self.blobs.get((query["from"][0], query["mount"][0]))
            if found is not None:
                self.blobs[repo, query["mount"][0]] = found
                return Answer(status=201)
        name = str(next(self._ids))
        self.uploads[name] = Upload(repository=repo)
        return self._moved(repo, name)

    def _moved(self, repo: str, name: str, status: int = 202) -> Answer:
        size = len(self.uploads[name].data)
        where = f"/v2/{repo}/blobs/uploads/{name}?at={size}"
        headers = {"Location": where, "Range": f"0-{max(size - 1, 0)}"}
        return Answer(status=status, headers=headers)

    def _upload(self, sent: Sent, repo: str, id: str) -> Answer:  # noqa: A002  # a group's name
        upload = self.uploads.get(id)
        if upload is None:
            return error(404, "BLOB_UPLOAD_UNKNOWN")
        if sent.method == "DELETE":
            del self.uploads[id]
            return Answer(status=204)
        if sent.method == "GET":
            return self._moved(repo, id, 204)
        begin = re.fullmatch(r"(\d+)-\d+", sent.headers.get("Content-Range", ""))
        if (int(begin[1]) if begin else 0) != len(upload.data):
            return error(416, "RANGE_INVALID")
        upload.data += sent.body
        if sent.method == "PATCH":
            return self._moved(repo, id)
        del self.uploads[id]
        digest = sent.query["digest"][0]
        if digest_bytes(bytes(upload.data)) != digest:
            return error(400, "DIGEST_INVALID")
        self.blobs[repo, digest] = bytes(upload.data)
        return Answer(status=201, headers={"Location": f"/v2/{repo}/blobs/{digest}"})

    def take_part(self, sent: Sent) -> None:
        """Keep what came of a body before its connection broke."""
        with self._lock:
            self.sent.append(sent)
            found = _UPLOAD.fullmatch(sent.path)
            if found and found["id"] in self.uploads:
                self.uploads[found["id"]].data += sent.body

    def _manifest(self, sent: Sent, repo: str, selector: str) -> Answer:
        if sent.method == "PUT":
            return self._put_manifest(sent, repo, selector)
        kind, body = self.manifests.get((repo, selector), ("", b""))
        if not kind or kind not in sent.headers.get("Accept", ""):
            return error(404, "MANIFEST_UNKNOWN")
        headers = {"Content-Type": kind, "Docker-Content-Digest": digest_bytes(body)}
        return Answer(headers=headers, body=body)

    def _put_manifest(self, sent: Sent, repo: str, selector: str) -> Answer:
        document = json.loads(sent.body)
        named = [document.get("config"), *document.get("layers", ())]
        blobs = [each["digest"] for each in named if each]
        images = [each["digest"] for each in document.get("manifests", ())]
        if self.strict and not (
            all((repo, digest) in self.blobs for digest in blobs)
            and all((repo, digest) in self.manifests for digest in images)
        ):
            return error(400, "MANIFEST_BLOB_UNKNOWN")
        digest = digest_bytes(sent.body)
        if ":" in selector and selector != digest:
            return error(400, "DIGEST_INVALID")
        for name in (selector, digest):
            self.manifests[repo, name] = (sent.headers["Content-Type"], sent.body)
        headers = {"Docker-Content-Digest": digest}
        if self.referrers_api and "subject" in document:
            headers["OCI-Subject"] = document["subject"]["digest"]
        return Answer(status=201, headers=headers)

    def _referrers(self, sent: Sent, repo: str, digest: str) -> Answer:
        if not self.referrers_api:
            return error(404, "NOT_FOUND")
        entries = []
        for (where, name), (kind, body) in sorted(self.manifests.items()):
            document = json.loads(body)
            if (
                where == repo
                and ":" in name
                and document.get("subject", {}).get("digest") == digest
            ):
                entry = {"mediaType": kind, "digest": name, "size": len(body)}
                kinds = {"artifactType": document["artifactType"]}
                entries.append({**entry, **kinds, "annotations": document.get("annotations", {})})
        start = int(sent.query.get("from", ["0"])[0])
        headers = {"Content-Type": OCI_INDEX}
        if start + self.page < len(entries):
            headers["Link"] = f'<{sent.path}?from={start + self.page}>; rel="next"'
        shown = entries[start : start + self.page]
        found = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": shown}
        return Answer(headers=headers, body=json.dumps(found).encode())


@dataclass(kw_only=True)
class Faults:
    """What a server does wrong on its connections.

    Attributes:
        cut_uploads: For each next request with an upload's bytes: after how many it hangs up.
        cut_downloads: For each next blob that is sent: after how many bytes it hangs up.
        slow: Seconds between two bytes of a blob.
        keep: Whether the bytes of a cut upload count.
    """

    cut_uploads: list[int] = field(default_factory=list)
    cut_downloads: list[int] = field(default_factory=list)
    slow: float = 0.0
    keep: bool = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    registry: MemoryRegistry
    faults: Faults

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: connections that break are the point."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    wbufsize = 256 << 10
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its base's
        """Say nothing."""

    def do_GET(self) -> None:
        wrong = self.server.faults
        length = int(self.headers.get("Content-Length", "0"))
        cut = length
        if self.command in ("PUT", "PATCH") and "/blobs/" in self.path and wrong.cut_uploads:
            cut = wrong.cut_uploads.pop(0)
        body = self.rfile.read(min(length, cut))
        sent = Sent(
            method=self.command,
            url=f"http://{self.headers['Host']}{self.path}",
            headers={name.title(): value for name, value in self.headers.items()},
            body=body,
            proxies={},
        )
        if len(body) < length:
            if wrong.keep:
                self.server.registry.take_part(sent)
            self._hang_up()
            return
        self._send(self.server.registry.respond(sent))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def do_PATCH(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def _hang_up(self) -> None:
        linger = struct.pack("ii", 1, 0)  # a reset, not an orderly end
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

    def _send(self, answer: Answer) -> None:
        wrong = self.server.faults
        data = b"" if self.command == "HEAD" else answer.body
        blob = self.command == "GET" and "/blobs/sha256:" in self.path and answer.status < 300
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if blob and wrong.cut_downloads:
            self.wfile.write(data[: wrong.cut_downloads.pop(0)])
            self.wfile.flush()
            time.sleep(0.05)  # a reset throws away what the other side did not read yet
            self._hang_up()
        elif blob and wrong.slow:
            for place in range(len(data)):
                self.wfile.write(data[place : place + 1])
                self.wfile.flush()
                time.sleep(wrong.slow)
        else:
            self.wfile.write(data)


@contextlib.contextmanager
def served(registry: MemoryRegistry, faults: Faults | None = None) -> Iterator[str]:
    """Serve a registry on loopback and give its `host:port`."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.registry, server.faults = registry, faults or Faults()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


__all__ = ["Answer", "Faults", "MemoryRegistry", "Sent", "error", "served"]
