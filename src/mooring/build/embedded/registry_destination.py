"""A registry as the place where images are wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mooring.build.embedded.destinations import Arrival, Wanted
from mooring.build.embedded.donors import Donors
from mooring.oci.content import Content, manifest_of
from mooring.oci.model import RawManifest
from mooring.reporting import Reporter

if TYPE_CHECKING:
    from mooring.oci.registry import RegistryClient


class RegistryDestination:
    """The registry that a repository's name begins with.

    Args:
        client: May push.
        attach: Puts documents beside an image whose manifest is there, before it gets a tag.
        complete: Puts what is missing beside an image that is there, by its digest.
        donors: Knows where else the registry has layers.
    """

    def __init__(
        self,
        client: RegistryClient,
        reporter: Reporter,
        *,
        attach: Callable[[Wanted, Content], None] | None = None,
        complete: Callable[[Wanted, str], None] | None = None,
        donors: Donors | None = None,
    ) -> None:
        self._client = client
        self._reporter = reporter
        self._attach = attach
        self._complete = complete
        self._donors = donors or Donors()

    def find(self, wanted: Wanted) -> Arrival | None:
        """Ask for the content tag: one request, unless more is wanted than the image."""
        digest = self._client.head(wanted.reference)
        if digest is None:
            return None
        if self._complete is not None:
            self._complete(wanted, digest)
        self._tag(wanted, digest)
        return Arrival(digest=digest, registry=True)

    def deliver(self, wanted: Wanted, content: Content) -> Arrival:
        """Push by digest, attach the documents, and only then give it its tags."""
        from mooring.oci.push import push

        manifest, target = manifest_of(content), wanted.reference
        self._reporter.step(f"Pushing {target}")
        by_digest = target.with_digest(manifest.digest)
        mountable = self._donors.applied(content, target)
        pushed = push(self._client, by_digest, mountable, reporter=self._reporter)
        self._donors.remember(content, target)
        if self._attach is not None:
            self._attach(wanted, content)
        self._client.put_manifest(target, manifest)
        self._tag(wanted, manifest.digest, manifest)
        self._reporter.note(
            f"{pushed.sent} blobs sent ({pushed.uploaded / 1e6:.1f} MB), {pushed.mounted} mounted, "
            f"{pushed.there} there already"
        )
        return Arrival(digest=pushed.digest, registry=True, new=True)

    def _tag(self, wanted: Wanted, digest: str, manifest: RawManifest | None = None) -> None:
        """Give the image its other tags; say of one that was another image's."""
        for tag in wanted.tags:
            target = wanted.reference.with_tag(tag)
            before = self._client.head(target)
            if before == digest:
                continue
            manifest = manifest or self._client.manifest(wanted.reference.with_digest(digest))
            self._client.put_manifest(target, manifest)
            if before is not None:
                self._reporter.note(f"the tag {tag} moved from {before} to {digest}")
