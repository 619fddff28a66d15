"""Signed documents: DSSE envelopes, with a key of one's own."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mooring.build.documents.keys import SigningError, private_key, public_key
from mooring.digests import canonical_json
from mooring.reporting import SILENT, Reporter

if TYPE_CHECKING:
    from mooring.build.documents.keys import PrivateKey, PublicKey

MEDIA_TYPE = "application/vnd.dsse.envelope.v1+json"
IN_TOTO = "application/vnd.in-toto+json"

_ENVELOPE_LIMIT = 64 << 20
_MOST_SIGNATURES = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """What is in an envelope whose signature holds.

    Attributes:
        kind: Media type of the payload.
    """

    payload: bytes
    kind: str


def check_key(
    key_path: Path, *, password_variable: str | None = None, reporter: Reporter = SILENT
) -> None:
    """Refuse a key that cannot sign, before hours of work are done for it; see `sign`."""
    private_key(key_path, password_variable, reporter)


def sign(
    key_path: Path,
    payload: bytes,
    kind: str = IN_TOTO,
    *,
    password_variable: str | None = None,
    reporter: Reporter = SILENT,
) -> bytes:
    """Return an envelope around a payload; the same key and payload give the same bytes.

    Args:
        key_path: Private key in PEM: P-256, or Ed25519.
        payload: What is signed.
        kind: Its media type.
        password_variable: Environment variable that holds the key's password.
        reporter: Warned of a key that others on this machine can read.

    Raises:
        SigningError: `cryptography` is not installed (exit code 3).
        InputError: The key is absent, of another kind, or its password is wrong.
    """
    key = private_key(key_path, password_variable, reporter)
    return canonical_json(
        {
            "payloadType": kind,
            "payload": base64.b64encode(payload).decode("ascii"),
            "signatures": [
                {"keyid": "", "sig": base64.b64encode(_signature(key, pae(kind, payload))).decode()}
            ],
        }
    )


def verify(envelope: bytes, key_path: Path) -> Opened:
    """Return what an envelope holds, when one of its signatures is by this key.

    Args:
        envelope: The JSON of the envelope.
        key_path: Public key in PEM.

    Raises:
        SigningError: The envelope is damaged or signed by another key (exit code 3).
        InputError: The key is absent or of another kind.
    """
    key = public_key(key_path)
    kind, payload, signatures = _parse(envelope)
    signed = pae(kind, payload)
    if not any(_holds(key, signature, signed) for signature in signatures):
        raise SigningError("no signature of the envelope is by this key", where=str(key_path))
    return Opened(payload=payload, kind=kind)


def signed_with(
    envelope: bytes, key_path: Path, *, password_variable: str | None = None
) -> bytes | None:
    """Return what an envelope holds if a private key signed it, else None; see `sign`."""
    key = private_key(key_path, password_variable, SILENT)
    try:
        kind, payload, signatures = _parse(envelope)
    except SigningError:
        return None  # somebody else's
    signed, public = pae(kind, payload), key.public_key()
    return payload if any(_holds(public, each, signed) for each in signatures) else None


def pae(kind: str, payload: bytes) -> bytes:
    """Return the bytes that are signed (DSSE protocol, "Pre-Authentication Encoding")."""
    name = kind.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def _signature(key: PrivateKey, data: bytes) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.hashes import SHA256

    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    try:
        # RFC 6979: a second run finds its own signature in the registry and adds none.
        return key.sign(data, ec.ECDSA(SHA256(), deterministic_signing=True))
    except UnsupportedAlgorithm:  # the OpenSSL of this machine is older than 3.2
        return key.sign(data, ec.ECDSA(SHA256()))


def _holds(key: PublicKey, signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
        else:
            key.verify(signature, data, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _parse(envelope: bytes) -> tuple[str, bytes, list[bytes]]:
    """Return media type, payload and signatures of an envelope."""
    if len(envelope) > _ENVELOPE_LIMIT:
        raise SigningError(f"the envelope is larger than {_ENVELOPE_LIMIT >> 20} MiB")
    try:
        document = json.loads(envelope)
        kind, listed = document["payloadType"], document["signatures"]
        payload = base64.b64decode(document["payload"], validate=True)
        if not isinstance(kind, str) or not isinstance(listed, list):
            raise TypeError
        if len(listed) > _MOST_SIGNATURES:
            raise ValueError
        found = [base64.b64decode(each["sig"], validate=True) for each in listed]
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise SigningError("this is no DSSE envelope") from error
    return kind, payload, found
