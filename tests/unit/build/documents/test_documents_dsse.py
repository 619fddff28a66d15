"""DSSE envelopes: exact bytes, other people's verification, and every wrong key."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tests.fakes import RecordingReporter

from mooring.build.documents import dsse
from mooring.build.documents.keys import SigningError
from mooring.errors import InputError, MooringError

PAYLOAD = b'{"a":1}'
PASSWORD = "correct horse"
Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def write_key(
    folder: Path,
    key: Private,
    *,
    password: str | None = None,
    form: PrivateFormat = PrivateFormat.PKCS8,
) -> Path:
    """Write both halves of a key; return the path of the private one."""
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    path = folder / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, form, encryption))
    path.chmod(0o600)
    (folder / "public.pem").write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return path


@pytest.fixture
def p256(tmp_path: Path) -> Path:
    return write_key(tmp_path, ec.generate_private_key(ec.SECP256R1()))


def test_what_is_signed() -> None:
    # The example of the DSSE protocol.
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert dsse.pae("naïve", "é".encode()) == b"DSSEv1 6 na\xc3\xafve 2 \xc3\xa9"


def test_an_envelope_that_others_can_verify(p256: Path) -> None:
    envelope = json.loads(dsse.sign(p256, PAYLOAD))
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert base64.b64decode(envelope["payload"]) == PAYLOAD
    [entry] = envelope["signatures"]
    signature = base64.b64decode(entry["sig"])
    decode_dss_signature(signature)
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    public = load_pem_public_key((p256.parent / "public.pem").read_bytes())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    signed = b"DSSEv1 28 application/vnd.in-toto+json 7 " + PAYLOAD
    public.verify(signature, signed, ec.ECDSA(SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(signature, signed + b" ", ec.ECDSA(SHA256()))


def test_the_same_bytes_twice(p256: Path) -> None:
    assert dsse.sign(p256, PAYLOAD) == dsse.sign(p256, PAYLOAD)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("password", [None, PASSWORD])
def test_forms_of_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: PrivateFormat, password: str | None
) -> None:
    key = write_key(tmp_path, ec.generate_private_key(ec.SECP256R1()), password=password, form=form)
    monkeypatch.setenv("KEY_PASSWORD", PASSWORD)
    envelope = dsse.sign(key, PAYLOAD, "text/plain", password_variable="KEY_PASSWORD")
    opened = dsse.verify(envelope, tmp_path / "public.pem")
    assert (opened.payload, opened.kind) == (PAYLOAD, "text/plain")


def test_ed25519(tmp_path: Path) -> None:
    key = write_key(tmp_path, ed25519.Ed25519PrivateKey.generate())
    assert dsse.verify(dsse.sign(key, PAYLOAD), tmp_path / "public.pem").payload == PAYLOAD


def changed(envelope: bytes, **values: object) -> bytes:
    return json.dumps(json.loads(envelope) | values).encode()


def test_what_was_changed_does_not_hold(p256: Path) -> None:
    envelope, public = dsse.sign(p256, PAYLOAD), p256.parent / "public.pem"
    other = base64.b64encode(b'{"a":2}').decode()
    for bad in (
        changed(envelope, payload=other),
        changed(envelope, payloadType="text/plain"),
        changed(envelope, signatures=[]),
        changed(envelope, signatures=[{"sig": base64.b64encode(b"x" * 70).decode()}]),
    ):
        with pytest.raises(SigningError, match="no signature of the envelope"):
            dsse.verify(bad, public)


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"payloadType": 1, "payload": "", "signatures": []}',
        b'{"payloadType": "a", "payload": "*", "signatures": []}',
        b'{"payloadType": "a", "payload": "", "signatures": [1]}',
        b'{"payloadType": "a", "payload": "", "signatures": [' + b"{}," * 1000 + b"{}]}",
    ],
)
def test_no_envelope(p256: Path, envelope: bytes) -> None:
    with pytest.raises(SigningError, match="no DSSE envelope"):
        dsse.verify(envelope, p256.parent / "public.pem")


def refusal(path: Path, variable: str | None = None) -> MooringError:
    with pytest.raises(MooringError) as checked:
        dsse.check_key(path, password_variable=variable)
    with pytest.raises(MooringError) as caught:
        dsse.sign(path, PAYLOAD, password_variable=variable)
    error = caught.value
    assert str(checked.value) == str(error)
    assert error.where == str(path)
    said = f"{error} {error.hint}"
    assert PASSWORD not in said
    content = path.read_text(errors="replace") if path.is_file() else ""
    for line in content.splitlines():
        assert len(line) < 20 or line not in said, "key material in a message"
    return error


def test_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = write_key(tmp_path, ec.generate_private_key(ec.SECP256R1()), password=PASSWORD)
    assert "no password was given" in str(refusal(key))
    assert "MISSING is not set" in str(refusal(key, "MISSING"))
    monkeypatch.setenv("WRONG", "battery staple")
    error = refusal(key, "WRONG")
    assert "password in WRONG does not open the key" in str(error)
    assert error.exit_code == 2


@pytest.mark.parametrize("kind", ["P-384", "RSA"])
def test_other_kinds_of_keys(tmp_path: Path, kind: str) -> None:
    path = write_key(
        tmp_path,
        rsa.generate_private_key(65537, 2048)
        if kind == "RSA"
        else ec.generate_private_key(ec.SECP384R1()),
    )
    assert "another kind than P-256 and Ed25519" in str(refusal(path))
    with pytest.raises(InputError, match="another kind"):
        dsse.verify(b"{}", tmp_path / "public.pem")


def test_files_that_are_no_key(tmp_path: Path, p256: Path) -> None:
    assert "does not exist" in str(refusal(tmp_path / "absent.pem"))
    assert "not a file" in str(refusal(tmp_path))
    assert "public key" in str(refusal(tmp_path / "public.pem"))
    text = tmp_path / "text.pem"
    text.write_bytes(b"\xff" * 100)
    assert "no private key in PEM" in str(refusal(text))
    text.write_bytes(b"x" * 100_000)
    assert "too large" in str(refusal(text))
    begin, end = (f"-----{word} ENCRYPTED SIGSTORE PRIVATE KEY-----" for word in ("BEGIN", "END"))
    text.write_text(f"{begin}\nAAAA\n{end}\n")
    assert "cosign's own format" in str(refusal(text))
    text.write_bytes(p256.read_bytes()[:120] + b"\n-----END PRIVATE KEY-----\n")
    text.chmod(0o600)
    assert "cannot be read" in str(refusal(text))
    with pytest.raises(InputError, match="no public key"):
        dsse.verify(b"{}", p256)


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a file" in str(refusal(tmp_path / "pipe"))


def test_a_key_that_others_can_read(p256: Path) -> None:
    reporter = RecordingReporter()
    dsse.check_key(p256, reporter=reporter)
    dsse.sign(p256, PAYLOAD, reporter=reporter)
    assert reporter.warnings == []
    p256.chmod(0o644)
    dsse.sign(p256, PAYLOAD, reporter=reporter)
    [warning] = reporter.warnings
    assert "0644" in warning
    assert str(p256) in warning
