"""From package records, as repodata has them, to the packages of the lock."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mooring.lock.conda import CondaPackage
from mooring.resolve.conda.addresses import without_secrets
from mooring.resolve.interface import ResolveError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MD5 = re.compile(r"[0-9a-f]{32}")


def package_of(record: Mapping[str, object]) -> CondaPackage:
    """Return the package of a record.

    Raises:
        ResolveError: The record holds no sha256, or what no lock can hold.
    """
    name, url = _text(record, "name"), without_secrets(_text(record, "url"))
    sha256 = str(record.get("sha256") or "")
    if not _SHA256.fullmatch(sha256):
        raise ResolveError(
            f"the channel gives no sha256 for {_shown(record.get('fn') or name)}",
            hint="what cannot be checked is not locked: index the channel again",
        )
    md5 = str(record.get("md5") or "")
    subdir = _text(record, "subdir")
    return CondaPackage(
        name=name,
        version=_text(record, "version"),
        build=_text(record, "build"),
        subdir=subdir,
        channel=_channel(record, url, subdir),
        url=url,
        md5=md5 if _MD5.fullmatch(md5) else None,
        sha256=sha256,
        size=_number(record.get("size")),
        build_number=_number(record.get("build_number")),
        depends=_texts(record, "depends"),
        constrains=_texts(record, "constrains"),
        license=_license(record.get("license")),
        noarch=_noarch(record.get("noarch")),
        timestamp=_number(record.get("timestamp")),
        purls=tuple(sorted(_texts(record, "purls"))),
    )


def _channel(record: Mapping[str, object], url: str, subdir: str) -> str:
    """Return the base URL; repodata may send elsewhere for its packages (CEP 15)."""
    base, _, folder = url.rpartition("/")[0].rpartition("/")
    if folder == subdir:
        return base
    return without_secrets(_text(record, "channel")).rstrip("/")


def _text(record: Mapping[str, object], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ResolveError(
            f"the channel's record of {_shown(record.get('fn') or record.get('name'))} has a {key} "
            "that no lock can hold",
            hint="the channel's repodata is damaged: index it again",
        )
    return value


def _texts(record: Mapping[str, object], key: str) -> tuple[str, ...]:
    values = record.get(key)
    if not isinstance(values, list):
        return ()
    return tuple(_text({**record, key: value}, key) for value in values)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _license(value: object) -> str | None:
    return value if isinstance(value, str) and value.isprintable() and value else None


def _noarch(value: object) -> str | None:
    return value if value in ("python", "generic") and isinstance(value, str) else None


def _shown(value: object) -> str:
    return "".join(c if c.isprintable() else "?" for c in str(value))[:200]
