"""In which worlds each package is needed, and by whom: a fixpoint over the edges of a solution.

A node is a package, or one extra of a package. The worlds of the project's own dependencies, of
each of its extras and of each of its groups lie side by side in one int, so that one walk finds
all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mooring.resolve.pypi.uv_lock import Edge, Solution, SolvedPackage
from mooring.resolve.pypi.worlds import Worlds

_Node = tuple[int, str | None]
"""Position of a package in the solution, and one of its extras or None for the package itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """One package that is needed, and the worlds in which it is installed.

    Attributes:
        base: Worlds in which the project's own dependencies need it.
        extras, groups: (name, worlds) for each extra and group that needs it in any world.
        dependencies: What it needs in a world where it is installed, its chosen extras included.
    """

    package: SolvedPackage
    base: int
    extras: tuple[tuple[str, int], ...] = ()
    groups: tuple[tuple[str, int], ...] = ()
    dependencies: tuple[SolvedPackage, ...] = ()


@dataclass(frozen=True, slots=True)
class _Target:
    """Where an edge leads, and the worlds in which it does."""

    nodes: tuple[_Node, ...]
    worlds: int


def reach(
    solution: Solution, worlds: Worlds, extras: Sequence[str], groups: Sequence[str]
) -> tuple[Reached, ...]:
    """Find what is needed where.

    Args:
        solution: What uv resolved.
        worlds: The worlds, made from all of the solution's markers.
        extras: Names of the project's extras.
        groups: Names of its dependency groups; further groups of the solution do not count.

    Returns:
        The packages that are needed in some world, in the order of the solution.
    """
    project = solution.project
    graph = _Graph(solution, worlds)
    masks = _walk(
        graph,
        [
            graph.targets(project.dependencies),
            *(graph.targets(project.extras.get(extra, ())) for extra in extras),
            *(graph.targets(project.groups.get(group, ())) for group in groups),
        ],
    )
    found = []
    for i, package in enumerate(solution.packages):
        parts = graph.split(masks.get((i, None), 0), 1 + len(extras) + len(groups))
        if package is project or not any(parts):
            continue
        found.append(
            Reached(
                package=package,
                base=parts[0],
                extras=tuple((n, m) for n, m in zip(extras, parts[1:]) if m),
                groups=tuple((n, m) for n, m in zip(groups, parts[1 + len(extras) :]) if m),
                dependencies=graph.needed_by(i, masks),
            )
        )
    return tuple(found)


class _Graph:
    """The solution as nodes; the targets of each node are looked up once."""

    def __init__(self, solution: Solution, worlds: Worlds) -> None:
        self._packages = solution.packages
        self._project = solution.project
        self._worlds = worlds
        self.width = worlds.full.bit_length()
        self._positions: dict[str, list[int]] = {}
        for i, package in enumerate(solution.packages):
            self._positions.setdefault(package.name, []).append(i)
        self._known: dict[_Node, list[_Target]] = {}

    def targets(self, edges: Iterable[Edge]) -> list[_Target]:
        """Return where edges lead; an edge without a version leads to every fork of the name."""
        return [
            _Target(
                tuple((i, extra) for extra in (None, *edge.extras)),
                self._worlds.mask(edge.marker),
            )
            for edge in edges
            for i in self._positions.get(edge.name, ())
            if _is_meant(edge, self._packages[i])
        ]

    def targets_of(self, node: _Node) -> list[_Target]:
        """Return where a node leads."""
        if node not in self._known:
            i, extra = node
            package = self._packages[i]
            edges = package.dependencies if extra is None else package.extras.get(extra, ())
            self._known[node] = self.targets(edges)
        return self._known[node]

    def split(self, mask: int, roots: int) -> list[int]:
        """Return the worlds of each root."""
        return [(mask >> (r * self.width)) & self._worlds.full for r in range(roots)]

    def needed_by(self, i: int, masks: Mapping[_Node, int]) -> tuple[SolvedPackage, ...]:
        """Return what a package needs in some world in which it is installed."""
        found: set[int] = set()
        for extra in (None, *self._packages[i].extras):
            mask = masks.get((i, extra), 0)
            here = 0
            for part in self.split(mask, -(-mask.bit_length() // self.width)):
                here |= part
            if here:
                for target in self.targets_of((i, extra)):
                    if target.worlds & here:
                        found.add(target.nodes[0][0])
        found.discard(i)  # an extra of a package may name the package itself
        needed = (self._packages[j] for j in sorted(found))
        return tuple(package for package in needed if package is not self._project)


def _walk(graph: _Graph, roots: Sequence[Iterable[_Target]]) -> dict[_Node, int]:
    """Return the worlds of each node; those of root `r` are shifted by `r` times the width."""
    # Times this, worlds are repeated for every root.
    repeated = sum(1 << (r * graph.width) for r in range(len(roots)))
    masks: dict[_Node, int] = {}
    pending: list[_Node] = []

    def enter(target: _Target, mask: int) -> None:
        for node in target.nodes:
            known = masks.get(node, 0)
            if mask & ~known:
                masks[node] = known | mask
                pending.append(node)

    for r, targets in enumerate(roots):
        for target in targets:
            enter(target, target.worlds << (r * graph.width))
    while pending:
        node = pending.pop()
        mask = masks[node]
        for target in graph.targets_of(node):
            enter(target, mask & (target.worlds * repeated))
    return masks


def _is_meant(edge: Edge, package: SolvedPackage) -> bool:
    return (edge.version is None or edge.version == package.version) and (
        edge.source is None or edge.source == package.source
    )
