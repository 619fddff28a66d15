"""Does a distribution come from where the lock says: MOR105, MOR113, MOR114 (PEP 610)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from mooring.lock.model import Artifact, Selected
from mooring.urls import redact, strip_credentials
from mooring.verify import rules
from mooring.verify.findings import Finding
from mooring.verify.inventory import Distribution
from mooring.verify.shown import shown

AN_INDEX = "a package index"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What direct_url.json says; its absence says that the package came from an index.

    Attributes:
        url: Without credentials and fragment.
        sha256: Of an archive, when it is recorded.
        commit: Of a VCS source, lower case.
    """

    kind: Literal["archive", "vcs", "directory"]
    url: str
    sha256: str | None = None
    commit: str | None = None
    editable: bool = False


def parse_origin(text: str) -> Origin | None:
    """Parse direct_url.json (PEP 610); None when it is none."""
    try:
        data = json.loads(text)
        url = _bare(data["url"])
        if isinstance(info := data.get("vcs_info"), dict):
            return Origin(kind="vcs", url=url, commit=str(info["commit_id"]).lower())
        if isinstance(info := data.get("dir_info"), dict):
            return Origin(kind="directory", url=url, editable=info.get("editable") is True)
        info = data["archive_info"]
        legacy = dict([(info.get("hash") or "=").split("=", 1)])
        sha256 = (info.get("hashes") or legacy).get("sha256")
        return Origin(kind="archive", url=url, sha256=sha256 and str(sha256).lower())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def check_origin(selected: Selected, distribution: Distribution, fix: str) -> Iterator[Finding]:
    """Yield how the recorded origin contradicts the locked artifact."""
    name, artifact = selected.package.name, selected.artifact
    origin = None
    if distribution.direct_url is not None:
        origin = parse_origin(distribution.direct_url)
        if origin is None:
            yield Finding(
                rule=rules.UNVERIFIABLE,
                message="its origin cannot be checked: direct_url.json is not as PEP 610 says",
                package=name,
                path=shown(f"{distribution.site}/{distribution.info}/direct_url.json"),
                fix=fix,
            )
            return
    if origin is not None and origin.editable:
        yield Finding(
            rule=rules.EDITABLE.at("info") if artifact.editable else rules.EDITABLE,
            message="its code is read from a folder that no lock covers",
            package=name,
            expected=_locked(artifact),
            actual=_installed(origin),
            fix=None if artifact.editable else fix,
        )
    finding = _contradiction(artifact, origin)
    if finding is not None:
        yield replace(
            finding,
            package=name,
            expected=finding.expected or _locked(artifact),
            actual=finding.actual or _installed(origin),
            fix=fix,
        )


def _contradiction(artifact: Artifact, origin: Origin | None) -> Finding | None:
    match artifact.kind:
        case "wheel" | "sdist":
            same = origin is None or (origin.kind == "archive" and _same_file(artifact, origin))
        case "archive":
            same = origin is not None and origin.kind == "archive" and _same_file(artifact, origin)
        case "vcs" if origin is not None and origin.kind == "vcs":
            return _other_commit(artifact, origin)
        case "vcs":
            same = False
        case "directory":
            same = origin is not None and origin.kind == "directory"
    return None if same else Finding(rule=rules.ORIGIN, message="it was installed from elsewhere")


def _same_file(artifact: Artifact, origin: Origin) -> bool:
    """Compare by content where both digests are known: the same file may have many addresses."""
    if origin.sha256 is not None and artifact.sha256 is not None:
        return origin.sha256 == artifact.sha256
    if artifact.url is None:
        return origin.url.startswith("file:") and origin.url.endswith(f"/{artifact.name}")
    return origin.url == _bare(artifact.url)


def _other_commit(artifact: Artifact, origin: Origin) -> Finding | None:
    """A commit id names content: the same one from a mirror is the same source."""
    if origin.commit == (artifact.commit or "").lower():
        return None
    return Finding(
        rule=rules.COMMIT,
        message="it was built from another commit",
        expected=shown(artifact.commit or ""),
        actual=shown(origin.commit or ""),
    )


def _locked(artifact: Artifact) -> str:
    match artifact.kind:
        case "wheel" | "sdist":
            place = f"{artifact.name} from {AN_INDEX}"
        case "archive":
            place = artifact.url or artifact.path or artifact.name
        case "vcs":
            place = f"{artifact.url or artifact.path} at {artifact.commit}"
        case "directory":
            place = f"the folder {artifact.path or '.'}"
    return shown(redact(place))


def _installed(origin: Origin | None) -> str:
    if origin is None:
        return AN_INDEX
    at = f" at {origin.commit}" if origin.commit else ""
    digest = f" (sha256:{origin.sha256})" if origin.sha256 else ""
    return shown(redact(origin.url) + at + digest)


def _bare(url: str) -> str:
    return strip_credentials(url.partition("#")[0])
