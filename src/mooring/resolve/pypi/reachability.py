"""In which worlds each package is needed, by whom: a fixpoint over the edges of the solution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mooring.resolve.pypi.uv_lock import Edge, Solution, SolvedPackage
from mooring.resolve.pypi.worlds import Worlds


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """The worlds in which one package is installed.

    Attributes:
        base: For the project's own dependencies.
        extras, groups: (name, worlds) for each extra and group that needs it anywhere.
        anywhere: For any of them.
    """

    base: int
    extras: tuple[tuple[str, int], ...]
    groups: tuple[tuple[str, int], ...]
    anywhere: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """What is needed of a solution.

    Attributes:
        packages: The worlds of each package that is needed at all, in the solution's order.
        dependencies: For each of those, the packages it needs in a world where it is installed.
    """

    packages: tuple[tuple[SolvedPackage, Reach], ...]
    dependencies: Mapping[int, tuple[SolvedPackage, ...]]


class _Graph:
    """Nodes are (position of a package, extra or None); every edge leads to some of them."""

    def __init__(self, solution: Solution, worlds: Worlds) -> None:
        self._by_name: dict[str, list[int]] = {}
        for i, package in enumerate(solution.packages):
            self._by_name.setdefault(package.name, []).append(i)
        self.packages = solution.packages
        self._worlds = worlds

    def targets(self, edges: Iterable[Edge]) -> list[tuple[int, int, tuple[str | None, ...]]]:
        """Return (position, worlds of the edge, extras of the node) of each edge."""
        return [
            (i, self._worlds.mask(edge.marker), (None, *edge.extras))
            for edge in edges
            for i in self._by_name.get(edge.name, ())
            if _is_meant(edge, self.packages[i])
        ]

    def edges_of(self, i: int, extra: str | None) -> tuple[Edge, ...]:
        package = self.packages[i]
        return package.dependencies if extra is None else package.extras.get(extra, ())


def reach(
    solution: Solution, worlds: Worlds, extras: Sequence[str], groups: Sequence[str]
) -> Reached:
    """Find what is needed where, for the base, each extra and each dependency group.

    Args:
        solution: What uv resolved.
        worlds: The worlds, made from all of the solution's markers.
        extras: Names of the project's extras.
        groups: Names of its dependency groups; others in the solution are left out.
    """
    project = solution.project
    roots = [
        project.dependencies,
        *(project.extras.get(extra, ()) for extra in extras),
        *(project.groups.get(group, ()) for group in groups),
    ]
    graph = _Graph(solution, worlds)
    masks = _fixpoint(graph, roots, worlds.full)
    width = worlds.full.bit_length()
    own = next(i for i, package in enumerate(graph.packages) if package is project)
    needed: list[tuple[SolvedPackage, Reach]] = []
    dependencies: dict[int, tuple[SolvedPackage, ...]] = {}
    for i, package in enumerate(graph.packages):
        mask = masks.get((i, None), 0)
        if not mask or i == own:
            continue
        parts = [(mask >> (r * width)) & worlds.full for r in range(len(roots))]
        dependencies[id(package)] = _needed_by(graph, masks, i, own, width)
        needed.append((package, _reach(parts, extras, groups)))
    return Reached(packages=tuple(needed), dependencies=dependencies)


def _fixpoint(
    graph: _Graph, roots: Sequence[Iterable[Edge]], full: int
) -> dict[tuple[int, str | None], int]:
    """Return the worlds of each node; those of root `r` are shifted by `r` times their number."""
    width = full.bit_length()
    everywhere = sum(1 << (r * width) for r in range(len(roots)))
    masks: dict[tuple[int, str | None], int] = {}
    pending: list[tuple[int, str | None]] = []

    def enter(i: int, extras: tuple[str | None, ...], mask: int) -> None:
        for extra in extras:
            node = (i, extra)
            known = masks.get(node, 0)
            if mask & ~known:
                masks[node] = known | mask
                pending.append(node)

    for r, edges in enumerate(roots):
        for i, worlds, extras in graph.targets(edges):
            enter(i, extras, worlds << (r * width))
    targets: dict[tuple[int, str | None], list[tuple[int, int, tuple[str | None, ...]]]] = {}
    while pending:
        node = pending.pop()
        if node not in targets:
            targets[node] = graph.targets(graph.edges_of(*node))
        mask = masks[node]
        for i, worlds, extras in targets[node]:
            enter(i, extras, mask & (worlds * everywhere))
    return masks


def _needed_by(
    graph: _Graph, masks: Mapping[tuple[int, str | None], int], i: int, own: int, width: int
) -> tuple[SolvedPackage, ...]:
    """Return the packages that one needs in a world where it is installed, extras included."""
    found: dict[int, SolvedPackage] = {}
    full = (1 << width) - 1
    for extra in (None, *graph.packages[i].extras):
        mask, anywhere = masks.get((i, extra), 0), 0
        while mask:
            anywhere |= mask & full
            mask >>= width
        for target, worlds, _ in graph.targets(graph.edges_of(i, extra)):
            if target != own and worlds & anywhere:
                found[target] = graph.packages[target]
    return tuple(found[target] for target in sorted(found))


def _reach(parts: Sequence[int], extras: Sequence[str], groups: Sequence[str]) -> Reach:
    base, *rest = parts
    anywhere = base
    for part in rest:
        anywhere |= part
    named = list(zip((*extras, *groups), rest))
    return Reach(
        base=base,
        extras=tuple((name, mask) for name, mask in named[: len(extras)] if mask),
        groups=tuple((name, mask) for name, mask in named[len(extras) :] if mask),
        anywhere=anywhere,
    )


def _is_meant(edge: Edge, package: SolvedPackage) -> bool:
    return (edge.version is None or edge.version == package.version) and (
        edge.source is None or edge.source == package.source
    )
