"""Who needs whom among the components of an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mooring.build.documents.components import Component

Edges = Mapping[str, tuple[str, ...]]
"""Package URL to those of what it needs, sorted."""


def edges_of(components: Sequence[Component]) -> Edges:
    """Return what each component needs, as package URLs.

    A name means a component of the same type; where that has none, one of any other type.
    """
    same = {(component.type, component.name): component.purl for component in components}
    anywhere = {component.name: component.purl for component in reversed(components)}
    found = {}
    for component in components:
        named = (same.get((component.type, name), anywhere.get(name)) for name in component.depends)
        found[component.purl] = tuple(sorted({p for p in named if p} - {component.purl}))
    return found


def tops_of(edges: Edges) -> tuple[str, ...]:
    """Return what the image itself needs: what no other component does.

    Of components that only need each other in a circle, the first is taken, so that everything is
    reached from the image.
    """
    needed = {purl for purls in edges.values() for purl in purls}
    tops = [purl for purl in sorted(edges) if purl not in needed]
    reached: set[str] = set()
    for top in tops:
        _reach(top, edges, reached)
    for purl in sorted(edges):
        if purl not in reached:
            tops.append(purl)
            _reach(purl, edges, reached)
    return tuple(sorted(tops))


def _reach(start: str, edges: Edges, reached: set[str]) -> None:
    waiting = [start]
    while waiting:
        purl = waiting.pop()
        if purl not in reached:
            reached.add(purl)
            waiting += edges.get(purl, ())
