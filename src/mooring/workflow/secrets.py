"""What build steps may read and images never hold: certificate authorities and index passwords."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from mooring.errors import InputError
from mooring.manifest.model import Index
from mooring.uv import index_credentials

CA_ID = "ca"
NETRC_ID = "netrc"


@contextmanager
def build_secrets(
    indexes: Sequence[Index],
    ca: Path | None = None,
    channels: Mapping[str, tuple[str, str]] | None = None,
) -> Iterator[dict[str, Path]]:
    """Give the files for BuildKit's secret mounts, by id.

    `ca` is the named bundle, else `SSL_CERT_FILE`; `netrc` is there when an index or a channel has
    credentials, and exists only until the build ends.

    Args:
        indexes: The declared package indexes.
        ca: File of certificate authorities.
        channels: (user, password) of conda channels by origin, `https://host:port`.

    Raises:
        InputError: The bundle is absent.
    """
    secrets: dict[str, Path] = {}
    bundle = ca or (Path(os.environ["SSL_CERT_FILE"]) if os.environ.get("SSL_CERT_FILE") else None)
    if bundle is not None:
        if not bundle.is_file():
            raise InputError(
                "there is no such file of certificates",
                where=str(bundle),
                hint="--ca names one; without it SSL_CERT_FILE does",
            )
        secrets[CA_ID] = bundle.resolve()
    text = netrc_text({**(channels or {}), **index_credentials(indexes)})
    if not text:
        yield secrets
        return
    with tempfile.TemporaryDirectory(prefix="mooring-") as folder:
        path = Path(folder) / "netrc"
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        yield secrets | {NETRC_ID: path}


def netrc_text(credentials: dict[str, tuple[str, str]]) -> str:
    """Return netrc lines for (user, password) by origin, `https://host:port`, sorted."""
    lines = []
    for origin, (user, password) in sorted(credentials.items()):
        host = urlsplit(origin).hostname
        if host and not any(c.isspace() for c in user + password):
            lines.append(f"machine {host} login {user} password {password}\n")
    return "".join(dict.fromkeys(lines))
