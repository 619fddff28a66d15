"""How uv is started: its binary, the environment it may see, and the indexes it is given.

uv runs without its configuration files, so that a personal setting never changes a result. What
says where packages come from and how their host is reached is handed on; see `mooring.uv.settings`.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from mooring.errors import MooringError
from mooring.urls import credentials, strip_credentials
from mooring.uv.settings import read_settings

_PASSED_ON = frozenset(
    {
        # Where things are, and how hosts are reached.
        "PATH",
        "HOME",
        "USERPROFILE",
        "LOGNAME",
        "USER",
        "TMPDIR",
        "TEMP",
        "TMP",
        "LANG",
        "LC_ALL",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "SSL_CLIENT_CERT",
        "NETRC",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        # Windows programs do not start without these.
        "APPDATA",
        "LOCALAPPDATA",
        "PROGRAMDATA",
        "SYSTEMROOT",
        "SYSTEMDRIVE",
        "WINDIR",
        "COMSPEC",
        "PATHEXT",
        # git, for requirements that name a repository, and the key ring that keeps passwords.
        "GIT_ASKPASS",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSL_CAINFO",
        "SSH_AUTH_SOCK",
        "SSH_ASKPASS",
        "DBUS_SESSION_BUS_ADDRESS",
        # Settings of uv that say where and how, but not what.
        "UV_CACHE_DIR",
        "UV_NATIVE_TLS",
        "UV_SYSTEM_CERTS",
        "UV_INSECURE_HOST",
        "UV_KEYRING_PROVIDER",
        "UV_HTTP_TIMEOUT",
        "UV_HTTP_CONNECT_TIMEOUT",
        "UV_HTTP_RETRIES",
        "UV_REQUEST_TIMEOUT",
        "UV_OFFLINE",
        "UV_PYTHON_INSTALL_DIR",
        "UV_PYTHON_DOWNLOADS",
    }
)
_PASSED_PATTERN = re.compile(r"XDG_\w+|UV_CONCURRENT_\w+|UV_INDEX_\w+_(?:USERNAME|PASSWORD)")
_DEFAULT_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
_FURTHER_VARIABLES = ("UV_INDEX", "UV_EXTRA_INDEX_URL")
_ALWAYS = {"UV_NO_CONFIG": "1", "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}


class IndexLike(Protocol):
    """A declared package index, as `mooring.manifest.model.Index` is one."""

    @property
    def name(self) -> str:
        """How variables and messages name it."""

    @property
    def url(self) -> str:
        """As declared; it may hold credentials."""

    @property
    def explicit(self) -> bool:
        """Whether only packages bound to it come from it."""

    @property
    def default(self) -> bool:
        """Whether it replaces the default index of the client."""


def uv_binary() -> Path:
    """Return the uv executable: the one installed beside Mooring, else the one on PATH.

    Raises:
        MooringError: There is none.
    """
    import uv  # finding the binary is all that its module can do

    try:
        return Path(uv.find_uv_bin())
    except FileNotFoundError as error:
        if found := shutil.which("uv"):
            return Path(found)
        raise MooringError(
            "the uv executable is missing",
            hint="install Mooring's dependencies again: python -m pip install --force-reinstall uv",
        ) from error


def uv_environment(
    indexes: Sequence[IndexLike] = (), *, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the whole environment of a uv process: an allow-list, never an inheritance.

    A declared default index replaces the client's; any index for all packages replaces the
    client's further ones. What is not replaced comes from `UV_*` variables, or from the uv.toml of
    user or system.

    Args:
        indexes: The indexes that the manifest declares.
        environ: The environment to choose from; this process's own by default.
    """
    own = os.environ if environ is None else environ
    env = {name: value for name, value in own.items() if _is_passed_on(name)}
    settings = read_settings(own)
    if not any(index.default for index in indexes):
        env |= _first_of(own, _DEFAULT_VARIABLES, settings.default_index)
    if all(index.explicit for index in indexes):
        env |= _first_of(own, _FURTHER_VARIABLES, " ".join(settings.further_indexes))
    for name, value in settings.transport:
        env.setdefault(name, value)
    return env | credential_variables(indexes, own) | _ALWAYS


def is_offline(environ: Mapping[str, str] | None = None) -> bool:
    """Tell whether the environment forbids uv the network, as `--offline` does."""
    own = os.environ if environ is None else environ
    return own.get("UV_OFFLINE", "").lower() in ("1", "true", "yes", "on", "y", "t")


def index_arguments(indexes: Iterable[IndexLike], *, explicit: bool = False) -> list[str]:
    """Return the arguments that name the declared indexes, without their credentials.

    Args:
        indexes: The indexes that the manifest declares.
        explicit: Whether to name explicit indexes too; not where uv chooses among indexes.
    """
    arguments = []
    for index in indexes:
        named = f"{index.name}={strip_credentials(index.url)}"
        if index.default:
            arguments += ["--default-index", named]
        elif explicit or not index.explicit:
            arguments += ["--index", named]
    return arguments


def credential_variables(
    indexes: Iterable[IndexLike], environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that hold the credentials written in index URLs.

    A variable that is set already wins over the URL.
    """
    found = {}
    for index in indexes:
        prefix = variable_prefix(index.name)
        pair = credentials(index.url)
        if pair is None or f"{prefix}_PASSWORD" in environ or f"{prefix}_USERNAME" in environ:
            continue
        found[f"{prefix}_USERNAME"], found[f"{prefix}_PASSWORD"] = pair
    return found


def index_credentials(
    indexes: Iterable[IndexLike], environ: Mapping[str, str] | None = None
) -> dict[str, tuple[str, str]]:
    """Return (user, password) for each origin (`https://host:port`) of an index that has them.

    Args:
        indexes: The indexes that the manifest declares.
        environ: Where the variables are; this process's own environment by default.
    """
    declared = list(indexes)
    env = uv_environment(declared, environ=environ)
    named = [(index.name, index.url) for index in declared]
    for variable in (*_DEFAULT_VARIABLES, *_FURTHER_VARIABLES):
        named += [_split_name(word) for word in env.get(variable, "").split()]
    found: dict[str, tuple[str, str]] = {}
    for name, url in named:
        prefix = variable_prefix(name)
        user, password = env.get(f"{prefix}_USERNAME"), env.get(f"{prefix}_PASSWORD")
        pair = credentials(url)
        if name and (user is not None or password is not None):
            pair = (user or "", password or "")
        if pair is not None:
            found.setdefault(origin(url), pair)
    return found


def origin(url: str) -> str:
    """Return scheme, host and port of a URL, the way two URLs are compared."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def variable_prefix(index_name: str) -> str:
    """Return how uv begins the names of an index's variables: `UV_INDEX_<NAME>`."""
    return "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", index_name.upper())


def _split_name(word: str) -> tuple[str, str]:
    """Split `name=url`; the name is empty for a bare URL."""
    name, equals, url = word.partition("=")
    return (name, url) if equals and "://" not in name else ("", word)


def _is_passed_on(name: str) -> bool:
    upper = name.upper()  # proxies are written in either case, and Windows knows none
    return upper in _PASSED_ON or _PASSED_PATTERN.fullmatch(upper) is not None


def _first_of(
    environ: Mapping[str, str], names: tuple[str, ...], configured: str | None
) -> dict[str, str]:
    """Return the variables of these names that are set, else the first with what is configured."""
    found = {name: environ[name] for name in names if environ.get(name)}
    return found or ({names[0]: configured} if configured else {})
