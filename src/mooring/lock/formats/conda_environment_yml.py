"""environment.yml from a lock with conda packages: one platform, pinned as far as is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, assert_never

from mooring.errors import InputError
from mooring.lock.conda import CondaPackage, CondaSelection, PypiRow
from mooring.lock.formats import conda_rules as rules
from mooring.lock.formats.environment_yml import EnvironmentYml
from mooring.lock.formats.yaml_text import scalar
from mooring.manifest.conda import CondaInputs

Pin = Literal["build", "version", "intent"]

_ENVIRONMENT_NAME = re.compile(r"[^/\s:#\x00-\x1f\x7f]+")
_HEADER = "# Written by mooring from its lock: edit the declared inputs, not this file.\n"
_NO_DEFAULTS = "nodefaults"


def write(
    selection: CondaSelection,
    name: str,
    *,
    pin: Pin = "build",
    inputs: CondaInputs | None = None,
    pip: Sequence[str] = (),
) -> str:
    """Return the text of an environment.yml for one platform.

    Args:
        selection: What is to be installed.
        name: Name of the conda environment.
        pin: Down to the build, with hashes for PyPI packages; to the version; or as declared.
        inputs: What is declared of conda; `intent` needs it.
        pip: The declared PyPI requirements, without credentials; only `intent` writes them.

    Raises:
        InputError: The name is none, or a URL carries a secret.
    """
    data = conda_environment_data(name, selection, pin=pin, inputs=inputs, pip=pip)
    lines = [
        f"{_HEADER}# platform: {selection.platform.subdir}",
        f"name: {scalar(data.name)}",
        "channels:",
        *(f"  - {scalar(channel)}" for channel in data.channels),
        "dependencies:" if data.dependencies or data.pip else "dependencies: []",
        *(f"  - {scalar(dependency)}" for dependency in data.dependencies),
    ]
    if data.pip:
        lines += ["  - pip:", *(f"      - {scalar(line)}" for line in data.pip)]
    return "\n".join([*lines, ""])


def conda_environment_data(
    name: str,
    selection: CondaSelection,
    *,
    pin: Pin = "build",
    inputs: CondaInputs | None = None,
    pip: Sequence[str] = (),
) -> EnvironmentYml:
    """Return the content of the environment.yml as plain data for a template; see `write`."""
    if _ENVIRONMENT_NAME.fullmatch(name) is None:
        raise InputError(f"{name[:80]!r} cannot be the name of a conda environment")
    match pin:
        case "intent":
            if inputs is None:
                raise InputError("what was declared of conda is not known")
            dependencies = _declared(selection, inputs)
            lines = tuple(pip)
        case "build" | "version":
            ordered = sorted(selection.packages, key=lambda package: package.name)
            dependencies = [_pinned(package, selection.channels, pin) for package in ordered]
            lines = tuple(_pip_lines(selection.pypi, pin))
        case _:
            assert_never(pin)
    channels = [_clean(channel) for channel in selection.channels]
    names = {_name_of(text) for text in dependencies}
    if lines and "pip" not in names:
        dependencies.append("pip")  # conda refuses a pip section where nothing brings pip
    return EnvironmentYml(
        name=name,
        # Channels of the user's own configuration must not take part.
        channels=(*channels, *(() if "defaults" in channels else (_NO_DEFAULTS,))),
        dependencies=tuple(dependencies),
        pip=lines,
    )


def channel_label(package: CondaPackage, channels: Sequence[str]) -> str | None:
    """Return the declared channel that a package came from, or None when none is it for certain."""
    base = package.channel.rstrip("/")
    known = [c for c in channels if base in (c, c.rstrip("/")) or base.endswith(f"/{c}")]
    return known[0] if len(known) == 1 else None


def _declared(selection: CondaSelection, inputs: CondaInputs) -> list[str]:
    wanted = set(selection.categories)
    subdir = selection.platform.subdir
    return list(
        dict.fromkeys(
            requirement.text
            for requirement in inputs.requirements
            if requirement.category in wanted
            and (requirement.platforms is None or subdir in requirement.platforms)
        )
    )


def _pinned(package: CondaPackage, channels: Sequence[str], pin: Pin) -> str:
    text = f"{package.name}={package.version}"
    if pin != "build":
        return text
    label = channel_label(package, channels) if len(channels) > 1 else None
    prefix = f"{label}::" if label and "://" not in label else ""
    return f"{prefix}{text}={package.build}"


def _pip_lines(rows: Sequence[PypiRow], pin: Pin) -> Iterator[str]:
    # pip wants hashes for all requirements or for none, and a repository has none.
    hashed = pin == "build" and all(row.sha256 for row in rows)
    for row in rows:
        if row.sha256 is None:
            yield f"{row.name} @ {_clean(row.url)}"
        elif hashed:
            yield f"{row.name}=={row.version} --hash=sha256:{row.sha256}"
        else:
            yield f"{row.name}=={row.version}"


def _name_of(text: str) -> str:
    return re.split(r"[\s=<>!~\[]", text.rpartition("::")[2], maxsplit=1)[0]


def _clean(url: str) -> str:
    rules.require_clean(url, "a channel or package")
    return url
