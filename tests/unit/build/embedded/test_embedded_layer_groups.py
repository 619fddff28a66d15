"""Which artifacts share a layer, and how much one change moves."""

from __future__ import annotations

from tests.unit.build.embedded.environments_made import selected
from tests.wheels import wheel

from mooring.build.embedded.plan.groups import Grouping, LayerBudget, groupings
from mooring.lock.model import Selected


def package(name: str, mb: float = 0.2, version: str = "1.0") -> Selected:
    return selected(name, wheel(name, version), size=int(mb * (1 << 20)))


MANY = [package(f"p{number:03}") for number in range(100)]


def first(packages: list[Selected], budget: LayerBudget | None = None) -> Grouping:
    return next(groupings(packages, budget or LayerBudget()))


def test_few_small_packages_share_one_layer() -> None:
    assert first(MANY[:30]) == Grouping(alone=(), shared=(tuple(MANY[:30]),))
    assert first([]) == Grouping(alone=(), shared=())


def test_many_are_in_four_shares_that_are_about_as_large() -> None:
    shares = first(MANY).shared
    assert len(shares) == 4
    assert sorted(p.package.name for share in shares for p in share) == [
        p.package.name for p in MANY
    ]
    assert all(15 <= len(share) <= 35 for share in shares)


def test_a_package_that_changes_comes_or_goes_moves_one_share() -> None:
    before = set(first(MANY).shared)
    changed = [*MANY[:50], package("p050", version="2.0"), *MANY[51:]]
    assert len(before - set(first(changed).shared)) == 1
    assert len(before - set(first([*MANY, package("q")]).shared)) == 1
    assert len(before - set(first(MANY[:-1]).shared)) == 1


def test_the_biggest_have_a_layer_of_their_own() -> None:
    packages = [package("a", 5), package("b", 9), package("c", 4), package("d", 7)]
    found = first(packages, LayerBudget(artifacts=2, shares=1))
    assert [each.package.name for each in found.alone] == ["b", "d"]
    assert [[each.package.name for each in share] for share in found.shared] == [["a", "c"]]


def unknown(name: str) -> Selected:
    each = package(name)
    return Selected(
        package=each.package,
        artifact=type(each.artifact)(kind="wheel", name=each.artifact.name),
    )


def test_few_artifacts_of_unknown_size_share_one_layer() -> None:
    assert first([unknown("a")]) == Grouping(alone=(), shared=((unknown("a"),),))


def test_many_artifacts_of_unknown_size_are_spread() -> None:
    # An index that tells no sizes must not make one layer of everything.
    found = first([unknown(f"p{number:03}") for number in range(100)])
    assert found.alone == ()
    assert len(found.shared) == 14


def test_each_way_has_fewer_layers_and_the_last_has_one() -> None:
    packages = sorted([*MANY, package("big-a", 5), package("big-b", 6)], key=_name)
    found = list(groupings(packages, LayerBudget()))
    counts = [len(each.alone) + len(each.shared) for each in found]
    assert counts == [6, 3, 2, 1]
    assert [each.crowded for each in found] == [0, 0, 1, 2]
    assert [p.package.name for p in found[2].alone] == ["big-b"]
    for each in found:
        members = [*each.alone, *(p for share in each.shared for p in share)]
        assert sorted(members, key=_name) == packages


def _name(each: Selected) -> str:
    return each.package.name
