"""environment.yml: conda's own file, with what conda-lock and other tools read in it as well."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from mooring.errors import InputError
from mooring.files import read_text
from mooring.manifest.conda import MAIN
from mooring.manifest.conda_channels import NO_DEFAULTS, parse_channel
from mooring.manifest.conda_found import FoundChannel, FoundConda
from mooring.manifest.nearest import advice
from mooring.manifest.places import inside
from mooring.manifest.problems import Problems, quoted
from mooring.manifest.requirement import canonical_name
from mooring.manifest.sources.declared import Declared
from mooring.manifest.sources.environment_yml_dependencies import DependencyReader
from mooring.manifest.sources.environment_yml_file import YamlFile
from mooring.manifest.tables import control_character
from mooring.manifest.yaml_nodes import Mapping, Node, Scalar
from mooring.platforms import SUBDIRS

NAMES = ("environment.yml", "environment.yaml")
MAX_BYTES = 4 << 20

_KEYS = (
    "name",
    "channels",
    "dependencies",
    "variables",
    "prefix",
    "platforms",
    "category",
)
_ELSEWHERE = {
    "pip": "write it as an entry of `dependencies`: `- pip:`, and the list below it",
    "channel_priority": "write `channel-priority` into [tool.mooring.conda]",
    "channel-priority": "write `channel-priority` into [tool.mooring.conda]",
    "python": "write it as an entry of `dependencies`: `- python=3.12`",
}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")
_ENVIRONMENT_NAME = re.compile(r"[^/\\:#\s]+")


def read(root: Path, name: str, problems: Problems) -> Declared:
    """Read an environment file and the requirements files that its `pip:` section includes.

    Args:
        root: The project folder, resolved; nothing outside it is read.
        name: The file, relative to the root.
        problems: Receives what is wrong, each with `file:line`.
    """
    with problems.catch(name):
        path = inside(root, name)
        shown = path.relative_to(root).as_posix()
        text = read_text(path, shown=shown, limit=MAX_BYTES)
        file = YamlFile.parse(root, path, text, problems)
        return _Reading(file=file).whole()
    return Declared(inputs=())


@dataclass(kw_only=True, slots=True)
class _Reading:
    """One pass over the keys of a file."""

    file: YamlFile
    name: str | None = None
    category: str = MAIN
    platforms: tuple[str, ...] | None = None
    channels: dict[str, FoundChannel] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def whole(self) -> Declared:
        """Read every key; `dependencies` last, because others say what they are for."""
        dependencies: Node | None = None
        for key, value in self._top().pairs:
            match key.text:
                case "dependencies":
                    dependencies = value
                case "name":
                    self._name(value)
                case "channels":
                    self._channels(value)
                case "variables":
                    self._variables(value)
                case "platforms":
                    self._platforms(value)
                case "category":
                    self._category(value)
                case "prefix":
                    pass  # where the environment of one machine was; nothing is written there
                case _:
                    self._unknown(key)
        reader = DependencyReader(file=self.file, category=self.category, platforms=self.platforms)
        if dependencies is not None:
            reader.entries(dependencies, "dependencies", self.platforms)
        return Declared(
            inputs=(self.file.path, *reader.inputs),
            name=self.name,
            constraints=tuple(reader.constraints),
            indexes=tuple(reader.indexes),
            conda=FoundConda(
                channels=tuple(self.channels.values()),
                requirements=tuple(reader.requirements),
                platforms=self.platforms,
                pypi=tuple(reader.pypi),
                variables=tuple(self.variables.items()),
            ),
        )

    def _top(self) -> Mapping:
        root = self.file.root_node
        if root is None:
            raise InputError("the file is empty", where=self.file.shown)
        if not isinstance(root, Mapping):
            raise InputError(
                f"expected a table, found {root.kind}",
                where=self.file.where(root),
                hint="write `dependencies:` and the list below it",
            )
        return root

    def _unknown(self, key: Scalar) -> None:
        hint = _ELSEWHERE.get(key.text) or advice(key.text, _KEYS, what="keys")
        self.file.problem(key, f"unknown key {quoted(key.text)}", hint)

    def _name(self, value: Node) -> None:
        text = self.file.text(value, "name", numbers=True)
        if text is None:
            return
        if not _ENVIRONMENT_NAME.fullmatch(text):
            self.file.problem(value, f"{quoted(text)} is not a name for an environment")
            return
        try:
            self.name = canonical_name(text)
        except InputError:
            self.name = None  # it serves conda; the folder names the project then

    def _channels(self, value: Node) -> None:
        for item in self.file.items(value, "channels"):
            text = self.file.text(item, "channel")
            if text is None or not isinstance(item, Scalar) or text == NO_DEFAULTS:
                continue  # only what is listed is asked anyway
            with self.file.catch(item):
                if self.file.selector(item) is not None:
                    raise InputError(
                        "a channel cannot be for some platforms only",
                        hint="write `channel::name` where it is needed",
                    )
                channel = parse_channel(text)
                place = self.file.where(item)
                self.channels.setdefault(channel.name, FoundChannel(channel=channel, where=place))

    def _platforms(self, value: Node) -> None:
        found: dict[str, None] = {}
        for item in self.file.items(value, "platforms"):
            text = self.file.text(item, "platform")
            if text is None:
                continue
            if text not in SUBDIRS:
                hint = advice(text, SUBDIRS, what="platforms")
                self.file.problem(item, f"{quoted(text)} is not a platform", hint)
            else:
                found[text] = None
        if found:
            self.platforms = tuple(name for name in SUBDIRS if name in found)

    def _category(self, value: Node) -> None:
        text = self.file.text(value, "category")
        if text is not None:
            with self.file.catch(value):
                self.category = canonical_name(text)

    def _variables(self, value: Node) -> None:
        if isinstance(value, Scalar) and value.kind == "nothing":
            return
        if not isinstance(value, Mapping):
            self.file.problem(
                value,
                f"expected a table of variables, found {value.kind}",
                "write `NAME: value` lines below it",
            )
            return
        for key, content in value.pairs:
            if not _VARIABLE.fullmatch(key.text):
                self.file.problem(key, f"{quoted(key.text)} is not the name of a variable")
                continue
            text = self.file.text(content, "value", numbers=True, empty=True)
            if text is None:
                continue
            if character := control_character(text):
                self.file.problem(
                    content,
                    f"the value of {key.text} holds the control character {character}",
                    "write a value on one line",
                )
                continue
            self.variables[key.text] = text
