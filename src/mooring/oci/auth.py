"""Authorisation with a registry: Basic, and the Bearer tokens of the distribution specification."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from mooring.oci.credentials import Credentials
from mooring.oci.model import RegistryError, Unauthorised, parse_object
from mooring.oci.transport import Reply, Transport, check_outside, said

_MAX_TOKEN_BYTES = 1 << 20
_CLIENT_ID = "mooring"

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
    scope: str,
) -> str:
    """Return the `Authorization` header that a 401 reply asks for.

    Args:
        transport: Fetches the token.
        reply: The registry's reply with status 401.
        registry: How messages name the registry.
        credentials: What to log in with; None for an anonymous token.
        scope: What the request needs, such as `repository:team/base:pull`.

    Raises:
        Unauthorised: There are no credentials, or they were refused.
        RegistryError: The challenge cannot be answered.
    """
    challenges = parse_challenges(reply.headers.get("www-authenticate", ""))
    by_scheme = {challenge.scheme: challenge for challenge in reversed(challenges)}
    if bearer := by_scheme.get("bearer"):
        check_outside(bearer.parameters.get("realm", ""), reply.url)
        got = _ask_realm(transport, bearer, credentials, scope)
        return "Bearer " + _token(got, registry, has_credentials=credentials is not None)
    if "basic" in by_scheme:
        if credentials is None or (basic := credentials.basic) is None:
            raise unauthorised(registry, "it wants a user and a password")
        return basic
    raise RegistryError(f"the registry {registry} asks for a kind of login that is not supported")


def unauthorised(registry: str, reason: str) -> Unauthorised:
    """Return the error for a registry that does not let us in."""
    return Unauthorised(
        f"the registry {registry} refused access: {reason}",
        hint=f"log in with `docker login {registry}`, and check the image's name",
    )


def _ask_realm(
    transport: Transport, challenge: Challenge, credentials: Credentials | None, scope: str
) -> Reply:
    """Carry out the token flow of the distribution project (token and OAuth2 endpoints)."""
    realm = challenge.parameters["realm"]
    service = challenge.parameters.get("service", "")
    scopes = merge_scopes([*challenge.parameters.get("scope", "").split(), scope])
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


def _token(got: Reply, registry: str, *, has_credentials: bool) -> str:
    if got.status in (400, 401, 403):
        reason = "the stored credentials are wrong" if has_credentials else "it wants credentials"
        raise unauthorised(registry, reason)
    if not got.ok:
        raise RegistryError(f"the token server of {registry} failed: {said(got)}")
    document = parse_object(got.body, "token")
    token = document.get("token") or document.get("access_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise RegistryError(f"the token server of {registry} sent no token")
    return token
