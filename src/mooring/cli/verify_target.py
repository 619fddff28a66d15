"""Options that say what is looked at: an environment, a container, an image, a process, a host."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import click

from mooring.build.engine_names import ENGINES, EngineName
from mooring.cli.options import EXISTING, F
from mooring.errors import InputError
from mooring.platforms import Platform
from mooring.workflow.target import Target, TargetForm, Trust

_OPTIONS: tuple[tuple[TargetForm, str, str], ...] = (
    ("python", "PYTHON", "Verify the prefix of this interpreter; it is not started."),
    ("container", "NAME", "Verify a container, running or stopped."),
    (
        "image",
        "IMAGE",
        "Verify an image, never started: a name, oci:DIR[:TAG], docker-archive:FILE or FILE.tar.",
    ),
    ("tar", "FILE", "Verify a tar of an environment or of a root file system; - is a stream."),
    ("pid", "PID", "Verify what a process on this machine runs with."),
    ("host", "HOST", "Verify an environment on another machine, over ssh: user@host."),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetOptions:
    """What the options of `target_options` say; None where no target was named."""

    named: Target | None = None

    @property
    def path_only(self) -> bool:
        """Whether it is a folder on this machine."""
        return self.named is None or self.named.form == "path"

    @property
    def may_carry_lock(self) -> bool:
        """Whether it is something that may hold a lock of its own."""
        return self.named is not None and self.named.form in ("image", "container", "tar")

    def target(self, default: Path) -> Target:
        """Return the target; the environment in `default` when none was named."""
        return self.named or Target(form="path", name=str(default))


def target_options(function: F) -> F:
    """Add PATH and the options that name a target; the command gets them as one argument, `at`."""

    @functools.wraps(function)
    def command(
        *args: object,
        path: Path | None,
        root: str | None,
        trust: Trust | None,
        engine: EngineName | None,
        platform: str | None,
        **others: object,
    ) -> object:
        named: dict[TargetForm, str] = {}
        for form, _, _ in _OPTIONS:
            value = others.pop(form)
            if isinstance(value, str):
                named[form] = value
        if path is not None:
            named["path"] = str(path)
        chosen = _chosen(named, root, trust)
        if engine is not None:
            chosen = _with_engine(chosen, engine)
        if platform is not None:
            chosen = _with_platform(chosen, platform)
        return function(*args, at=chosen, **others)

    command = click.option(
        "--engine",
        type=click.Choice(ENGINES),
        help="Whose container or image it is.  [default: docker, then podman where it is here]",
    )(command)
    command = click.option(
        "--platform",
        metavar="PLATFORM",
        help="Which one of an image for several, such as linux/arm64.  [default: this machine's]",
    )(command)
    command = click.option(
        "--trust",
        type=click.Choice(["none", "probe"]),
        help="Whether the target's own Python may hash its files.  [default: probe for --host, "
        "which needs it; none for all others]",
    )(command)
    command = click.option(
        "--root", metavar="PATH", help="Where the environment is inside of the target."
    )(command)
    for form, metavar, text in reversed(_OPTIONS):
        command = click.option(f"--{form}", metavar=metavar, help=text)(command)
    argument = click.argument("path", required=False, type=EXISTING, metavar="[PATH]")
    return argument(command)  # type: ignore[return-value]  # click adds to it, it stays one


def _with_engine(chosen: TargetOptions, engine: EngineName) -> TargetOptions:
    if chosen.named is None or chosen.named.form not in ("container", "image"):
        raise click.UsageError("--engine is for --container and --image")
    return TargetOptions(named=replace(chosen.named, engine=engine))


def _with_platform(chosen: TargetOptions, name: str) -> TargetOptions:
    if chosen.named is None or chosen.named.form != "image":
        raise click.UsageError("--platform is for --image")
    platform = Platform.from_oci(name, "--platform").oci
    if platform is None:
        raise InputError(f"there are no images for {name}", where="--platform")
    return TargetOptions(named=replace(chosen.named, platform=platform))


def _chosen(named: dict[TargetForm, str], root: str | None, trust: Trust | None) -> TargetOptions:
    """Make the target of what was named.

    Raises:
        UsageError: Several targets are named, or an option does not fit to the one.
    """
    if len(named) > 1:
        raise click.UsageError(
            "give one of PATH, " + ", ".join(f"--{name}" for name, *_ in _OPTIONS)
        )
    form: TargetForm = next(iter(named), "path")
    if root is not None and form in ("path", "python"):
        raise click.UsageError("--root is for targets that hold an environment; PATH is one itself")
    if form == "host" and trust == "none":
        raise click.UsageError("--host needs the other machine's Python; --trust none forbids it")
    if trust == "probe" and form not in ("host", "container"):
        raise click.UsageError("--trust probe is for --host and --container")
    if not named:
        return TargetOptions()
    stream = sys.stdin.buffer if (form, named[form]) == ("tar", "-") else None
    return TargetOptions(
        named=Target(form=form, name=named[form], root=root, trust=trust, stream=stream)
    )
