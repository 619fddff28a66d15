"""Registry credentials from where `docker login` and `podman login` keep them."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mooring import process
from mooring.oci.model import RegistryError
from mooring.oci.reference import DOCKER_HUB, ImageReference

_HUB_KEY = "https://index.docker.io/v1/"
_TOKEN_USER = "<token>"  # what a helper gives as user name for an identity token  # noqa: S105
_HELPER = re.compile(r"[A-Za-z0-9_.-]+")
_HELPER_SECONDS = 30.0
_MAX_CONFIG_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """A user and password, or an identity token that is exchanged for access tokens."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str | None = field(default=None, repr=False)

    @property
    def basic(self) -> str | None:
        """The value of a Basic `Authorization` header (RFC 7617), or None for a token."""
        if not self.username or self.identity_token:
            return None
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode("ascii")


class CredentialSource(Protocol):
    """Knows the credentials of some registries."""

    def find(self, reference: ImageReference) -> Credentials | None:
        """Return what to log in with for this image's registry, or None."""


class NoCredentials:
    """A source for registries that are used anonymously."""

    def find(self, reference: ImageReference) -> Credentials | None:
        """Return None."""
        return None


class StoredCredentials:
    """Reads Docker's config.json and podman's auth.json, in this order, when first asked."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    def find(self, reference: ImageReference) -> Credentials | None:
        """Return the stored credentials of the image's registry, or None.

        Raises:
            RegistryError: A credential file exists and cannot be read.
        """
        for path in self._files():
            config = _read_config(path)
            if config is not None and (found := self._in_config(config, reference, path)):
                return found
        return None

    def _files(self) -> Iterator[Path]:
        folder = self._environ.get("DOCKER_CONFIG")
        home = self._environ.get("HOME") or self._environ.get("USERPROFILE")
        if folder:
            yield Path(folder) / "config.json"
        elif home:
            yield Path(home) / ".docker" / "config.json"
        if named := self._environ.get("REGISTRY_AUTH_FILE"):
            yield Path(named)
        elif runtime := self._environ.get("XDG_RUNTIME_DIR"):
            yield Path(runtime) / "containers" / "auth.json"

    def _in_config(
        self, config: Mapping[str, object], reference: ImageReference, path: Path
    ) -> Credentials | None:
        key = _HUB_KEY if reference.registry == DOCKER_HUB else reference.registry
        helpers = config.get("credHelpers")
        if isinstance(helpers, dict) and isinstance(name := helpers.get(reference.registry), str):
            return self._ask_helper(name, key)
        store = config.get("credsStore")
        if isinstance(store, str) and store and (found := self._ask_helper(store, key)):
            return found
        auths = config.get("auths")
        entry = _auth_entry(auths, reference) if isinstance(auths, dict) else None
        return _from_entry(entry, path) if entry else None

    def _ask_helper(self, name: str, key: str) -> Credentials | None:
        """Run `docker-credential-NAME get`; whatever goes wrong in it means "none stored"."""
        if not _HELPER.fullmatch(name):
            raise RegistryError(f"{name!r} is not the name of a credential helper")
        try:
            ended = process.run(
                [f"docker-credential-{name}", "get"],
                env=self._environ,
                stdin=key.encode(),
                timeout=_HELPER_SECONDS,
            )
            answer = json.loads(ended.stdout) if ended.ok else {}
        except (process.ProcessError, ValueError):
            return None
        user, secret = answer.get("Username"), answer.get("Secret")
        if not isinstance(user, str) or not isinstance(secret, str) or not secret:
            return None
        if user == _TOKEN_USER:
            return Credentials(identity_token=secret)
        return Credentials(username=user, password=secret)


def _read_config(path: Path) -> Mapping[str, object] | None:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_CONFIG_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RegistryError(f"cannot be read: {error.strerror}", where=str(path)) from error
    try:
        # A part of it would be refused as well, so a too large file needs no check of its own.
        config = json.loads(data)
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        # The parser's own message is dropped: it could quote a secret.
        raise RegistryError(
            "the credential file is not a JSON object", where=str(path), hint="log in again"
        ) from None
    return config


def _auth_entry(
    auths: Mapping[str, object], reference: ImageReference
) -> Mapping[str, object] | None:
    """Look up as podman does, longest path first; then as Docker does, by host name."""
    words = f"{reference.registry}/{reference.repository}".split("/")
    exact = ["/".join(words[:length]) for length in range(len(words), 0, -1)]
    for key in exact:
        if isinstance(entry := auths.get(key), dict):
            return entry
    hosts = {reference.registry, reference.api_host}
    if reference.registry == DOCKER_HUB:
        hosts.add("index.docker.io")
    for key, entry in sorted(auths.items()):
        scheme, _, rest = key.rpartition("://")
        host, _, path = rest.partition("/")
        written_as_url = bool(scheme) or path.strip("/") in ("v1", "v2")
        if host in hosts and written_as_url and isinstance(entry, dict):
            return entry
    return None


def _from_entry(entry: Mapping[str, object], path: Path) -> Credentials | None:
    token, auth = entry.get("identitytoken"), entry.get("auth")
    if isinstance(token, str) and token:
        return Credentials(identity_token=token)
    if not isinstance(auth, str) or not auth:
        return None
    try:
        user, colon, password = base64.b64decode(auth).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise RegistryError(
            "an `auth` value is not base64 of `user:password`",
            where=str(path),
            hint="log in again",
        )
    return Credentials(username=user, password=password.rstrip("\0"))
