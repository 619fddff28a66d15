"""Authorised requests to one registry or several: what every part of the client sends with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from mooring.oci.auth import Authorizer, unauthorised
from mooring.oci.connection import Answering, Body, Reply
from mooring.oci.model import ImageNotFound, RegistryError
from mooring.oci.origins import check_outside, follow, origin
from mooring.oci.reference import ImageReference
from mooring.oci.transport import Transport, said

ERROR_LIMIT = 1 << 20
"""Bytes that an answer without content of interest may have."""

_A = TypeVar("_A", Reply, Answering)


class Session:
    """Sends requests about repositories with the authorisation that they need.

    Args:
        transport: How requests are sent.
        authorizer: Where authorisations come from.
        actions: What is done with a repository: `pull`, or `pull,push`.
        more_scopes: Scopes that a token must have besides that of the repository, before it:
            some token servers grant only the first, and the repository's own is in the cache.
    """

    def __init__(
        self,
        transport: Transport,
        authorizer: Authorizer,
        actions: str = "pull",
        more_scopes: tuple[str, ...] = (),
    ) -> None:
        self.transport = transport
        self._authorizer = authorizer
        self._actions = actions
        self._more = more_scopes

    def pushing(self) -> Session:
        """Return a session for pushes."""
        return Session(self.transport, self._authorizer, "pull,push", self._more)

    def reading_also(self, other: ImageReference) -> Session:
        """Return a session whose tokens also allow to read another repository."""
        more = (*self._more, f"repository:{other.repository}:pull")
        return Session(self.transport, self._authorizer, self._actions, more)

    def url(self, reference: ImageReference, path: str) -> str:
        """Return the URL of `path` in the API of the reference's repository."""
        base = self.transport.base_url(reference.api_host)
        return f"{base}/v2/{reference.repository}/{path}"

    def call(
        self,
        method: str,
        reference: ImageReference,
        path: str,
        *,
        limit: int = ERROR_LIMIT,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request and read its answer.

        Args:
            method: HTTP method.
            reference: Whose repository it is about.
            path: Inside of the repository, such as `manifests/1.2`; or a whole URL that the
                registry gave.
            limit: Largest answer, bytes.
            data: The body.
            headers: Besides `Authorization`.

        Raises:
            Unauthorised: The registry does not let us in.
            RegistryError: The registry cannot be asked.
        """
        url = path if "://" in path else self.url(reference, path)

        def ask(more: Mapping[str, str]) -> Reply:
            sent = {**(headers or {}), **more}
            return self.transport.send(method, url, headers=sent, limit=limit, data=data)

        return self._authorised(reference, url, ask)

    def download(
        self, reference: ImageReference, path: str, headers: Mapping[str, str]
    ) -> Answering:
        """Send a GET request and give its answer to read; see `call`."""
        url = self.url(reference, path)

        def ask(more: Mapping[str, str]) -> Answering:
            return self.transport.stream(url, headers={**headers, **more})

        return self._authorised(reference, url, ask)

    def upload(
        self,
        method: str,
        reference: ImageReference,
        url: str,
        *,
        data: bytes | Body,
        headers: Mapping[str, str],
    ) -> Reply:
        """Send a large body once; only a refused authorisation sends it again. See `call`."""

        def ask(more: Mapping[str, str]) -> Reply:
            sent = {**headers, **more}
            return self.transport.send_once(method, url, headers=sent, limit=ERROR_LIMIT, data=data)

        return self._authorised(reference, url, ask)

    def location(
        self, reference: ImageReference, reply: Reply, named: str | None = None
    ) -> str | None:
        """Return the URL that a reply names; None when it names none.

        Args:
            reference: Whose repository was asked about.
            reply: The reply.
            named: The URL as it is written there; the header `Location` by default.

        Raises:
            RegistryError: It must not be followed.
        """
        named = named or reply.headers.get("location")
        if not named:
            return None
        url = follow(reply.url, named)
        check_outside(url, self.url(reference, ""))
        return url

    def failed(self, reference: ImageReference, reply: Reply) -> RegistryError:
        """Return the error for an answer that is none of those expected."""
        if reply.status == 404:
            return not_found(reference)
        return RegistryError(
            f"the registry {reference.registry} answered {reply.status}: "
            + self.said(reference, reply),
            where=str(reference),
        )

    def said(self, reference: ImageReference, reply: Reply) -> str:
        """Return what an error answer says, on one short line and without secrets."""
        if not self._is_ours(reference, reply.url):
            # It quotes the signed URL, which is a password for as long as it lives.
            return f"a storage host it points to answered {reply.status}"
        return self._authorizer.scrub(said(reply))

    def _is_ours(self, reference: ImageReference, url: str) -> bool:
        """Return whether a URL is one of the registry itself."""
        return origin(url) == origin(self.url(reference, ""))

    def _authorised(
        self, reference: ImageReference, url: str, ask: Callable[[Mapping[str, str]], _A]
    ) -> _A:
        """Ask; on 401 get an authorisation, which later requests then begin with."""
        if not self._is_ours(reference, url):
            return ask({})  # another host must not see it; such a URL carries its own
        scopes = (*self._more, f"repository:{reference.repository}:{self._actions}")
        known = self._authorizer.known(reference, scopes)
        reply = ask({"Authorization": known} if known else {})
        # A storage host that was redirected to has no say in where passwords go.
        if reply.status == 401 and origin(reply.url) == origin(url):
            got = self._authorizer.renew(reference, scopes, _whole(reply), known)
            reply = ask({"Authorization": got})
        if reply.status in (401, 403):
            reason = self.said(reference, _whole(reply))
            self._authorizer.forget(reference)
            raise unauthorised(reference.registry, reason)
        return reply


def not_found(reference: ImageReference) -> ImageNotFound:
    """Return the error for an image that the registry does not have."""
    return ImageNotFound(
        f"the registry {reference.registry} has no such image",
        where=str(reference),
        hint="check the image's name and tag",
    )


def _whole(reply: Reply | Answering) -> Reply:
    return reply.whole(ERROR_LIMIT) if isinstance(reply, Answering) else reply
