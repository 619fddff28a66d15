"""Keys that documents are signed with: PEM files, P-256 or Ed25519."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from mooring.errors import InputError, MooringError
from mooring.reporting import Reporter

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

    PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey
    PublicKey = EllipticCurvePublicKey | Ed25519PublicKey

_KEY_LIMIT = 64 << 10
_NEEDED = "a private key in PEM, of the curve P-256 or of Ed25519"
_MAKE_ONE = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem"


class SigningError(MooringError):
    """Something cannot be signed, or a signature does not hold (exit code 3)."""


def private_key(path: Path, variable: str | None, reporter: Reporter) -> PrivateKey:
    """Read the key that signs.

    Args:
        path: PEM file.
        variable: Environment variable that holds its password.
        reporter: Warned when others on this machine can read the file.

    Raises:
        SigningError: `cryptography` is not installed (exit code 3).
        InputError: It is absent, of another kind, or the password is wrong.
    """
    _require_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _read_key(path, reporter)
    _refuse_other_files(data, path)
    # Told before it is tried: a wrong password and a damaged key look alike to the library.
    encrypted = b"ENCRYPTED" in data
    password = _password(path, variable) if encrypted else None
    try:
        key = load_pem_private_key(data, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unreadable(path, variable if encrypted else None) from error
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise _wrong_kind(path)


def public_key(path: Path) -> PublicKey:
    """Read the key that verifies; see `private_key` for the errors."""
    _require_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data, _ = _read(path)
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(
            "this is no public key in PEM",
            where=str(path),
            hint="openssl pkey -in key.pem -pubout -out public.pem",
        ) from error
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise _wrong_kind(path)


def _read_key(path: Path, reporter: Reporter) -> bytes:
    data, mode = _read(path)
    if os.name == "posix" and mode & 0o077:
        reporter.warn(
            f"others on this machine may read the private key {path} "
            f"(mode {stat.S_IMODE(mode):04o}); `chmod 600` closes it"
        )
    return data


def _read(path: Path) -> tuple[bytes, int]:
    """Return content and mode of a small regular file."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except FileNotFoundError as error:
        raise InputError("the key does not exist", where=str(path)) from error
    except OSError as error:
        raise InputError(f"the key cannot be read: {error.strerror}", where=str(path)) from error
    try:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            raise InputError("this is not a file", where=str(path))
        if info.st_size > _KEY_LIMIT:
            raise InputError("the file is too large for a key", where=str(path))
        return os.read(handle, _KEY_LIMIT), info.st_mode
    finally:
        os.close(handle)


def _refuse_other_files(data: bytes, path: Path) -> None:
    """Say what a file is when it is one that people give by mistake."""
    if b"SIGSTORE PRIVATE KEY" in data or b"COSIGN PRIVATE KEY" in data:
        raise InputError(
            "this key is in cosign's own format",
            where=str(path),
            hint=f"give {_NEEDED}; `cosign import-key-pair` takes such a key as well",
        )
    if b"PRIVATE KEY-----" not in data:
        public = b"PUBLIC KEY-----" in data
        raise InputError(
            "this is a public key; to sign needs the private one"
            if public
            else "this is no private key in PEM",
            where=str(path),
            hint=_MAKE_ONE,
        )


def _password(path: Path, variable: str | None) -> bytes:
    if variable is None:
        raise InputError(
            "the key is encrypted, and no password was given",
            where=str(path),
            hint="name the environment variable that holds it",
        )
    value = os.environ.get(variable)
    if not value:
        raise InputError(
            f"the key is encrypted, and the environment variable {variable} is not set",
            where=str(path),
        )
    return os.fsencode(value)


def _unreadable(path: Path, variable: str | None) -> InputError:
    # What the library says may quote what it read; nothing of it is passed on.
    if variable is not None:
        return InputError(
            f"the password in {variable} does not open the key, or the key is damaged",
            where=str(path),
        )
    return InputError("the private key cannot be read", where=str(path), hint=f"give {_NEEDED}")


def _wrong_kind(path: Path) -> InputError:
    return InputError(
        "the key is of another kind than P-256 and Ed25519", where=str(path), hint=_MAKE_ONE
    )


def _require_cryptography() -> None:
    try:
        import cryptography  # noqa: F401 (whether it is there at all)
    except ImportError as error:
        raise SigningError(
            "signatures need the package cryptography, which is not installed",
            hint='pip install "mooring[sign]"',
        ) from error
