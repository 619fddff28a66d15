"""A registry in memory, behind the seam that requests offers for it: a transport adapter."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from mooring.digests import digest_bytes
from mooring.oci.model import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST

HOST = "registry.example.com"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """One request as it arrived."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    proxies: Mapping[str, str]

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.url).query)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a request is answered with."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class FakeNetwork(BaseAdapter):
    """Answers every request with a function, and keeps what was asked."""

    def __init__(self, respond: Callable[[Sent], Answer]) -> None:
        super().__init__()
        self._respond = respond
        self.sent: list[Sent] = []

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: object = None,
        verify: object = True,
        cert: object = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        body = cast("str | bytes | Iterable[bytes] | None", request.body) or b""
        if not isinstance(body, (str, bytes)):
            body = b"".join(body)
        sent = Sent(
            method=request.method or "",
            url=request.url or "",
            headers=dict(request.headers),
            body=body.encode() if isinstance(body, str) else body,
            proxies=dict(proxies or {}),
        )
        self.sent.append(sent)
        answer = self._respond(sent)
        response = requests.Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response.raw = io.BytesIO(b"" if sent.method == "HEAD" else answer.body)
        response.url = sent.url
        response.request = request
        return response

    def close(self) -> None:
        """There is nothing to close."""

    def lines(self) -> list[str]:
        """Return `METHOD path` of every request."""
        return [f"{sent.method} {sent.path}" for sent in self.sent]


class FakeRegistry:
    """Manifests and blobs by path, with the answers of a real registry."""

    def __init__(self) -> None:
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.blobs: dict[str, bytes] = {}
        self.digest_header = True
        self.network = FakeNetwork(self.respond)

    def put(self, name: str, kind: str, document: object) -> str:
        """Store a manifest under `repository:tag` and under its digest; return the digest."""
        body = json.dumps(document).encode()
        repository, _, tag = name.rpartition(":")
        for selector in (tag, digest_bytes(body)):
            self.manifests[f"/v2/{repository}/manifests/{selector}"] = (kind, body)
        return digest_bytes(body)

    def put_image(self, name: str, platform: str, *, kind: str = OCI_MANIFEST) -> str:
        """Store an image of one platform; return its manifest's digest."""
        system, arch, *variant = platform.split("/")
        config = json.dumps(
            {"os": system, "architecture": arch, **({"variant": variant[0]} if variant else {})}
        ).encode()
        digest = digest_bytes(config)
        self.blobs[f"/v2/{name.rpartition(':')[0]}/blobs/{digest}"] = config
        descriptor = {"mediaType": "x", "digest": digest, "size": len(config)}
        return self.put(
            name, kind, {"schemaVersion": 2, "mediaType": kind, "config": descriptor, "layers": []}
        )

    def put_index(self, name: str, platforms: Mapping[str, str]) -> str:
        """Store an index of platform to manifest digest, an attestation beside each image."""
        entries = []
        for platform, digest in platforms.items():
            system, arch, *variant = platform.split("/")
            described = {"os": system, "architecture": arch}
            if variant:
                described["variant"] = variant[0]
            entry = {"mediaType": OCI_MANIFEST, "digest": digest, "size": 1}
            entries.append({**entry, "platform": described})
            entries.append(
                {
                    **entry,
                    "digest": digest_bytes(digest.encode()),
                    "platform": {"os": "unknown", "architecture": "unknown"},
                    "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
                }
            )
        return self.put(name, OCI_INDEX, {"schemaVersion": 2, "manifests": entries})

    def respond(self, sent: Sent) -> Answer:
        """Answer as a registry without authorisation does."""
        if sent.method == "PUT":
            self.manifests[sent.path] = (sent.headers["Content-Type"], sent.body)
            return Answer(status=201)
        if sent.path in self.blobs:
            return Answer(body=self.blobs[sent.path])
        kind, body = self.manifests.get(sent.path, ("", b""))
        # As docker-registry does: a manifest in a form that was not asked for is not there.
        if not kind or kind not in sent.headers.get("Accept", ""):
            error = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
            return Answer(status=404, body=json.dumps(error).encode())
        headers = {"Content-Type": kind}
        if self.digest_header:
            headers["Docker-Content-Digest"] = digest_bytes(body)
        return Answer(headers=headers, body=body)


__all__ = ["DOCKER_MANIFEST", "HOST", "Answer", "FakeNetwork", "FakeRegistry", "Sent"]
