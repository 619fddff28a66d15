"""What the scripts of packages would make, made by Mooring: users, certificates, links, folders."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping

from mooring.build.embedded.interface import Entry
from mooring.build.embedded.system.database import database
from mooring.build.embedded.system.loader import LOADER_CACHE, loader_cache
from mooring.build.embedded.system.spool import Spool
from mooring.build.embedded.system.tree import Node, Tree
from mooring.oci.store import Source

CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
CERTIFICATE_LINK = "/usr/lib/ssl/cert.pem"
"""Where OpenSSL looks for the bundle as long as nobody names another."""

_CERTIFICATES = "/usr/share/ca-certificates/"
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_MASTERS = "/usr/share/base-passwd"
_SMALL = 1 << 20
_PLAIN_FOLDERS = (
    *("/dev", "/home", "/media", "/mnt", "/opt", "/proc", "/run", "/srv", "/sys"),
    *("/var/cache", "/var/lib", "/var/log", "/var/opt"),
    *(f"/usr/local/{name}" for name in ("bin", "etc", "include", "lib", "sbin", "share", "src")),
)
_SHARED_FOLDERS = ("/run/lock", "/tmp", "/var/tmp")  # noqa: S108 (of the image)
_MAIL_GROUP = 8
_FOLDERS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(_PLAIN_FOLDERS, (0o755, 0)),
    **dict.fromkeys(_SHARED_FOLDERS, (0o1777, 0)),
    "/root": (0o700, 0),
    "/var/mail": (0o2775, _MAIL_GROUP),
}
"""Mode and group of the folders that a base always has, where no package brings them."""

_LINKS: Mapping[str, str] = {"/var/run": "/run", "/var/lock": "/run/lock"}
_ZONE = "/usr/share/zoneinfo/Etc/UTC"


def system_entries(tree: Tree, spool: Spool, architecture: str) -> Iterator[Entry]:
    """Yield everything that a system base has, from packages and made by us, in no order.

    Args:
        tree: All packages.
        spool: Has the contents.
        architecture: As the distribution names it.
    """
    made = {entry.path: entry for entry in _made(tree, spool)}
    if cache := loader_cache(tree, spool, architecture):
        made[LOADER_CACHE] = text_entry(LOADER_CACHE, cache)
    yield from made.values()
    yield from (entry for entry in tree.entries() if entry.path not in made)


def _made(tree: Tree, spool: Spool) -> Iterator[Entry]:
    texts: list[tuple[str, bytes | str]] = [*_texts(tree, spool), *database(tree.packages)]
    for path, text in texts:
        # Configuration that a package ships itself is not ours to make.
        if path not in tree.nodes:
            yield text_entry(path, text)
    for path, target in tree.merge_links():
        yield _link(path, target)
    # Packages ship them as folders; what is below them is written behind the links.
    for path, target in _LINKS.items():
        yield _link(path, target)
    if CERTIFICATE_LINK not in tree.nodes and f"{_CERTIFICATES}mozilla" in tree.nodes:
        yield _link(CERTIFICATE_LINK, CA_BUNDLE)
    if _ZONE in tree.nodes and "/etc/localtime" not in tree.nodes:
        yield _link("/etc/localtime", _ZONE)
    for path, (mode, group) in _FOLDERS.items():
        if path not in tree.nodes:
            yield Entry(path=path, kind="directory", mode=mode, gid=group)


def text_entry(path: str, text: bytes | str) -> Entry:
    """Return a small file with this content."""
    data = text.encode() if isinstance(text, str) else text

    @contextlib.contextmanager
    def content() -> Iterator[Source]:
        yield io.BytesIO(data)

    return Entry(path=path, size=len(data), open=content)


def _link(path: str, target: str) -> Entry:
    return Entry(path=path, kind="symlink", mode=0o777, target=target)


def _texts(tree: Tree, spool: Spool) -> Iterator[tuple[str, bytes]]:
    for name in ("passwd", "group"):
        if text := _read(tree, spool, f"{_MASTERS}/{name}.master"):
            yield f"/etc/{name}", _with_shell(text, tree)
    if text := _read(tree, spool, "/usr/share/libc-bin/nsswitch.conf"):
        yield "/etc/nsswitch.conf", text
    if bundle := _bundle(tree, spool):
        yield CA_BUNDLE, bundle


def _with_shell(passwd: bytes, tree: Tree) -> bytes:
    """Give users whose shell is not there the one that is."""
    if "/usr/bin/bash" in tree.nodes:
        return passwd
    return passwd.replace(b":/bin/bash\n", b":/bin/sh\n")


def _bundle(tree: Tree, spool: Spool) -> bytes:
    """Return all certificates, in the order of their files' names."""
    paths = sorted(path for path in tree.nodes if path.startswith(_CERTIFICATES))
    texts = (_content(tree.nodes[path], spool) for path in paths if path.endswith(".crt"))
    return b"".join(_lines(text) for text in texts if _BEGIN in text)


def _lines(text: bytes) -> bytes:
    return text.rstrip(b"\n") + b"\n"


def _read(tree: Tree, spool: Spool, path: str) -> bytes:
    node = tree.nodes.get(path)
    return _content(node, spool) if node else b""


def _content(node: Node, spool: Spool) -> bytes:
    return spool.read(node.stored, _SMALL) if node.stored else b""
