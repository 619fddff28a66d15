"""Paths of ours, led through the symbolic links of the base that they are written onto."""

from __future__ import annotations

from mooring.build.embedded.interface import BaseScan, EmbeddedBuildError

MOST_LINKS = 40
"""Links that Linux follows in one path (path_resolution(7))."""


def resolve(scan: BaseScan, path: str) -> str:
    """Return where a path really is: every link of the base on it is followed, the last one too.

    A layer's entry `lib/x` would replace the base's link `lib -> usr/lib` on an overlay file
    system, and nothing of the base could be started any more.

    Args:
        scan: What is known of the base.
        path: Absolute; what the base does not have stays as it is.

    Returns:
        An absolute path without `.`, `..` and a slash at its end; `/` is the root.

    Raises:
        EmbeddedBuildError: The links lead in a circle.
    """
    waiting = list(reversed(path.split("/")))
    done: list[str] = []
    followed = 0
    while waiting:
        part = waiting.pop()
        if part in ("", "."):
            continue
        if part == "..":
            del done[-1:]  # the root's parent is the root
            continue
        done.append(part)
        target = scan.links.get("/" + "/".join(done))
        if target is None:
            continue
        followed += 1
        if followed > MOST_LINKS:
            raise EmbeddedBuildError(
                f"links of the base image lead in a circle: {path}",
                hint="put the environment or the files elsewhere, or choose another base",
            )
        # A relative target starts where the link is, an absolute one at the image's root.
        done = [] if target.startswith("/") else done[:-1]
        waiting += reversed(target.split("/"))
    return "/" + "/".join(done)
