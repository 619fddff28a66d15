from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mooring.digests import (
    DIGEST_PATTERN,
    canonical_json,
    digest_bytes,
    digest_document,
    digest_file,
    sha256_hex,
)


def test_canonical_json_is_one_text_for_one_meaning() -> None:
    assert canonical_json({"b": [1, None], "a": "é"}) == '{"a":"é","b":[1,null]}'.encode()
    assert canonical_json({"a": 1, "b": {"d": 2, "c": 3}}) == canonical_json(
        {"b": {"c": 3, "d": 2}, "a": 1}
    )


def test_digest_of_a_document_is_golden() -> None:
    # Changing this number changes every digest that people have stored.
    assert digest_document({"schema": 1, "name": "mooring"}) == (
        "sha256:" + hashlib.sha256(b'{"name":"mooring","schema":1}').hexdigest()
    )
    assert digest_document({"schema": 1}) == (
        "sha256:67d6291b301412df4a6ca7808aeafac9d0587b06ece3c68e72bab0157cd9d52c"
    )


def test_a_document_without_schema_has_no_digest() -> None:
    with pytest.raises(ValueError, match="schema"):
        digest_document({"name": "mooring"})


def test_file_and_bytes_agree(tmp_path: Path) -> None:
    data = b"x" * 3_000_000
    path = tmp_path / "data"
    path.write_bytes(data)
    assert digest_file(path) == digest_bytes(data) == f"sha256:{sha256_hex(data)}"


def test_pattern_takes_only_whole_lower_case_digests() -> None:
    digest = digest_bytes(b"")
    assert DIGEST_PATTERN.fullmatch(digest)
    assert not DIGEST_PATTERN.fullmatch(digest.upper())
    assert not DIGEST_PATTERN.fullmatch(digest + "\n")
    assert not DIGEST_PATTERN.fullmatch(digest[:-1])
