from __future__ import annotations

import itertools
import random

import pytest
from packaging.markers import Marker
from tests.unit.lock import locks

from mooring.errors import InputError
from mooring.lock.markers import restrict

CHOICES = [
    ((), ()),
    (("gpu",), ()),
    ((), ("dev",)),
    (("gpu", "cpu"), ("dev", "docs")),
]
ATOMS = [
    "sys_platform == 'linux'",
    "sys_platform!='win32'",
    'python_version >= "3.9"',
    "'arm' in platform_machine",
    "platform_machine not in 'x86_64 AMD64'",
    "'gpu' in extras",
    "'cpu' not in extras",
    '"dev" in dependency_groups',
    "'Docs' not in dependency_groups",
]


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("sys_platform == 'linux'", "sys_platform == 'linux'"),
        ("'gpu' in extras", None),
        ("'cpu' in extras", False),
        ("'gpu' not in extras", False),
        ("'dev' in dependency_groups", False),
        ("'GPU' in extras and os_name == 'nt'", "os_name == 'nt'"),
        ("'cpu' in extras and os_name == 'nt'", False),
        ("'gpu' in extras or os_name == 'nt'", None),
        ("'cpu' in extras or os_name == 'nt'", "os_name == 'nt'"),
        (
            "('cpu' in extras or os_name == 'nt' or os_name == 'posix') and python_version > '3'",
            "(os_name == 'nt' or os_name == 'posix') and python_version > '3'",
        ),
        (
            "'gpu' in extras and os_name == 'nt' or os_name == 'nt' and 'gpu' in extras",
            "os_name == 'nt'",
        ),
        ("'x) or (' == os_name and 'gpu' in extras", "'x) or (' == os_name"),
    ],
)
def test_what_remains(marker: str, expected: str | bool | None) -> None:
    assert restrict(marker, {"gpu"}, set()) == expected


@pytest.mark.parametrize("marker", ["", "nonsense", "os_name == ", "(" * 9000, "a == 'b'\n"])
def test_no_marker_is_refused(marker: str) -> None:
    with pytest.raises(InputError, match="is not a marker"):
        restrict(marker, (), ())


def test_a_comparison_that_means_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be evaluated"):
        restrict("extras in 'gpu'", (), ())


def random_marker(rng: random.Random, depth: int = 0) -> str:
    if depth == 3 or rng.random() < 0.3:
        return rng.choice(ATOMS)
    inner = [random_marker(rng, depth + 1) for _ in range(rng.randrange(1, 4))]
    joined = inner[0]
    for part in inner[1:]:
        joined += f" {rng.choice(['and', 'or'])} {part}"
    return f"({joined})" if rng.random() < 0.6 else joined


@pytest.mark.parametrize("seed", range(150))
def test_what_remains_means_the_same_everywhere(seed: int) -> None:
    marker = random_marker(random.Random(seed))

    for (extras, groups), platform in itertools.product(CHOICES, locks.PLATFORMS):
        environment = platform.marker_environment(locks.PYTHON)
        full: dict[str, str | frozenset[str]] = {
            **environment,
            "extras": frozenset(extras),
            "dependency_groups": frozenset(groups),
        }
        expected = Marker(marker).evaluate(full, context="lock_file")
        rest = restrict(marker, extras, groups)
        if isinstance(rest, str):
            assert "extras" not in rest
            assert "dependency_groups" not in rest
            assert Marker(rest).evaluate(environment, context="requirement") == expected
        else:
            assert (rest is None) == expected
