"""What a user names to be looked at; whoever only names it loads nothing that reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mooring.build.engine_names import EngineName

TargetForm = Literal["path", "python", "container", "image", "tar", "pid", "host"]
Trust = Literal["none", "probe"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What a user wants to be looked at.

    Attributes:
        form: How `name` is to be read.
        name: A path, the name of a container or image, a process id, `user@host`.
        root: The environment's root inside, when the user names it.
        trust: `none` executes nothing of the target; None leaves it to the form.
        engine: Whose container or image it is; None for the first that has it.
        platform: OCI platform that is meant of an image for several.
        stream: Read instead of a file, for a tar that comes through a pipe.
    """

    form: TargetForm
    name: str
    root: str | None = None
    trust: Trust | None = None
    engine: EngineName | None = None
    platform: str | None = None
    stream: IO[bytes] | None = field(default=None, compare=False, repr=False)
