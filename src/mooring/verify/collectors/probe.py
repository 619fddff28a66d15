"""The collector for targets whose own Python hashes their files: its answer is read with care."""

from __future__ import annotations

import base64
import binascii
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from mooring.errors import MooringError
from mooring.lock.carried import CARRIED_LOCK
from mooring.verify.collectors import known, probe_script
from mooring.verify.collectors.entries import collect_entries
from mooring.verify.collectors.facts import SHEBANG_LIMIT
from mooring.verify.collectors.metadata import KEPT_FILES
from mooring.verify.collectors.strays import READ_AT_START, SCRIPTS, STARTUP
from mooring.verify.collectors.surroundings import Surroundings
from mooring.verify.collectors.tar import KEPT_LIMIT, LARGEST_FILE, MOST_ENTRIES
from mooring.verify.collectors.tar_stream import Entry, EntryKind
from mooring.verify.inventory import Inventory, TargetKind
from mooring.verify.tiers import CONTENT, Tiers

ANSWER_LIMIT = 128 << 20
"""Bytes of the whole answer: 300,000 files with long names have 60 MB."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_KINDS: dict[str, EntryKind] = {
    "file": "file",
    "folder": "folder",
    "symlink": "symlink",
    "other": "other",
    "unread": "other",
}
_SHOWN = 200


class ProbeError(MooringError):
    """The far side could not be asked, or its answer is no answer (exit code 3)."""


class NoPythonError(ProbeError):
    """The far side has no Python that could run the probe."""


class Transport(Protocol):
    """Runs a Python script somewhere else."""

    def run(self, script: bytes, *, most_output: int) -> str:
        """Feed the script to a Python there, and return what it printed.

        Raises:
            NoPythonError: There is no Python.
            ProbeError: It cannot be reached, failed, took too long or printed too much.
        """


class ProbeCollector:
    """Reads an environment through a script that runs in the target and writes nothing there.

    Comparison happens here: the target is told where to look and nothing of what is expected.

    Args:
        transport: Runs the script.
        kind: What the target is.
        target: How the user named it.
        root: The environment's root there.
        tiers: How deep to look; byte code cannot be checked from here.
        surroundings: What is known of the target besides.
    """

    def __init__(
        self,
        transport: Transport,
        kind: TargetKind,
        target: str,
        root: str,
        *,
        tiers: Tiers = CONTENT,
        surroundings: Surroundings | None = None,
    ) -> None:
        self._transport = transport
        self._kind = kind
        self._target = target
        self._root = root
        self._tiers = tiers
        self._surroundings = surroundings
        self.system: tuple[str, str] | None = None
        """What the target said it is: `sys.platform` and the machine, once it was asked."""

    def collect(self) -> Inventory:
        """Return what is there.

        Raises:
            NoPythonError: The target has no Python.
            ProbeError: The target cannot be asked, or its answer is not what was asked for.
            MooringError: It has no environment there, or one that is larger than what is accepted.
        """
        script = script_for(request(self._root, hashed=self._tiers.hash_files))
        said = self._transport.run(script, most_output=ANSWER_LIMIT)
        answer = _parse(said, self._target)
        root = answer.get("root")
        if not isinstance(root, str) or not root.startswith("/"):
            raise _wrong(self._target, "it names no root")
        if isinstance(error := answer.get("error"), str):
            raise ProbeError(
                f"{self._root} cannot be read there: {_printable(error)}", where=self._target
            )
        system = answer.get("platform"), answer.get("machine")
        if isinstance(system[0], str) and isinstance(system[1], str):
            self.system = system[0], system[1]
        return collect_entries(
            ProbeEntries(answer.get("entries"), posixpath.normpath(root), self._target),
            self._kind,
            self._target,
            root,
            tiers=self._tiers,
            surroundings=self._surroundings,
        )


class ProbeEntries:
    """Entries out of an answer, each checked before it is believed to be one.

    Args:
        entries: The part of the answer.
        root: What their paths are relative to.
        where: How messages name the target.
    """

    def __init__(self, entries: object, root: str, where: str) -> None:
        if not isinstance(entries, list):
            raise _wrong(where, "it lists no files")
        self._entries = entries
        self._root = root.strip("/")
        self._where = where
        self._content = b""

    def entries(self) -> Iterator[Entry]:
        """Yield each entry.

        Raises:
            ProbeError: It is none.
        """
        for number, fields in enumerate(self._entries):
            self._content = b""
            if not isinstance(fields, list) or len(fields) != 6:
                raise _wrong(self._where, f"entry {number} has other fields")
            yield self._entry(fields, f"entry {number}")

    def pieces(self) -> Iterator[bytes]:
        """Yield the content of the current entry, when it was sent whole."""
        if self._content:
            yield self._content

    def _entry(self, fields: list[Any], at: str) -> Entry:
        path, kind, size, target, digest, content = fields
        if not isinstance(path, str) or not _is_inside(path):
            raise _wrong(self._where, f"{at} has a path that leads out")
        if not isinstance(kind, str) or kind not in _KINDS:
            raise _wrong(self._where, f"{at} is of no kind")
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 60:
            raise _wrong(self._where, f"{at} has no size")
        if not isinstance(target, str):
            raise _wrong(self._where, f"{at} has no target")
        if digest is not None and not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
            raise _wrong(self._where, f"{at} has no SHA-256")
        data = self._decoded(content, at)
        whole = f"{self._root}/{path}" if self._root else path
        if kind == "file" and digest is not None and data is not None and len(data) == size:
            # What was sent whole is hashed here, like what passes in a tar.
            self._content = data
            return Entry(path=whole, kind="file", size=size)
        return Entry(
            path=whole,
            kind=_KINDS[kind],
            size=size,
            target=target,
            sha256=bytes.fromhex(digest) if digest is not None else None,
            head=data or b"",
        )

    def _decoded(self, content: object, at: str) -> bytes | None:
        if content is None:
            return None
        try:
            if isinstance(content, str):
                return base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError):
            pass
        raise _wrong(self._where, f"{at} has content that is no base64")


def request(root: str, *, hashed: bool) -> Mapping[str, object]:
    """Return what the script is asked for."""
    startup = [f"{name}.py" for name in sorted(STARTUP)]
    lock_folder, _, lock_name = CARRIED_LOCK.rpartition("/")
    return {
        "root": root,
        "hash": hashed,
        "most": MOST_ENTRIES,
        "largest": LARGEST_FILE,
        "keep_limit": KEPT_LIMIT,
        "scripts": f"{SCRIPTS}/",
        "head": SHEBANG_LIMIT,
        # The end of a folder's path, names of files in it, and ends of such names.
        "keep": [
            [".dist-info", [*KEPT_FILES], []],
            [".egg-info", ["PKG-INFO", "top_level.txt"], []],
            [lock_folder, [lock_name], []],
            [
                "",
                ["pyvenv.cfg", "patchlevel.h", known.VIRTUALENV_MODULE, *startup],
                [".egg-info", ".egg-link", *READ_AT_START],
            ],
        ],
    }


def script_for(asked: Mapping[str, object]) -> bytes:
    """Return the script with its request, as it goes to Python's standard input."""
    text = Path(probe_script.__file__).read_text("utf-8")
    return f"{text}\n\nsys.stdout.write(main({json.dumps(asked)!r}))\n".encode()


def _parse(said: str, where: str) -> dict[str, Any]:
    """Find the answer: the last line, because login shells may print before it."""
    line = said.rstrip().rpartition("\n")[2]
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _wrong(where, f"it printed {_printable(line)!r}") from error
    if not isinstance(answer, dict) or answer.get("probe") != 1:
        raise _wrong(where, "it is another document")
    return answer


def _is_inside(path: str) -> bool:
    parts = path.split("/")
    return not ("" in parts or "." in parts or ".." in parts or "\0" in path)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:_SHOWN])


def _wrong(where: str, reason: str) -> ProbeError:
    return ProbeError(
        f"the answer of its Python cannot be used: {reason}",
        where=where,
        hint="a container can be read without its Python: --trust none",
    )
