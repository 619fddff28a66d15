"""Reading what locked wheels hold: from files, and the reasons why not."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.wheels import wheel

from mooring.lock.model import Artifact
from mooring.workflow.wheel_contents import read_wheels


def artifact(name: str, data: bytes, **place: str) -> Artifact:
    digest = hashlib.sha256(data).hexdigest()
    return Artifact(kind="wheel", name=name, hashes=(("sha256", digest),), **place)  # type: ignore[arg-type]


def test_a_wheel_beside_the_lock_is_checked_first(tmp_path: Path) -> None:
    built = wheel("pkg", "1.0", files={"pkg/a.py": b"a"})
    (tmp_path / built.filename).write_bytes(built.data)
    good = artifact(built.filename, built.data, path=built.filename)
    found = read_wheels([good], folder=tmp_path)[built.filename]
    assert not isinstance(found, str)
    assert found["pkg/a.py"] == hashlib.sha256(b"a").hexdigest()
    other = artifact(built.filename, b"other", path=built.filename)
    reason = read_wheels([other], folder=tmp_path)[built.filename]
    assert isinstance(reason, str)
    assert "another wheel than the locked one" in reason


def test_a_wheel_that_is_nowhere(tmp_path: Path) -> None:
    found = read_wheels(
        [artifact("a-1.whl", b""), artifact("b-1.whl", b"", path="b-1.whl")], folder=tmp_path
    )
    assert found["a-1.whl"] == "the lock does not say where the wheel is"
    assert "cannot be read" in str(found["b-1.whl"])
