"""The lock that an image carries with it: where it lies, and what it must be."""

from __future__ import annotations

from dataclasses import dataclass

from mooring.digests import digest_bytes
from mooring.errors import InputError, MooringError
from mooring.lock.formats import pylock
from mooring.lock.model import Lock, Target

CARRIED_LOCK = "share/mooring/pylock.toml"
"""Relative to the environment's root."""

LOCK_LABEL = "dev.mooring.lock"
"""The label that names the file, absolute in the image."""

LOCK_DIGEST_LABEL = "dev.mooring.lock-digest"
"""The label with the digest of the file, `sha256:<hex>`."""

LARGEST_LOCK = 2 << 20
"""Bytes; a lock of 500 packages for one platform has 0.2 MiB, and TOML takes 100 times its size in
memory."""


class CarriedLockError(MooringError):
    """An image carries no lock, or one that cannot be used (exit code 3)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CarriedText:
    """The file as it was found.

    Attributes:
        data: Its bytes; None when it was not read.
        problem: Why not.
    """

    data: bytes | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CarriedLock:
    """A lock for the one environment of an image.

    Attributes:
        target: The environment, platform and Python that it is for.
        digest: Of the file.
    """

    lock: Lock
    target: Target
    digest: str
    text: str


def read_carried(found: CarriedText, where: str, *, expected: str | None = None) -> CarriedLock:
    """Read the lock of an image.

    Args:
        found: The file.
        where: How messages name it.
        expected: Digest that the image's label gives for it, where there is one.

    Raises:
        CarriedLockError: It could not be read, was changed, or is not what `mooring build` writes.
    """
    if found.data is None:
        raise CarriedLockError(
            f"the lock in the image cannot be read: {found.problem}", where=where, hint=_NAME_ONE
        )
    if len(found.data) > LARGEST_LOCK:
        raise _damaged(f"it is larger than {LARGEST_LOCK >> 20} MiB", where)
    digest = digest_bytes(found.data)
    if expected is not None and digest != expected:
        raise CarriedLockError(
            f"the lock in the image was changed: the label {LOCK_DIGEST_LABEL} is of another one",
            where=where,
            hint=_NAME_ONE,
        )
    try:
        text = found.data.decode("utf-8")
        lock = pylock.read(text, where)
    except UnicodeDecodeError as error:
        raise _damaged("it is not UTF-8 text", where) from error
    except InputError as error:
        raise _damaged(error.message, error.where or where) from error
    facts = lock.provenance
    if facts is None or len(facts.targets) != 1:
        raise _damaged("it is not for one environment on one platform", where)
    if facts.packages_digest != pylock.packages_digest(lock):
        raise _damaged("its packages are not those that it was written with", where)
    return CarriedLock(lock=lock, target=facts.targets[0], digest=digest, text=text)


def _damaged(reason: str, where: str) -> CarriedLockError:
    return CarriedLockError(
        f"the lock in the image is damaged: {reason}", where=where, hint=_NAME_ONE
    )


_NAME_ONE = "name the lock to compare with: --lock FILE, or --project DIR"
