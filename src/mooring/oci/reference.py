"""Image references: registry, repository, tag and digest, read the way Docker reads them."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from dataclasses import dataclass

from mooring.digests import DIGEST_PATTERN
from mooring.errors import InputError

DOCKER_HUB = "docker.io"
_HUB_ALIASES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_HUB_API_HOST = "registry-1.docker.io"

MAX_NAME_LENGTH = 255

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:.]+\])(?::\d{{1,5}})?")
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_BARE_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageReference:
    """One image in one registry.

    Attributes:
        name: As it was written, without tag and digest (`python`, `localhost:5000/base`).
        registry: Host and port; `docker.io` where none is written.
        repository: The path inside the registry, such as `library/python`.
        tag: None when none is written; `latest` is meant then, unless there is a digest.
        digest: `sha256:<hex>`, or None. With a tag and a digest, the digest decides.
    """

    name: str
    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str, where: str | None = None) -> ImageReference:
        """Parse a reference such as `registry.example.com/team/base:1.2@sha256:<hex>`.

        Args:
            text: The reference; nothing is stripped from it.
            where: The place that declares it, for messages.

        Raises:
            InputError: The text breaks the grammar of the distribution specification.
        """
        rest, at, digest = text.partition("@")
        if at and not DIGEST_PATTERN.fullmatch(digest):
            raise _refused(text, "its digest is not `sha256:` and 64 hex digits", where)
        name, tag = _split_tag(rest)
        if tag is not None and not _TAG.fullmatch(tag):
            raise _refused(text, f"{tag!r} is not a tag", where)
        registry, repository = _split_registry(name)
        if not _HOST.fullmatch(registry):
            raise _refused(text, f"{registry!r} is not a registry's host name", where)
        if not _REPOSITORY.fullmatch(repository):
            reason = (
                "a repository's name has no capital letters"
                if _REPOSITORY.fullmatch(repository.lower())
                else f"{repository!r} is not a repository's name"
            )
            raise _refused(text, reason, where)
        if len(name) > MAX_NAME_LENGTH:
            raise _refused(text, f"its name has more than {MAX_NAME_LENGTH} characters", where)
        if _BARE_DIGEST.fullmatch(name):
            raise _refused(text, "it looks like an image id, not a name", where)
        return cls(
            name=name, registry=registry, repository=repository, tag=tag, digest=digest or None
        )

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def selector(self) -> str:
        """What names the manifest in the registry: the digest, else the tag, else `latest`."""
        return self.digest or self.tag or "latest"

    @property
    def api_host(self) -> str:
        """The host (and port) that answers the registry's HTTP API."""
        return _HUB_API_HOST if self.registry == DOCKER_HUB else self.registry

    def same_repository(self, other: ImageReference) -> bool:
        """Return whether both name the same repository of the same registry."""
        return (self.registry, self.repository) == (other.registry, other.repository)

    def with_tag(self, tag: str) -> ImageReference:
        """Return the same repository with this tag and without a digest."""
        if not _TAG.fullmatch(tag):
            raise _refused(f"{self.name}:{tag}", f"{tag!r} is not a tag", None)
        return dataclasses.replace(self, tag=tag, digest=None)

    def with_digest(self, digest: str) -> ImageReference:
        """Return the same repository with this digest and without a tag."""
        return dataclasses.replace(self, tag=None, digest=digest)


def is_loopback(host: str) -> bool:
    """Return whether a host name, with or without a port, means this machine itself."""
    address = host_address(host)
    return address.is_loopback if address else bare_host(host) == "localhost"


def bare_host(host: str) -> str:
    """Return a host without its port and without the brackets of an IPv6 address."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def host_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address that a host is written as, or None for a name."""
    try:
        return ipaddress.ip_address(bare_host(host))
    except ValueError:
        return None


def _split_tag(text: str) -> tuple[str, str | None]:
    name, colon, tag = text.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (text, None)


def _split_registry(name: str) -> tuple[str, str]:
    """Carry out Docker's rule: the first part is a registry when it cannot be a repository."""
    first, slash, rest = name.partition("/")
    looks_like_host = "." in first or ":" in first or first == "localhost"
    if not slash or not (looks_like_host or first != first.lower()):
        first, rest = DOCKER_HUB, name
    if first in _HUB_ALIASES:
        first = DOCKER_HUB
        rest = rest if "/" in rest else f"library/{rest}"
    return first, rest


def _refused(text: str, reason: str, where: str | None) -> InputError:
    start, at, end = text.rpartition("@")
    if at and ":" in start and not end.startswith("sha"):
        text = f"***@{end}"  # `user:password@registry`, as in a URL
    return InputError(
        f"{text!r} is not an image reference: {reason}",
        where=where,
        hint="write it like registry.example.com/team/base:1.2",
    )
