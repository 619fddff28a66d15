"""Which artifacts share a layer, so that one package that changes moves little else.

Measured with 106 distributions (numpy, pandas, scikit-learn, matplotlib, jupyterlab: 143 MB of
wheels, 59 MB of compressed byte code), when one small package changes: with everything but the ten
big ones in one layer and all byte code in another, 77 MB move; with the byte code of each big one
in a layer of its own, 33 MB; with what is left in four shares as well, 8 MB on average.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mooring.digests import sha256_hex
from mooring.lock.model import Selected


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerBudget:
    """How many layers an image may have.

    Attributes:
        big: Bytes of a wheel above which it may have a layer of its own.
        artifacts: Most artifacts that have one.
        shares: How many layers all others are in, when they are many.
        many: Bytes of all other wheels above which they are many.
        layers: Most layers of the whole image: overlay2 of Docker mounts 127 at once.
    """

    big: int = 4 << 20
    artifacts: int = 10
    shares: int = 4
    many: int = 8 << 20
    layers: int = 127


DEFAULT_BUDGET = LayerBudget()


@dataclass(frozen=True, kw_only=True, slots=True)
class Grouping:
    """Artifacts by layer.

    Attributes:
        alone: Those with a layer of their own, in the order of their names.
        shared: Those that share one.
        crowded: How many big ones share one for want of room.
    """

    alone: tuple[Selected, ...]
    shared: tuple[tuple[Selected, ...], ...]
    crowded: int = 0


def groupings(packages: Sequence[Selected], budget: LayerBudget) -> Iterator[Grouping]:
    """Yield ways to group artifacts, each with fewer layers than the one before.

    Args:
        packages: In the order of their names.
        budget: How many layers there may be.
    """
    big = [each for each in packages if _size(each) > budget.big]
    # By size, so that a new small package never takes a layer from a big one.
    wanted = sorted(big, key=lambda each: (-_size(each), each.package.name))[: budget.artifacts]
    for count in range(len(wanted), -1, -1):
        names = {each.package.name for each in wanted[:count]}
        alone = tuple(each for each in packages if each.package.name in names)
        rest = [each for each in packages if each.package.name not in names]
        crowded = len(wanted) - count
        shares = _share_count(rest, budget)
        if shares > 1 and not crowded:
            yield Grouping(alone=alone, shared=_shares(rest, shares))
        yield Grouping(alone=alone, shared=_shares(rest, 1), crowded=crowded)


def _share_count(rest: Sequence[Selected], budget: LayerBudget) -> int:
    if any(each.artifact.size is None for each in rest):
        # Some indexes tell no sizes: any of them may be big, so all are spread over as many layers
        # as there would be.
        return budget.shares + budget.artifacts if len(rest) > budget.artifacts else 1
    return budget.shares if sum(map(_size, rest)) > budget.many else 1


def _shares(packages: Sequence[Selected], count: int) -> tuple[tuple[Selected, ...], ...]:
    """Split by name: which share a package is in does not depend on the others."""
    shares: list[list[Selected]] = [[] for _ in range(count)]
    for each in packages:
        shares[int(sha256_hex(each.package.name.encode())[:8], 16) % count].append(each)
    return tuple(tuple(share) for share in shares if share)


def _size(each: Selected) -> int:
    return each.artifact.size or 0
