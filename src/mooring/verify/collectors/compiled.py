"""Compares byte code with its source; a program of its own, started by `bytecode`.

Decoding byte code that somebody forged can crash the interpreter. So it happens in a process that
holds nothing, opens nothing and lives for one batch. Nothing of a target is executed: source is
compiled, byte code is decoded, and the two are compared.

It reads frames from standard input (level of optimisation, length of source and of byte code, then
both) and answers each with one word, in order. A frame without an answer ended the process.
"""

from __future__ import annotations

import marshal
import os
import signal
import struct
from types import CodeType

# Started with its folder out of reach (`-I -S`): only the standard library is imported here.
FRAME = struct.Struct(">BII")
HEADER = 16

_MEMORY = 2 << 30
_SECONDS = 30
_COMPARED = (
    "co_name",
    "co_qualname",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_stacksize",
    "co_flags",
    "co_firstlineno",
    "co_code",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_linetable",
    "co_exceptiontable",
    "co_consts",
)
_RUN = tuple(name for name in _COMPARED if name != "co_linetable")
"""All that decides what runs: patch releases of Python count lines and columns differently."""


def main() -> None:
    """Answer every frame of standard input."""
    limit_resources()
    with os.fdopen(0, "rb") as stream:
        while len(head := stream.read(FRAME.size)) == FRAME.size:
            level, source_size, code_size = FRAME.unpack(head)
            if hasattr(signal, "alarm"):
                signal.alarm(_SECONDS)
            source, code = stream.read(source_size), stream.read(code_size)
            # Written at once: the next frame may end this process.
            os.write(1, judge(source, code, level).encode() + b"\n")


def limit_resources() -> None:
    """Take from this process what it does not need, where the system can."""
    try:
        import resource  # not on every system
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def judge(source: bytes, code: bytes, level: int) -> str:
    """Return `same`, `lines` where only positions in the source differ, `other` or `unread`.

    Args:
        source: Of the module.
        code: The `.pyc` with its header.
        level: What the byte code was optimised with.
    """
    try:
        found = marshal.loads(code[HEADER:])  # noqa: S302 (decoded, never executed)
        if not isinstance(found, CodeType):
            return "unread"
    except (ValueError, EOFError, TypeError, MemoryError, RecursionError, SystemError):
        return "unread"
    try:
        expected = compile(source, "source", "exec", dont_inherit=True, optimize=level)
        if is_same(found, expected):
            return "same"
        return "lines" if is_same(found, expected, _RUN) else "other"
    except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError):
        return "other"  # this source cannot have given any byte code


def is_same(found: object, expected: object, names: tuple[str, ...] = _COMPARED) -> bool:
    """Whether two constants are the same, code objects in these attributes.

    The name of their file is none of them: it says where the compiling happened.
    """
    if type(found) is not type(expected):
        return False
    if isinstance(found, CodeType):
        return all(
            is_same(getattr(found, name, None), getattr(expected, name, None), names)
            for name in names
        )
    if isinstance(found, tuple) and isinstance(expected, tuple):
        pairs = zip(found, expected)
        return len(found) == len(expected) and all(is_same(a, b, names) for a, b in pairs)
    if isinstance(found, (frozenset, float, complex)):
        return _key(found) == _key(expected)  # not a number is itself here, and 0.0 is not -0.0
    return found == expected


def _key(value: object) -> str:
    if isinstance(value, frozenset):
        return "{" + ",".join(sorted(map(_key, value))) + "}"
    return f"{type(value).__name__}:{value!r}"


if __name__ == "__main__":
    main()
