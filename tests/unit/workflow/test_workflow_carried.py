"""Targets that carry no lock, each with the reason that is theirs."""

from __future__ import annotations

import pytest

from mooring.lock.carried import CarriedLockError
from mooring.verify.inventory import Interpreter, Inventory
from mooring.workflow.carried import _carried
from mooring.workflow.inspecting import Inspected
from mooring.workflow.target import Target

INVENTORY = Inventory(
    kind="container", target="web", root="/opt/env", interpreter=Interpreter(), distributions=()
)


@pytest.mark.parametrize(
    ("digest", "said"),
    [
        (None, "there is no project here, and the container carries no lock"),
        ("sha256:" + "0" * 64, "the lock in the container is gone"),
    ],
)
def test_no_lock(digest: str | None, said: str) -> None:
    inspected = Inspected(inventory=INVENTORY, oci="linux/amd64", lock_digest=digest)
    target = Target(form="container", name="web")
    with pytest.raises(CarriedLockError, match=said) as caught:
        _carried(inspected, "web: /opt/env/share/mooring/pylock.toml", target)
    assert caught.value.exit_code == 3
    assert "--lock FILE" in (caught.value.hint or "")
