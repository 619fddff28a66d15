"""The account that an image runs as: its lines in passwd and group, and its home folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mooring.build.embedded.bases.links import resolve
from mooring.build.embedded.interface import BaseScan, Entry
from mooring.build.embedded.plan.skeleton import text_entry
from mooring.errors import InputError

HOME = "/home/mooring"

_NUMERIC = re.compile(r"(?P<uid>[1-9]\d*)(?::(?P<gid>\d+))?", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """An account with a number; those with a name are the base's own.

    Attributes:
        gid: The uid, where no group is declared.
    """

    uid: str
    gid: str


def account_of(user: str) -> Account | None:
    """Return the account that a declared user asks for; None for root and for names."""
    match = _NUMERIC.fullmatch(user)
    return Account(uid=match["uid"], gid=match["gid"] or match["uid"]) if match else None


def account_entries(user: str, scan: BaseScan) -> tuple[Entry, ...]:
    """Return what has to be added to a base for a user, sorted by path.

    Without a line in passwd a program cannot ask who it is, and some refuse to run.

    Args:
        user: As declared: `uid`, `uid:gid`, or a name of the base.
        scan: Of the base.

    Raises:
        InputError: The user or group is a name that the base does not have.
    """
    require_names(user, scan)
    account = account_of(user)
    if account is None:
        return ()
    return tuple(sorted(_entries(account, scan), key=lambda entry: entry.path))


def _entries(account: Account, scan: BaseScan) -> Iterator[Entry]:
    uid, gid = account.uid, account.gid
    if not _has_number(scan.passwd, uid):
        line = f"mooring:x:{uid}:{gid}::{HOME}:/sbin/nologin"
        yield text_entry("/etc/passwd", _with_line(scan.passwd, line))
    if not _has_number(scan.group, gid):
        yield text_entry("/etc/group", _with_line(scan.group, f"mooring:x:{gid}:"))
    if resolve(scan, HOME) not in scan.directories:
        yield Entry(path=HOME, kind="directory", mode=0o755, uid=int(uid), gid=int(gid))


def require_names(user: str, scan: BaseScan) -> None:
    """Refuse names that the base does not have: such an image can never be started.

    Raises:
        InputError: One of them is not in the base's passwd or group.
    """
    name, _, group = user.partition(":")
    for what, text, word in (("user", scan.passwd, name), ("group", scan.group, group)):
        names = [line.partition(":")[0] for line in text.splitlines() if ":" in line]
        if word and not word.isdecimal() and word not in names:
            shown = ", ".join(sorted(names)[:12]) or "none"
            raise InputError(
                f"the base image has no {what} {word!r}",
                where="tool.mooring.image.user",
                hint=f'write numbers, as in "65532:65532", or one of the base\'s names: {shown}',
            )


def _has_number(text: str, number: str) -> bool:
    fields = (line.split(":") for line in text.splitlines())
    return any(len(each) > 2 and each[2] == number for each in fields)


def _with_line(text: str, line: str) -> str:
    start = f"{text}\n" if text and not text.endswith("\n") else text
    return f"{start}{line}\n"
