"""Authorisation with a registry: Basic, and the Bearer tokens of the distribution specification."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from mooring.oci.connection import Reply
from mooring.oci.credentials import Credentials, CredentialSource
from mooring.oci.model import RegistryError, Unauthorised, parse_object
from mooring.oci.origins import check_outside
from mooring.oci.reference import ImageReference
from mooring.oci.transport import Transport, said

_MAX_TOKEN_BYTES = 1 << 20
_CLIENT_ID = "mooring"
_LIFETIME = 60.0
"""Seconds that a token is valid when the server does not say (distribution project)."""
_LONGEST_LIFETIME = 3600.0
_USED_UP = 0.8  # of its lifetime; a token must not end between its check and its use
_SHORTEST_SECRET = 4

# One step through a WWW-Authenticate header: a scheme's name, or one of its parameters.
_STEP = re.compile(
    r"""(?P<key>[A-Za-z0-9_-]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"]+))"""
    r"""|(?P<scheme>[A-Za-z][A-Za-z0-9-]*)(?=\s|,|$)"""
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Challenge:
    """What a registry asks for in `WWW-Authenticate` (RFC 9110, section 11.6.1)."""

    scheme: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """An `Authorization` header and what it is good for.

    Attributes:
        actions: What each resource may be used for; None means everything.
        until: On the clock of its authorizer.
    """

    header: str = field(repr=False)
    actions: Mapping[str, frozenset[str]] | None
    until: float

    def covers(self, scopes: Iterable[str]) -> bool:
        """Return whether it was made for all of these scopes."""
        if self.actions is None:
            return True
        wanted = _actions(scopes)
        return all(found <= self.actions.get(name, frozenset()) for name, found in wanted.items())


class Authorizer:
    """Gets authorisations and keeps them as long as they are valid; threads may share it.

    Args:
        transport: Fetches tokens.
        source: Where to look for logins.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        transport: Transport,
        source: CredentialSource,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._source = source
        self._clock = clock
        self._lock = threading.RLock()
        self._grants: dict[tuple[str, str], list[Grant]] = {}
        self._challenges: dict[str, Reply] = {}
        self._found: dict[str, Credentials | None] = {}

    def known(self, reference: ImageReference, scopes: Sequence[str]) -> str | None:
        """Return the header to begin with; None before the registry asked for one.

        Raises:
            RegistryError: A token is needed, and cannot be had.
        """
        with self._lock:
            if grant := self._fresh(reference, scopes):
                return grant.header
            # How this registry wants it is known, so it need not refuse once more to say it.
            challenge = self._challenges.get(reference.registry)
            return self._ask(reference, scopes, challenge) if challenge else None

    def renew(
        self, reference: ImageReference, scopes: Sequence[str], refused: Reply, used: str | None
    ) -> str:
        """Return the header that a reply with status 401 asks for.

        Args:
            reference: An image of the registry.
            scopes: What the request needs, such as `repository:team/base:pull`.
            refused: The reply.
            used: The header that was refused.

        Raises:
            Unauthorised: There are no credentials, or they were refused.
            RegistryError: The challenge cannot be answered.
        """
        with self._lock:
            grant = self._fresh(reference, scopes)
            if grant is not None and grant.header != used:
                return grant.header  # another thread was faster
            self.forget(reference)
            return self._ask(reference, scopes, refused)

    def forget(self, reference: ImageReference) -> None:
        """Drop what was granted for a repository."""
        with self._lock:
            self._grants.pop(_key(reference), None)

    def scrub(self, text: str) -> str:
        """Return a text of a server without the secrets that it was sent."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _secrets(self) -> set[str]:
        with self._lock:
            headers = [grant.header for grants in self._grants.values() for grant in grants]
            secrets = {header.partition(" ")[2] for header in headers}
            for found in filter(None, self._found.values()):
                basic = (found.basic or "").removeprefix("Basic ")
                secrets |= {found.password, found.identity_token or "", basic}
        return {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}

    def _fresh(self, reference: ImageReference, scopes: Sequence[str]) -> Grant | None:
        for grant in self._grants.get(_key(reference), ()):
            if grant.until > self._clock() and grant.covers(scopes):
                return grant
        return None

    def _ask(self, reference: ImageReference, scopes: Sequence[str], refused: Reply) -> str:
        begun = self._clock()
        try:
            header, seconds = answer(
                self._transport,
                refused,
                registry=reference.registry,
                credentials=self._credentials(reference),
                scopes=scopes,
            )
        except RegistryError as error:
            error.message = self.scrub(error.message)
            raise
        if seconds is None:
            grant = Grant(header=header, actions=None, until=float("inf"))
        else:
            self._challenges[reference.registry] = refused
            grant = Grant(header=header, actions=_actions(scopes), until=begun + seconds * _USED_UP)
        self._grants.setdefault(_key(reference), []).append(grant)
        return header

    def _credentials(self, reference: ImageReference) -> Credentials | None:
        name = f"{reference.registry}/{reference.repository}"
        if name not in self._found:
            self._found[name] = self._source.find(reference)
        return self._found[name]


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Read a `WWW-Authenticate` header, which may hold several challenges."""
    found: list[tuple[str, dict[str, str]]] = []
    for step in _STEP.finditer(header):
        if step["scheme"]:
            found.append((step["scheme"].lower(), {}))
        elif found:
            value = step["bare"] or re.sub(r"\\(.)", r"\1", step["quoted"] or "")
            found[-1][1][step["key"].lower()] = value
    return tuple(Challenge(scheme=name, parameters=values) for name, values in found)


def merge_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Join the actions of scopes that name the same resource, in the order first seen."""
    actions: dict[str, set[str]] = {}
    for scope in scopes:
        resource, colon, wanted = scope.rpartition(":")
        if colon:
            actions.setdefault(resource, set()).update(wanted.split(","))
    return tuple(f"{resource}:{','.join(sorted(found))}" for resource, found in actions.items())


def answer(
    transport: Transport,
    reply: Reply,
    *,
    registry: str,
    credentials: Credentials | None,
    scopes: Sequence[str],
) -> tuple[str, float | None]:
    """Return the `Authorization` header that a 401 reply asks for, and its seconds of life.

    Args:
        transport: Fetches the token.
        reply: The registry's reply with status 401.
        registry: How messages name the registry.
        credentials: What to log in with; None for an anonymous token.
        scopes: What the request needs, such as `repository:team/base:pull`.

    Returns:
        The header; and how long a token is valid, None for what does not end.

    Raises:
        Unauthorised: There are no credentials, or they were refused.
        RegistryError: The challenge cannot be answered.
    """
    challenges = parse_challenges(reply.headers.get("www-authenticate", ""))
    by_scheme = {challenge.scheme: challenge for challenge in reversed(challenges)}
    if bearer := by_scheme.get("bearer"):
        check_outside(bearer.parameters.get("realm", ""), reply.url)
        got = _ask_realm(transport, bearer, credentials, scopes)
        token, seconds = _token(got, registry, has_credentials=credentials is not None)
        return f"Bearer {token}", seconds
    if "basic" in by_scheme:
        if credentials is None or (basic := credentials.basic) is None:
            raise unauthorised(registry, "it wants a user and a password")
        return basic, None
    raise RegistryError(f"the registry {registry} asks for a kind of login that is not supported")


def unauthorised(registry: str, reason: str) -> Unauthorised:
    """Return the error for a registry that does not let us in."""
    return Unauthorised(
        f"the registry {registry} refused access: {reason}",
        hint=f"log in with `docker login {registry}`, and check the image's name",
    )


def _ask_realm(
    transport: Transport,
    challenge: Challenge,
    credentials: Credentials | None,
    wanted: Sequence[str],
) -> Reply:
    """Carry out the token flow of the distribution project (token and OAuth2 endpoints)."""
    realm = challenge.parameters["realm"]
    service = challenge.parameters.get("service", "")
    scopes = merge_scopes([*wanted, *challenge.parameters.get("scope", "").split()])
    if credentials is not None and credentials.identity_token:
        form = {
            "service": service,
            "grant_type": "refresh_token",
            "client_id": _CLIENT_ID,
            "refresh_token": credentials.identity_token,
            "scope": " ".join(scopes),
        }
        return transport.send("POST", realm, headers={}, data=form, limit=_MAX_TOKEN_BYTES)
    query = urlencode([("service", service), *(("scope", one) for one in scopes)])
    url = f"{realm}{'&' if '?' in realm else '?'}{query}"
    basic = credentials.basic if credentials else None
    headers = {"Authorization": basic} if basic else {}
    return transport.send("GET", url, headers=headers, limit=_MAX_TOKEN_BYTES)


def _token(got: Reply, registry: str, *, has_credentials: bool) -> tuple[str, float]:
    if got.status in (400, 401, 403):
        reason = "the stored credentials are wrong" if has_credentials else "it wants credentials"
        raise unauthorised(registry, reason)
    if not got.ok:
        raise RegistryError(f"the token server of {registry} failed: {said(got)}")
    document = parse_object(got.body, "token")
    token = document.get("token") or document.get("access_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise RegistryError(f"the token server of {registry} sent no token")
    seconds = document.get("expires_in")
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0:
        seconds = _LIFETIME
    return token, min(float(seconds), _LONGEST_LIFETIME)


def _key(reference: ImageReference) -> tuple[str, str]:
    return reference.registry, reference.repository


def _actions(scopes: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the actions of each resource that is named."""
    return {
        scope.rpartition(":")[0]: frozenset(scope.rpartition(":")[2].split(","))
        for scope in merge_scopes(scopes)
    }
