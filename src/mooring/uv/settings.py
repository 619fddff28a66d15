"""What Mooring takes from the uv.toml of user and system: where packages come from, no more.

uv itself is run with `UV_NO_CONFIG`, because those files may also hold settings that change what is
resolved.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mooring.errors import InputError
from mooring.files import read_toml


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The part of uv's configuration that says which indexes there are and how to reach them.

    Attributes:
        default_index: `url` or `name=url`; it may hold credentials.
        further_indexes: The same, in order of preference.
        transport: Variables for certificates, hosts to trust and the key ring.
    """

    default_index: str | None = None
    further_indexes: tuple[str, ...] = ()
    transport: tuple[tuple[str, str], ...] = ()


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the configuration files that uv would read outside of a project.

    Raises:
        InputError: A file is no TOML, or one of the keys has another type than uv gives it.
    """
    default: str | None = None
    further: list[str] = []
    transport: dict[str, str] = {}
    for path in configuration_files(environ):
        document = read_toml(path)
        for name, is_default in _indexes(document, str(path)):
            if is_default:
                default = default or name
            else:
                further.append(name)
        for variable, value in _transport(document):
            transport.setdefault(variable, value)
    return Settings(
        default_index=default,
        further_indexes=tuple(further),
        transport=tuple(sorted(transport.items())),
    )


def configuration_files(environ: Mapping[str, str]) -> list[Path]:
    """Return the files that exist, the user's before the system's."""
    if environ.get("UV_NO_CONFIG", "").lower() not in ("", "0", "false"):
        return []
    if named := environ.get("UV_CONFIG_FILE"):
        return [Path(named)]
    if os.name == "nt":
        folders = [environ.get("APPDATA"), environ.get("PROGRAMDATA")]
    else:
        home = environ.get("HOME")
        user = environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else None)
        system = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
        folders = [user, *system, "/etc"]
    paths = [Path(folder) / "uv" / "uv.toml" for folder in folders if folder]
    user_file = [path for path in paths[:1] if path.is_file()]
    return user_file + [path for path in paths[1:] if path.is_file()][:1]


def _indexes(document: Mapping[str, object], where: str) -> Iterator[tuple[str, bool]]:
    """Yield (`name=url` or `url`, whether it is the default)."""
    declared = document.get("index", [])
    if not isinstance(declared, list):
        raise InputError("`index` is not a list of tables", where=where)
    for entry in declared:
        if not isinstance(entry, dict) or not isinstance(entry.get("url"), str):
            raise InputError("an `index` of uv has no `url`", where=where)
        if entry.get("explicit") is True:
            continue  # it serves only the packages that a project binds to it
        name = entry.get("name")
        named = f"{name}={entry['url']}" if isinstance(name, str) else entry["url"]
        yield named, entry.get("default") is True
    if isinstance(url := document.get("index-url"), str):
        yield url, True
    extra = document.get("extra-index-url", [])
    for url in extra if isinstance(extra, list) else []:
        if isinstance(url, str):
            yield url, False


def _transport(document: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key in ("system-certs", "native-tls"):
        if document.get(key) is True:
            yield "UV_SYSTEM_CERTS", "1"
    hosts = document.get("allow-insecure-host")
    if isinstance(hosts, list) and hosts:
        yield "UV_INSECURE_HOST", " ".join(str(host) for host in hosts)
    if isinstance(provider := document.get("keyring-provider"), str):
        yield "UV_KEYRING_PROVIDER", provider
