"""The lock that an image carries is a foreign file: every way in which it can be wrong."""

from __future__ import annotations

import pytest
from tests.unit.build.documents.made import selected, selection

from mooring.build.embedded.plan.lock_entries import lock_digest, lock_text
from mooring.lock.carried import CarriedLockError, CarriedText, read_carried
from mooring.lock.formats import pylock
from mooring.lock.model import Lock

SELECTION = selection(selected("alpha"), selected("beta"))
TEXT = lock_text(SELECTION)


def test_the_digest_of_the_label() -> None:
    found = CarriedText(data=TEXT.encode())
    carried = read_carried(found, "image", expected=lock_digest(SELECTION))
    assert (carried.digest, carried.text) == (lock_digest(SELECTION), TEXT)
    with pytest.raises(CarriedLockError, match="is of another one"):
        read_carried(found, "image", expected="sha256:" + "0" * 64)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"", "lock-version"),
        (b"\x00" * 100, "not valid TOML"),
        (b"a = [" * 100_000, "TOML"),
        (TEXT.encode()[:200], "not valid TOML"),
        (TEXT.replace('version = "1.0"', 'version = "1.1"', 2).encode(), "damaged"),
        (TEXT.replace("c" * 64, "d" * 64).encode(), "its packages are not those"),
        (TEXT.partition("[tool.mooring]")[0].encode(), "not for one environment"),
        (
            TEXT.replace(
                "targets = [",
                'targets = [\n    {environment = "x", platform = "linux-64", python = "3.12"},',
            ).encode(),
            "not for one environment",
        ),
        (TEXT.replace("linux-64", "linux-65").encode(), "not a platform"),
        (pylock.write(Lock(created_by="uv")).encode(), "not for one environment"),
    ],
)
def test_what_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(CarriedLockError, match=message) as caught:
        read_carried(CarriedText(data=data), "image: /opt/env/share/mooring/pylock.toml")
    assert caught.value.exit_code == 3
    assert (caught.value.where or "").startswith("image: ")
    assert "--lock FILE" in (caught.value.hint or "")


def test_what_was_not_read() -> None:
    with pytest.raises(CarriedLockError, match="cannot be read: it is a link"):
        read_carried(CarriedText(problem="it is a link"), "image")
