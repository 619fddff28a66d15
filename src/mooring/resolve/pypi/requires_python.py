"""Which Pythons each package asks for: uv.lock leaves it out, wheels publish it (PEP 658)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

from mooring.artifacts.cache import FactCache
from mooring.lock.model import Artifact, Lock, Package
from mooring.manifest.model import Index
from mooring.reporting import Reporter

_CACHE_NAME = "requires-python-1"
_METADATA_BYTES = 4 << 20


def find_requires_python(
    packages: Iterable[Package],
    *,
    previous: Lock | None,
    indexes: Sequence[Index],
    offline: bool,
    reporter: Reporter,
) -> dict[str, str]:
    """Return the Requires-Python of packages by the SHA-256 of the wheel that says it.

    Taken from the previous lock, else from the cache, else from the metadata beside the wheel.

    Args:
        packages: Resolved packages; those without wheels are left out.
        previous: A lock whose values are kept for the same wheels.
        indexes: The declared indexes, for their credentials.
        offline: Whether the metadata must not be fetched.
        reporter: Told when something is fetched.

    Raises:
        FetchError: A host does not answer. A lock that leaves values out because of a bad
            moment would not be the same twice.
    """
    wanted: dict[str, Artifact] = {}
    for package in packages:
        if wheel := telling_wheel(package):
            assert wheel.sha256 is not None
            wanted[wheel.sha256] = wheel
    cache = FactCache(_CACHE_NAME)
    cached = cache.read()
    known: dict[str, str | None] = {
        sha256: cached[key]
        for sha256, wheel in wanted.items()
        if (key := _cache_key(sha256, wheel)) in cached
    } | _previous_values(previous)
    missing = {sha256: wheel for sha256, wheel in wanted.items() if sha256 not in known}
    if missing and not offline:
        reporter.detail(f"reading the metadata of {len(missing)} packages")
        found = _fetch(missing, indexes)
        cache.add({_cache_key(sha256, wanted[sha256]): value for sha256, value in found.items()})
        known |= found
    return {sha256: value for sha256 in wanted if (value := known.get(sha256))}


def telling_wheel(package: Package) -> Artifact | None:
    """Return the wheel of a package that is asked: the first by name that can be fetched."""
    fitting = [wheel for wheel in package.wheels if wheel.url and wheel.sha256]
    return min(fitting, key=lambda wheel: wheel.name, default=None)


def requires_python_of(metadata: bytes) -> str | None:
    """Return the Requires-Python field of a METADATA file in normal form; None without a valid one.

    Only the header is looked at, which ends at the first empty line.
    """
    header = metadata.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    for line in header.split(b"\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"requires-python":
            return normal_specifiers(value.decode("utf-8", "replace"))
    return None


def normal_specifiers(text: str) -> str | None:
    """Return version specifiers in normal form; None when there are none or they are malformed."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # cache hits do not need it

    try:
        return str(SpecifierSet(text.strip())) or None
    except InvalidSpecifier:
        return None


def _cache_key(sha256: str, wheel: Artifact) -> str:
    """Name the host as well, so that one index never speaks for the wheels of another."""
    return f"{sha256} {urlsplit(wheel.url or '').netloc}"


def _previous_values(previous: Lock | None) -> dict[str, str | None]:
    return {
        wheel.sha256: package.requires_python
        for package in (previous.packages if previous else ())
        if package.requires_python
        for wheel in package.wheels
        if wheel.sha256
    }


def _fetch(wheels: Mapping[str, Artifact], indexes: Sequence[Index]) -> dict[str, str | None]:
    # Threads and the HTTP client are slow to import, and a warm cache needs neither.
    from concurrent.futures import ThreadPoolExecutor

    from mooring.artifacts.fetch import CONNECTIONS, fetching

    with fetching(indexes) as fetcher, ThreadPoolExecutor(CONNECTIONS) as pool:

        def ask(wheel: Artifact) -> tuple[bool, str | None]:
            assert wheel.url is not None
            answer = fetcher.get(_metadata_url(wheel.url), limit=_METADATA_BYTES)
            # A refusal may end when somebody logs in; only a clear "not here" is kept for ever.
            if answer.status in (200, 404, 410):
                return True, requires_python_of(answer.body)
            return False, None

        answers = dict(zip(wheels, pool.map(ask, wheels.values())))
    return {sha256: value for sha256, (lasting, value) in answers.items() if lasting}


def _metadata_url(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path}.metadata", fragment=""))
