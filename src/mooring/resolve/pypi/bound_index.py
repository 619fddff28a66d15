"""Why a package is missing from the index it is bound to: uv keeps the reason to itself."""

from __future__ import annotations

from mooring.artifacts.fetch import FetchError, fetching
from mooring.manifest.model import Manifest
from mooring.resolve.interface import ResolveError
from mooring.urls import strip_credentials
from mooring.uv import credentials_hint

_PAGE_BYTES = 64 << 20


def refusal_of_bound_index(name: str, manifest: Manifest) -> ResolveError | None:
    """Return the error when the explicit index of a package refuses to be asked.

    Args:
        name: Normalised name of the package that uv did not find.
        manifest: What is declared.
    """
    index = next((i for i in manifest.indexes if i.explicit and name in i.packages), None)
    if index is None:
        return None
    url = f"{strip_credentials(index.url).rstrip('/')}/{name}/"
    try:
        with fetching(manifest.indexes) as fetcher:
            status = fetcher.get(url, limit=_PAGE_BYTES).status
    except FetchError as error:
        return ResolveError(error.message, hint=error.hint)
    if status not in (401, 403):
        return None
    return ResolveError(
        f"the index {index.name!r} refused the request for {name}: {status}",
        hint=credentials_hint(url, manifest.indexes),
    )
