"""What runs on the far side: reads one folder, hashes its files, prints one JSON document.

Sent on standard input to `python3 -I -S -B -`, whatever version from 3.6 on that is: standard
library only, nothing of Mooring, nothing written. `-I -S` keep the target's `.pth` files and
sitecustomize from running, `-B` keeps Python from writing byte code.
"""

import base64
import hashlib
import json
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

PIECE = 1 << 20
DEEPEST = 1000


def main(text: str) -> str:
    """Do what a request asks for, and return the answer as one line to be printed."""
    request = json.loads(text)
    answer = {}  # type: dict[str, Any]
    answer.update(probe=1, platform=sys.platform, machine=os.uname().machine)
    try:
        answer["libc"] = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        answer["libc"] = None
    # Links are followed here, and here only: this side's system knows what the path means.
    root = os.path.realpath(request["root"])
    answer["root"] = root
    try:
        os.listdir(root)  # noqa: PTH208 (asked only whether it can be read)
        entries = list(listed(root, request["most"]))
        with ThreadPoolExecutor(min(8, 2 * (os.cpu_count() or 1))) as pool:
            found = pool.map(lambda entry: examined(entry, root, request), entries)
            answer["entries"] = list(found)
    except OSError as error:
        answer["error"] = error.strerror or str(error)
    except TooManyError:
        answer["error"] = "it holds more than {} files".format(request["most"])
    return "\n" + json.dumps(answer, separators=(",", ":")) + "\n"


class TooManyError(Exception):
    """The folder holds more than what was asked for."""


def listed(root: str, most: int) -> "Iterator[list[Any]]":
    """Yield [path, kind, size, link target] of everything below a folder, links not followed."""
    count = 0
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            names = sorted(os.listdir(root + "/" + folder))  # noqa: PTH208 (names, not paths)
        except OSError:
            continue
        for name in names:
            count += 1
            if count > most or folder.count("/") > DEEPEST:
                raise TooManyError
            path = folder + "/" + name if folder else name
            where = root + "/" + path
            try:
                info = os.lstat(where)
                target = os.readlink(where) if stat.S_ISLNK(info.st_mode) else ""  # noqa: PTH115
            except OSError:
                continue
            kind = "other"
            if stat.S_ISREG(info.st_mode):
                kind = "file"
            elif stat.S_ISDIR(info.st_mode):
                kind = "folder"
                folders.append(path)
            elif stat.S_ISLNK(info.st_mode):
                kind = "symlink"
            yield [path, kind, info.st_size if kind == "file" else 0, target]


def examined(entry: "list[Any]", root: str, request: "dict[str, Any]") -> "list[Any]":
    """Add to an entry its digest, and its content or first bytes where they are asked for."""
    path, kind, size, target = entry
    if kind != "file" or size > request["largest"]:
        return [path, kind, size, target, None, None]
    wanted = wants(path, request["keep"])
    head = request["head"] if path.startswith(request["scripts"]) else 0
    if wanted and size > request["keep_limit"]:
        wanted = False
    if not (wanted or head or request["hash"]):
        return [path, kind, size, target, None, None]
    try:
        size, digest, kept = read(root + "/" + path, size, size if wanted else head)
    except OSError as error:
        return [path, "unread", size, error.strerror or str(error), None, None]
    content = base64.b64encode(kept).decode("ascii") if wanted or head else None
    return [path, kind, size, target, digest, content]


def read(where: str, size: int, keep: int) -> "tuple[int, str, bytes]":
    """Return how many bytes a file has, up to those it had, their digest, and the first `keep`."""
    digest = hashlib.sha256()
    kept = b""
    handle = os.open(where, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        left = size
        while left > 0:
            piece = os.read(handle, min(left, PIECE))
            if not piece:
                break
            left -= len(piece)
            digest.update(piece)
            if len(kept) < keep:
                kept += piece[: keep - len(kept)]
    finally:
        os.close(handle)
    return size - left, digest.hexdigest(), kept


def wants(path: str, keep: "list[Any]") -> bool:
    """Whether the content of a file is asked for, by the ends of its path."""
    folder, _, name = path.rpartition("/")
    for folder_end, names, ends in keep:
        if folder.endswith(folder_end) and (name in names or name.endswith(tuple(ends))):
            return True
    return False
